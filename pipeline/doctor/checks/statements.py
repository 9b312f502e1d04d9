"""What is said about the policy: is all of it said, and does it agree with itself?"""

import itertools
from collections.abc import Iterator

import numpy as np

from pipeline.doctor.described import CTRL_DT, PER_JOINT, Described
from pipeline.doctor.findings import Finding, error, listed, note, warning
from pipeline.doctor.subject import Subject

NEEDED = {
    "joint_names": "which joint an action is for",
    "kp": "position gains",
    "kd": "velocity gains",
    "default_joint_pos": "the default pose",
    "action_scale": "rad per unit of action",
    "observation": "what is observed, in which order",
}
"""Fields without which nobody can run a policy."""
COMPARED = ("motor_indices", "default_joint_pos", "kp", "kd", "action_scale")
EXACT = 1e-6
"""Relative difference that is none."""
HALF_DECIMAL, HALF_DIGIT = 0.5e-3, 0.5e-2
"""Rounding error of three decimals, absolute, and of three significant digits, relative."""
MATTERS = 1e-3
"""Relative error from which rounding is worth a word."""


def check_completeness(subject: Subject) -> Iterator[Finding]:
    """Facts that nobody states."""
    said = subject.described
    if not subject.statements and any(f.check == "metadata" for f in subject.reading):
        return  # something is said, and what is wrong with it too
    if not subject.statements:
        yield error(
            "metadata",
            "nothing says which joint is which, nor gains, default pose, action scale and terms",
            subject.where,
            "give Unitree's deploy.yaml with --deploy, or export with metadata (Surefoot's "
            "contract, or mjlab's keys)",
        )
        return
    spoilt = {finding.where for finding in subject.reading}
    missing = [
        f"{name} ({why})"
        for name, why in NEEDED.items()
        if getattr(said, name) is None and not any(w.startswith(said.where(name)) for w in spoilt)
    ]
    if missing:
        yield warning(
            "metadata",
            f"nothing says {listed(missing, most=6)}",
            said.source,
            "add it to the metadata; until then it is guessed by whoever runs the policy. What "
            "rests on it was not checked",
        )
    if assumed := list(_assumed(said)):
        yield note(
            "metadata",
            f"nothing says {'; '.join(assumed)}",
            said.source,
            "ask whoever trained it, and state it beside the policy: on a wrong guess it walks "
            "badly, or not at all",
        )


def _assumed(said: Described) -> Iterator[str]:
    """What is guessed here for want of a statement."""
    terms = said.observation or ()
    if said.ctrl_dt is None:
        yield f"how often it is asked (taken here: every {CTRL_DT:g} s)"
    if said.gait_period_s is None and any(term.kind == "phase" for term in terms):
        yield "the period of its gait clock (taken here: that of our own policy)"
    if any(term.scale is None for term in terms):
        yield "by what its readings are scaled (taken here: 1)"


def check_lengths(subject: Subject) -> Iterator[Finding]:
    """Lists of one statement that have different lengths."""
    for said in subject.statements:
        lengths = {n: len(v) for n in PER_JOINT if (v := getattr(said, n)) is not None}
        if len(set(lengths.values())) > 1:
            counts = [f"{said.keys.get(name, name)} {size}" for name, size in lengths.items()]
            yield error(
                "metadata",
                f"lists of different lengths: {listed(counts, most=8)}",
                said.source,
                "every list has one entry per driven joint: find which one is of another policy",
            )
        names = said.joint_names or ()
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            yield error(
                "joints",
                f"names {listed(repeated)} twice",
                said.where("joint_names"),
                "one joint, one entry",
            )


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
    if np.all(off <= _allowance(one, a) + _allowance(other, b) + EXACT * scale):
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


def _allowance(said: Described, values: np.ndarray) -> np.ndarray:
    """How far rounding may have moved each value."""
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
    for a, b in zip(one.observation, other.observation, strict=True):
        if a.history != b.history:
            what = f"{a.name} has a history of {a.history} and of {b.history}"
            yield error("agreement", what, where, fix)
        elif a.scale and b.scale and not np.allclose(a.scale, b.scale, rtol=HALF_DIGIT, atol=0):
            what = f"{a.name} is scaled by {a.scale[0]:g} and by {b.scale[0]:g}"
            yield error("agreement", what, where, fix)


def check_rounding(subject: Subject) -> Iterator[Finding]:
    """Numbers written with three decimals."""
    for said in subject.statements:
        if said.rounding != "decimals":
            continue
        worst = [
            (HALF_DECIMAL / max(abs(value), HALF_DECIMAL), name, index)
            for name in ("action_scale", "kp", "kd")
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
