"""Where things lie in the 40 bytes of the vendor's remote control, inside every LowState.

Source: unitree_rl_gym, `deploy/deploy_real/common/remote_controller.py`.
"""

HEAD = b"\x55\x51"
"""First bytes while a remote control is there; without one all bytes are zero."""
BUTTONS_AT = 2
"""Where a little-endian uint16 has a bit for each button that is down."""
BUTTONS = (
    *("R1", "L1", "start", "select", "R2", "L2", "F1", "F2"),
    *("A", "B", "X", "Y", "up", "right", "down", "left"),
)
"""In the order of their bits."""
STICKS = {"lx": 4, "rx": 8, "ry": 12, "ly": 20}
"""Where each axis lies: a little-endian float32 in [-1, 1], right and forward positive."""
