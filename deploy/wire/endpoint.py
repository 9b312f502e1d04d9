"""What the runtime's end of any wire remembers: the newest state, and what was rejected."""

from deploy.link import LinkError, MotorCommand, RobotState
from deploy.wire.codec import RejectedMessageError
from deploy.wire.families import codec_for
from robots.spec import RobotSpec


class Endpoint:
    """Turns what arrives into states, and commands into what is sent.

    Rejected, and never a state: what is not a LowState of the robot's family, what has a wrong
    checksum, and what has a number that is not finite on a motor that the robot has. One thread may
    call `take` while others call the rest.

    Args:
        robot: The robot.

    Raises:
        RobotError: If the robot speaks no message family.
    """

    def __init__(self, robot: RobotSpec) -> None:
        self.codec = codec_for(robot)
        self.last_rejection = ""
        """Why the newest rejected message was rejected."""
        self.received = 0
        """How many states came."""
        self._title, self._has_mode = robot.title, robot.message_family == "hg"
        self._newest: RobotState | None = None
        self._rejected = 0

    def take(self, packed: bytes | None, stamp_s: float) -> None:
        """Take what arrived at `stamp_s`, s: a packed message, or None for bytes that are none."""
        try:
            if packed is None:
                raise RejectedMessageError("not a LowState of the robot's family")
            self._newest = self.codec.decode_state(packed, stamp_s)
            self.received += 1
        except RejectedMessageError as error:
            self._rejected += 1
            self.last_rejection = str(error)

    def read(self) -> RobotState | None:
        """The newest state, with what was rejected up to now; None until there is one."""
        newest = self._newest
        return newest and newest._replace(rejected=self._rejected)

    def command(self, command: MotorCommand) -> bytes:
        """The packed LowCmd that says `command`.

        Raises:
            LinkError: If a value is not finite, or the robot has not yet said which machine it is,
                which commands of family hg have to repeat.
        """
        newest = self._newest
        if newest is None and self._has_mode:
            raise LinkError(
                f"send: no LowState has come from the {self._title} yet, and a command has to "
                "repeat its mode_machine; read() until there is a state"
            )
        return self.codec.encode_command(command, newest.mode_machine if newest else 0)
