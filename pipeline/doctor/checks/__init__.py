"""The checks: functions from a subject to its findings. To add one, write it and list it here."""

from collections.abc import Callable, Iterator

from pipeline.doctor.checks.agreement import check_agreement, check_rounding
from pipeline.doctor.checks.behaviour import (
    check_batches,
    check_dead_inputs,
    check_dead_outputs,
    check_finite,
    check_saturation,
)
from pipeline.doctor.checks.clips import check_reading_clips, check_target_clip
from pipeline.doctor.checks.gains import check_gains, check_torque
from pipeline.doctor.checks.joints import check_joint_names, check_motors, check_ranges
from pipeline.doctor.checks.observation import check_measurable, check_observation_size
from pipeline.doctor.checks.operators import check_external, check_operators, check_versions
from pipeline.doctor.checks.order import check_motor_order, check_sides
from pipeline.doctor.checks.shapes import check_input, check_output
from pipeline.doctor.checks.stance import check_stance
from pipeline.doctor.checks.statements import check_completeness, check_lengths, check_period
from pipeline.doctor.checks.walk import check_walk
from pipeline.doctor.checks.weights import check_weights
from pipeline.doctor.findings import Finding, Severity
from pipeline.doctor.subject import Subject

CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    check_versions,
    check_operators,
    check_external,
    check_input,
    check_output,
    check_weights,
    check_completeness,
    check_period,
    check_lengths,
    check_agreement,
    check_rounding,
    check_joint_names,
    check_motors,
    check_ranges,
    check_motor_order,
    check_sides,
    check_gains,
    check_torque,
    check_stance,
    check_observation_size,
    check_measurable,
    check_reading_clips,
    check_target_clip,
    check_finite,
    check_batches,
    check_dead_inputs,
    check_dead_outputs,
    check_saturation,
    check_walk,
)
"""In the order they run: what needs nothing first, what takes seconds last."""


def examine(subject: Subject) -> list[Finding]:
    """Run every check; findings come worst first."""
    findings = list(subject.reading)
    for check in CHECKS:
        findings += check(subject)
    return sorted(findings, key=lambda finding: list(Severity).index(finding.severity))
