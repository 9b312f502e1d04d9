"""A simulated robot in the same process: no DDS, but the same bytes through the same codecs."""

import time

from deploy.link import LinkError, MotorCommand, RobotState
from deploy.sim_robot.machine import SIM_DT
from deploy.sim_robot.robot import SimRobot
from deploy.wire.endpoint import Endpoint

MAX_LAG_S = 0.1
"""How far the robot may fall behind the machine's clock before it gives up catching up."""


class SimLink:
    """A `deploy.link.Link` to a simulated robot, whose time passes only when it is told to.

    Args:
        robot: The simulated robot.
    """

    def __init__(self, robot: SimRobot) -> None:
        self.robot = robot
        self.num_motors = robot.codec.num_motors
        self._end = Endpoint(robot.machine.robot)
        self._closed = False
        self._time_s = robot.time_s

    @property
    def last_rejection(self) -> str:
        """Why the newest rejected message was rejected."""
        return self._end.last_rejection

    def advance(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.sleep_until(self.now() + seconds)

    def sleep_until(self, deadline_s: float) -> None:
        """Let that time come at once; the robot moves in whole steps, up to it."""
        self._time_s = max(self._time_s, deadline_s)
        self._catch_up(self._time_s)

    def now(self) -> float:
        """Simulated time, s."""
        return self._time_s

    def read(self) -> RobotState | None:
        """The newest state; None until there is one."""
        return self._end.read()

    def send(self, command: MotorCommand) -> None:
        """Send a command; the robot sees it in its next step.

        Raises:
            LinkError: If the link is closed, or the command cannot be said.
        """
        if self._closed:
            raise LinkError("send: the link is closed")
        self.robot.receive(self._end.command(command))

    def close(self) -> None:
        """Let go."""
        self._closed = True

    def _catch_up(self, until_s: float, ahead_s: float = 0.0) -> None:
        """Move the robot up to `until_s` of its own time; `ahead_s` is the link's clock less it."""
        # Times are sums of rounded steps: a hair early rather than one step late.
        while self.robot.time_s < until_s - 0.999 * SIM_DT:
            for packed in self.robot.step():
                self._end.take(packed, self.robot.time_s + ahead_s)


class RealtimeSimLink(SimLink):
    """The same by the machine's clock: the robot catches up with it whenever its state is read.

    Args:
        robot: The simulated robot.
    """

    def __init__(self, robot: SimRobot) -> None:
        super().__init__(robot)
        self._ahead_s = time.monotonic() - robot.time_s

    def sleep_until(self, deadline_s: float) -> None:
        """Wait."""
        time.sleep(max(deadline_s - time.monotonic(), 0.0))

    def now(self) -> float:
        """Monotonic time, s."""
        return time.monotonic()

    def read(self) -> RobotState | None:
        """The newest state; None until there is one."""
        behind_s = time.monotonic() - self._ahead_s - self.robot.time_s
        self._ahead_s += max(behind_s - MAX_LAG_S, 0.0)
        self._catch_up(time.monotonic() - self._ahead_s, self._ahead_s)
        return super().read()
