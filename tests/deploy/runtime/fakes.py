"""A robot, a policy and an operator for tests: one clock, which moves only when told to."""

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deploy.link import RobotState
from deploy.log import LogWriter
from deploy.policy import Policy
from deploy.runtime.controller import Controller
from deploy.runtime.inputs import Wish
from deploy.runtime.inputs.remote_bytes import Sticks
from deploy.runtime.limits import Limits
from deploy.runtime.loop import run
from deploy.runtime.parts import Parts
from deploy.runtime.policy_step import PolicyStep
from deploy.runtime.states import Event, State
from deploy.runtime.stopping import Stopping
from deploy.runtime.targets import MOVE_S
from deploy.runtime.tick_log import TickLog
from deploy.runtime.worker import InlineWorker

ROOT = Path(__file__).resolve().parents[3]
N_COMMANDS = 10
STREAM_DT = 0.002


def pack(down, at, head=b"\x55\x51"):
    """What a remote control sends, written out once more: layouts that change would be seen."""
    keys = ["R1", "L1", "start", "select", "R2", "L2", "F1", "F2"]
    keys += ["A", "B", "X", "Y", "up", "right", "down", "left"]
    bits = sum(1 << keys.index(name) for name in down)
    return struct.pack("<2sHfff4xf16x", head, bits, at.lx, at.rx, at.ry, at.ly)


AT_REST = pack(set(), Sticks(0.0, 0.0, 0.0, 0.0))


def shipped(name):
    return Policy(ROOT / f"policies/{name}/policy.onnx")


class FakeLink:
    """A robot that is at once where it is told to be; `tamper` changes what it says.

    Args:
        contract: The policy's contract.
        num_motors: Length of its motor array.
    """

    def __init__(self, contract, num_motors=35):
        self.num_motors, self.contract = num_motors, contract
        self.time_s = 100.0
        self.pos = np.zeros(num_motors, np.float32)
        self.commands, self.reads = [], 0
        self.tamper = lambda state, now: state
        self.send_error = None
        self.closed, self.last_rejection = False, ""

    def now(self):
        return self.time_s

    def sleep_until(self, deadline_s):
        self.time_s = max(self.time_s, deadline_s)

    def state(self):
        n = self.num_motors
        return RobotState(
            stamp_s=self.time_s,
            tick=round(1e3 * self.time_s),
            joint_pos=self.pos.copy(),
            joint_vel=np.zeros(n, np.float32),
            torque=np.zeros(n, np.float32),
            temperature=np.full(n, 40, np.int16),
            motor_error=np.zeros(n, np.uint32),
            quat=np.float32([1, 0, 0, 0]),
            gyro=np.zeros(3, np.float32),
            mode_machine=5,
            remote=AT_REST,
            rejected=0,
        )

    def read(self):
        self.reads += 1
        return self.tamper(self.state(), self.time_s)

    def send(self, command):
        if self.send_error:
            raise self.send_error
        self.commands.append((self.time_s, command))
        stiff = command.kp > 0
        self.pos[stiff] = command.q[stiff]

    def close(self):
        self.closed = True


class Operator:
    """Asks for what it is told to, once; then wants `velocity`."""

    def __init__(self):
        self.asks, self.velocity, self.lost, self.error = [], (0.0, 0.0, 0.0), "", None

    def poll(self, now, robot):
        if self.error:
            raise self.error
        asks, self.asks = self.asks, []
        return Wish(self.velocity, tuple(asks), self.lost)

    def close(self):
        pass


class KeptTicks:
    """A log in memory."""

    def __init__(self):
        self.ticks, self.files = [], []

    def write(self, tick):
        self.ticks.append(tick)

    def close(self):
        pass


@dataclass
class Bench:
    """A controller with all its parts, and ways to drive it.

    Args:
        policy: The policy.
        step: Runs it; its own by default.
        worker: Runs that; in line by default.
        limits: The supervisor's figures.
        mode_machine: What is expected.
        writer: The log; one in memory by default.
        intruder: Who else commands the robot.
    """

    policy: Policy
    step: object = None
    worker: object = None
    limits: Limits = field(default_factory=Limits)
    mode_machine: int | None = None
    writer: LogWriter | KeptTicks = field(default_factory=KeptTicks)
    index: int = 0
    intruder: str = ""

    def __post_init__(self):
        self.contract = self.policy.contract
        self.link, self.operator = FakeLink(self.contract), Operator()
        self.stopping = Stopping()
        self.worker = self.worker or InlineWorker(self.step or PolicyStep(self.policy))
        self.parts = Parts(
            contract=self.contract,
            link=self.link,
            worker=self.worker,
            source=self.operator,
            stopping=self.stopping,
            log=TickLog(self.writer, threaded=False),
            limits=self.limits,
            mode_machine=self.mode_machine,
            intruder=lambda: self.intruder,
        )
        self.controller = Controller(self.parts, N_COMMANDS)
        self.began_s = self.link.time_s

    @property
    def state(self):
        return self.controller.state

    @property
    def fault(self):
        """Name of the rule that ended the run; empty where none did."""
        notes = [note for note in self.controller.summary.notes if ": " in note]
        return notes[0].split("(")[1].split(":")[0] if notes else ""

    @property
    def said(self):
        return "\n".join(self.controller.summary.notes)

    @property
    def last(self):
        return self.link.commands[-1][1]

    def tick(self, times=1):
        """Tick so often, a command's time after each other."""
        for _ in range(times):
            self.link.sleep_until(self.began_s + self.index * STREAM_DT)
            self.controller.tick(self.index)
            self.index += 1
        return self.state

    def ask(self, *events):
        self.operator.asks += events
        return self.tick()

    def until(self, state):
        """Go the ordinary way to a state."""
        self.tick(5)
        for event in (Event.START, Event.A):
            if self.state is not state:
                self.ask(event)
            if self.state is State.MOVE and state is not State.MOVE:
                self.controller._targets._move_began_s -= MOVE_S  # as if that had passed
                self.tick(5)
        assert self.state is state, self.said
        if state is State.POLICY:
            self.tick(2 * N_COMMANDS)
        assert self.state is state, self.said
        return self

    def is_damping(self, command=None):
        command = command or self.last
        used = self.controller._motors.used
        return (
            not command.kp.any()
            and not command.tau.any()
            and not command.dq.any()
            and (command.kd[used] == 8).all()
        )

    def run(self):
        run(self.controller, self.link, self.link.sleep_until, STREAM_DT)
