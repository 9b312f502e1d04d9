"""The observation in Unitree's `deploy.yaml`, with the switches that its program has come to know.

The switches stand among the terms: `use_gym_history` puts the oldest readings of all terms first,
`scale_first` has the clip bound what is scaled, of the terms after it. A policy with several inputs
has a group of terms for each, by the name of the input.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.doctor.described import Term
from pipeline.doctor.findings import warning
from pipeline.doctor.readers.numbers import Numbers, as_mapping, as_number, shown
from pipeline.words import listed

BY_FRAME, SCALE_FIRST = "use_gym_history", "scale_first"
OF_A_TERM = frozenset({"params", "clip", "scale", "history_length"})
"""Keys of a term: what has none of them and holds mappings is a group of terms."""
LONGEST = 1000
"""Readings that a term may hold."""
WORDS = {"true": True, "yes": True, "on": True, "y": True}
WORDS |= {"false": False, "no": False, "off": False, "n": False}
"""What Unitree's YAML reader takes for a truth, quoted or not."""


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


def read_observations(node: object, input_name: str, numbers: Numbers) -> Observed:
    """Read the `observations` of a deploy.yaml.

    Args:
        node: What stands there.
        input_name: Input of the network: of several groups of terms, the one of this name counts.
        numbers: Gets the findings.
    """
    place, group = _group(as_mapping(node), input_name, numbers)
    frame_major, scale_first = None, False
    terms: list[Term] = []
    for name, entry in group.items():
        key = f"{place}.{name}"
        if name == BY_FRAME:
            frame_major = _switch(entry, key, numbers)
        elif name == SCALE_FIRST:
            scale_first = bool(_switch(entry, key, numbers))
        else:
            terms.append(_term(name, as_mapping(entry), key, scale_first, numbers))
    period = as_number(as_mapping(as_mapping(group.get("gait_phase")).get("params")).get("period"))
    return Observed(tuple(terms) or None, frame_major, period if period and period > 0 else None)


def _group(
    observations: Mapping[str, Any], input_name: str, numbers: Numbers
) -> tuple[str, Mapping[str, Any]]:
    """The terms, with where they stand; switches above the groups count for each of them."""
    switches = {k: v for k, v in observations.items() if k in (BY_FRAME, SCALE_FIRST)}
    groups = [name for name in observations if name not in switches]
    if not groups or not all(_is_group(observations[name]) for name in groups):
        return "observations", observations
    chosen = input_name if input_name in groups else groups[0]
    if len(groups) > 1:
        what = f"has groups of terms for {len(groups)} inputs, {listed(groups)}: {chosen} is read"
        where = f"{numbers.source}: observations"
        fix = "what the other inputs get, somebody else has to check"
        numbers.findings.append(warning("observation", what, where, fix))
    return f"observations.{chosen}", {**switches, **as_mapping(observations[chosen])}


def _is_group(node: object) -> bool:
    entries = as_mapping(node)
    return not OF_A_TERM & entries.keys() and any(isinstance(x, dict) for x in entries.values())


def _switch(value: object, key: str, numbers: Numbers) -> bool | None:
    found = WORDS.get(value.lower()) if isinstance(value, str) else value
    if isinstance(found, bool):
        return found
    if value is not None:
        numbers.refuse(key, f"{shown(value)} is neither true nor false")
    return None


def _term(
    name: str, node: Mapping[str, Any], key: str, scale_first: bool, numbers: Numbers
) -> Term:
    raw = node.get("scale")
    scale = numbers.read(f"{key}.scale", [raw] if isinstance(raw, (int, float)) else raw)
    written = node.get("history_length")
    length = 1 if written is None else as_number(written)
    if length is None or not 1 <= length <= LONGEST or length != int(length):
        numbers.refuse(f"{key}.history_length", f"{shown(written)} is no length")
        length = 1
    own = _switch(node.get(SCALE_FIRST), f"{key}.{SCALE_FIRST}", numbers)
    return Term(
        name,
        len(scale) if scale else None,
        scale,
        int(length),
        numbers.bounds(f"{key}.clip", node.get("clip")),
        clip_scaled=scale_first if own is None else own,
    )
