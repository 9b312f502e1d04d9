"""The run's log, written by a thread so that no disk keeps a motor waiting."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from deploy.log import LogError, LogWriter, Tick
from deploy.priority import giving_way

BACKLOG = 500
"""Ticks that may wait for a slow disk: ten seconds. Further ones are lost, not waited for."""
CLOSE_S = 30.0
"""How long a disk may take to write what waits at the end of a run, s."""


class TickLog:
    """Hands ticks to a writer, here or in a thread. A full disk ends the log, not the run.

    Args:
        writer: Writes them; None for no log.
        threaded: Write in a thread. A simulated clock would outrun it.
        tell: Given every tick besides, where the motors are waiting for it: it neither waits nor
            raises.
    """

    error: str
    """Why the log ended before the run; empty while it goes on."""
    lost: int
    """Ticks that a slow disk lost."""

    def __init__(
        self,
        writer: LogWriter | None,
        *,
        threaded: bool,
        tell: Callable[[Tick], None] | None = None,
    ) -> None:
        self._writer, self.error, self.lost = writer, "", 0
        self._tell = tell
        self._queue: queue.Queue[Tick | None] = queue.Queue(BACKLOG)
        self._thread: threading.Thread | None = None
        if writer and threaded:
            self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
            self._thread.start()

    def write(self, tick: Tick) -> None:
        """Add a tick; does not raise, and in a thread does not wait."""
        if self._tell:
            self._tell(tick)
        if self._thread is None:
            self._write(tick)
            return
        try:
            self._queue.put_nowait(tick)
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """Write what waits, and end the file."""
        if self._thread:
            with suppress(queue.Full):  # the disk hangs
                self._queue.put(None, timeout=CLOSE_S)
            self._thread.join(CLOSE_S)
            if self._thread.is_alive():
                self.error = self.error or f"the disk is not done after {CLOSE_S:g} s"
                return
        if self._writer:
            try:
                self._writer.close()
            except LogError as error:
                self.error = self.error or str(error)

    def _run(self) -> None:
        with giving_way(2):
            while (tick := self._queue.get()) is not None:
                self._write(tick)

    def _write(self, tick: Tick) -> None:
        if self._writer is None or self.error:
            return
        try:
            self._writer.write(tick)
        except Exception as error:  # whatever it is, ticks must go on being taken from the queue
            self.error = str(error) or type(error).__name__
