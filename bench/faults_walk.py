"""A walk by a clock of its own, with holes through which faults get in, and what is sent then."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import robots
from deploy.link import MotorCommand, RobotState
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

N_COMMANDS, STREAM_DT = 10, 0.002
START_S, POLICY_S, WALK_S, FAULT_S, END_S = 0.1, 2.3, 2.8, 5.0, 8.0
"""When buttons are pressed, when the fault is planted, and when it should long have been seen."""


class Seen(NamedTuple):
    """What came of it.

    Args:
        rule: Which one saw it, or what was asked for; empty where nothing came of it.
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
        self.stopping = Stopping()
        self._step = PolicyStep(policy)
        self.worker = InlineWorker(self._run)
        self.controller = Controller(self._parts(), N_COMMANDS)

    def _parts(self) -> Parts:
        return Parts(
            contract=self.contract,
            link=self,
            worker=self.worker,
            source=self,
            stopping=self.stopping,
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
        damped_s = next((at_s for at_s, command in after if is_damping(command)), float("nan"))
        note = self.controller.summary.notes[-1].partition("-> damping (")[2]
        return Seen(
            rule=note.partition(":")[0].rstrip(")"),
            detected_s=detected_s - planted_s,
            damped_s=damped_s - planted_s,
            between=sum(at_s < damped_s for at_s, _ in after),
            others=sum(at_s >= detected_s and not is_damping(command) for at_s, command in after),
            unsent=self.controller.summary.send_errors,
        )


def is_damping(command: MotorCommand) -> bool:
    """Whether a command resists motion, and does nothing else."""
    driven = command.kd > 0
    return (
        not command.kp.any()
        and not command.tau.any()
        and bool((command.kd[driven] == DAMPING_KD).all())
    )
