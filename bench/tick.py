"""`python -m bench tick`: what one command of the robot runtime costs: p99 of a whole tick.

A tick that runs the policy reads (checksum and all), observes, infers, supervises and sends: packs,
sums and writes to DDS, where cyclonedds is installed. Nine of ten only read, supervise and send. A
thread writes the log meanwhile. `cpu` is the first kind without what other processes and threads
took away: on a busy machine that is most of it. The robot is a stand-in.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numpy as np

import robots
from bench import no_arguments
from deploy.contract import PolicyContract
from deploy.link import LinkError, MotorCommand, RobotState
from deploy.log import LogHeader, LogWriter
from deploy.policy import Policy
from deploy.replay.run import policy_sha256
from deploy.runtime.controller import Controller
from deploy.runtime.housekeeping import undisturbed
from deploy.runtime.inputs.script import Line, ScriptInput
from deploy.runtime.limits import Limits
from deploy.runtime.parts import Parts
from deploy.runtime.periods import TIMINGS
from deploy.runtime.policy_step import PolicyStep
from deploy.runtime.states import Event, State
from deploy.runtime.stopping import Stopping
from deploy.runtime.targets import MOVE_S
from deploy.runtime.tick_log import TickLog
from deploy.runtime.worker import InlineWorker
from deploy.wire.domain import open_participant
from deploy.wire.endpoint import Endpoint
from deploy.wire.layout import Struct

N_COMMANDS, STREAM_DT = 10, 0.002
PERIODS, WARM_UP = 3_000, 300
ROBOT = "g1"
NUM_MOTORS = 35
DOMAIN = 99
"""Where no robot is."""


class StandIn:
    """A robot that says things made up beforehand, in turn.

    Args:
        contract: The policy's contract.
    """

    num_motors = NUM_MOTORS
    last_rejection = ""

    def __init__(self, contract: PolicyContract) -> None:
        rng = np.random.default_rng(0)
        self.time_s, self.tick, self.sent = 0.0, 0, 0
        self.last = MotorCommand(*np.zeros((5, NUM_MOTORS), np.float32))
        states = [self._state(contract, rng) for _ in range(64)]
        self._states = cycle(states)

    @staticmethod
    def _state(contract: PolicyContract, rng: np.random.Generator) -> RobotState:
        def noise(size: int, scale: float) -> np.ndarray:
            return (scale * rng.normal(size=size)).astype(np.float32)

        pos = np.zeros(NUM_MOTORS, np.float32)
        pos[list(contract.motor_indices)] = contract.default_joint_pos
        return RobotState(
            stamp_s=0.0,
            tick=0,
            joint_pos=pos + noise(NUM_MOTORS, 0.02),
            joint_vel=noise(NUM_MOTORS, 0.2),
            torque=noise(NUM_MOTORS, 1.0),
            temperature=np.full(NUM_MOTORS, 40, np.int16),
            motor_error=np.zeros(NUM_MOTORS, np.uint32),
            quat=np.asarray([1, 0, 0, 0], np.float32),
            gyro=noise(3, 0.1),
            mode_machine=5,
            remote=bytes(40),
            rejected=0,
        )

    def now(self) -> float:
        """Time told by `advance`, s."""
        return self.time_s

    def advance(self) -> None:
        """One command later."""
        self.time_s += STREAM_DT
        self.tick += 2

    def read(self) -> RobotState:
        """The next state."""
        return next(self._states)._replace(stamp_s=self.time_s, tick=self.tick)

    def send(self, command: MotorCommand) -> None:
        """Count, and keep the last."""
        self.sent += 1
        self.last = command

    def close(self) -> None:
        """Nothing to let go of."""


class OnTheWire(StandIn):
    """The same as bytes: packed when it says something, unpacked when it is read.

    Args:
        contract: The policy's contract.
    """

    def __init__(self, contract: PolicyContract) -> None:
        super().__init__(contract)
        self._end = Endpoint(robots.load(contract.robot))
        self._packed = b""
        self._write = _publish(self._end.codec.command_type)
        self.has_dds = self._write is not None

    def advance(self) -> None:
        """One command later, the robot has said something."""
        super().advance()
        self._packed = self._end.codec.encode_state(super().read(), np.zeros(3))

    def read(self) -> RobotState:
        """What it said."""
        self._end.take(self._packed, self.time_s)
        state = self._end.read()
        assert state is not None
        return state

    def send(self, command: MotorCommand) -> None:
        """Pack, and write to DDS where it is installed."""
        packed = self._end.command(command)
        if self._write:
            self._write(packed)
        super().send(command)


def _publish(command: Struct) -> Callable[[bytes], None] | None:
    try:
        from deploy.wire.topics import LOW_CMD, Publisher
    except LinkError:
        return None
    return Publisher(open_participant(DOMAIN, "lo"), LOW_CMD, command).write


def main() -> None:
    """Measure ticks of a G1 whose policy runs."""
    no_arguments("bench.tick", __doc__)
    policy = Policy(f"policies/{ROBOT}/policy.onnx")
    link = OnTheWire(policy.contract)
    with_policy, without, cpu = [], [], []
    with tempfile.TemporaryDirectory() as folder, undisturbed():
        header = LogHeader(policy.contract, policy_sha256(policy), "bench.tick", TIMINGS)
        log = TickLog(LogWriter(Path(folder) / "run.mcap", header), threaded=True)
        controller, start = walking(policy, link, N_COMMANDS, log)
        for index in range(start, start + PERIODS * N_COMMANDS):
            link.advance()
            started, started_cpu = time.perf_counter(), time.thread_time()
            controller.tick(index)
            took_us = 1e6 * (time.perf_counter() - started)
            (without if index % N_COMMANDS else with_policy).append(took_us)
            if not index % N_COMMANDS:
                cpu.append(1e6 * (time.thread_time() - started_cpu))
        log.close()
    if controller.state is not State.POLICY:
        sys.exit("\n".join(controller.summary.notes))
    if log.error or log.lost:
        sys.exit(f"the log is not whole: {log.error or log.lost}")
    figures: dict[str, float | str] = {
        f"tick_us_{part}_{name}": float(np.percentile(took[WARM_UP:], percent))
        for part, took in (("policy", with_policy), ("resend", without), ("cpu", cpu))
        for name, percent in (("p50", 50), ("p99", 99))
    }
    print(json.dumps({"tick_writes_to": "DDS" if link.has_dds else "nowhere", **figures}))


def walking(
    policy: Policy, link: StandIn, n_commands: int, log: TickLog | None = None
) -> tuple[Controller, int]:
    """A controller whose policy has just taken over, and the index of its next command."""
    asked = [Line(0.1, (0, 0, 0), Event.START), Line(MOVE_S + 0.5, (0.5, 0, 0), Event.A)]
    parts = Parts(
        contract=policy.contract,
        link=link,
        worker=InlineWorker(PolicyStep(policy)),
        source=ScriptInput(asked),
        stopping=Stopping(),
        log=log or TickLog(None, threaded=False),
        # A made-up robot does not follow, so its targets may be clamped for ever.
        limits=Limits(clamped_s=1e9),
    )
    controller, start = Controller(parts, n_commands), round((MOVE_S + 1) / STREAM_DT)
    for index in range(start):
        link.advance()
        controller.tick(index)
    return controller, start


if __name__ == "__main__":
    main()
