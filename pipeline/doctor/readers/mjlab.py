"""mjlab's metadata: comma-separated values, as its `rl/exporter_utils.py` writes them."""

import re
from collections.abc import Mapping, Set
from typing import Any

from pipeline.doctor.described import JOINT_KINDS, SIZES, Described, Term
from pipeline.doctor.findings import Finding, error
from pipeline.doctor.readers.numbers import Numbers, as_number

SOURCE = "mjlab metadata"
KEYS = {
    "joint_names": "joint_names",
    "kp": "joint_stiffness",
    "kd": "joint_damping",
    "default_joint_pos": "default_joint_pos",
    "action_scale": "action_scale",
    "observation": "observation_names",
}
"""Our fields by mjlab's names."""
THREE_DECIMALS = re.compile(r"-?\d+\.\d{3}")
FIX = "export the policy again, or correct the key with onnx's metadata_props"


def read_mjlab(metadata: Mapping[str, str]) -> tuple[Described | None, list[Finding]]:
    """Read mjlab's keys out of an ONNX file's metadata.

    Returns:
        What they say, or None where there are none, and what is wrong with them.
    """
    if not metadata.keys() & KEYS.values():
        return None, []
    numbers = Numbers(SOURCE, FIX)
    lists = {key: _split(metadata[key]) for key in KEYS.values() if key in metadata}
    names = tuple(lists["joint_names"]) if "joint_names" in lists else None
    values: dict[str, Any] = {
        ours: numbers.read(theirs, lists.get(theirs))
        for ours, theirs in KEYS.items()
        if ours not in ("joint_names", "observation")
    }
    scale, exact = values["action_scale"], frozenset[str]()
    # One number for all joints is no list, and only lists are rounded.
    if scale and len(scale) == 1:
        exact = frozenset({"action_scale"})
        counted = (names, values["kp"], values["kd"], values["default_joint_pos"])
        values["action_scale"] = scale * next((len(each) for each in counted if each), 0) or None
    described = Described(
        SOURCE,
        keys=KEYS,
        joint_names=names,
        observation=_terms(metadata, lists, len(names or ()) or None, numbers),
        rounding="decimals" if _is_rounded(lists, values.keys() - exact) else None,
        exact=exact,
        **values,
    )
    return described, numbers.findings


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")] if text.strip() else []


def _is_rounded(lists: Mapping[str, list[str]], fields: Set[str]) -> bool:
    """Whether every number of some fields is written with three decimals, as mjlab's default is."""
    tokens = [token for ours in fields for token in lists.get(KEYS[ours], [])]
    return bool(tokens) and all(THREE_DECIMALS.fullmatch(token) for token in tokens)


def _terms(
    metadata: Mapping[str, str],
    lists: Mapping[str, list[str]],
    num_joints: int | None,
    numbers: Numbers,
) -> tuple[Term, ...] | None:
    """Observation terms; their sizes follow from what they are, as nothing says them."""
    names = lists.get("observation_names")
    if not names:
        return None
    history = _per_term(metadata, "observation_terms_history_length", names, numbers)
    scales = _per_term(metadata, "observation_terms_scale", names, numbers)
    clips = _per_term(metadata, "observation_terms_clip", names, numbers)
    terms: list[Term] = []
    for place, name in enumerate(names):
        kind = Term(name, None).kind
        size = num_joints if kind in JOINT_KINDS else SIZES.get(kind or "")
        length = as_number(history[place]) if history else 1.0
        if length is None or not 0 <= length <= 1000 or length != int(length):
            numbers.refuse("observation_terms_history_length", f"{length!r} is no length")
            length = 1.0
        scale = _scale(scales[place], size) if scales else None
        ends = clips[place].split(";") if clips else None
        clip = numbers.bounds(f"observation_terms_clip[{place}]", ends)
        terms.append(Term(name, size, scale, max(1, int(length)), clip))
    return tuple(terms)


def _per_term(
    metadata: Mapping[str, str], key: str, names: list[str], numbers: Numbers
) -> list[str] | None:
    found = _split(metadata.get(key, ""))
    if found and len(found) != len(names):
        what = f"has {len(found)} entries for {len(names)} observation_names"
        numbers.findings.append(error("metadata", what, f"{SOURCE}: {key}", FIX))
        return None
    return found or None


def _scale(text: str, size: int | None) -> tuple[float, ...] | None:
    """One factor for all, or several with semicolons between; None where it is neither."""
    values = [as_number(item) for item in text.split(";")]
    if size is None or None in values or len(values) not in (1, size):
        return None
    found = tuple(value for value in values if value is not None)
    return found * size if len(found) == 1 else found
