"""Unitree H1-2: the figures the pipeline needs. README.md beside this file names every source."""

from pathlib import Path
from typing import Literal

from robots.mirror import other_side
from robots.spec import Foot, HeldJoint, Joint, RobotSpec

# unitree_mujoco h1_2_handless.xml: rotor inertia and joint friction, the same for every joint.
ARMATURE, DAMPING, FRICTIONLOSS = 0.1, 1.0, 0.2

# In this order, pitch before roll: rl_gym's h1_2_12dof.xml, its h1_2.yaml, and the motor bus.
# Default pose and gains: unitree_rl_gym deploy/deploy_real/configs/h1_2.yaml.
# Ranges, torque, speed: unitree_rl_gym resources/robots/h1_2/h1_2_12dof.urdf.
LegJoint = tuple[str, Literal["x", "y", "z"], float, float, float, float, float, float, float]
LEG: tuple[LegJoint, ...] = (
    ("hip_yaw", "z", 0.0, 200.0, 2.5, -0.43, 0.43, 200.0, 23.0),
    ("hip_pitch", "y", -0.16, 200.0, 2.5, -3.14, 2.5, 200.0, 23.0),
    ("hip_roll", "x", 0.0, 200.0, 2.5, -0.43, 3.14, 200.0, 23.0),
    ("knee", "y", 0.36, 300.0, 4.0, -0.26, 2.05, 300.0, 14.0),
    ("ankle_pitch", "y", -0.2, 40.0, 2.0, -0.897334, 0.523598, 60.0, 9.0),
    ("ankle_roll", "x", 0.0, 40.0, 2.0, -0.261799, 0.261799, 40.0, 9.0),
)
LEFT_LEG = tuple(
    Joint(
        name=f"left_{name}_joint",
        axis=axis,
        motor_index=motor,
        default_pos=stand,
        kp=kp,
        kd=kd,
        lower=lower,
        upper=upper,
        effort_limit=effort_limit,
        velocity_limit=velocity_limit,
        armature=ARMATURE,
        damping=DAMPING,
        frictionloss=FRICTIONLOSS,
    )
    for motor, (name, axis, stand, kp, kd, lower, upper, effort_limit, velocity_limit) in enumerate(
        LEG
    )
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
    # unitree_sdk2_python, example/h1_2/low_level/h1_2_low_level_example.py.
    message_family="hg",
    joints=(*LEFT_LEG, *(other_side(joint, joint.motor_index + 6) for joint in LEFT_LEG)),
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
