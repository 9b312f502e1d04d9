"""A robot at the other end of a DDS network: real or `python -m deploy.sim_robot`."""

import time
from typing import TYPE_CHECKING

from deploy.link import MotorCommand, RobotState
from deploy.wire.endpoint import Endpoint
from robots.spec import RobotSpec

if TYPE_CHECKING:
    from deploy.wire.motion import MotionSwitcher


class DdsLink:
    """A `deploy.link.Link` over the vendor's topics.

    States are read, checked and stamped as they arrive, on a thread of their own. What is rejected,
    `deploy.wire.endpoint.Endpoint` says.

    Args:
        robot: The robot.
        interface: Network interface, `lo` for a simulated robot; None leaves the choice to DDS.
        domain: DDS domain; real robots are in 0, simulated ones in 1.
        pace: How fast the link's clock goes: seconds of a simulated robot per second. With real
            ones 1, always.

    Raises:
        LinkError: If cyclonedds is missing, or there is no such interface.
        RobotError: If the robot speaks no message family.
    """

    def __init__(
        self, robot: RobotSpec, interface: str | None, domain: int, pace: float = 1.0
    ) -> None:
        self._end, self._pace = Endpoint(robot), pace
        self.num_motors = robot.num_motors
        # Not at the top: whoever does not reach a robot over DDS needs no cyclonedds.
        from deploy.wire import topics
        from deploy.wire.domain import open_participant
        from deploy.wire.others import Others

        participant = self._participant = open_participant(domain, interface)
        codec = self._end.codec
        self.others = Others(participant, codec.command_type)
        """Whoever else commands the robot."""
        self._commands = topics.Publisher(participant, topics.LOW_CMD, codec.command_type)
        self._states = topics.Subscriber(
            participant,
            topics.LOW_STATE,
            codec.state_type,
            lambda packed: self._end.take(packed, self.now()),
        )

    @property
    def last_rejection(self) -> str:
        """Why the newest rejected message was rejected."""
        return self._end.last_rejection

    @property
    def received(self) -> int:
        """How many states came."""
        return self._end.received

    @property
    def unsent(self) -> int:
        """Commands given up because DDS had no room for them."""
        return self._commands.unsent

    def now(self) -> float:
        """Monotonic time, s, at the link's pace."""
        return self._pace * time.monotonic()

    def read(self) -> RobotState | None:
        """The newest state; None until there is one. Does not block."""
        return self._end.read()

    def send(self, command: MotorCommand) -> None:
        """Send a command. Does not block; thread-safe.

        Raises:
            LinkError: If the link is closed, a value is not finite, or the robot has not yet said
                which machine it is, which commands of family hg have to repeat.
        """
        self._commands.write(self._end.command(command))

    def intruder(self) -> str:
        """Who else commands the robot; empty where nobody is heard."""
        return self.others.commander

    def motion_switcher(self) -> "MotionSwitcher":
        """The robot's motion service; whoever takes it closes it."""
        from deploy.wire.motion import MotionSwitcher

        return MotionSwitcher(self._participant)

    def close(self) -> None:
        """Let go. Sends nothing by itself."""
        self.others.close()
        self._commands.close()
        self._states.close()
        # Not left to the garbage collector: what cyclonedds loses in a cycle stays in its domain.
        self._participant = None
