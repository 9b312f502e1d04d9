"""Compile a robot's MJCF, with the floor, actuators, sensors and spawn pose its spec calls for."""

import math
from collections.abc import Callable
from typing import Literal

import mujoco

from robots.spec import Joint, RobotError, RobotSpec

VISUAL_GROUP = 2
"""Geom group of shapes that are only looked at."""
FLOOR_BIT, ROBOT_BIT = 1, 2
"""Contact bits: the floor's, and the robot's own."""
SPAWN_KEY = "spawn"
"""Keyframe with the default pose standing on the floor."""


def build_model(
    robot: RobotSpec,
    *,
    sim_dt: float,
    actuation: Literal["position", "torque"] = "position",
    visuals: bool = False,
    self_collision: bool = False,
    edit: Callable[[mujoco.MjSpec], None] | None = None,
) -> mujoco.MjModel:
    """Compile a robot standing on a flat floor.

    Actuators and sensors follow the order of `robot.joints` and `robot.feet`. Sensors are `gyro`
    and `orientation` at the IMU, and per foot `<site>_pos`, `<site>_vel` and `<site>_force`.

    Args:
        robot: The robot.
        sim_dt: Physics step, s.
        actuation: `position`: ctrl is a joint angle and MuJoCo closes the PD loop with the spec's
            gains. `torque`: ctrl is a joint torque, and the caller closes the loop.
        visuals: Keep the shapes that are only looked at; they cost physics time.
        self_collision: Let the robot's parts collide with each other.
        edit: Called on the finished MJCF just before it is compiled.

    Raises:
        RobotError: If the MJCF and the spec disagree; names the joint and both values.
    """
    mjcf = mujoco.MjSpec.from_file(str(robot.model_path))
    check_mjcf(robot, mjcf)
    mjcf.option.timestep = sim_dt
    if not visuals:
        for geom in list(mjcf.geoms):
            if geom.group == VISUAL_GROUP:
                mjcf.delete(geom)
    if self_collision:
        for geom in mjcf.geoms:
            if geom.contype:
                geom.conaffinity |= ROBOT_BIT
    _add_floor(mjcf)
    for joint in robot.joints:
        _add_actuator(mjcf, joint, actuation)
    _add_sensors(mjcf, robot)
    _add_spawn(mjcf, robot)
    if edit:
        edit(mjcf)
    return mjcf.compile()


def check_mjcf(robot: RobotSpec, mjcf: mujoco.MjSpec) -> None:
    """Raise RobotError where the MJCF lacks or contradicts what the spec declares."""
    in_mjcf = {j.name: j for j in mjcf.joints if j.type != mujoco.mjtJoint.mjJNT_FREE}
    for name in robot.joint_names:
        if name not in in_mjcf:
            raise RobotError(f"{robot.name}: joint {name} is in robot.py but not in the MJCF")
    for name in in_mjcf:
        if name not in robot.joint_names:
            raise RobotError(f"{robot.name}: joint {name} is in the MJCF but not in robot.py")
    if tuple(in_mjcf) != robot.joint_names:
        raise RobotError(
            f"{robot.name}: joints are ordered {', '.join(in_mjcf)} in the MJCF but "
            f"{', '.join(robot.joint_names)} in robot.py"
        )
    for joint in robot.joints:
        found = in_mjcf[joint.name]
        axis = "xyz"[int(abs(found.axis).argmax())]
        if axis != joint.axis:
            raise RobotError(
                f"{robot.name}: axis of {joint.name} is {joint.axis} in robot.py but {axis} "
                "in the MJCF"
            )
        pairs = {
            "lower": (joint.lower, found.range[0]),
            "upper": (joint.upper, found.range[1]),
            "armature": (joint.armature, float(found.armature)),
            "damping": (joint.damping, found.damping[0]),
            "frictionloss": (joint.frictionloss, float(found.frictionloss)),
        }
        for field, (declared, compiled) in pairs.items():
            if not math.isclose(declared, compiled, abs_tol=1e-9):
                raise RobotError(
                    f"{robot.name}: {field} of {joint.name} is {declared} in robot.py but "
                    f"{compiled} in the MJCF"
                )
    sites = {site.name for site in mjcf.sites}
    for site in (robot.imu_site, *(foot.site for foot in robot.feet)):
        if site not in sites:
            raise RobotError(f"{robot.name}: site {site} is in robot.py but not in the MJCF")
    if mjcf.body(robot.base_body) is None:
        raise RobotError(f"{robot.name}: the MJCF has no body {robot.base_body}")


def _add_floor(mjcf: mujoco.MjSpec) -> None:
    mjcf.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 0.1],
        contype=FLOOR_BIT,
        conaffinity=ROBOT_BIT,
        condim=3,
    )


def _add_actuator(mjcf: mujoco.MjSpec, joint: Joint, actuation: str) -> None:
    actuator = mjcf.add_actuator(
        name=joint.name,
        target=joint.name,
        trntype=mujoco.mjtTrn.mjTRN_JOINT,
        forcelimited=True,
        forcerange=[-joint.effort_limit, joint.effort_limit],
    )
    if actuation == "position":
        actuator.set_to_position(kp=joint.kp, kv=joint.kd)
    else:
        actuator.set_to_motor()


def _add_sensors(mjcf: mujoco.MjSpec, robot: RobotSpec) -> None:
    kinds = mujoco.mjtSensor
    site = mujoco.mjtObj.mjOBJ_SITE
    wanted = [
        ("gyro", kinds.mjSENS_GYRO, robot.imu_site),
        ("orientation", kinds.mjSENS_FRAMEQUAT, robot.imu_site),
    ]
    for foot in robot.feet:
        wanted += [
            (f"{foot.site}_pos", kinds.mjSENS_FRAMEPOS, foot.site),
            (f"{foot.site}_vel", kinds.mjSENS_FRAMELINVEL, foot.site),
            (f"{foot.site}_force", kinds.mjSENS_TOUCH, foot.site),
        ]
    for name, kind, target in wanted:
        mjcf.add_sensor(name=name, type=kind, objtype=site, objname=target)


def _add_spawn(mjcf: mujoco.MjSpec, robot: RobotSpec) -> None:
    pose = list(robot.default_joint_pos)
    mjcf.add_key(
        name=SPAWN_KEY,
        qpos=[0.0, 0.0, robot.spawn_height, *robot.spawn_quat, *pose],
        ctrl=pose,
    )
