"""Numbers out of metadata that anybody may have written."""

import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pipeline.doctor.described import Clip
from pipeline.doctor.findings import Finding, error


class Numbers:
    """Turns lists into floats, and remembers what was none.

    Args:
        source: Where the lists stand.
        fix: What to do about a value that is no number.
    """

    def __init__(self, source: str, fix: str) -> None:
        self.source, self.fix = source, fix
        self.findings: list[Finding] = []

    def read(self, key: str, raw: object) -> tuple[float, ...] | None:
        """Read one list.

        Args:
            key: Its name, for the finding.
            raw: What stands there; None where nothing does.

        Returns:
            The numbers, or None where there are none or one of them is no finite number.
        """
        if raw is None:
            return None
        if isinstance(raw, str) or not isinstance(raw, Sequence):
            self.refuse(key, f"{shown(raw)} is no list of numbers")
            return None
        values: list[float] = []
        for index, item in enumerate(raw):
            value = as_number(item)
            if value is None:
                self.refuse(f"{key}[{index}]", f"{shown(item)} is no finite number")
                return None
            values.append(value)
        return tuple(values)

    def whole(self, key: str, raw: object) -> tuple[int, ...] | None:
        """Read one list of whole numbers, none below zero."""
        values = self.read(key, raw)
        if values is None:
            return None
        for index, value in enumerate(values):
            if value < 0 or value != int(value):
                self.refuse(f"{key}[{index}]", f"{value:g} is no index")
                return None
        return tuple(int(value) for value in values)

    def bounds(self, key: str, raw: object) -> Clip | None:
        """Read the two ends of a clip, either of which may be infinite.

        Args:
            key: Its name, for the finding.
            raw: What stands there; None, or an empty list, where nothing does.

        Returns:
            Lower and upper end, or None where there are none or they are no bounds.
        """
        if raw is None or raw == []:
            return None
        ends = [as_number(end, infinite=True) for end in raw] if isinstance(raw, list) else []
        lower, upper = ends if len(ends) == 2 else (None, None)
        if lower is None or upper is None or not -math.inf < upper >= lower < math.inf:
            self.refuse(key, f"{shown(raw)} is no clip: want [lower, upper]")
            return None
        return lower, upper

    def bounds_of_each(self, key: str, raw: object) -> tuple[Clip, ...] | None:
        """Read a clip that has bounds for each joint, as `bounds` reads one."""
        if raw is None or raw == []:
            return None
        if not isinstance(raw, list):
            self.refuse(key, f"{shown(raw)} is no clip: want [lower, upper] for each joint")
            return None
        found: list[Clip] = []
        for index, each in enumerate(raw):
            clip = self.bounds(f"{key}[{index}]", [None] if each is None else each)
            if clip is None:
                return None
            found.append(clip)
        return tuple(found)

    def refuse(self, key: str, what: str) -> None:
        """Remember that something is not what it should be."""
        self.findings.append(error("metadata", what, f"{self.source}: {key}", self.fix))


def shown(value: object) -> str:
    """A value for a finding, cut short: aliases make a page of YAML hold millions of entries."""
    short = reprlib.Repr()
    short.maxlevel = 2
    try:
        return short.repr(value)
    except ValueError:
        return "an integer too long to show"


def as_mapping(node: object) -> Mapping[str, Any]:
    """The mapping that stands there, its keys as strings, or an empty one."""
    if not isinstance(node, dict):
        return {}
    items = cast("dict[object, object]", node).items()
    return {key if isinstance(key, str) else shown(key): value for key, value in items}


def as_number(item: object, *, infinite: bool = False) -> float | None:
    """A finite float, or, if allowed, an infinite one; else None."""
    if isinstance(item, bool) or not isinstance(item, (int, float, str)):
        return None
    try:
        value = float(item)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) or (infinite and math.isinf(value)) else None
