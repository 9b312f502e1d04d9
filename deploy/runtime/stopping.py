"""How a process is told to end: signals, each an event for the state machine."""

import signal
from collections import deque
from types import FrameType

from deploy.runtime.states import Event

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGQUIT)
"""All that a terminal or an init system sends. Stopped (Ctrl-Z) or killed by Ctrl-\\, a process
would leave the motors at its last command."""
ALONE = (signal.SIGTERM, signal.SIGHUP)
"""Signals that say once, and for all: who sends them may not be there to send them again."""
LEAVE_AFTER_S = 5.0
"""How long such a process damps before it leaves, s."""


class Stopping:
    """Collects what told the process to end; without `install`, nothing does.

    SIGINT, SIGTSTP and SIGQUIT are one `LEAVE`: the first damps a moving robot, the next ends the
    process. SIGTERM and SIGHUP are two, some seconds apart, however often and together they come: a
    terminal that closes sends more than one, and init systems send both.
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
        leave = False
        while self._caught:
            number = signal.Signals(self._caught.popleft())
            self.names.append(number.name)
            if number not in ALONE:
                leave = True
            elif self._again_s == float("inf"):
                leave, self._again_s = True, now + LEAVE_AFTER_S
        if now >= self._again_s:
            leave, self._again_s = True, float("inf")
        return [Event.LEAVE] if leave else []
