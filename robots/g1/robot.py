"""Unitree G1: the figures the pipeline needs. README.md beside this file names every source."""

from pathlib import Path
from typing import Literal

from robots.mirror import other_side
from robots.spec import Foot, HeldJoint, Joint, Mesh, RobotSpec

# Joint friction: unitree_rl_gym g1_12dof.xml, the same for every joint.
DAMPING, FRICTIONLOSS = 0.001, 0.1
# The motors. Torque and speed: unitree_rl_gym g1_29dof_rev_1_0.urdf. Rotor inertia at the joint:
# mjlab g1_constants.py, from the rotors' and gears' inertia. An ankle's two motors share its load.
SMALL = {"effort_limit": 88.0, "velocity_limit": 32.0, "armature": 0.01017752004}
LARGE = {"effort_limit": 139.0, "velocity_limit": 20.0, "armature": 0.025101925}
ANKLE = {"effort_limit": 50.0, "velocity_limit": 37.0, "armature": 0.00721945}

LegJoint = tuple[
    str, Literal["x", "y", "z"], dict[str, float], tuple[float, float], float, float, float
]

# One leg, the left: joint, axis, motor, range (unitree_rl_gym g1_12dof.xml), then what the robot is
# driven with, unitree_rl_gym deploy/deploy_real/configs/g1.yaml: default pose, kp, kd.
LEG: tuple[LegJoint, ...] = (
    ("hip_pitch", "y", SMALL, (-2.5307, 2.8798), -0.1, 100.0, 2.0),
    ("hip_roll", "x", LARGE, (-0.5236, 2.9671), 0.0, 100.0, 2.0),
    ("hip_yaw", "z", SMALL, (-2.7576, 2.7576), 0.0, 100.0, 2.0),
    ("knee", "y", LARGE, (-0.087267, 2.8798), 0.3, 150.0, 4.0),
    ("ankle_pitch", "y", ANKLE, (-0.87267, 0.5236), -0.2, 40.0, 2.0),
    ("ankle_roll", "x", ANKLE, (-0.2618, 0.2618), 0.0, 40.0, 2.0),
)
# Held at zero, by the same g1.yaml, from motor 12 on: joint, kp, kd.
WAIST = (("waist_yaw", 300.0, 3.0), ("waist_roll", 300.0, 3.0), ("waist_pitch", 300.0, 3.0))
ARM = (
    ("shoulder_pitch", 100.0, 2.0),
    ("shoulder_roll", 100.0, 2.0),
    ("shoulder_yaw", 50.0, 2.0),
    ("elbow", 50.0, 2.0),
    ("wrist_roll", 20.0, 1.0),
    ("wrist_pitch", 20.0, 1.0),
    ("wrist_yaw", 20.0, 1.0),
)
SIDES = ("left", "right")


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
        damping=DAMPING,
        frictionloss=FRICTIONLOSS,
        **drive,
    )
    for motor, (name, axis, drive, (lower, upper), stand, kp, kd) in enumerate(LEG)
)


def _held(first_motor: int) -> tuple[HeldJoint, ...]:
    arms = [(f"{side}_{name}", kp, kd) for side in SIDES for name, kp, kd in ARM]
    return tuple(
        HeldJoint(f"{name}_joint", motor, position=0.0, kp=kp, kd=kd)
        for motor, (name, kp, kd) in enumerate((*WAIST, *arms), first_motor)
    )


# Order of joints and motors alike: left leg, right leg, waist, left arm, right arm, as the
# simulation models and the motor bus have it (unitree_sdk2_python, g1_low_level_example.py).
ROBOT = RobotSpec(
    name="g1",
    title="Unitree G1",
    model_path=Path(__file__).with_name("model.xml"),
    base_body="pelvis",
    imu_site="imu",
    imu_frame="base",
    # Computed: the pitch joints of the default pose add up to zero, so the soles are level.
    spawn_height=0.784202,
    spawn_pitch=0.0,
    # unitree_sdk2_python, example/g1/low_level/g1_low_level_example.py.
    message_family="hg",
    joints=(*LEFT_LEG, *(other_side(joint, joint.motor_index + 6) for joint in LEFT_LEG)),
    held_joints=_held(12),
    # Sites on the soles. Left and right feet are half a cycle apart.
    feet=(
        Foot("left_foot", radius=0.0, gait_offset=0.0),
        Foot("right_foot", radius=0.0, gait_offset=0.5),
    ),
    # Its files hold the torsos of several revisions: g1_23dof_rev_1_0.urdf of unitree_rl_gym.
    meshes=(Mesh("torso_link", "torso_link_23dof_rev_1_0"),),
)
