"""A simulated robot: takes LowCmd and gives LowState as bytes, by a clock of its own."""

import math
from collections import deque
from collections.abc import Callable, Iterable

from deploy.link import LinkError
from deploy.sim_robot.events import Event
from deploy.sim_robot.line import Line
from deploy.sim_robot.machine import SIM_DT, TEMPERATURE, Machine
from deploy.sim_robot.remote import Remote
from deploy.wire.codec import RejectedMessageError
from deploy.wire.families import codec_for
from robots.spec import RobotSpec

MODE_MACHINE = 5
"""What a robot of family hg says that it is: a G1 of 29 joints, unless it is told otherwise."""


class SimRobot:
    """A machine, its remote control, and the lines to and from it.

    Only `receive` may be called from another thread.

    Args:
        robot: The robot.
        hoist: Start hanging, instead of standing in the default pose.
        events: What is to happen, in any order.
        mode_machine: What the robot says that it is, where its messages have a field for that.
        seed: Of what is lost and garbled on the way.
        visuals: Keep shapes that are only looked at.
        tell: Told what an event wants to know.
        motion: The vendor's mode that has the motors: commands are ignored until it is released.
    """

    def __init__(
        self,
        robot: RobotSpec,
        *,
        hoist: bool = False,
        events: Iterable[Event] = (),
        mode_machine: int = MODE_MACHINE,
        seed: int = 0,
        visuals: bool = False,
        tell: Callable[[str], None] = print,
        motion: str = "",
    ) -> None:
        self.codec = codec_for(robot)
        self.machine = Machine(robot, visuals=visuals)
        self.remote = Remote()
        self.ignored = 0
        """Commands that were not obeyed: wrong checksum, not finite, for another machine, or while
        a mode of the vendor's is active."""
        self.motion = motion
        """The vendor's mode that is active; empty where none is. Any thread may change it."""
        self._tell = tell
        self._states, self._commands = Line(seed), Line(seed + 1)
        self._inbox: deque[bytes] = deque()
        self._mode_machine = mode_machine if robot.message_family == "hg" else 0
        self._frozen = False
        self._last_state = b""
        self._to_come: list[Event] = []
        if hoist:
            self.machine.hoist.hang()
        for event in events:
            self.do(event)

    @property
    def time_s(self) -> float:
        """Simulated time, s."""
        return self.machine.time_s

    def check(self, event: Event) -> None:
        """Raise LinkError where an event names a motor or asks for a weight that there is not."""
        if event.name in ("hot", "cool", "error") and not (
            0 <= int(event.arguments[0]) < self.codec.num_motors
        ):
            raise LinkError(
                f"event: {event.name} of motor {event.arguments[0]}, want 0 to "
                f"{self.codec.num_motors - 1}"
            )
        if event.name == "payload":
            self.machine.check_payload(float(event.arguments[0]))

    def do(self, event: Event) -> None:
        """Let something happen, when its time comes.

        Raises:
            LinkError: If it names a motor or asks for a weight that there is not.
        """
        self.check(event)
        self._to_come.append(event)
        self._to_come.sort(key=lambda one: one.at_s)

    def receive(self, packed: bytes) -> None:
        """Take a LowCmd off the network. Thread-safe."""
        self._inbox.append(packed)

    def step(self) -> list[bytes]:
        """Advance by `SIM_DT`; give the LowStates that leave the robot now."""
        while self._to_come and self._to_come[0].at_s <= self.time_s + SIM_DT / 2:
            self._happen(self._to_come.pop(0))
        while self._inbox:
            self._commands.put(self._inbox.popleft(), self.time_s)
        for packed in self._commands.take(self.time_s):
            self._obey(packed)
        self.machine.step()
        if not (self._frozen and self._last_state):
            self._last_state = self.codec.encode_state(
                *self.machine.read(self._mode_machine, self.remote.to_bytes())
            )
        self._states.put(self._last_state, self.time_s)
        return self._states.take(self.time_s)

    def _obey(self, packed: bytes) -> None:
        try:
            orders = self.codec.decode_command(packed)
            if orders.mode_machine != self._mode_machine:
                raise RejectedMessageError(f"for machine {orders.mode_machine}")
            if self.motion:
                raise RejectedMessageError(f"mode {self.motion} has the motors")
        except RejectedMessageError:
            self.ignored += 1
            return
        self.machine.obey(orders)

    def _happen(self, event: Event) -> None:
        machine, remote, hoist = self.machine, self.remote, self.machine.hoist
        match event.name, *event.arguments:
            case "drop" | "delay" | "corrupt" as fault, float(value):
                self._states.set_fault(fault, value)
            case "drop_command" | "delay_command" | "corrupt_command" as fault, float(value):
                self._commands.set_fault(fault.removesuffix("_command"), value)
            case "freeze" | "thaw" as name, *_:
                self._frozen = name == "freeze"
            case "hot", int(motor), int(temperature):
                machine.temperature[motor] = temperature
            case "cool", int(motor):
                machine.temperature[motor] = TEMPERATURE
            case "error", int(motor), int(code):
                machine.motor_error[motor] = code
            case "friction", *coefficient:
                machine.set_friction(float(*coefficient) if coefficient else None)
            case "payload", float(kg):
                machine.set_payload(kg)
            case "latency", float(seconds):
                for line in (self._states, self._commands):
                    line.set_fault("delay", seconds / 2)
            case "push", float(speed), *direction:
                machine.push(speed, math.radians(float(*direction)))
            case "press", str(button):
                remote.press(button)
            case "release", str(button):
                remote.release(button)
            case "stick", str(axis), float(value):
                remote.push(axis, value)
            case "unpair" | "pair" as name, *_:
                remote.there = name == "pair"
            case "hang" | "lower" | "lift" | "letgo" as name, *_:
                {
                    "hang": hoist.hang,
                    "lower": hoist.lower,
                    "lift": hoist.lift,
                    "letgo": hoist.release,
                }[name]()
            case "where", *_:
                self._tell(f"where: {machine.where()}")
            case _:  # "clear"
                self._clear()

    def _clear(self) -> None:
        """End every fault: lines, motors, frost, the remote control's reach, floor and payload."""
        for line in (self._states, self._commands):
            for fault in line.FAULTS:
                line.set_fault(fault, 0.0)
        self.machine.temperature[:], self.machine.motor_error[:] = TEMPERATURE, 0
        self.machine.set_friction(None)
        self.machine.set_payload(0.0)
        self._frozen, self.remote.there = False, True
