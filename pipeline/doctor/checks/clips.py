"""Clips that leave less than walking takes."""

from collections.abc import Iterator

import numpy as np

from pipeline.doctor.described import JOINT_KINDS, SIZES, Clip, Described, Term
from pipeline.doctor.findings import Finding, error, note, warning
from pipeline.doctor.samples import USUAL, readings, walking
from pipeline.doctor.subject import Subject
from pipeline.words import listed

ROWS = 1024
"""Observations drawn."""
SOME, MOST = 0.05, 0.5
"""Share of the time from which on a clip that cuts is worth a note, and a warning."""
SLACK_RAD = 1e-2
"""What rounding to three digits may put a pose outside its bounds."""
STILL = 1e-9
"""Change that is none."""
PASS_ON = "see that the policy was trained with it: whoever runs it without runs another controller"


def check_reading_clips(subject: Subject) -> Iterator[Finding]:
    """Observation clips that are narrower than what a walking robot measures."""
    for said in subject.statements:
        for term in said.observation or ():
            if term.clip is not None and term.bounds:
                yield from _check_term(subject, said, term, term.clip, term.bounds)


def _check_term(
    subject: Subject, said: Described, term: Term, clip: Clip, bounds: tuple[Clip, ...]
) -> Iterator[Finding]:
    at, where = f"the clip of {term.name}, {_ends(clip)},", said.where("observation")
    of = "scaled reading" if term.clip_scaled else "raw reading, before the scale"
    values = _drawn(subject, term, bounds)
    left = np.clip(values, *np.transpose(bounds[: values.shape[1]]))
    cut = (np.abs(left - values) > STILL).mean(axis=0)
    worst = int(cut.argmax())
    if clip[0] == clip[1] or (cut[worst] > 0 and np.ptp(left, axis=0).max() <= STILL):
        yield error(
            "clips",
            f"{at} leaves nothing of it: it always reads {left[0, 0]:g}",
            where,
            f"correct it: the bounds are of the {of}; null is no clip",
        )
    elif cut[worst] > SOME:
        yield (warning if cut[worst] > MOST else note)(
            "clips",
            f"{at} cuts off {cut[worst]:.0%} of what a walking robot reads in {term.name}[{worst}]",
            where,
            f"the bounds are of the {of}; {PASS_ON}",
        )


def _drawn(subject: Subject, term: Term, bounds: tuple[Clip, ...]) -> np.ndarray:
    """(n, size) readings of a term, of those that are known; else zeros that its clip leaves."""
    joints, size = subject.described.num_joints, term.size or 1
    wanted = joints if term.kind in JOINT_KINDS else SIZES.get(term.kind or "")
    if size != wanted or size > (subject.input_size or 0):
        return np.clip(np.zeros((1, 1)), *bounds[0])
    ranges = subject.described.command_ranges or USUAL
    return readings(np.random.default_rng(0), term, ranges, ROWS)


def check_target_clip(subject: Subject) -> Iterator[Finding]:
    """An action clip that leaves out the default pose, or most of what the policy asks for."""
    said = subject.described
    clip, pose = said.action_clip, said.action_offset or said.default_joint_pos
    if clip is None or pose is None:
        return
    where = said.where("action_clip")
    outside = [
        index
        for index, ((lower, upper), target) in enumerate(zip(clip, pose, strict=False))
        if not lower - SLACK_RAD <= target <= upper + SLACK_RAD
    ]
    if outside:
        first = outside[0]
        yield error(
            "clips",
            f"keeps {listed([said.joint(index) for index in outside])} from the default pose: "
            f"{said.joint(first)} may be told {_ends(clip[first])} rad, and its pose is "
            f"{pose[first]:g}",
            where,
            "write bounds of joint targets, in rad, after scale and offset; null is no clip",
        )
    cut = _cut(subject, clip, pose)
    bound = [int(i) for i in np.argsort(-cut) if cut[i] > SOME and i not in outside]
    if bound:
        worst = bound[0]
        yield (warning if cut[worst] > MOST else note)(
            "clips",
            f"cuts off what the policy asks of {listed([said.joint(index) for index in bound])}: "
            f"{said.joint(worst)} may be told {_ends(clip[worst])} rad, which at observations of "
            f"walking changes {cut[worst]:.0%} of its targets",
            where,
            f"the bounds are of joint targets, in rad, after scale and offset; {PASS_ON}",
        )


def _cut(subject: Subject, clip: tuple[Clip, ...], pose: tuple[float, ...]) -> np.ndarray:
    """(num_joints,) share of the targets that the clip changes, at observations of walking."""
    said, scale = subject.described, subject.described.action_scale
    widths = [term.width or 0 for term in said.observation or ()]
    size = subject.input_size
    if subject.network is None or size is None or sum(widths) != size or scale is None:
        return np.zeros(0)
    answers = subject.network(walking(said, size, ROWS))
    if not answers.shape[1] == len(clip) == len(pose) == len(scale):
        return np.zeros(0)
    targets = np.asarray(pose) + np.asarray(scale) * answers
    lower, upper = np.transpose(clip)
    return ((targets < lower - STILL) | (targets > upper + STILL)).mean(axis=0)


def _ends(clip: Clip) -> str:
    return f"[{clip[0]:g}, {clip[1]:g}]"
