"""What a person sees while long work runs."""

import shutil
import sys
import time
from typing import TextIO


class Progress:
    """A line that updates in place on a terminal, and plain lines elsewhere.

    Args:
        total: Environment steps, or whatever is counted, of the whole run.
        start: Steps done before this process started.
        stream: Where to write; standard error by default.
        unit: What is counted.
        doing: What the line begins with.
    """

    def __init__(
        self,
        total: int,
        start: int = 0,
        stream: TextIO | None = None,
        unit: str = "steps",
        doing: str = "",
    ) -> None:
        self._total, self._start, self._unit, self._doing = total, start, unit, doing
        self._stream = stream or sys.stderr
        self._in_place = self._stream.isatty()
        self._began: float | None = None

    def update(self, steps: int, shown: dict[str, float], *, report: bool) -> None:
        """Show where the run stands.

        Args:
            steps: Environment steps so far.
            shown: Name -> value, in display order.
            report: Whether this is a report; between reports only a terminal is updated.
        """
        line = self._line(steps, shown)
        if self._in_place:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write("\r" + line[:width].ljust(width))
        elif report:
            self._stream.write(line + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the last line standing."""
        if self._in_place:
            self._stream.write("\n")
            self._stream.flush()

    def _line(self, steps: int, shown: dict[str, float]) -> str:
        rate = self._rate(steps)
        left = max(self._total - steps, 0) / rate if rate > 0 else float("nan")
        done = min(steps / self._total, 1)
        count = f"{steps / 1e6:.2f}M" if self._total >= 1e5 else f"{steps:,}"
        parts = [self._doing] if self._doing else []
        parts += [f"{done:4.0%}", f"{count} {self._unit}", f"{rate:,.0f}/s"]
        parts.append(f"{_clock(left)} left")
        parts += [f"{name} {value:.3g}" for name, value in shown.items()]
        return "  ".join(parts)

    def _rate(self, steps: int) -> float:
        """Steps per second since the first update: compilation does not count."""
        now = time.monotonic()
        if self._began is None:
            self._began, self._start = now, steps
        return (steps - self._start) / max(now - self._began, 1e-9)


def _clock(seconds: float) -> str:
    if seconds != seconds or seconds == float("inf"):
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
