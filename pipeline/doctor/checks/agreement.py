"""Do the descriptions of a policy agree with each other, and how far are they rounded?"""

import itertools
from collections.abc import Iterator

import numpy as np

from pipeline.doctor.described import Described
from pipeline.doctor.findings import Finding, error, warning
from pipeline.doctor.subject import Subject

COMPARED = ("motor_indices", "default_joint_pos", "kp", "kd", "action_scale")
EXACT = 1e-6
"""Relative difference that is none."""
HALF_DECIMAL, HALF_DIGIT = 0.5e-3, 0.5e-2
"""Rounding error of three decimals, absolute, and of three significant digits, relative."""
MATTERS = 1e-3
"""Relative error from which rounding is worth a word."""


def check_agreement(subject: Subject) -> Iterator[Finding]:
    """Two statements that contradict each other, or differ by one's rounding."""
    for one, other in itertools.combinations(subject.statements, 2):
        yield from _compare_order(one, other)
        for name in COMPARED:
            pair = _aligned(one, other, name)
            if pair is not None:
                yield from _compare_values(one, other, name, *pair)
        yield from _compare_terms(one, other)


def _compare_order(one: Described, other: Described) -> Iterator[Finding]:
    names, others = one.joint_names, other.joint_names
    if not names or not others or names == others:
        return
    place = next(
        (i for i, (a, b) in enumerate(zip(names, others, strict=False)) if a != b),
        min(len(names), len(others)),
    )
    at = [each[place] if place < len(each) else "nothing" for each in (names, others)]
    yield error(
        "agreement",
        f"joints are in different orders: at place {place} one has {at[0]}, the other {at[1]}",
        f"{one.where('joint_names')}; {other.where('joint_names')}",
        "only one of them is the network's: find out which (the walk below may tell), and mend the "
        "other",
    )


def _aligned(one: Described, other: Described, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Both lists, joint by joint; None where they cannot be held against each other."""
    a, b = getattr(one, name), getattr(other, name)
    if a is None or b is None or len(a) != len(b):
        return None
    names, others = one.joint_names, other.joint_names
    if names and others:
        if set(names) != set(others) or len(names) != len(a) or len(others) != len(b):
            return None
        b = tuple(b[others.index(joint)] for joint in names)
    return np.asarray(a, float), np.asarray(b, float)


def _compare_values(
    one: Described, other: Described, name: str, a: np.ndarray, b: np.ndarray
) -> Iterator[Finding]:
    off = np.abs(a - b)
    scale = np.maximum(np.maximum(np.abs(a), np.abs(b)), EXACT)
    if np.all(off <= EXACT * scale):
        return
    where = f"{one.where(name)}; {other.where(name)}"
    if np.all(off <= _allowance(one, name, a) + _allowance(other, name, b) + EXACT * scale):
        worst = int((off / scale).argmax())
        if off[worst] > MATTERS * scale[worst]:
            yield warning(
                "rounding",
                f"differ by rounding: {one.joint(worst)} has {a[worst]:g} and {b[worst]:g}, "
                f"{off[worst] / scale[worst]:.1%} apart",
                where,
                "keep the exact one; write numbers with repr, not with a fixed number of digits",
            )
        return
    worst = int((off / scale).argmax())
    yield error(
        "agreement",
        f"contradict each other: {one.joint(worst)} has {a[worst]:g} and {b[worst]:g}",
        where,
        "only one of them is what the policy was trained with: mend or drop the other",
    )


def _allowance(said: Described, name: str, values: np.ndarray) -> np.ndarray:
    """How far rounding may have moved each value of a field."""
    if name in said.exact:
        return 0 * values
    if said.rounding == "decimals":
        return np.full(len(values), HALF_DECIMAL)
    return HALF_DIGIT * np.abs(values) if said.rounding == "significant" else 0 * values


def _compare_terms(one: Described, other: Described) -> Iterator[Finding]:
    if one.observation is None or other.observation is None:
        return
    kinds = [[term.kind or term.name for term in each.observation or ()] for each in (one, other)]
    where = f"{one.where('observation')}; {other.where('observation')}"
    fix = "only one of them is what the policy was trained with: mend or drop the other"
    if kinds[0] != kinds[1]:
        what = f"name different terms: {', '.join(kinds[0])} and {', '.join(kinds[1])}"
        yield error("agreement", what, where, fix)
        return
    many = any(term.history > 1 for term in one.observation)
    if many and bool(one.frame_major) != bool(other.frame_major):
        what = "one has the readings of all terms frame by frame, the other each term by itself"
        yield error("agreement", what, where, fix)
    for a, b in zip(one.observation, other.observation, strict=True):
        if a.history != b.history:
            what = f"{a.name} has a history of {a.history} and of {b.history}"
            yield error("agreement", what, where, fix)
        elif None not in (a.size, b.size) and a.size != b.size:
            what = f"{a.name} has {a.size} numbers and {b.size}"
            yield error("agreement", what, where, fix)
        elif a.scale and b.scale and not np.allclose(a.scale, b.scale, rtol=HALF_DIGIT, atol=0):
            worst = int(np.abs(np.subtract(a.scale, b.scale)).argmax())
            what = f"{a.name}[{worst}] is scaled by {a.scale[worst]:g} and by {b.scale[worst]:g}"
            yield error("agreement", what, where, fix)
        elif a.bounds and b.bounds:
            pairs = zip(a.bounds, b.bounds, strict=True)
            apart = (pair for pair in pairs if not np.allclose(*pair, HALF_DIGIT, HALF_DECIMAL))
            for (low, high), (lower, upper) in itertools.islice(apart, 1):
                what = f"{a.name} is clipped to [{low:g}, {high:g}] and to [{lower:g}, {upper:g}]"
                yield error("agreement", what, where, fix)


def check_rounding(subject: Subject) -> Iterator[Finding]:
    """Numbers written with three decimals."""
    for said in subject.statements:
        if said.rounding != "decimals":
            continue
        worst = [
            (HALF_DECIMAL / max(abs(value), HALF_DECIMAL), name, index)
            for name in ("action_scale", "kp", "kd")
            if name not in said.exact
            for index, value in enumerate(getattr(said, name) or ())
        ]
        share, name, index = max(worst, default=(0.0, "", 0))
        yield warning(
            "rounding",
            "numbers have three decimals"
            + (
                f": {getattr(said, name)[index]:.3f} may be off by {share:.2%}"
                if share > MATTERS
                else ", so nothing tells what they were"
            ),
            said.where(name, index) if name else said.source,
            "export the numbers in full (repr): a robot reads them as they stand",
        )
