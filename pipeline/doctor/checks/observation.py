"""Observation: does it add up, and can the robot measure it?"""

import re
from collections.abc import Iterator

from deploy.observations import TERMS
from deploy.policy import CONTRACT_KEY
from pipeline.doctor.described import JOINT_KINDS, SIZES, Term
from pipeline.doctor.findings import Finding, error, note, warning
from pipeline.doctor.subject import Subject
from pipeline.words import listed

VELOCITY = re.compile(r"lin(ear)?_?vel|base_vel")
"""Velocity over ground, anywhere in a name: Isaac, mjlab and Playground each have several."""
TOLD = re.compile(r"command|cmd|(^|_)(target|desired|goal|ref)")
"""A velocity that the robot is told."""
ESTIMATED = re.compile(r"(^|_)est")
"""A velocity that the robot works out."""
NO_SPEED = "no sensor of these robots measures velocity over ground"
UNMEASURED = {
    "base_pos": "no sensor measures where the robot is",
    "root_pos": "no sensor measures where the robot is",
    "base_height": "no sensor measures height above ground",
    "friction": "nobody knows the floor",
    "base_mass": "nobody weighs the payload",
    "mass": "nobody weighs the payload",
    "push": "nobody announces a push",
    "external_force": "nobody announces a push",
}
"""Terms of simulators, by how their names start, that a critic may see and an actor may not."""
ON_SOME = {
    "height_scan": "takes a camera or lidar, and a map",
    "depth": "takes a camera",
    "camera": "takes a camera",
    "lidar": "takes a lidar",
    "feet_contact": "takes sensors in the feet: a Go2 has them, the humanoids have none",
    "foot_contact": "takes sensors in the feet: a Go2 has them, the humanoids have none",
    "contact": "takes sensors in the feet: a Go2 has them, the humanoids have none",
}
"""Terms that some robots can measure."""


def check_observation_size(subject: Subject) -> Iterator[Finding]:
    """Terms that do not add up to the input, or are not of the size that their kind has."""
    said, size = subject.described, subject.input_size
    if said.observation is None:
        return
    where = said.where("observation")
    yield from _check_terms(subject, said.observation, where)
    lengths = {term.history for term in said.observation}
    if said.frame_major and len(lengths) > 1:
        yield error(
            "observation",
            f"its readings come frame by frame, but terms hold {min(lengths)} to {max(lengths)} "
            "of them",
            where,
            "give every term the same history_length, or set use_gym_history to false",
        )
    unknown = [term.name for term in said.observation if term.width is None]
    total = sum(term.width or 0 for term in said.observation)
    if size is None:
        return
    if unknown and total < size:
        yield note(
            "observation",
            f"nothing says how large {listed(unknown)} is; the rest leaves {size - total} of "
            f"{size} inputs for it",
            where,
            "state the size of every term, as Surefoot's contract and deploy.yaml do",
        )
    elif total != size:
        parts = [
            f"{t.name} {t.size}" + (f" x {t.history}" if t.history > 1 else "")
            for t in said.observation
        ]
        hint = " (3 more than the terms: a base velocity?)" if size - total == 3 else ""
        yield error(
            "observation",
            f"{size} inputs, but the terms add up to {total}: {listed(parts, most=12)}{hint}",
            f"{subject.where}: input {subject.graph.inputs[0].name!r}; {where}",
            "one of the two is of another policy, or a term or its history is left out",
        )


def _check_terms(subject: Subject, terms: tuple[Term, ...], where: str) -> Iterator[Finding]:
    said, joints = subject.described, subject.described.num_joints
    for term in terms:
        wanted = joints if term.kind in JOINT_KINDS else SIZES.get(term.kind or "")
        if term.size is not None and wanted is not None and term.size != wanted:
            yield error(
                "observation",
                f"{term.name} has {term.size} numbers, want {wanted}",
                where,
                "correct the term's scales: one per number",
            )
        if term.scale and 0.0 in term.scale:
            fix = "correct it, or leave the term out and train again"
            yield error("observation", f"{term.name} is scaled by zero", where, fix)
        if CONTRACT_KEY in said.source and term.name not in TERMS:
            yield error(
                "observation",
                f"{term.name!r} is no term that deploy.observations has; there are "
                f"{', '.join(TERMS)}",
                where,
                "add the term there, or export with one that there is",
            )


def check_measurable(subject: Subject) -> Iterator[Finding]:
    """Inputs that the robot cannot measure."""
    said = subject.described
    for term in said.observation or ():
        velocity = _is_velocity(term)
        if velocity and ESTIMATED.search(term.name.lower()):
            yield warning(
                "sensors",
                f"the actor sees {term.name}, which takes a state estimator",
                said.where("observation"),
                "see that the robot has the same one, and that training had its errors",
            )
        elif why := NO_SPEED if velocity else _reason(UNMEASURED, term.kind or term.name):
            yield error(
                "sensors",
                f"the actor sees {term.name}: {why}",
                said.where("observation"),
                "train without it and let the critic alone see it (privileged_state), or run a "
                "state estimator and train with its errors",
            )
        elif why := _reason(ON_SOME, term.kind or term.name):
            yield warning(
                "sensors",
                f"the actor sees {term.name}, which {why}",
                said.where("observation"),
                "see that the robot has it and at what delay, or train without it",
            )


def _is_velocity(term: Term) -> bool:
    """Whether a term is the robot's velocity over ground, and not the one it is told."""
    name = term.name.lower()
    return term.kind != "command" and bool(VELOCITY.search(name)) and not TOLD.search(name)


def _reason(reasons: dict[str, str], name: str) -> str | None:
    return next((why for start, why in reasons.items() if name.startswith(start)), None)
