"""The observation in Unitree's `deploy.yaml`, with the switches that its program has come to know.

The switches stand among the terms: `use_gym_history` puts the oldest readings of all terms first,
`scale_first` (of all, or in one term of its own) has the clip bound what is scaled. A policy with
several inputs has a group of terms for each, by the name of the input.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.doctor.described import Term
from pipeline.doctor.findings import listed, warning
from pipeline.doctor.readers.numbers import Numbers, as_number, shown

BY_FRAME, SCALE_FIRST = "use_gym_history", "scale_first"
OF_A_TERM = frozenset({"params", "clip", "scale", "history_length"})
"""Keys of a term: what has none of them and holds mappings is a group of terms."""
LONGEST = 1000
"""Readings that a term may hold."""


@dataclass(frozen=True)
class Observed:
    """What `observations` says.

    Args:
        terms: In order; None where there are none.
        frame_major: Whether the oldest readings of all terms come first; None where not stated.
        gait_period_s: Period of the gait clock, s; None where not stated.
    """

    terms: tuple[Term, ...] | None
    frame_major: bool | None
    gait_period_s: float | None


def read_observations(node: object, numbers: Numbers) -> Observed:
    """Read the `observations` of a deploy.yaml.

    Args:
        node: What stands there.
        numbers: Gets the findings.
    """
    place, group = _group(as_mapping(node), numbers)
    frame_major = _switch(group, BY_FRAME, place, numbers)
    scale_first = _switch(group, SCALE_FIRST, place, numbers)
    terms = tuple(
        _term(name, as_mapping(term), f"{place}.{name}", bool(scale_first), numbers)
        for name, term in group.items()
        if name not in (BY_FRAME, SCALE_FIRST)
    )
    period = as_number(as_mapping(as_mapping(group.get("gait_phase")).get("params")).get("period"))
    return Observed(terms or None, frame_major, period if period and period > 0 else None)


def as_mapping(node: object) -> Mapping[str, Any]:
    """The mapping that stands there, or an empty one."""
    return {str(key): value for key, value in node.items()} if isinstance(node, dict) else {}


def _group(observations: Mapping[str, Any], numbers: Numbers) -> tuple[str, Mapping[str, Any]]:
    """The terms, with where they stand: of several groups the first."""
    groups = [
        name
        for name, node in observations.items()
        if not OF_A_TERM & as_mapping(node).keys()
        and any(isinstance(value, dict) for value in as_mapping(node).values())
    ]
    if not groups:
        return "observations", observations
    if len(groups) > 1:
        what = f"has groups of terms for {len(groups)} inputs, {listed(groups)}: one is looked at"
        where = f"{numbers.source}: observations.{groups[0]}"
        fix = "what the other inputs get, somebody else has to check"
        numbers.findings.append(warning("observation", what, where, fix))
    return f"observations.{groups[0]}", as_mapping(observations[groups[0]])


def _switch(node: Mapping[str, Any], name: str, place: str, numbers: Numbers) -> bool | None:
    value = node.get(name)
    if value is not None and not isinstance(value, bool):
        numbers.refuse(f"{place}.{name}", f"{shown(value)} is neither true nor false")
        return None
    return value


def _term(
    name: str, node: Mapping[str, Any], place: str, scale_first: bool, numbers: Numbers
) -> Term:
    raw = node.get("scale")
    scale = numbers.read(f"{place}.scale", [raw] if isinstance(raw, (int, float)) else raw)
    written = node.get("history_length", 1)
    length = as_number(written)
    if length is None or not 0 <= length <= LONGEST or length != int(length):
        numbers.refuse(f"{place}.history_length", f"{shown(written)} is no length")
        length = 1
    own = _switch(node, SCALE_FIRST, place, numbers)
    return Term(
        name,
        len(scale) if scale else None,
        scale,
        max(1, int(length)),
        numbers.bounds(f"{place}.clip", node.get("clip")),
        clip_scaled=scale_first if own is None else own,
    )
