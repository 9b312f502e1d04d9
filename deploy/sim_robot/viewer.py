"""A window on the simulated robot, where there is a screen."""

import os
import sys
from typing import Any

from deploy.link import LinkError
from deploy.sim_robot.machine import Machine

PERIOD_S = 1 / 60
"""How often the picture changes, in simulated time."""


class Viewer:
    """MuJoCo's own viewer.

    Args:
        machine: What to show; it has to keep its visual shapes.

    Raises:
        LinkError: If there is no screen.
    """

    def __init__(self, machine: Machine) -> None:
        if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
            raise LinkError("--viewer: there is no screen here (DISPLAY is not set)")
        import mujoco.viewer

        self._window: Any = mujoco.viewer.launch_passive(
            machine.model, machine.data, show_left_ui=False, show_right_ui=False
        )
        self._due_s = 0.0

    def show(self, time_s: float) -> None:
        """Show what is at `time_s`, if it is time for another picture."""
        if time_s >= self._due_s:
            self._due_s = time_s + PERIOD_S
            self._window.sync()

    def is_closed(self) -> bool:
        """Whether somebody closed the window."""
        return not self._window.is_running()
