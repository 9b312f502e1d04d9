"""The robot a policy walks on: one of ours, or the given model with the joints that it drives."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np

from pipeline.doctor.described import Described
from pipeline.doctor.fitting import CannotWalkError
from pipeline.doctor.robot import Robot
from robots import RobotError, RobotSpec
from robots.model import FLOOR_BIT, ROBOT_BIT
from robots.spec import Joint

UNLIMITED = 2 * np.pi
"""Range of a joint whose model names none, rad."""
STRONG, FAST = 1000.0, 100.0
"""Torque and no-load speed of a motor that nothing limits, N m and rad/s."""
UNKNOWN = 1000
"""Motor numbers from here on stand for joints whose motor nothing names."""
DEEP = 1e-3
"""Links that overlap by more in the default pose are not let collide, m."""


@contextmanager
def body(robot: Robot, said: Described) -> Iterator[RobotSpec]:
    """Make the robot that a policy is walked on.

    Where it drives the joints that ours has, that is ours. Where it drives others (waist and arms
    too, or fewer), it is the model that the policy is held against: joints that it does not drive
    are fixed, its shapes collide with the floor and each other, and the sites of our robot's feet
    and IMU are put on the links of the same names.

    Args:
        robot: What the policy is held against.
        said: The description.

    Yields:
        The robot; its MJCF is there until the block is left.

    Raises:
        CannotWalkError: If no such robot can be made; says why.
    """
    spec, names = robot.spec, said.joint_names
    if spec is None:
        raise CannotWalkError("the robot is none of ours")
    if names is None or sorted(names) == sorted(spec.joint_names):
        yield spec
        return
    if missing := [name for name in names if name not in robot.joint_names]:
        raise CannotWalkError(
            f"it drives {len(names)} joints, and {robot.where} has no {missing[0]}: give a model "
            "with all of them, by --model"
        )
    with tempfile.TemporaryDirectory() as folder:
        yield _made(robot, spec, said, Path(folder) / "model.xml")


def _made(robot: Robot, spec: RobotSpec, said: Described, path: Path) -> RobotSpec:
    pose = dict(zip(said.joint_names or (), said.default_joint_pos or (), strict=False))
    mjcf = mujoco.MjSpec.from_file(str(robot.path))
    base = _strip(mjcf, robot.path.parent)
    fix_all_but(mjcf, said.joint_names or ())
    _add_sites(mjcf, spec)
    try:
        model = _let_touch(mjcf, pose)
        path.write_text(mjcf.to_xml())
        # Read again: a file has fewer digits.
        written = mujoco.MjSpec.from_file(str(path))
        return replace(
            spec,
            model_path=path,
            base_body=base,
            joints=_joints(robot, spec, written, pose),
            held_joints=(),
            meshes=(),
            message_family=None,
            weak_motors=(),
            spawn_height=_spawn_height(model, spec, pose),
            spawn_pitch=0.0,
        )
    except (RobotError, ValueError, mujoco.FatalError) as problem:
        reason = " ".join(str(problem).split())
        raise CannotWalkError(f"{robot.where} cannot be walked on: {reason}") from problem


def _strip(mjcf: mujoco.MjSpec, folder: Path) -> str:
    """Leave nothing but the robot and what of it collides.

    Returns:
        Name of the body that carries the free joint.
    """
    free = [joint for joint in mjcf.joints if joint.type == mujoco.mjtJoint.mjJNT_FREE]
    if len(free) != 1:
        raise CannotWalkError(f"its model has {len(free)} free joints, want one, of the base")
    free[0].parent.name = base = free[0].parent.name or "base"
    for kind in ("keys", "sensors", "actuators", "tendons", "lights", "cameras"):
        for thing in list(getattr(mjcf, kind)):
            mjcf.delete(thing)
    for geom in list(mjcf.geoms):
        if geom.parent.name == "world" or not (geom.contype or geom.conaffinity):
            mjcf.delete(geom)
            continue
        geom.material = ""
        geom.contype, geom.conaffinity = ROBOT_BIT, FLOOR_BIT
    used = {geom.meshname for geom in mjcf.geoms}
    unused = [mesh for mesh in mjcf.meshes if mesh.name and mesh.name not in used]
    for thing in [*mjcf.materials, *mjcf.textures, *unused]:
        mjcf.delete(thing)
    mjcf.meshdir = str((folder / mjcf.meshdir).resolve())
    return base


def fix_all_but(mjcf: mujoco.MjSpec, driven: Sequence[str]) -> None:
    """Remove the joints that are not driven, and bound those that nothing bounds."""
    bound = np.rad2deg(UNLIMITED) if mjcf.compiler.degree else UNLIMITED
    for joint in list(mjcf.joints):
        if joint.type == mujoco.mjtJoint.mjJNT_FREE:
            continue
        if joint.name not in driven:
            mjcf.delete(joint)
        elif joint.range[0] >= joint.range[1]:
            joint.range, joint.limited = [-bound, bound], True


def _joints(
    robot: Robot, spec: RobotSpec, mjcf: mujoco.MjSpec, pose: Mapping[str, float]
) -> tuple[Joint, ...]:
    """Describe the joints of the finished MJCF; gains are the policy's, and so any here."""
    motors = {joint.name: joint.motor_index for joint in (*spec.joints, *spec.held_joints)}
    driven = [joint for joint in mjcf.joints if joint.type != mujoco.mjtJoint.mjJNT_FREE]
    return tuple(
        Joint(
            name=joint.name,
            axis=("x", "y", "z")[int(np.abs(joint.axis).argmax())],
            motor_index=motors.get(joint.name, UNKNOWN + place),
            default_pos=float(np.clip(pose.get(joint.name, 0.0), *joint.range)),
            kp=1.0,
            kd=0.0,
            lower=float(joint.range[0]),
            upper=float(joint.range[1]),
            effort_limit=robot.effort(joint.name) or STRONG,
            velocity_limit=robot.speed(joint.name) or FAST,
            armature=float(joint.armature),
            damping=float(joint.damping[0]),
            frictionloss=float(joint.frictionloss),
        )
        for place, joint in enumerate(driven)
    )


def _add_sites(mjcf: mujoco.MjSpec, spec: RobotSpec) -> None:
    """Put the sites of our robot's feet and IMU on the links of the same names."""
    ours = mujoco.MjSpec.from_file(str(spec.model_path))
    for own in ours.sites:
        if own.name not in (spec.imu_site, *(foot.site for foot in spec.feet)):
            continue
        if (there := mjcf.site(own.name)) is not None:
            mjcf.delete(there)
        link = mjcf.body(own.parent.name)
        if link is None:
            raise CannotWalkError(f"its model has no link {own.parent.name}")
        link.add_site(
            name=own.name, pos=own.pos, quat=own.quat, type=own.type, size=own.size, group=4
        )


def _let_touch(mjcf: mujoco.MjSpec, pose: Mapping[str, float]) -> mujoco.MjModel:
    """Exclude links that overlap in the default pose from colliding; the model as it is then."""
    for geom in mjcf.geoms:
        geom.conaffinity |= ROBOT_BIT
    model = mjcf.compile()
    data = mujoco.MjData(model)
    _put(model, data, pose)
    for geom in mjcf.geoms:
        geom.conaffinity &= ~ROBOT_BIT
    links = model.geom_bodyid[data.contact.geom[data.contact.dist < -DEEP]]
    for pair in {tuple(sorted(pair)) for pair in links.tolist()}:
        first, second = (model.body(link).name for link in pair)
        mjcf.add_exclude(bodyname1=first, bodyname2=second)
    return model


def _put(model: mujoco.MjModel, data: mujoco.MjData, pose: Mapping[str, float]) -> None:
    """Put a robot level at the origin, in its default pose."""
    data.qpos[:7] = (0, 0, 0, 1, 0, 0, 0)
    for name, angle in pose.items():
        data.qpos[model.joint(name).qposadr[0]] = angle
    mujoco.mj_forward(model, data)


def _spawn_height(model: mujoco.MjModel, spec: RobotSpec, pose: Mapping[str, float]) -> float:
    """Height of the base that puts the lower sole on the floor, m."""
    data = mujoco.MjData(model)
    _put(model, data, pose)
    return -min(float(data.site(foot.site).xpos[2]) - foot.radius for foot in spec.feet)
