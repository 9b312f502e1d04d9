"""How a process is told to end: signals, each an event for the state machine."""

import signal
from collections import deque
from types import FrameType

from deploy.runtime.states import Event

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ALONE = (signal.SIGTERM, signal.SIGHUP)
"""Signals that say once, and for all: who sends them may not be there to send them again."""
LEAVE_AFTER_S = 5.0
"""How long such a process damps before it leaves, s."""


class Stopping:
    """Collects what told the process to end; without `install`, nothing does.

    SIGINT is one `LEAVE`: the first damps a moving robot, the next ends the process. SIGTERM and
    SIGHUP are two, some seconds apart.
    """

    def __init__(self) -> None:
        self._caught: deque[int] = deque()
        self._again_s = float("inf")
        self.names: list[str] = []

    def install(self) -> None:
        """Catch the process's signals; in the main thread only."""
        for number in SIGNALS:
            signal.signal(number, self.catch)

    def catch(self, number: int, frame: FrameType | None = None) -> None:
        """Remember a signal. Does no more: it may come between any two instructions."""
        self._caught.append(number)

    def poll(self, now: float) -> list[Event]:
        """What the signals since the last poll ask for.

        Args:
            now: Time, s.
        """
        events: list[Event] = []
        while self._caught:
            number = signal.Signals(self._caught.popleft())
            self.names.append(number.name)
            events.append(Event.LEAVE)
            if number in ALONE:
                self._again_s = min(self._again_s, now + LEAVE_AFTER_S)
        if now >= self._again_s:
            self._again_s = float("inf")
            events.append(Event.LEAVE)
        return events
