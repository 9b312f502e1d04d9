"""`python -m bench.faults`: what a walking robot is told between a fault and damping.

Every fault of docs/deploy.md's table, planted into a robot simulated in this process, by a clock of
its own: so a time is the runtime's share, to a command, and none of this machine's. Printed as a
Markdown table; exit status 1 where a fault ended otherwise than it should, or anything but damping
was sent from the command on in which it was detected.
"""

import sys
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import robots
from bench import no_arguments
from deploy.link import LinkError, MotorCommand, RobotState
from deploy.policy import Policy
from deploy.runtime.controller import Controller
from deploy.runtime.inputs import Wish
from deploy.runtime.limits import Limits
from deploy.runtime.motors import DAMPING_KD
from deploy.runtime.parts import Parts
from deploy.runtime.policy_step import Decision, PolicyStep, Request
from deploy.runtime.states import Event, State
from deploy.runtime.stopping import Stopping
from deploy.runtime.tick_log import TickLog
from deploy.runtime.worker import InlineWorker
from deploy.sim_robot.events import parse
from deploy.sim_robot.link import SimLink
from deploy.sim_robot.robot import SimRobot

ROBOT = "g1"
N_COMMANDS, STREAM_DT = 10, 0.002
START_S, POLICY_S, WALK_S, FAULT_S, END_S = 0.1, 2.3, 2.8, 5.0, 8.0
"""When buttons are pressed, when the fault is planted, and when it should long have been seen."""
MOTOR = 3
"""Where a fault is one motor's: a knee, driven by every policy of the robot."""


class Case(NamedTuple):
    """A fault.

    Args:
        what: In words.
        rules: Any of the rules that should see it.
        plant: Plants it into a walk.
    """

    what: str
    rules: tuple[str, ...]
    plant: "Callable[[Walk], None]"


class Seen(NamedTuple):
    """What came of it.

    Args:
        rule: Which one saw it; empty where none did.
        detected_s: From planting to the command in which it was seen, s.
        damped_s: To the first damping command, s.
        between: Commands sent in between.
        others: Commands sent after detection that were not damping.
        unsent: Commands after it that the link did not take.
    """

    rule: str
    detected_s: float
    damped_s: float
    between: int
    others: int
    unsent: int


class Walk:
    """A robot that walks, its operator, and the holes through which a fault gets in.

    Args:
        policy: The robot's policy.
    """

    def __init__(self, policy: Policy) -> None:
        self.contract = policy.contract
        hoist = [*parse(f"lower@{START_S}"), *parse(f"letgo@{POLICY_S}")]
        self.link = SimLink(SimRobot(robots.load(self.contract.robot), hoist=True, events=hoist))
        self.num_motors = self.link.num_motors
        self.sent: list[tuple[float, MotorCommand]] = []
        self.tamper: Callable[[RobotState], RobotState] = lambda state: state
        self.on_send: Callable[[], None] = lambda: None
        self.on_poll: Callable[[], str] = lambda: ""
        self.on_step: Callable[[Decision], Decision] = lambda decision: decision
        self.skip, self.intruder = 0, ""
        self._step = PolicyStep(policy)
        self.worker = InlineWorker(self._run)
        self.controller = Controller(self._parts(), N_COMMANDS)

    def _parts(self) -> Parts:
        return Parts(
            contract=self.contract,
            link=self,
            worker=self.worker,
            source=self,
            stopping=Stopping(),
            log=TickLog(None, threaded=False),
            limits=Limits(),
            intruder=lambda: self.intruder,
        )

    # The line

    def now(self) -> float:
        """Simulated time, s."""
        return self.link.now()

    @property
    def last_rejection(self) -> str:
        """Why the newest rejected message was rejected."""
        return self.link.last_rejection

    def read(self) -> RobotState | None:
        """What the robot says, or what a fault makes of it."""
        state = self.link.read()
        return state and self.tamper(state)

    def send(self, command: MotorCommand) -> None:
        """Send, and remember what was sent when."""
        self.on_send()
        self.link.send(command)
        self.sent.append((self.now(), command))

    def close(self) -> None:
        """Nothing to let go of."""

    # The operator

    def poll(self, now: float, robot: RobotState | None) -> Wish:
        """The buttons at their times; then forward."""
        asked = [
            event
            for at_s, event in ((START_S, Event.START), (POLICY_S, Event.A))
            if at_s <= now < at_s + STREAM_DT
        ]
        speed = 0.5 if now > WALK_S else 0.0
        return Wish((speed, 0.0, 0.0), tuple(asked), self.on_poll())

    def _run(self, request: Request) -> Decision:
        return self.on_step(self._step(request))

    def happen(self, text: str) -> None:
        """Let something happen to the robot now."""
        for event in parse(text, self.now()):
            self.link.robot.do(event)

    def to_damping(self, plant: "Callable[[Walk], None]") -> Seen:
        """Walk, plant the fault, and look what is sent from then on."""
        index, planted_s, detected_s = 5, 0.0, 0.0
        while self.now() < END_S:
            index += self.skip
            self.skip = 0
            self.link.sleep_until(index * STREAM_DT)
            state = self.controller.tick(index)
            index += 1
            if not planted_s and self.now() > FAULT_S - 1e-9:
                if state is not State.POLICY:
                    sys.exit("\n".join(self.controller.summary.notes))
                planted_s = self.now()
                plant(self)
            elif planted_s and state is State.DAMPING and not detected_s:
                detected_s = self.now()
            if detected_s and self.now() > detected_s + 0.5:
                break
        return self._seen(planted_s, detected_s)

    def _seen(self, planted_s: float, detected_s: float) -> Seen:
        if not detected_s:
            return Seen("", float("nan"), float("nan"), 0, 0, 0)
        after = [(at_s, command) for at_s, command in self.sent if at_s > planted_s]
        damped_s = next((at_s for at_s, command in after if _is_damping(command)), float("nan"))
        note = self.controller.summary.notes[-1].partition("-> damping (")[2]
        return Seen(
            rule=note.partition(":")[0],
            detected_s=detected_s - planted_s,
            damped_s=damped_s - planted_s,
            between=sum(at_s < damped_s for at_s, _ in after),
            others=sum(at_s >= detected_s and not _is_damping(command) for at_s, command in after),
            unsent=self.controller.summary.send_errors,
        )


def _is_damping(command: MotorCommand) -> bool:
    driven = command.kd > 0
    return (
        not command.kp.any()
        and not command.tau.any()
        and bool((command.kd[driven] == DAMPING_KD).all())
    )


# Faults


def event(text: str) -> "Callable[[Walk], None]":
    """Something that the simulated robot can do itself."""
    return lambda walk: walk.happen(text)


def element(field: str, value: float) -> "Callable[[Walk], None]":
    """One motor's figure is another from now on."""

    def change(state: RobotState) -> RobotState:
        values = getattr(state, field).copy()
        values[MOTOR] = value
        return state._replace(**{field: values})

    return lambda walk: setattr(walk, "tamper", change)


def changed(**fields: Any) -> "Callable[[Walk], None]":
    """Fields of the state are others from now on."""
    return lambda walk: setattr(walk, "tamper", lambda state: state._replace(**fields))


def acting(value: float) -> "Callable[[Walk], None]":
    """The policy says `value` for one joint from now on."""

    def change(decision: Decision) -> Decision:
        targets = decision.joint_targets.copy()
        targets[MOTOR] = value
        return decision._replace(joint_targets=targets)

    return lambda walk: setattr(walk, "on_step", change)


def raising(where: str, error: Exception, times: int = 1 << 30) -> "Callable[[Walk], None]":
    """A part fails from now on, or so many times."""
    left = [times]

    def fail(*_: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise error

    return lambda walk: setattr(walk, where, fail)


def no_operator(walk: Walk) -> None:
    """The terminal is closed."""
    walk.on_poll = lambda: "the terminal is gone"


def two_commanders(walk: Walk) -> None:
    """Another program sends commands, too."""
    walk.intruder = "planted"


def busy_policy(walk: Walk) -> None:
    """The network takes for ever."""
    walk.worker.busy = True


def later_and_later(walk: Walk) -> None:
    """Messages queue up: each is what was true 15 % of the time since now ago; none is missing."""
    began_s, waiting = walk.now(), deque[RobotState]()

    def change(state: RobotState) -> RobotState:
        waiting.append(state)
        late_s = 0.15 * (state.stamp_s - began_s)
        while len(waiting) > 1 and waiting[1].stamp_s <= state.stamp_s - late_s:
            waiting.popleft()
        return waiting[0]._replace(stamp_s=state.stamp_s)

    walk.tamper = change


def arm_elsewhere(walk: Walk) -> None:
    """A held joint's encoder says that it is far from its pose."""
    arm = walk.contract.held_joints[-1]

    def change(state: RobotState) -> RobotState:
        pos = state.joint_pos.copy()
        pos[arm.motor_index] = arm.position + 1.0
        return state._replace(joint_pos=pos)

    walk.tamper = change


def slow_input(walk: Walk) -> None:
    """The process stands still for 60 ms within a command, after the robot was looked at."""

    def wait() -> str:
        walk.link.sleep_until(walk.now() + 0.06)
        walk.on_poll = lambda: ""
        return ""

    walk.on_poll = wait


def stall(walk: Walk) -> None:
    """The process stands still for 60 ms."""
    walk.skip = 30


CASES = (
    Case("no message any more", ("stale state",), event("drop:1")),
    Case("messages 100 ms late", ("stale state",), event("delay:0.1")),
    Case("every message garbled", ("bad messages",), event("corrupt:1")),
    Case("one in five garbled", ("bad messages",), event("corrupt:0.2")),
    Case("the same message for ever", ("frozen robot",), event("freeze")),
    Case("messages later and later", ("delayed states",), later_and_later),
    Case("NaN in a joint position", ("sensors",), element("joint_pos", np.nan)),
    Case("quaternion of zeros", ("sensors",), changed(quat=np.zeros(4, np.float32))),
    Case("a motor reports an error", ("motor error",), event(f"error:{MOTOR}:16")),
    Case("a motor has 95 deg C", ("temperature",), event(f"hot:{MOTOR}:95")),
    Case("says that it is another robot", ("mode_machine",), changed(mode_machine=6)),
    Case("remote control out of reach", ("remote",), event("unpair")),
    Case("terminal closed", ("operator",), no_operator),
    Case("another program commands it, too", ("other commander",), two_commanders),
    Case("pushed to the side, 3 m/s", ("tilt",), event("push:3:90")),
    Case("a joint says 3 rad", ("joint position",), element("joint_pos", 3.0)),
    Case("an arm's joint says 1 rad", ("held joint",), arm_elsewhere),
    Case("a joint says 60 rad/s", ("joint velocity",), element("joint_vel", 60.0)),
    Case("a joint says 400 N m", ("joint torque",), element("torque", 400.0)),
    Case("the policy says NaN", ("action",), acting(np.nan)),
    Case("the policy's code fails", ("policy crash",), raising("on_step", ValueError("planted"))),
    Case("the policy hangs", ("policy overrun",), busy_policy),
    Case("the process stands still for 60 ms", ("command stream",), stall),
    Case("it stands still for 60 ms within a command", ("command stream",), slow_input),
    Case("targets out of range for ever", ("clamped", "joint position", "tilt"), acting(50.0)),
    Case("one command is not sent", ("link",), raising("on_send", LinkError("planted"), 1)),
    Case("an input's code fails", ("runtime",), raising("on_poll", ValueError("planted"))),
)


def main() -> int:
    """Measure every fault, print the table, and return the exit status."""
    no_arguments("bench.faults", __doc__)
    policy = Policy(f"policies/{ROBOT}/policy.onnx")
    print("| fault | seen as | damping after | commands in between | after detection |")
    print("|---|---|---|---|---|")
    failed: list[str] = []
    for case in CASES:
        walk = Walk(policy)
        seen = walk.to_damping(case.plant)
        ms = 1e3 * (seen.damped_s - seen.detected_s)
        print(
            f"| {case.what} | `{seen.rule}` | {1e3 * seen.damped_s:.0f} ms | {seen.between} | "
            f"{ms:.0f} ms |"
        )
        if seen.rule not in case.rules or seen.others or not ms <= 20:
            failed.append(f"{case.what}: {seen}, want {' or '.join(case.rules)}")
    print("\n".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
