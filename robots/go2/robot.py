"""Unitree Go2: the figures the pipeline needs. README.md beside this file names every source."""

from pathlib import Path

from robots.spec import Foot, Joint, Mesh, RobotSpec

# Motor driver gains: unitree_rl_lab's Go2 velocity task, which deploys on the robot.
KP, KD = 40.0, 1.0
# unitree_mujoco go2.xml: rotor inertia and joint friction, the same for every joint.
ARMATURE, DAMPING, FRICTIONLOSS = 0.01, 0.1, 0.2
# Ranges: unitree_mujoco go2.xml. Torque and speed: unitree_ros go2_description.urdf, whose calf
# limit (35.55 N m) is the lower of the two published ones (go2.xml: 45.43).
HIP = {"lower": -1.0472, "upper": 1.0472, "effort_limit": 23.7, "velocity_limit": 30.1}
FRONT_THIGH = {"lower": -1.5708, "upper": 3.4907, "effort_limit": 23.7, "velocity_limit": 30.1}
REAR_THIGH = {"lower": -0.5236, "upper": 4.5379, "effort_limit": 23.7, "velocity_limit": 30.1}
CALF = {"lower": -2.7227, "upper": -0.83776, "effort_limit": 35.55, "velocity_limit": 20.07}


def _joint(name: str, motor_index: int, default_pos: float, limits: dict[str, float]) -> Joint:
    return Joint(
        name=name,
        axis="x" if limits is HIP else "y",
        motor_index=motor_index,
        default_pos=default_pos,
        kp=KP,
        kd=KD,
        armature=ARMATURE,
        damping=DAMPING,
        frictionloss=FRICTIONLOSS,
        **limits,
    )


def _meshes(side: str, quat: tuple[float, float, float, float]) -> tuple[Mesh, ...]:
    """Of one leg: all hips are one mesh, turned; left and right thighs and calves are two each."""
    mirror = "_mirror" if side in ("FR", "RR") else ""
    return (
        Mesh(f"{side}_hip", "hip", quat=quat),
        Mesh(f"{side}_thigh", f"thigh{mirror}"),
        Mesh(f"{side}_calf", f"calf{mirror}"),
        Mesh(f"{side}_calf", "foot", pos=(0.0, 0.0, -0.213)),
    )


# Order: FL, FR, RL, RR, as the vendor's simulation models and unitree_rl_gym have it. The motor
# bus counts FR, FL, RR, RL (unitree_sdk2_python, unitree_legged_const.py).
# Default pose: unitree_rl_gym legged_gym/envs/go2/go2_config.py.
ROBOT = RobotSpec(
    name="go2",
    title="Unitree Go2",
    model_path=Path(__file__).with_name("model.xml"),
    base_body="base_link",
    imu_site="imu",
    imu_frame="base",
    # Computed: the rear feet of the default pose are 9.6 mm above the front ones at level base.
    spawn_height=0.31967,
    spawn_pitch=-0.021358,
    # unitree_sdk2_python, example/go2/low_level/go2_stand_example.py: every motor has mode 0x01.
    message_family="go",
    weak_motors=tuple(range(20)),
    joints=(
        _joint("FL_hip_joint", 3, 0.1, HIP),
        _joint("FL_thigh_joint", 4, 0.8, FRONT_THIGH),
        _joint("FL_calf_joint", 5, -1.5, CALF),
        _joint("FR_hip_joint", 0, -0.1, HIP),
        _joint("FR_thigh_joint", 1, 0.8, FRONT_THIGH),
        _joint("FR_calf_joint", 2, -1.5, CALF),
        _joint("RL_hip_joint", 9, 0.1, HIP),
        _joint("RL_thigh_joint", 10, 1.0, REAR_THIGH),
        _joint("RL_calf_joint", 11, -1.5, CALF),
        _joint("RR_hip_joint", 6, -0.1, HIP),
        _joint("RR_thigh_joint", 7, 1.0, REAR_THIGH),
        _joint("RR_calf_joint", 8, -1.5, CALF),
    ),
    # Sphere of 22 mm: unitree_mujoco go2.xml. A trot: diagonal feet share a half of the cycle.
    feet=(
        Foot("FL_foot", radius=0.022, gait_offset=0.0),
        Foot("FR_foot", radius=0.022, gait_offset=0.5),
        Foot("RL_foot", radius=0.022, gait_offset=0.5),
        Foot("RR_foot", radius=0.022, gait_offset=0.0),
    ),
    # Names, turns and the foot's place: unitree_rl_gym resources/robots/go2/go2.xml.
    meshes=(
        Mesh("base_link", "base"),
        *_meshes("FL", (1.0, 0.0, 0.0, 0.0)),
        *_meshes("FR", (0.0, 1.0, 0.0, 0.0)),
        *_meshes("RL", (0.0, 0.0, 1.0, 0.0)),
        *_meshes("RR", (0.0, 0.0, 0.0, 1.0)),
    ),
)
