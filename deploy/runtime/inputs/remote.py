"""The vendor's remote control as the input: left stick walks, right stick turns."""

from deploy.contract import PolicyContract
from deploy.link import RobotState
from deploy.runtime.inputs.remote_bytes import BUTTONS, RemoteBytes, sticks
from deploy.runtime.inputs.wish import Wish, of_sticks


class RemoteInput:
    """The remote control whose bytes come with every state.

    Args:
        contract: Has the ranges.
    """

    def __init__(self, contract: PolicyContract) -> None:
        self._contract, self._remote = contract, RemoteBytes()

    def poll(self, now: float, robot: RobotState | None) -> Wish:
        """Sticks and buttons of the newest state."""
        if robot is None:
            return Wish((0.0, 0.0, 0.0))
        at = sticks(robot.remote)
        velocity = of_sticks(self._contract, at.ly, -at.lx, -at.rx)
        pressed = self._remote.pressed(robot.remote)
        events = tuple(event for event, button in BUTTONS.items() if button in pressed)
        return Wish(velocity, events)

    def close(self) -> None:
        """Nothing to let go of."""
