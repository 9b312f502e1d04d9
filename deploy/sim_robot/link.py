"""A simulated robot in the same process, by its own clock: no DDS, no waiting, the same bytes."""

from deploy.link import LinkError, MotorCommand, RobotState
from deploy.sim_robot.robot import SimRobot
from deploy.wire.endpoint import Endpoint


class SimLink:
    """A `deploy.link.Link` to a simulated robot. Time passes only in `advance`.

    Args:
        robot: The simulated robot.
    """

    def __init__(self, robot: SimRobot) -> None:
        self.robot = robot
        self.num_motors = robot.codec.num_motors
        self._end = Endpoint(robot.machine.robot)
        self._closed = False

    @property
    def last_rejection(self) -> str:
        """Why the newest rejected message was rejected."""
        return self._end.last_rejection

    def advance(self, seconds: float) -> None:
        """Let simulated time pass, in whole steps of the robot."""
        end_s = self.now() + seconds
        while self.now() < end_s - 1e-9:
            for packed in self.robot.step():
                self._end.take(packed, self.now())

    def now(self) -> float:
        """Simulated time, s."""
        return self.robot.time_s

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
