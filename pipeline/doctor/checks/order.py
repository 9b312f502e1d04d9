"""Left against right, and motor order against the simulator's."""

from collections.abc import Iterator

import numpy as np

from pipeline.doctor.findings import Finding, error, note, warning
from pipeline.doctor.robot import other_side
from pipeline.doctor.subject import Subject
from pipeline.words import listed

SAME = 0.01
"""Relative difference between left and right that rounding explains."""
FIELDS = ("kp", "kd", "action_scale", "default_joint_pos")


def check_motor_order(subject: Subject) -> Iterator[Finding]:
    """Unitree's `stiffness` and `damping`: in motor order, beside all else in the simulator's."""
    said = subject.described
    for name, written in said.by_motor.items():
        values = getattr(said, name)
        if values is None or len(written) < len(values) or written[: len(values)] == values:
            continue
        where, taken = said.where(name), written[: len(values)]
        if uneven(subject, name, values) and not uneven(subject, name, taken):
            yield error(
                "order",
                "seems to be in the simulator's order: read in motor order, as the format has it, "
                f"{listed(uneven(subject, name, values))} differ from the other side, and in the "
                "simulator's order none does",
                where,
                "write it in motor order: entry joint_ids_map[i] belongs to joint i",
            )
            continue
        index = next(i for i, value in enumerate(values) if value != taken[i])
        yield note(
            "order",
            "is in motor order, and default_joint_pos, scale and offset are in the simulator's: "
            f"who reads them alike gives {said.joint(index)} {taken[index]:g} in place of "
            f"{values[index]:g}",
            where,
            "go through joint_ids_map, as was done here",
        )


def check_sides(subject: Subject) -> Iterator[Finding]:
    """Gains, scale or pose that differ between left and right."""
    said = subject.described
    for name in FIELDS:
        values = getattr(said, name)
        if values is None or not uneven(subject, name, values):
            continue
        written = said.by_motor.get(name)
        if written and not uneven(subject, name, written[: len(values)]):
            continue  # check_motor_order says so
        motors = said.motor_indices
        moved = name == "default_joint_pos" and motors and max(motors) < len(values)
        if moved and not uneven(subject, name, tuple(values[motor] for motor in motors or ())):
            yield error(
                "order",
                f"seems to be in motor order: {listed(uneven(subject, name, values))} differ from "
                "the other side, and read in motor order none does",
                said.where(name),
                "write it in the simulator's order, that of the action",
            )
            continue
        yield warning(
            "order",
            f"{listed(uneven(subject, name, values))} differ from the other side",
            said.where(name),
            "see whether two entries are swapped; a robot that is the same on both sides wants the "
            "same on both sides",
        )


def uneven(subject: Subject, name: str, values: tuple[float, ...]) -> list[str]:
    """Left joints whose value is not that of the right one; poses are mirrored."""
    names, robot = subject.described.joint_names, subject.robot
    if not names or len(names) != len(values):
        return []
    found: list[str] = []
    for index, joint in enumerate(names):
        partner = other_side(joint)
        if partner not in names[index + 1 :]:
            continue
        mine, other = values[index], values[names.index(partner)]
        if name == "default_joint_pos":
            if robot is None or not subject.joints_are_known:
                continue
            other *= robot.mirror_sign(joint, partner)
        if abs(mine - other) > SAME * max(abs(mine), abs(other)) + float(np.finfo(np.float32).eps):
            found.append(joint)
    return found
