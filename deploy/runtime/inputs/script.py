"""A command file as the input: CSV, `time_s,vx,vy,yaw_rate,event`, each line from its time on."""

import csv
import math
from pathlib import Path
from typing import NamedTuple

from deploy.link import RobotState
from deploy.runtime.inputs.wish import InputError, Wish
from deploy.runtime.states import Event

COLUMNS = ("time_s", "vx", "vy", "yaw_rate", "event")
WORDS = (Event.START, Event.A, Event.SELECT, Event.LEAVE)
"""What a line may ask for, besides a velocity."""


class Line(NamedTuple):
    """From `time_s` on: a velocity; and at that time an event, if there is one."""

    time_s: float
    velocity: tuple[float, float, float]
    event: Event | None = None


class ScriptInput:
    """Goes through lines; time counts from the first poll. The last velocity stays.

    Args:
        lines: In the order of their times.
    """

    def __init__(self, lines: list[Line]) -> None:
        self._lines, self._next, self._began_s = lines, 0, math.nan
        self._velocity = (0.0, 0.0, 0.0)

    def poll(self, now: float, robot: RobotState | None) -> Wish:
        """What the lines up to now say."""
        if math.isnan(self._began_s):
            self._began_s = now
        events: list[Event] = []
        # A hair early rather than one command late: times are sums of rounded steps.
        while self._next < len(self._lines):
            line = self._lines[self._next]
            if line.time_s > now - self._began_s + 1e-6:
                break
            self._next += 1
            self._velocity = line.velocity
            if line.event:
                events.append(line.event)
        return Wish(self._velocity, tuple(events))

    def close(self) -> None:
        """Nothing to let go of."""


def read_script(path: Path) -> list[Line]:
    """Read a command file.

    Raises:
        InputError: If it is missing or malformed; names the line.
    """
    try:
        with path.open(newline="") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InputError(f"{path}: line 1 is not {','.join(COLUMNS)}")
    lines: list[Line] = []
    for number, row in enumerate(rows[1:], 2):
        if not row:
            continue
        try:
            lines.append(_line(row, after_s=lines[-1].time_s if lines else 0.0))
        except ValueError as error:
            raise InputError(f"{path}: line {number}: {error}") from error
    if not lines:
        raise InputError(f"{path}: has no line after the first")
    return lines


def _line(row: list[str], after_s: float) -> Line:
    if len(row) != len(COLUMNS):
        raise ValueError(f"has {len(row)} values, want {len(COLUMNS)}: {','.join(COLUMNS)}")
    time_s, vx, vy, yaw_rate = (float(value) for value in row[:4])
    if not all(map(math.isfinite, (time_s, vx, vy, yaw_rate))):
        raise ValueError("has a value that is not finite")
    if time_s < after_s:
        raise ValueError(f"time_s is {time_s:g}, before that of the line above ({after_s:g})")
    word = row[4].strip()
    if word and word not in WORDS:
        raise ValueError(f"event is {word!r}, want nothing or one of {', '.join(WORDS)}")
    return Line(time_s, (vx, vy, yaw_rate), Event(word) if word else None)
