"""Runs of the runtime, one after the other, in a thread of their own."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.cockpit.board import Board
from deploy.cockpit.choice import Ready
from deploy.cockpit.controls import Controls
from deploy.cockpit.page_input import PageInput
from deploy.cockpit.simulation import Push, Simulation, condition
from deploy.link import Link
from deploy.runtime.assemble import Outcome, Setup, execute
from deploy.runtime.inputs import RemoteStop
from deploy.runtime.limits import Limits
from deploy.runtime.loop import SleepUntil, Watch, commands_per_period
from deploy.runtime.states import State
from deploy.runtime.stopping import Stopping
from deploy.runtime.transports import Transport
from robots.errors import UserError
from robots.spec import RobotSpec


@dataclass(frozen=True)
class Settings:
    """What holds for every run.

    Args:
        rate_hz: Commands per second.
        limits: The supervisor's figures.
        mode_machine: What the robot should say that it is; None for whatever it says first.
        logs: Folder of the logs; None for no log.
        open_robot: Reaches a real robot; None for one simulated in this process.
    """

    rate_hz: float
    limits: Limits
    mode_machine: int | None = None
    logs: Path | None = None
    open_robot: Callable[[RobotSpec], Transport] | None = None


class Run:
    """One run: a policy, a robot, and what the page sees and says of it.

    Args:
        ready: The policy and its robot.
        settings: What holds for every run.
        controls: The seat at the controls.
        number: Counts runs, for the names of logs.
    """

    def __init__(
        self, ready: Ready, settings: Settings, controls: Controls, number: int = 1
    ) -> None:
        self.ready, self.number, self._settings = ready, number, settings
        self.board = Board(ready.robot.num_motors)
        self.source = PageInput(ready.policy.contract, controls, self.board)
        self._n_commands = commands_per_period(ready.policy.contract, settings.rate_hz)
        self.simulation: Simulation | None = None
        self._transport: Transport | None = None
        if settings.open_robot is None:
            self.simulation = Simulation(ready.robot, self.board)
        else:
            self._transport = settings.open_robot(ready.robot)

    def go_through(self, stopping: Stopping) -> Outcome:
        """Run until the state machine has ended.

        Raises:
            UserError: If it does not begin.
        """
        link, sleep_until, watch, epoch_s = self._reached()
        robot, settings = self.ready.robot, self._settings
        try:
            return execute(
                Setup(
                    policy=self.ready.policy,
                    link=link,
                    sleep_until=sleep_until,
                    source=RemoteStop(self.source),
                    stopping=stopping,
                    n_commands=self._n_commands,
                    limits=settings.limits,
                    name=f"{robot.name}, cockpit, {'dds' if self._transport else 'sim'}",
                    realtime=self._transport is not None,
                    mode_machine=settings.mode_machine,
                    log=self._log_path(),
                    epoch_s=epoch_s,
                    watch=_both(self.board.watch, watch),
                    tell=self.board.tell,
                )
            )
        finally:
            link.close()

    def _reached(self) -> tuple[Link, SleepUntil, Watch | None, float]:
        if self.simulation:
            return self.simulation.link, self.simulation.sleep_until, self.simulation.watch, 0.0
        assert self._transport is not None
        reached = self._transport
        return reached.link, reached.sleep_until, reached.watch, reached.epoch_s

    def _log_path(self) -> Path | None:
        if self._settings.logs is None:
            return None
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        return self._settings.logs / f"{self.ready.robot.name}-{stamp}-{self.number}.mcap"


class Session:
    """The run that is on, and the next one.

    A simulated robot gets a next one whenever a page asks for it. A real one does not: whoever
    starts again looks at the robot first, and starts the program again.

    Args:
        ready: What to begin with.
        settings: What holds for every run.
        controls: The seat at the controls.
        stopping: Tells when the process is told to end.

    Raises:
        UserError: If the robot cannot be reached.
    """

    def __init__(
        self, ready: Ready, settings: Settings, controls: Controls, stopping: Stopping
    ) -> None:
        self._settings, self._controls, self._stopping = settings, controls, stopping
        self._lock = threading.Lock()
        self._next: Ready | None = None
        self._conditions: dict[str, float] = {}
        self.run = Run(ready, settings, controls)
        self.outcome: Outcome | None = None
        """What came of the run that ended last."""
        self.error: Exception | None = None
        """What ended the thread, if it was not the operator."""
        self.over = threading.Event()
        """Set when the last run has ended."""
        self._thread = threading.Thread(target=self._go_on, name="runtime", daemon=True)

    @property
    def is_simulated(self) -> bool:
        """Whether the robot is simulated in this process."""
        return self._settings.open_robot is None

    def start(self) -> None:
        """Begin with the first run."""
        self._thread.start()

    def change(self, ready: Ready) -> None:
        """Damp the robot, end the run, and begin another one. Thread-safe."""
        with self._lock:
            self._next = ready
            self.run.source.end()

    def stop(self) -> None:
        """Damp the robot, end the run, and begin no other. Thread-safe."""
        with self._lock:
            self._next = None
            self.run.source.end()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until the last run has ended; whether it has."""
        return self.over.wait(timeout_s)

    def push(self, push: Push) -> None:
        """Push the robot, if it is simulated. Thread-safe."""
        if self.run.simulation:
            self.run.simulation.happen(push)

    def set_condition(self, name: str, value: float) -> None:
        """Let friction, payload or latency be what is asked for, in this run and the next ones.

        Raises:
            LinkError: If there is no such value.
        """
        if self.run.simulation:
            self.run.simulation.happen(condition(name, value))
            self._conditions = {**self._conditions, name: value}

    def clear(self) -> None:
        """Let everything be as it was. Thread-safe."""
        self._conditions = {}
        if self.run.simulation:
            self.run.simulation.clear()

    @property
    def conditions(self) -> dict[str, float]:
        """Conditions that are not as they were, by name."""
        return self._conditions

    def _go_on(self) -> None:
        try:
            while True:
                self.outcome = self.run.go_through(self._stopping)
                self.run.board.watch(State.ENDED)
                with self._lock:
                    ready, self._next = self._next, None
                    if ready is None or not self.is_simulated:
                        return
                    self.run = self._begin(ready)
        except Exception as error:
            self.error = error
        finally:
            self.over.set()

    def _begin(self, ready: Ready) -> Run:
        run = Run(ready, self._settings, self._controls, self.run.number + 1)
        for name, value in self._conditions.items():
            try:
                assert run.simulation is not None
                run.simulation.happen(condition(name, value))
            except UserError:  # a lighter robot cannot lose as much weight
                self._conditions = {k: v for k, v in self._conditions.items() if k != name}
        return run


def _both(one: Watch, other: Watch | None) -> Watch:
    def told(state: State) -> None:
        one(state)
        if other:
            other(state)

    return told
