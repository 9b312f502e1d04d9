"""A robot at the other end of a DDS network: real or `python -m deploy.sim_robot`."""

import threading
import time

from deploy.link import LinkError, MotorCommand, RobotState
from deploy.wire.codec import RejectedMessageError
from deploy.wire.families import codec_for
from robots.spec import RobotSpec


class DdsLink:
    """A `deploy.link.Link` over the vendor's topics.

    States are read, checked and stamped on a thread of their own as they arrive; `read` gives the
    newest. Counted as rejected, and never given: what is not a LowState of the robot's family, what
    has a wrong checksum, and what has a number that is not finite on a motor the robot has.

    Args:
        robot: The robot.
        interface: Network interface, `lo` for a simulated robot; None leaves the choice to DDS.
        domain: DDS domain; real robots are in 0, simulated ones in 1.

    Raises:
        LinkError: If cyclonedds is missing, or there is no such interface.
        RobotError: If the robot speaks no message family.
    """

    def __init__(self, robot: RobotSpec, interface: str | None, domain: int) -> None:
        self._codec = codec_for(robot)
        self.num_motors = self._codec.num_motors
        self.last_rejection = ""
        """Why the newest rejected message was rejected."""
        self._name, self._has_mode = robot.title, robot.message_family == "hg"
        self._newest: RobotState | None = None
        self._rejected = 0
        self._closed = threading.Event()
        from deploy.wire import topics
        from deploy.wire.domain import open_participant

        participant = open_participant(domain, interface)
        self._commands = topics.Publisher(participant, topics.LOW_CMD, self._codec.command_type)
        self._states = topics.Subscriber(
            participant, topics.LOW_STATE, self._codec.state_type, self._on_state
        )

    def now(self) -> float:
        """Monotonic time, s."""
        return time.monotonic()

    def read(self) -> RobotState | None:
        """The newest state; None until there is one. Does not block."""
        newest = self._newest
        return newest and newest._replace(rejected=self._rejected)

    def send(self, command: MotorCommand) -> None:
        """Send a command. Does not block; thread-safe.

        Raises:
            LinkError: If the link is closed, a value is not finite, or the robot has not yet said
                which machine it is, which commands of family hg have to repeat.
        """
        if self._closed.is_set():
            raise LinkError("send: the link is closed")
        newest = self._newest
        if newest is None and self._has_mode:
            raise LinkError(
                f"send: no LowState has come from the {self._name} yet, and a command has to "
                "repeat its mode_machine; read() until there is a state"
            )
        mode_machine = newest.mode_machine if newest else 0
        self._commands.write(self._codec.encode_command(command, mode_machine))

    def close(self) -> None:
        """Let go. Sends nothing by itself."""
        self._closed.set()
        self._states.close()

    def _on_state(self, packed: bytes | None) -> None:
        stamp_s = self.now()
        try:
            if packed is None:
                raise RejectedMessageError("not a LowState of the robot's family")
            self._newest = self._codec.decode_state(packed, stamp_s)
        except RejectedMessageError as error:
            self._rejected += 1
            self.last_rejection = str(error)
