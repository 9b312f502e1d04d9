"""Domain randomization: which robot each environment simulates, and what each episode adds.

The body of an environment is drawn once, in NumPy, as values of MuJoCo model fields; every backend
applies the same arrays. Encoder offset and latency are drawn per episode, in JAX.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from pipeline.config import ConfigError
from pipeline.config_task import Randomization
from pipeline.config_types import Range
from pipeline.physics.protocol import ModelFields
from robots import RobotSpec


@dataclass(frozen=True)
class Bodies:
    """The drawn robots.

    Args:
        fields: `MjModel` fields, (num_envs, ...) each.
        privileged: (num_envs, n) float32, the draws centred and scaled to about [-1, 1]: what the
            critic is told.
        nominal: (num_envs,) bool, which of them are as their figures say.
        pushed: (num_envs,) bool, which of them get pushed.
    """

    fields: ModelFields
    privileged: np.ndarray
    nominal: np.ndarray
    pushed: np.ndarray


NOMINAL_DRAWS = {
    "base_mass": 0.0,
    "base_com": 0.0,
    "motor_strength": 1.0,
    "kp_scale": 1.0,
    "kd_scale": 1.0,
}
"""Draws that change nothing. The floor's friction is no property of a robot."""


def draw_bodies(
    model: mujoco.MjModel, robot: RobotSpec, ranges: Randomization, num_envs: int, seed: int
) -> Bodies:
    """Draw the body of each environment; the first `nominal_share` of them are nominal.

    Args:
        model: The nominal model.
        robot: The robot.
        ranges: Ranges to draw from, uniformly.
        num_envs: Number of environments.
        seed: Seed of the draws.
    """
    rng = np.random.default_rng(seed)
    num_joints = len(robot.joints)
    draws = {
        "friction": rng.uniform(*ranges.friction, (num_envs, 1)),
        "base_mass": rng.uniform(*ranges.base_mass, (num_envs, 1)),
        "base_com": rng.uniform(*ranges.base_com, (num_envs, 3)),
        "motor_strength": rng.uniform(*ranges.motor_strength, (num_envs, num_joints)),
        "kp_scale": rng.uniform(*ranges.kp_scale, (num_envs, num_joints)),
        "kd_scale": rng.uniform(*ranges.kd_scale, (num_envs, num_joints)),
    }
    fields = {
        **_contact(model, draws["friction"]),
        **_masses(model, robot, rng, ranges, draws["base_mass"], draws["base_com"]),
        **_motors(model, draws["motor_strength"], draws["kp_scale"], draws["kd_scale"]),
        **_joints(model, rng, ranges, num_envs),
    }
    nominal = np.arange(num_envs) < round(ranges.nominal_share * num_envs)
    for name, values in fields.items():
        if name != "geom_friction":
            values[nominal] = getattr(model, name)
    for name, value in NOMINAL_DRAWS.items():
        draws[name][nominal] = value
    privileged = [_centred(draws[name], getattr(ranges, name)) for name in draws]
    told = np.concatenate(privileged, axis=1).astype(np.float32)
    # Evenly over nominal and other robots.
    count = np.arange(num_envs + 1) * ranges.pushed_share
    return Bodies(fields, told, nominal, pushed=np.diff(np.floor(count + 1e-9)) > 0)


def nominal_bodies(model: mujoco.MjModel, robot: RobotSpec, num_envs: int) -> Bodies:
    """The robot as its figures say, in every environment."""
    privileged = np.zeros((num_envs, 5 + 3 * len(robot.joints)), np.float32)
    none = np.zeros(num_envs)
    return Bodies({}, privileged, none == 0, none > 0)


def _centred(values: np.ndarray, limits: Range) -> np.ndarray:
    half = max((limits[1] - limits[0]) / 2, 1e-6)
    return (values - sum(limits) / 2) / half


def _repeat(values: np.ndarray, num_envs: int) -> np.ndarray:
    return np.repeat(values[None], num_envs, axis=0)


def _contact(model: mujoco.MjModel, friction: np.ndarray) -> ModelFields:
    geom_friction = _repeat(model.geom_friction, len(friction))
    geom_friction[:, :, 0] = friction
    return {"geom_friction": geom_friction}


def _masses(
    model: mujoco.MjModel,
    robot: RobotSpec,
    rng: np.random.Generator,
    ranges: Randomization,
    base_mass: np.ndarray,
    base_com: np.ndarray,
) -> ModelFields:
    num_envs = len(base_mass)
    scale = rng.uniform(*ranges.link_mass_scale, (num_envs, model.nbody))
    base = model.body(robot.base_body).id
    if ranges.base_mass[0] <= -model.body_mass[base]:
        raise ConfigError(
            f"params.yaml: task.randomization.base_mass: {ranges.base_mass[0]} is not allowed: "
            f"the base of {robot.name} has {model.body_mass[base]:g} kg"
        )
    scale[:, base] = 1 + base_mass[:, 0] / model.body_mass[base]
    com = _repeat(model.body_ipos, num_envs)
    com[:, base] += base_com
    return {
        "body_mass": scale * model.body_mass,
        "body_inertia": scale[:, :, None] * model.body_inertia,
        "body_ipos": com,
    }


def _motors(
    model: mujoco.MjModel, strength: np.ndarray, kp_scale: np.ndarray, kd_scale: np.ndarray
) -> ModelFields:
    num_envs = len(strength)
    gain = _repeat(model.actuator_gainprm, num_envs)
    bias = _repeat(model.actuator_biasprm, num_envs)
    force = _repeat(model.actuator_forcerange, num_envs)
    gain[:, :, 0] *= kp_scale * strength
    bias[:, :, 1] *= kp_scale * strength
    bias[:, :, 2] *= kd_scale * strength
    return {
        "actuator_gainprm": gain,
        "actuator_biasprm": bias,
        "actuator_forcerange": force * strength[:, :, None],
    }


def _joints(
    model: mujoco.MjModel, rng: np.random.Generator, ranges: Randomization, num_envs: int
) -> ModelFields:
    """How hard each joint is to turn."""
    return {
        field: rng.uniform(*limits, (num_envs, model.nv)) * getattr(model, field)
        for field, limits in joint_scales(ranges).items()
    }


def joint_scales(ranges: Randomization) -> dict[str, Range]:
    """Ranges of the scales of `MjModel` fields that say how hard a joint is to turn."""
    return {
        "dof_armature": ranges.armature_scale,
        "dof_frictionloss": ranges.frictionloss_scale,
        "dof_damping": ranges.damping_scale,
    }


def uniform(key: jax.Array, limits: Range, shape: tuple[int, ...]) -> jax.Array:
    """Draw float32 values uniformly from `limits`."""
    low, high = limits
    return jax.random.uniform(key, shape, jnp.float32, low, high)


def symmetric_noise(key: jax.Array, half_width: float, like: jax.Array) -> jax.Array:
    """Add uniform noise of the given half width to a reading."""
    return like + jax.random.uniform(key, like.shape, like.dtype, -half_width, half_width)
