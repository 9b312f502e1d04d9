"""Where the policy runs: in a thread of its own, or, under a simulated clock, in line."""

import threading
from collections.abc import Callable
from typing import Protocol

from deploy.runtime.policy_step import Decision, Request

Step = Callable[[Request], Decision]
"""One run of the policy."""


class Worker(Protocol):
    """Runs the policy when asked to. No method blocks or raises."""

    @property
    def busy(self) -> bool:
        """Whether a request is not answered yet."""
        ...

    @property
    def crash(self) -> str:
        """What the policy died of; empty while it is alive."""
        ...

    def request(self, request: Request) -> None:
        """Start a run; not while `busy`."""
        ...

    def poll(self) -> Decision | None:
        """The answer, once."""
        ...

    def close(self) -> None:
        """Start no further run."""
        ...


class InlineWorker:
    """Answers at once, within `request`: for simulated clocks, which computing does not move.

    Args:
        step: Runs the policy.
    """

    busy = False

    def __init__(self, step: Step) -> None:
        self._step, self._decision = step, None
        self.crash = ""

    def request(self, request: Request) -> None:
        """Run the policy."""
        try:
            self._decision = self._step(request)
        except Exception as error:  # whatever it is, the robot has to be damped
            self.crash = _describe(error)

    def poll(self) -> Decision | None:
        """The answer, once."""
        decision, self._decision = self._decision, None
        return decision

    def close(self) -> None:
        """Nothing to end."""


class ThreadWorker:
    """Runs the policy in a thread, so that the command stream outlives its crash or delay.

    Args:
        step: Runs the policy; called from that thread only.
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._changed = threading.Condition()
        self._request: Request | None = None
        self._decision: Decision | None = None
        self._busy = self._closed = False
        self._crash = ""
        # A daemon: a policy that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="policy", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a request is not answered yet."""
        return self._busy

    @property
    def crash(self) -> str:
        """What the policy died of; empty while it is alive."""
        if not (self._crash or self._closed or self._thread.is_alive()):
            return "the thread ended without an error"
        return self._crash

    def request(self, request: Request) -> None:
        """Wake the thread."""
        with self._changed:
            self._request, self._busy = request, True
            self._changed.notify()

    def poll(self) -> Decision | None:
        """The answer, once."""
        with self._changed:
            decision, self._decision = self._decision, None
            return decision

    def close(self) -> None:
        """Let the thread end; one that computes is not waited for."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        try:
            while (request := self._next()) is not None:
                decision = self._step(request)
                with self._changed:
                    self._decision, self._busy = decision, False
        except BaseException as error:  # whatever it is, the robot has to be damped
            self._crash = _describe(error)

    def _next(self) -> Request | None:
        with self._changed:
            self._changed.wait_for(lambda: self._request is not None or self._closed)
            request, self._request = self._request, None
            return None if self._closed else request


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
