"""Joints against the robot's."""

import difflib
import math
from collections.abc import Iterator

from pipeline.doctor.described import Described
from pipeline.doctor.findings import Finding, error, note
from pipeline.doctor.robot import Robot, motor_names
from pipeline.doctor.subject import Subject
from pipeline.words import listed

SLACK_RAD = 1e-3
"""What rounding may put a pose outside its range."""
SLACK = 1e-3
"""Share by which rounding may raise a limit."""


def check_joint_names(subject: Subject) -> Iterator[Finding]:
    """Names that the robot does not have, another order, joints that nobody drives."""
    said, robot = subject.described, subject.robot
    where = said.where("joint_names")
    if robot is None:
        fix = "give its name with --robot, or its MJCF with --model"
        yield note("joints", "the robot is unknown: joints and poses were not checked", where, fix)
        return
    welded = {joint.name for joint in robot.spec.held_joints} if robot.spec else set[str]()
    absent = [name for name in said.joint_names or () if name not in robot.joint_names]
    if strange := [name for name in absent if name not in welded]:
        close = difflib.get_close_matches(strange[0], robot.joint_names, n=1)
        yield error(
            "joints",
            f"{listed(strange)}: no such joint in {robot.where}"
            + (f"; it has {close[0]}" if close else ""),
            where,
            "use the robot's names; give its own MJCF with --model if this is another robot",
        )
        return
    if absent:
        yield note(
            "joints",
            f"{listed(absent)} cannot move in {robot.where}: ranges, torques and stance were not "
            "checked",
            where,
            "give the MJCF of the whole robot with --model",
        )
        return
    yield from _check_order(said, robot)


def _check_order(said: Described, robot: Robot) -> Iterator[Finding]:
    """Another order than the MJCF's, and joints that nobody drives."""
    names, where = said.joint_names or (), said.where("joint_names")
    in_order = tuple(name for name in robot.joint_names if name in names)
    if in_order != names and len(in_order) == len(names):
        place = next(i for i, name in enumerate(in_order) if name != names[i])
        yield note(
            "joints",
            f"are in another order than the MJCF's: place {place} is {names[place]} "
            f"here and {in_order[place]} there",
            where,
            "whoever runs the policy has to go by names, not by places",
        )
    held = {joint.name for joint in said.held_joints or ()}
    idle = [name for name in robot.joint_names if name not in {*names, *held}]
    if idle and names:
        yield note(
            "joints",
            f"nothing drives {listed(idle)}",
            where,
            "whoever runs the policy has to hold them, at the pose of training",
        )


def check_motors(subject: Subject) -> Iterator[Finding]:
    """Motor slots: each once, and the one that the joint's motor has; the IMU's place."""
    said, spec = subject.described, subject.robot.spec if subject.robot else None
    motors = said.motor_indices or ()
    where, fix = said.where("motor_indices"), "correct the map: an action would go to another motor"
    if repeated := sorted({motor for motor in motors if motors.count(motor) > 1}):
        yield error("motors", f"motor {repeated[0]} is driven by several joints", where, fix)
    if spec is None:
        return
    motor_of = {name: motor for motor, name in motor_names(spec).items()}
    for index, (name, motor) in enumerate(zip(said.joint_names or (), motors, strict=False)):
        if motor_of.get(name, motor) != motor:
            yield error(
                "motors",
                f"has motor {motor}, but on a {spec.title} it is {motor_of[name]}",
                said.where("motor_indices", index),
                fix,
            )
    if said.imu_frame not in (None, spec.imu_frame):
        yield error(
            "motors",
            f"the IMU is said to be in the {said.imu_frame}; a {spec.title} has it in the "
            f"{spec.imu_frame}",
            said.where("imu_frame"),
            "correct it: gravity and turning rate would be read in the wrong frame",
        )


def check_ranges(subject: Subject) -> Iterator[Finding]:
    """A default pose out of range, and limits wider than the robot's."""
    said, robot = subject.described, subject.robot
    if robot is None or not subject.joints_are_known:
        return
    for index, name in enumerate(said.joint_names or ()):
        lower, upper = robot.limits(name)
        pose = _entry(said, "default_joint_pos", index)
        if pose is not None and not lower - SLACK_RAD <= pose <= upper + SLACK_RAD:
            yield error(
                "default pose",
                f"{pose:g} rad is outside its range, {lower:g} to {upper:g}",
                said.where("default_joint_pos", index),
                "correct the pose or its order: a zero action would press the joint on its stop",
            )
        yield from _check_limits(said, robot, index, name, lower, upper)


def _check_limits(
    said: Described, robot: Robot, index: int, name: str, lower: float, upper: float
) -> Iterator[Finding]:
    fix = "take the robot's figures: the runtime would allow what the joint cannot do"
    for field, limit, sign in (("joint_lower", lower, -1), ("joint_upper", upper, 1)):
        value = _entry(said, field, index)
        if value is not None and sign * (value - limit) > SLACK_RAD:
            what = f"{value:g} rad is beyond the robot's {limit:g}"
            yield error("limits", what, said.where(field, index), fix)
    motor = {
        "effort_limit": (robot.effort(name), "N m"),
        "velocity_limit": (robot.speed(name), "rad/s"),
    }
    for field, (limit, unit) in motor.items():
        value = _entry(said, field, index)
        if value is None:
            continue
        if limit and value > limit * (1 + SLACK):
            what = f"{value:g} {unit} is more than the motor's {limit:g}"
            yield error("limits", what, said.where(field, index), fix)
        elif not 0 < value < math.inf:
            yield error("limits", f"is {value:g}, want > 0", said.where(field, index), fix)


def _entry(said: Described, field: str, index: int) -> float | None:
    values = getattr(said, field)
    return values[index] if values is not None and index < len(values) else None
