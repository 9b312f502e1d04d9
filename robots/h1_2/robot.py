"""Unitree H1-2: the figures the pipeline needs. README.md beside this file names every source."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from robots.spec import Foot, HeldJoint, Joint, RobotSpec

# unitree_mujoco h1_2_handless.xml: rotor inertia and joint friction, the same for every joint.
ARMATURE, DAMPING, FRICTIONLOSS = 0.1, 1.0, 0.2


@dataclass(frozen=True)
class LegJoint:
    """A joint of the left leg: what both legs share, and the left one's range."""

    name: str
    axis: Literal["x", "y", "z"]
    default_pos: float
    kp: float
    kd: float
    lower: float
    upper: float
    effort_limit: float
    velocity_limit: float


# In this order, pitch before roll: rl_gym's h1_2_12dof.xml, its h1_2.yaml, and the motor bus.
# Default pose and gains: unitree_rl_gym deploy/deploy_real/configs/h1_2.yaml.
# Ranges, torque, speed: unitree_rl_gym resources/robots/h1_2/h1_2_12dof.urdf.
LEG = (
    LegJoint("hip_yaw", "z", 0.0, 200.0, 2.5, -0.43, 0.43, 200.0, 23.0),
    LegJoint("hip_pitch", "y", -0.16, 200.0, 2.5, -3.14, 2.5, 200.0, 23.0),
    LegJoint("hip_roll", "x", 0.0, 200.0, 2.5, -0.43, 3.14, 200.0, 23.0),
    LegJoint("knee", "y", 0.36, 300.0, 4.0, -0.26, 2.05, 300.0, 14.0),
    LegJoint("ankle_pitch", "y", -0.2, 40.0, 2.0, -0.897334, 0.523598, 60.0, 9.0),
    LegJoint("ankle_roll", "x", 0.0, 40.0, 2.0, -0.261799, 0.261799, 40.0, 9.0),
)
# Gains of the arms: unitree_rl_gym deploy/deploy_real/configs/h1_2.yaml.
ARM = (
    ("shoulder_pitch", 120.0, 2.0),
    ("shoulder_roll", 120.0, 2.0),
    ("shoulder_yaw", 120.0, 2.0),
    ("elbow_pitch", 80.0, 1.0),
    ("elbow_roll", 80.0, 1.0),
    ("wrist_pitch", 80.0, 1.0),
    ("wrist_yaw", 80.0, 1.0),
)


def _leg(side: str, first_motor: int) -> tuple[Joint, ...]:
    # A mirrored roll or yaw turns the other way.
    flips = [side == "right" and row.axis != "y" for row in LEG]
    return tuple(
        Joint(
            name=f"{side}_{row.name}_joint",
            axis=row.axis,
            motor_index=first_motor + i,
            default_pos=row.default_pos,
            kp=row.kp,
            kd=row.kd,
            lower=-row.upper if flip else row.lower,
            upper=-row.lower if flip else row.upper,
            effort_limit=row.effort_limit,
            velocity_limit=row.velocity_limit,
            armature=ARMATURE,
            damping=DAMPING,
            frictionloss=FRICTIONLOSS,
        )
        for i, (row, flip) in enumerate(zip(LEG, flips, strict=True))
    )


def _arm(side: str, first_motor: int) -> tuple[HeldJoint, ...]:
    return tuple(
        HeldJoint(f"{side}_{name}_joint", first_motor + i, 0.0, kp, kd)
        for i, (name, kp, kd) in enumerate(ARM)
    )


ROBOT = RobotSpec(
    name="h1_2",
    title="Unitree H1-2",
    model_path=Path(__file__).with_name("model.xml"),
    base_body="pelvis",
    imu_site="imu",
    imu_frame="torso",
    # Computed: -0.16 + 0.36 - 0.2 is 0, so the soles of the default pose are level.
    spawn_height=1.015118,
    spawn_pitch=0.0,
    joints=_leg("left", 0) + _leg("right", 6),
    # The sites lie on the soles. A walk: one foot half a cycle after the other.
    feet=(
        Foot("left_foot", radius=0.0, gait_offset=0.0),
        Foot("right_foot", radius=0.0, gait_offset=0.5),
    ),
    # Motor order: unitree_sdk2_python example/h1_2/low_level. Targets: deploy_real drives all to 0.
    held_joints=(
        HeldJoint("torso_joint", 12, 0.0, 300.0, 3.0),
        *_arm("left", 13),
        *_arm("right", 20),
    ),
)
