"""The seat at the controls: which page drives, what it asks for, and whether it is still there."""

import threading
import time
from collections import deque
from collections.abc import Callable

from deploy.cockpit.hands import NOTHING, Hands
from deploy.runtime.states import Event

Ask = Event | str
GO = "go"
"""Start, and hand over to the policy when the robot stands: one button for both."""
STILL_S = 0.3
"""Silence after which nothing is held any more, s."""


class Controls:
    """One page drives; all others look on, and may stop the robot or take over.

    Pages are told apart by numbers. Thread-safe: pages come from one thread, the runtime's loop
    reads from another and never waits.

    Args:
        lost_s: Silence of the page that drives that counts as its loss, s.
        clock: Time as pages live it, s.
    """

    def __init__(self, lost_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lost_s, self._clock = lost_s, clock
        self._lock = threading.Lock()
        self._asked: deque[Ask] = deque()
        self._heard: tuple[float, Hands] = (clock(), NOTHING)
        self.pilot: int | None = None
        """The page that drives."""
        self.departures = 0
        """How often a page that drove has gone."""
        self.failure = ""
        """What of the cockpit itself has failed, so that nobody sees what the robot does."""

    def arrive(self, page: int) -> None:
        """A page is there; it drives if no other does."""
        with self._lock:
            if self.pilot is None:
                self._seat(page)

    def take(self, page: int) -> None:
        """A page takes over."""
        with self._lock:
            self._seat(page)

    def leave(self, page: int) -> None:
        """A page is gone: closed, or its connection was lost."""
        with self._lock:
            if page == self.pilot:
                self.departures += 1
                self._heard, self.pilot = (self._clock(), NOTHING), None

    def hear(self, page: int, hands: Hands) -> None:
        """A page says what it holds. Of those that look on, that means nothing."""
        with self._lock:
            if page == self.pilot:
                self._heard = (self._clock(), hands)

    def ask(self, page: int, asked: Ask) -> bool:
        """A page asks for an event; to stop is anybody's right.

        Returns:
            Whether that page may.
        """
        with self._lock:
            if self.pilot is None:
                self._seat(page)
            if asked != Event.SELECT and page != self.pilot:
                return False
            self._asked.append(asked)
            return True

    def asked(self) -> list[Ask]:
        """What was asked for since the last call."""
        taken: list[Ask] = []
        while self._asked:
            taken.append(self._asked.popleft())
        return taken

    def hands(self) -> Hands:
        """What is held now; nothing where the page is silent."""
        at_s, hands = self._heard
        return hands if self._clock() - at_s <= STILL_S else NOTHING

    def lost(self, since: int) -> str:
        """Why nobody is at the controls; empty while somebody is.

        Args:
            since: `departures` when the robot began to move.
        """
        if self.failure:
            return self.failure
        if self.departures != since:
            return "the page that drives is gone: it was closed, or its connection was lost"
        silent_s = self._clock() - self._heard[0]
        if silent_s > self._lost_s:
            return f"the page that drives has been silent for {silent_s:.1f} s"
        return ""

    def _seat(self, page: int) -> None:
        self.pilot, self._heard = page, (self._clock(), NOTHING)
