"""Findings for people, and for machines."""

from collections.abc import Sequence
from typing import Any

from pipeline.doctor.checks import CHECKS
from pipeline.doctor.checks.gains import unit_torques
from pipeline.doctor.findings import Finding, Severity
from pipeline.doctor.subject import Subject
from pipeline.files import sha256

SCHEMA_VERSION = 1
"""Version of the JSON's layout."""
COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTE: "36"}
SOUND = "32"
"""ANSI colours: red, yellow, cyan, green."""


def count(findings: Sequence[Finding]) -> dict[Severity, int]:
    """How many findings there are of each severity."""
    return {s: sum(finding.severity == s for finding in findings) for s in Severity}


def verdict(findings: Sequence[Finding]) -> str:
    """One phrase: how many of what, or that there is nothing."""
    said = [f"{n} {s}{'s' if n > 1 else ''}" for s, n in count(findings).items() if n]
    return ", ".join(said) or "sound, no finding"


def as_text(subject: Subject, findings: Sequence[Finding], coloured: bool) -> str:
    """The verdict, what was looked at, and the findings, worst first.

    Args:
        subject: What was examined.
        findings: Sorted, worst first.
        coloured: With ANSI colours.
    """
    worst = COLOURS[findings[0].severity] if findings else SOUND
    lines = [
        f"{subject.where}: {_paint(verdict(findings), worst, coloured)}",
        f"  looked at: {_looked_at(subject)}; {len(CHECKS)} checks",
    ]
    if asked := unit_torques(subject):
        share, joint = asked[0]
        lines.append(f"  a unit action asks for up to {share:.2f} times a motor's torque: {joint}")
    for finding in findings:
        label = _paint(f"{finding.severity:<7}", COLOURS[finding.severity], coloured)
        lines += [
            "",
            f"{label}  {finding.check}: {finding.what}",
            f"{'':9}where: {finding.where}",
            f"{'':9}fix:   {finding.fix}",
        ]
    return "\n".join(lines)


def _looked_at(subject: Subject) -> str:
    """What the findings rest on."""
    sizes = [str(size or "?") for size in (subject.input_size, subject.output_size)]
    said = " and ".join(said.source for said in subject.statements) or "no description"
    robot = subject.robot
    name = f"{robot.spec.title}, {robot.where}" if robot and robot.spec else None
    machine = name or (robot.where if robot else "no robot")
    return f"{sizes[0]} inputs, {sizes[1]} actions; {said}; {machine}"


def _paint(text: str, colour: str, coloured: bool) -> str:
    return f"\033[{colour}m{text}\033[0m" if coloured else text


def as_json(subject: Subject, findings: Sequence[Finding]) -> dict[str, Any]:
    """What `--json` writes."""
    return {
        "schema_version": SCHEMA_VERSION,
        "policy": subject.where,
        "policy_sha256": sha256(subject.graph.path.read_bytes()),
        "verdict": verdict(findings),
        "unit_action_torque": [
            {"joint": joint, "share_of_limit": share} for share, joint in unit_torques(subject)
        ],
        **{f"{severity}s": number for severity, number in count(findings).items()},
        "findings": [finding.as_dict() for finding in findings],
    }


def refusal(policy: str, reason: str) -> dict[str, Any]:
    """What `--json` writes of a file that cannot be examined."""
    return {"schema_version": SCHEMA_VERSION, "policy": policy, "refused": reason}
