"""What is said about the policy: is all of it said, and can it be meant?"""

from collections.abc import Iterator

from pipeline.doctor.described import CTRL_DT, LONGEST_S, PER_JOINT, SHORTEST_S, Described
from pipeline.doctor.findings import Finding, error, note, warning
from pipeline.doctor.subject import Subject
from pipeline.words import listed

NEEDED = {
    "joint_names": "which joint an action is for",
    "kp": "position gains",
    "kd": "velocity gains",
    "default_joint_pos": "the default pose",
    "action_scale": "rad per unit of action",
    "observation": "what is observed, in which order",
}
"""Fields without which nobody can run a policy."""


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


def check_period(subject: Subject) -> Iterator[Finding]:
    """A control period that no walking policy has."""
    said = subject.described
    if said.ctrl_dt is not None and not SHORTEST_S <= said.ctrl_dt <= LONGEST_S:
        yield error(
            "metadata",
            f"is to be asked every {said.ctrl_dt:g} s, want {SHORTEST_S:g} to {LONGEST_S:g} s",
            said.where("ctrl_dt"),
            "state the control period in seconds: 50 times a second is 0.02",
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
