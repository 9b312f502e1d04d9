"""The robot that a policy is held against: one of ours, or any MJCF."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

import robots
from pipeline.doctor.findings import DoctorError
from robots import RobotSpec
from robots.mirror import OTHER_SIDE

ONE_DOF = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))


@dataclass(frozen=True)
class Robot:
    """What is known about the robot.

    Args:
        where: The MJCF, as it is shown.
        path: The MJCF.
        model: Its compiled model.
        spec: Its description, where it is one of ours.
        joint_names: Joints of one degree of freedom that have a name, in the MJCF's order.
    """

    where: str
    path: Path
    model: mujoco.MjModel
    spec: RobotSpec | None
    joint_names: tuple[str, ...]

    def limits(self, joint: str) -> tuple[float, float]:
        """Range of a joint, rad; infinite where it has none."""
        found = self.model.joint(joint)
        if not self.model.jnt_limited[found.id]:
            return -math.inf, math.inf
        return float(found.range[0]), float(found.range[1])

    def effort(self, joint: str) -> float | None:
        """Largest torque of a joint, N m; None where nothing says so."""
        if self.spec and joint in self.spec.joint_names:
            return self.spec.joints[self.spec.joint_names.index(joint)].effort_limit
        index = self.model.joint(joint).id
        if self.model.jnt_actfrclimited[index]:
            return float(np.abs(self.model.jnt_actfrcrange[index]).max())
        for actuator in np.flatnonzero(self.model.actuator_trnid[:, 0] == index):
            if self.model.actuator_trntype[actuator] != mujoco.mjtTrn.mjTRN_JOINT:
                continue
            gear = abs(self.model.actuator_gear[actuator, 0])
            if self.model.actuator_forcelimited[actuator]:
                return float(gear * np.abs(self.model.actuator_forcerange[actuator]).max())
            motor = self.model.actuator_biastype[actuator] == mujoco.mjtBias.mjBIAS_NONE
            if motor and self.model.actuator_ctrllimited[actuator]:
                return float(gear * np.abs(self.model.actuator_ctrlrange[actuator]).max())
        return None

    def speed(self, joint: str) -> float | None:
        """No-load speed of a joint's motor, rad/s; None of a stranger: no MJCF has it."""
        if self.spec and joint in self.spec.joint_names:
            return self.spec.joints[self.spec.joint_names.index(joint)].velocity_limit
        return None

    def depth(self, joint: str) -> int:
        """How many bodies are between a joint's body and the world."""
        body, depth = int(self.model.jnt_bodyid[self.model.joint(joint).id]), 0
        while body:
            body, depth = int(self.model.body_parentid[body]), depth + 1
        return depth

    def mirror_sign(self, joint: str, partner: str) -> float:
        """1 where mirroring keeps the sign of an angle, -1 where it turns it.

        The mirror takes an axis (x, y, z) to (-x, y, -z), as rotations go.
        """
        data = mujoco.MjData(self.model)
        mujoco.mj_kinematics(self.model, data)
        axes = [data.xaxis[self.model.joint(name).id] for name in (joint, partner)]
        return float(np.sign(axes[0] * (-1, 1, -1) @ axes[1])) or 1.0


def other_side(joint: str) -> str | None:
    """Name of a joint's partner; None for joints in the middle."""
    sides = "|".join(OTHER_SIDE)
    partner = re.sub(rf"^({sides})(?=_)", lambda match: OTHER_SIDE[match[1]], joint)
    return partner if partner != joint else None


def load_robot(name: str | None, mjcf: Path | None) -> Robot | None:
    """Load the robot.

    Args:
        name: Of one of ours; None or a stranger's where it is none.
        mjcf: Its MJCF; None takes the one of that name in robots/.

    Returns:
        None where there is neither.

    Raises:
        DoctorError: If the MJCF cannot be read. One line.
    """
    spec = robots.load(name) if name in robots.names() and name else None
    path = mjcf or (spec.model_path if spec else None)
    if path is None:
        return None
    model = _compile(path)
    found = [model.joint(i) for i in range(model.njnt) if model.jnt_type[i] in ONE_DOF]
    names = tuple(str(joint.name) for joint in found if joint.name)
    if not names:
        raise DoctorError(f"{path}: has no joint with a name: it is no robot")
    if spec is None or not set(spec.joint_names) <= set(names):
        spec = recognise(names)
    here = Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return Robot(str(shown), path, model, spec, names)


def _compile(path: Path) -> mujoco.MjModel:
    if not path.is_file():
        raise DoctorError(f"{path}: no such file")
    try:
        return mujoco.MjSpec.from_file(str(path)).compile()
    except Exception as problem:  # MuJoCo raises several types
        reason = " ".join(str(problem).split())
        raise DoctorError(f"{path}: MuJoCo cannot read this model: {reason}") from problem


def recognise(names: Sequence[str]) -> RobotSpec | None:
    """Which of our robots has these joints; extra ones (waist, arms) do not count.

    Robots may share all names (G1 and H1_2 do): then the order along the left leg tells.
    """
    for name in robots.names():
        spec = robots.load(name)
        legs = [joint for joint in names if joint in spec.joint_names]
        first = spec.joint_names[0].partition("_")[0]
        found, wanted = (
            [joint for joint in group if joint.startswith(f"{first}_")]
            for group in (legs, spec.joint_names)
        )
        if len(legs) == len(spec.joint_names) and found == wanted:
            return spec
    return None


def motor_names(spec: RobotSpec | None) -> dict[int, str]:
    """Joint of each motor."""
    if spec is None:
        return {}
    return {joint.motor_index: joint.name for joint in (*spec.joints, *spec.held_joints)}
