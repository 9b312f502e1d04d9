"""Gains and action scale: do they make sense, and against the motors' torque?"""

import math
from collections.abc import Callable, Iterator

from pipeline.doctor.findings import Finding, error, warning
from pipeline.doctor.subject import Subject
from pipeline.words import listed

COARSE, ABSURD = 2.0, 10.0
"""Times the motor's torque that a unit action may ask for before half, or nine tenths, of its range
has no effect."""
FEEBLE = 0.01
"""Share of the motor's torque below which a unit action does nothing."""
MOST = 1e6
"""Times the motor's torque at which counting ends; a description may say anything."""


WRONG: tuple[tuple[str, Callable[[float], bool], str], ...] = (
    ("kp", lambda value: value <= 0, "nothing moves the joint"),
    ("kd", lambda value: value < 0, "it drives the joint and does not damp it"),
    ("action_scale", lambda value: value <= 0, "its action moves nothing, or the wrong way"),
)
"""Which values no robot can want."""


def check_gains(subject: Subject) -> Iterator[Finding]:
    """Gains and scales of the wrong sign, or zero."""
    said = subject.described
    for name, is_wrong, what in WRONG:
        bad = [i for i, value in enumerate(getattr(said, name) or ()) if is_wrong(value)]
        if bad:
            value = getattr(said, name)[bad[0]]
            yield error(
                "gains",
                f"is {value:g} for {listed([said.joint(index) for index in bad])}: {what}",
                said.where(name),
                "correct it; a small number rounded to three decimals is zero",
            )
    if said.kd and (undamped := [said.joint(i) for i, value in enumerate(said.kd) if value == 0]):
        fix = "see whether rounding or a wrong order has made it zero"
        what = f"is zero for {listed(undamped)}: nothing damps the joint"
        yield warning("gains", what, said.where("kd"), fix)
    if said.action_offset and said.default_joint_pos:
        pairs = zip(said.action_offset, said.default_joint_pos, strict=False)
        off = [said.joint(i) for i, (a, b) in enumerate(pairs) if abs(a - b) > 0.01 * abs(b) + 1e-6]
        if off:
            yield warning(
                "gains",
                f"a zero action does not lead {listed(off)} to the default pose",
                f"{said.where('action_offset')}; {said.where('default_joint_pos')}",
                "see that whoever runs the policy adds the offset, not the default pose",
            )


def unit_torques(subject: Subject) -> list[tuple[float, str]]:
    """What a unit action asks of each motor, as a share of its torque, and the joint; most first.

    Joints whose gains make no sense or whose motor nobody describes are left out.
    """
    said = subject.described
    asked = [
        (min(kp * scale / effort, MOST), said.joint(index))
        for index, (kp, scale) in enumerate(
            zip(said.kp or (), said.action_scale or (), strict=False)
        )
        if (effort := _effort(subject, index)) and kp > 0 and scale > 0
    ]
    return sorted(asked, key=lambda each: -each[0])


def check_torque(subject: Subject) -> Iterator[Finding]:
    """A unit action that asks for much more torque than the motor has, or for next to none.

    Some more than the motor has is common and no fault: the target is ahead of the joint, the motor
    clamps, and the joint moves towards it.
    """
    said, asked = subject.described, unit_torques(subject)
    where = f"{said.where('kp')}; {said.where('action_scale')}"
    for make, least, most in ((error, ABSURD, math.inf), (warning, COARSE, ABSURD)):
        if beyond := [(share, name) for share, name in asked if least < share <= most]:
            share = beyond[0][0]
            yield make(
                "torque",
                f"a unit action asks {listed([name for _, name in beyond])} for up to "
                f"{share:.1f} times the motor's torque: {1 - 1 / share:.0%} of its range changes "
                "nothing",
                where,
                "lower the action scale or kp; see that the scale is in rad, and the order right",
            )
    if weak := [name for share, name in asked if share < FEEBLE]:
        yield warning(
            "torque",
            f"a unit action asks {listed(weak)} for less than {FEEBLE:.0%} of the motor's torque",
            where,
            "see that kp is in N m / rad and the scale in rad",
        )


def _effort(subject: Subject, index: int) -> float | None:
    said, robot = subject.described, subject.robot
    if said.effort_limit and index < len(said.effort_limit):
        return said.effort_limit[index]
    if robot and subject.joints_are_known and said.joint_names and index < len(said.joint_names):
        return robot.effort(said.joint_names[index])
    return None
