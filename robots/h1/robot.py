"""Unitree H1: the figures the pipeline needs. README.md beside this file names every source."""

from pathlib import Path
from typing import Literal

from robots.mirror import other_side
from robots.spec import Foot, HeldJoint, Joint, RobotSpec

# unitree_mujoco h1.xml: rotor inertia and joint friction, the same for every joint.
ARMATURE, DAMPING, FRICTIONLOSS = 0.1, 1.0, 0.0
# Gains: unitree_rl_gym deploy/deploy_real/configs/h1.yaml. Ranges, torques and speeds:
# unitree_rl_gym resources/robots/h1/urdf/h1.urdf.
HIP = {"kp": 150.0, "kd": 2.0, "effort_limit": 200.0, "velocity_limit": 23.0}
HIP_YAW = HIP | {"lower": -0.43, "upper": 0.43}
HIP_ROLL = HIP | {"lower": -0.43, "upper": 0.43}
HIP_PITCH = HIP | {"lower": -1.57, "upper": 1.57}
KNEE_MOTOR = {"kp": 200.0, "kd": 4.0, "effort_limit": 300.0, "velocity_limit": 14.0}
KNEE = KNEE_MOTOR | {"lower": -0.26, "upper": 2.05}
ANKLE_MOTOR = {"kp": 40.0, "kd": 2.0, "effort_limit": 40.0, "velocity_limit": 9.0}
ANKLE = ANKLE_MOTOR | {"lower": -0.87, "upper": 0.52}


def _joint(
    name: str,
    axis: Literal["x", "y", "z"],
    motor_index: int,
    default_pos: float,
    figures: dict[str, float],
) -> Joint:
    return Joint(
        name=name,
        axis=axis,
        motor_index=motor_index,
        default_pos=default_pos,
        armature=ARMATURE,
        damping=DAMPING,
        frictionloss=FRICTIONLOSS,
        **figures,
    )


# Default pose: unitree_rl_gym deploy/deploy_real/configs/h1.yaml. The motor bus starts with the
# right leg and scatters yaws and ankles; its slot 9 is empty (unitree_sdk2_python
# example/h1/low_level/h1_low_level_example.py, and the same h1.yaml).
LEFT_LEG = (
    _joint("left_hip_yaw_joint", "z", 7, 0.0, HIP_YAW),
    _joint("left_hip_roll_joint", "x", 3, 0.0, HIP_ROLL),
    _joint("left_hip_pitch_joint", "y", 4, -0.1, HIP_PITCH),
    _joint("left_knee_joint", "y", 5, 0.3, KNEE),
    _joint("left_ankle_joint", "y", 10, -0.2, ANKLE),
)
RIGHT_MOTORS = (8, 0, 1, 2, 11)


def _arm(side: str, first_motor: int) -> tuple[HeldJoint, ...]:
    """Motors of an arm, held at 0: unitree_rl_gym deploy/deploy_real/configs/h1.yaml."""
    return (
        HeldJoint(f"{side}_shoulder_pitch_joint", first_motor, 0.0, kp=100.0, kd=2.0),
        HeldJoint(f"{side}_shoulder_roll_joint", first_motor + 1, 0.0, kp=100.0, kd=2.0),
        HeldJoint(f"{side}_shoulder_yaw_joint", first_motor + 2, 0.0, kp=50.0, kd=2.0),
        HeldJoint(f"{side}_elbow_joint", first_motor + 3, 0.0, kp=50.0, kd=2.0),
    )


# Order: unitree_rl_gym, simulation model and deployment alike.
ROBOT = RobotSpec(
    name="h1",
    title="Unitree H1",
    model_path=Path(__file__).with_name("model.xml"),
    base_body="pelvis",
    imu_site="imu",
    imu_frame="torso",
    # Computed: in the default pose the soles are level, 1.03423 m below the pelvis.
    spawn_height=1.03423,
    spawn_pitch=0.0,
    # unitree_sdk2_python, example/h1/low_level/h1_low_level_example.py: the ankles and arms.
    message_family="go",
    weak_motors=tuple(range(10, 20)),
    joints=(*LEFT_LEG, *map(other_side, LEFT_LEG, RIGHT_MOTORS)),
    held_joints=(
        HeldJoint("torso_joint", 6, 0.0, kp=300.0, kd=3.0),
        *_arm("left", 16),
        *_arm("right", 12),
    ),
    # The sites lie on the soles. A walk: the feet are half a cycle apart.
    feet=(
        Foot("left_foot", radius=0.0, gait_offset=0.0),
        Foot("right_foot", radius=0.0, gait_offset=0.5),
    ),
)
