"""From what a robot's sensors say to what its policy looks at, over any array module like NumPy."""

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from deploy.commands import apply_dead_zone
from deploy.contract import PolicyContract
from deploy.frames import projected_gravity, torso_to_base
from deploy.observations import Inputs

Array = Any
"""An array of `xp`."""


class Sensors(NamedTuple):
    """What a robot reads, is told and remembers; `...` is any batch shape.

    Args:
        gyro: (..., 3) angular velocity of the IMU's link in its own frame, rad/s.
        quat: (..., 4) orientation of the IMU's link in the world, wxyz, of unit length.
        joint_pos: (..., num_joints) rad.
        joint_vel: (..., num_joints) rad/s.
        command: (..., 3) m/s, m/s, rad/s, base frame; as it was asked for.
        last_action: (..., num_joints) the policy's previous output.
        phase: (...) fraction of the gait cycle, in [0, 1).
        torso_pos: (...) angle of the torso against the base, rad; where the torso has the IMU.
        torso_vel: (...) its rate, rad/s; where the torso has the IMU.
    """

    gyro: Array
    quat: Array
    joint_pos: Array
    joint_vel: Array
    command: Array
    last_action: Array
    phase: Array
    torso_pos: Array | None = None
    torso_vel: Array | None = None


def shapes(contract: PolicyContract) -> dict[str, tuple[int, ...]]:
    """What a robot of this contract has to say: the fields of `Sensors`, and their shapes.

    Args:
        contract: Says how many joints there are, and which link carries the IMU.

    Returns:
        Shape by field, in order, less any batch axis.
    """
    joints = (contract.action_size,)
    by_field = {
        "gyro": (3,),
        "quat": (4,),
        "joint_pos": joints,
        "joint_vel": joints,
        "command": (3,),
        "last_action": joints,
        "phase": (),
    }
    return by_field | ({"torso_pos": (), "torso_vel": ()} if has_torso_imu(contract) else {})


def has_torso_imu(contract: PolicyContract) -> bool:
    """Whether gyro and quaternion are the torso's, which turns against the base."""
    return contract.imu_frame == "torso"


def policy_inputs(contract: PolicyContract, sensors: Sensors, xp: ModuleType = np) -> Inputs:
    """Bring readings into the base frame, and the command to what the policy knows.

    Args:
        contract: Says which link carries the IMU, and the command's dead zone.
        sensors: Readings, command and memory.
        xp: `numpy` or `jax.numpy`.
    """
    gyro, quat = sensors.gyro, sensors.quat
    if has_torso_imu(contract):
        quat, gyro = torso_to_base(quat, gyro, sensors.torso_pos, sensors.torso_vel, xp)
    return Inputs(
        gyro=gyro,
        projected_gravity=projected_gravity(quat, xp),
        command=apply_dead_zone(sensors.command, contract.command_dead_zone, xp),
        joint_pos=sensors.joint_pos,
        joint_vel=sensors.joint_vel,
        last_action=sensors.last_action,
        phase=sensors.phase,
    )
