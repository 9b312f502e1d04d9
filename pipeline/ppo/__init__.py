"""PPO from Brax's parts; the loop is ours, short, and knows nothing about robots.

Everything of Brax is imported in this package, and only here.
"""

import contextlib
import io

# Brax imports MJX, which prints two lines where the optional Warp is not installed.
with contextlib.redirect_stdout(io.StringIO()):
    from mujoco import mjx as mjx
