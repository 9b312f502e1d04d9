"""Several statements about one policy made into one."""

import dataclasses
from typing import Any

from pipeline.doctor.described import Described


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
        places = {**merged.places, **{name: other.where(name) for name in missing}}
        merged = dataclasses.replace(merged, **missing, places=places)
    return merged


def _same_joints(one: Described, other: Described) -> bool:
    if one.joint_names and other.joint_names:
        return one.joint_names == other.joint_names
    return one.num_joints in (None, other.num_joints) or other.num_joints is None
