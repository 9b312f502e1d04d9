"""Put a run together from its parts, and go through with it."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.link import Link
from deploy.log import LogHeader, LogWriter, Tick
from deploy.policy import Policy
from deploy.priority import giving_way
from deploy.runtime.controller import Controller
from deploy.runtime.housekeeping import undisturbed
from deploy.runtime.inputs import Input
from deploy.runtime.limits import Limits
from deploy.runtime.loop import SleepUntil, Watch, run, wait_for_robot
from deploy.runtime.parts import Intruder, Parts, no_intruder
from deploy.runtime.periods import TIMINGS
from deploy.runtime.policy_step import PolicyStep
from deploy.runtime.stopping import Stopping
from deploy.runtime.summary import Summary
from deploy.runtime.tick_log import TickLog
from deploy.runtime.worker import InlineWorker, ThreadWorker

WAIT_S = 10.0
"""How long a robot may take to say something, s."""


@dataclass(frozen=True)
class Setup:
    """A run.

    Args:
        policy: The policy.
        link: The robot.
        sleep_until: Waits, by the link's clock.
        source: The operator's input.
        stopping: Tells when the process is told to end.
        n_commands: Commands per control period.
        limits: The supervisor's figures.
        mode_machine: What the robot should say that it is; None for whatever it says first.
        log: The log's file; None for no log.
        rotate_s: Start a new file after so many seconds; None for never.
        name: What is driven, for the log's reader.
        realtime: The policy and the log have threads of their own. Without it they run in line:
            for simulated clocks, and the same to the last bit every time.
        epoch_s: What makes Unix time of the link's.
        watch: Told of every change of state.
        intruder: Tells who else commands the robot.
        tell: Given every control period's tick, as soon as it is over; neither waits nor raises.
    """

    policy: Policy
    link: Link
    sleep_until: SleepUntil
    source: Input
    stopping: Stopping
    n_commands: int
    limits: Limits
    name: str
    realtime: bool
    mode_machine: int | None = None
    log: Path | None = None
    rotate_s: float | None = None
    epoch_s: float = 0.0
    watch: Watch | None = None
    intruder: Intruder = no_intruder
    tell: Callable[[Tick], None] | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a run: its summary, the files of its log, and why that is not whole, if so."""

    summary: Summary
    files: tuple[Path, ...]
    log_error: str


def execute(setup: Setup) -> Outcome:
    """Wait for the robot, run until the state machine has ended, and close the log.

    Raises:
        LinkError: If the robot says nothing.
        LogError: If the log cannot be begun.
    """
    wait_for_robot(setup.link, setup.sleep_until, WAIT_S)
    writer = _open_log(setup)
    log = TickLog(writer, threaded=setup.realtime, tell=setup.tell)
    step = PolicyStep(setup.policy)
    parts = Parts(
        contract=setup.policy.contract,
        link=setup.link,
        worker=ThreadWorker(step) if setup.realtime else InlineWorker(step),
        source=setup.source,
        stopping=setup.stopping,
        log=log,
        limits=setup.limits,
        mode_machine=setup.mode_machine,
        intruder=setup.intruder,
    )
    controller = Controller(parts, setup.n_commands)
    stream_dt = setup.policy.contract.ctrl_dt / setup.n_commands
    try:
        with undisturbed(), giving_way(1):
            run(controller, setup.link, setup.sleep_until, stream_dt, setup.watch)
    finally:
        log.close()
    lost = f"{log.lost} ticks were lost to a slow disk" if log.lost else ""
    return Outcome(controller.summary, tuple(writer.files if writer else ()), log.error or lost)


def _open_log(setup: Setup) -> LogWriter | None:
    if setup.log is None:
        return None
    digest = hashlib.sha256(setup.policy.path.read_bytes()).hexdigest()
    header = LogHeader(setup.policy.contract, digest, setup.name, TIMINGS, setup.epoch_s)
    return LogWriter(setup.log, header, rotate_s=setup.rotate_s)


def sleeper(now: Callable[[], float], pace: float = 1.0) -> SleepUntil:
    """Waiting by a clock that goes as the machine's does, or so many times as fast.

    Args:
        now: The clock, s.
        pace: Its seconds per second of the machine's.
    """

    def sleep_until(deadline_s: float) -> None:
        # Signals do not cut this short: their handlers run, and it goes on.
        time.sleep(max(deadline_s - now(), 0.0) / pace)

    return sleep_until
