"""What can happen to a simulated robot, in words: `drop:0.5@5-8`, `press:A@2`, `push:0.5`.

NAME:ARGUMENTS@START-END, where END undoes what START did. Without @START it happens at once.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deploy.link import LinkError
from deploy.wire.remote import BUTTONS, STICKS

Argument = float | int | str


@dataclass(frozen=True)
class Kind:
    """A kind of event.

    Args:
        usage: How it is written.
        arguments: What reads each argument.
        optional: How many arguments, from the last on, may be left out.
        undo: What undoes it: name of the event, how many of this one's arguments it starts with,
            and what arguments follow; None where nothing does.
    """

    usage: str
    arguments: tuple[Callable[[str], Argument], ...]
    optional: int = 0
    undo: tuple[str, int, tuple[Argument, ...]] | None = None


@dataclass(frozen=True)
class Event:
    """Something that happens at `at_s` of simulated time."""

    at_s: float
    name: str
    arguments: tuple[Argument, ...] = ()


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


def _stick(text: str) -> float:
    value = _number(text)
    if not -1 <= value <= 1:
        raise ValueError
    return value


def _not_negative(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise ValueError
    return value


def _one_of(names: Iterable[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in names:
            raise ValueError
        return text

    return read


def _line(name: str, argument: str, reader: Callable[[str], Argument]) -> dict[str, Kind]:
    """A fault of what the robot says, and the same of what it is told."""
    return {
        key: Kind(f"{key}:{argument}", (reader,), undo=(key, 0, (0.0,)))
        for key in (name, f"{name}_command")
    }


_BUTTON, _button = "|".join(BUTTONS), _one_of(BUTTONS)
KINDS: dict[str, Kind] = {
    **_line("drop", "SHARE", _share),
    **_line("delay", "SECONDS", _not_negative),
    **_line("corrupt", "SHARE", _share),
    "freeze": Kind("freeze", (), undo=("thaw", 0, ())),
    "thaw": Kind("thaw", ()),
    "hot": Kind("hot:MOTOR:DEG_C", (int, int), undo=("cool", 1, ())),
    "cool": Kind("cool:MOTOR", (int,)),
    "error": Kind("error:MOTOR:CODE", (int, int), undo=("error", 1, (0,))),
    "friction": Kind(
        "friction[:COEFFICIENT]", (_not_negative,), optional=1, undo=("friction", 0, ())
    ),
    "payload": Kind("payload:KG", (_number,), undo=("payload", 0, (0.0,))),
    "latency": Kind("latency:SECONDS", (_not_negative,), undo=("latency", 0, (0.0,))),
    "push": Kind("push:SPEED[:DIRECTION_DEG]", (_number, _number), optional=1),
    "press": Kind(f"press:{_BUTTON}", (_button,), undo=("release", 1, ())),
    "release": Kind(f"release:{_BUTTON}", (_button,)),
    "stick": Kind(
        f"stick:{'|'.join(STICKS)}:VALUE",
        (_one_of(STICKS), _stick),
        undo=("stick", 1, (0.0,)),
    ),
    "unpair": Kind("unpair", (), undo=("pair", 0, ())),
    "pair": Kind("pair", ()),
    "hang": Kind("hang", ()),
    "lower": Kind("lower", ()),
    "lift": Kind("lift", ()),
    "letgo": Kind("letgo", ()),
    "clear": Kind("clear", ()),
    "where": Kind("where", ()),
}


def parse(text: str, now: float = 0.0) -> list[Event]:
    """Read one event, and the one that undoes it where an end is given.

    Args:
        text: As it was written.
        now: When it happens if it does not say so, s.

    Raises:
        LinkError: If it cannot be read; names the event and how it is written.
    """
    text = text.strip()
    words, at, when = text.partition("@")
    name, *given = words.split(":")
    if name not in KINDS:
        raise LinkError(f"event: {text!r} is unknown; there are {', '.join(KINDS)}")
    kind = KINDS[name]
    try:
        if not len(kind.arguments) - kind.optional <= len(given) <= len(kind.arguments):
            raise ValueError
        arguments = tuple(read(word) for read, word in zip(kind.arguments, given, strict=False))
        start, dash, end = when.partition("-")
        start_s = _not_negative(start) if at else now
        end_s = _not_negative(end) if dash else None
        if end_s is not None and (kind.undo is None or end_s <= start_s):
            raise ValueError
    except ValueError:
        until = "[-END]" if kind.undo else ""
        raise LinkError(
            f"event: {text!r} is not allowed, want {kind.usage}[@START{until}], in seconds"
        ) from None
    events = [Event(start_s, name, arguments)]
    if end_s is not None and kind.undo is not None:
        undoing, kept, then = kind.undo
        events.append(Event(end_s, undoing, (*arguments[:kept], *then)))
    return events
