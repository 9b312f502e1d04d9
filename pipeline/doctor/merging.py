"""Several statements about one policy made into one."""

import dataclasses
from typing import Any

from pipeline.doctor.described import Described, Term


def merge(statements: tuple[Described, ...]) -> Described:
    """Fill what the first statement leaves out from the others that have its joints in its order.

    Returns:
        The first, completed; an empty one where there is none.
    """
    if not statements:
        return Described("the file")
    merged = statements[0]
    for other in statements[1:]:
        if not _same_joints(merged, other):
            continue
        missing: dict[str, Any] = {
            f.name: value
            for f in dataclasses.fields(Described)
            if getattr(merged, f.name) is None and (value := getattr(other, f.name)) is not None
        }
        if merged.observation and other.observation:
            merged = dataclasses.replace(
                merged, observation=_with_clips(merged.observation, other.observation)
            )
        places = {**merged.places, **{name: other.where(name) for name in missing}}
        merged = dataclasses.replace(merged, **missing, places=places)
    return merged


def _with_clips(terms: tuple[Term, ...], others: tuple[Term, ...]) -> tuple[Term, ...]:
    """The terms, with the clips that only the others have; none where those are other terms."""
    kinds = [[term.kind or term.name for term in each] for each in (terms, others)]
    if kinds[0] != kinds[1]:
        return terms
    return tuple(
        term
        if term.clip
        else dataclasses.replace(term, clip=other.clip, clip_scaled=other.clip_scaled)
        for term, other in zip(terms, others, strict=True)
    )


def _same_joints(one: Described, other: Described) -> bool:
    if one.joint_names and other.joint_names:
        return one.joint_names == other.joint_names
    return one.num_joints in (None, other.num_joints) or other.num_joints is None
