"""What rewards look at: a moment of all environments, and what it is compared with."""

import re
from dataclasses import dataclass

import flax.struct
import jax
import numpy as np

from pipeline.config_task import Rewards
from robots import RobotSpec


@flax.struct.dataclass
class Moment:
    """What rewards look at; leading dimension num_envs, frames `_b` base and `_w` world.

    Args:
        command: (num_envs, 3) m/s, m/s, rad/s.
        lin_vel_b: (num_envs, 3) m/s.
        ang_vel_b: (num_envs, 3) rad/s.
        projected_gravity: (num_envs, 3).
        base_height: (num_envs,) m above the floor.
        joint_pos: (num_envs, num_joints) rad.
        joint_vel: (num_envs, num_joints) rad/s.
        joint_acc: (num_envs, num_joints) rad/s^2, mean over the control period.
        joint_torque: (num_envs, num_joints) N m.
        action: (num_envs, num_joints).
        last_action: (num_envs, num_joints).
        foot_height: (num_envs, num_feet) m, of the sole above the floor.
        foot_vel_w: (num_envs, num_feet, 3) m/s.
        foot_contact: (num_envs, num_feet) bool.
        foot_phase: (num_envs, num_feet) each foot's place in its own cycle, in [0, 1).
    """

    command: jax.Array
    lin_vel_b: jax.Array
    ang_vel_b: jax.Array
    projected_gravity: jax.Array
    base_height: jax.Array
    joint_pos: jax.Array
    joint_vel: jax.Array
    joint_acc: jax.Array
    joint_torque: jax.Array
    action: jax.Array
    last_action: jax.Array
    foot_height: jax.Array
    foot_vel_w: jax.Array
    foot_contact: jax.Array
    foot_phase: jax.Array


@dataclass(frozen=True)
class Reference:
    """What the terms compare with: rows of (1, num_joints), and the wanted gait.

    Args:
        default_pos: Default pose, rad.
        posture_weights: Share of each joint in the posture term.
        soft_lower: Lower end of the range that costs nothing, rad.
        soft_upper: Upper end, rad.
        soft_effort: Torque that costs nothing, N m.
        base_height: Wanted height of the base, m.
        swing_height: Wanted top of a foot's swing, m.
        stance_ratio: Share of a foot's cycle on the ground.
        lin_vel_sigma: Width of the planar tracking reward, m/s.
        yaw_rate_sigma: Width of the yaw tracking reward, rad/s.
    """

    default_pos: np.ndarray
    posture_weights: np.ndarray
    soft_lower: np.ndarray
    soft_upper: np.ndarray
    soft_effort: np.ndarray
    base_height: float
    swing_height: float
    stance_ratio: float
    lin_vel_sigma: float
    yaw_rate_sigma: float


def make_reference(robot: RobotSpec, config: Rewards, stance_ratio: float) -> Reference:
    """Resolve names and limits once."""

    def row(values: list[float]) -> np.ndarray:
        return np.asarray([values], np.float32)

    half = [(j.upper - j.lower) / 2 * config.soft_limit for j in robot.joints]
    middle = [(j.upper + j.lower) / 2 for j in robot.joints]
    return Reference(
        default_pos=row([j.default_pos for j in robot.joints]),
        posture_weights=row([_posture_weight(config, name) for name in robot.joint_names]),
        soft_lower=row([m - h for m, h in zip(middle, half, strict=True)]),
        soft_upper=row([m + h for m, h in zip(middle, half, strict=True)]),
        soft_effort=row([j.effort_limit * config.soft_limit for j in robot.joints]),
        base_height=config.base_height,
        swing_height=config.swing_height,
        stance_ratio=stance_ratio,
        lin_vel_sigma=config.lin_vel_sigma,
        yaw_rate_sigma=config.yaw_rate_sigma,
    )


def _posture_weight(config: Rewards, joint: str) -> float:
    for pattern, weight in config.posture_weights:
        if re.search(pattern, joint):
            return weight
    return 0.0
