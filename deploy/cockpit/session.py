"""Runs of the runtime, one after the other, in a thread of their own."""

import threading

from deploy.cockpit.choice import Ready
from deploy.cockpit.controls import Controls
from deploy.cockpit.run import Run, Settings
from deploy.cockpit.simulation import Push, condition
from deploy.runtime.assemble import Outcome
from deploy.runtime.states import State
from deploy.runtime.stopping import Stopping
from robots.errors import UserError


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
