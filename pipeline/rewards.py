"""Reward terms: pure, non-negative functions of one moment; their signs live in their weights."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from pipeline.commands import is_zero
from pipeline.config_task import Rewards
from pipeline.moment import Moment, Reference


def wanted_stance(m: Moment, ref: Reference) -> jax.Array:
    """(num_envs, num_feet) bool: on the ground by the gait clock, or because nothing is asked."""
    return (m.foot_phase < ref.stance_ratio) | is_zero(m.command)[:, None]


def alive(m: Moment, ref: Reference) -> jax.Array:
    """One for every step that the episode goes on."""
    return jnp.ones_like(m.base_height)


def _closeness(error: jax.Array, sigma: float) -> jax.Array:
    """Mean of three bells: a narrow one makes tracking exact, wide ones still pull from afar."""
    relative = jnp.sum(jnp.square(error), axis=-1) / sigma**2
    return (jnp.exp(-relative) + jnp.exp(-relative / 9) + jnp.exp(-relative / 81)) / 3


def track_lin_vel(m: Moment, ref: Reference) -> jax.Array:
    """Closeness of the planar velocity to the command."""
    return _closeness(m.lin_vel_b[:, :2] - m.command[:, :2], ref.lin_vel_sigma)


def track_yaw_rate(m: Moment, ref: Reference) -> jax.Array:
    """Closeness of the yaw rate to the command."""
    return _closeness(m.ang_vel_b[:, 2:] - m.command[:, 2:], ref.yaw_rate_sigma)


def gait(m: Moment, ref: Reference) -> jax.Array:
    """One where the contact of every foot is what the gait clock wants; hardly ever in standing."""
    return jnp.all(m.foot_contact == wanted_stance(m, ref), axis=-1).astype(jnp.float32)


def swing_height(m: Moment, ref: Reference) -> jax.Array:
    """Squared distance of swinging feet from a sin^2 arc, summed, m^2."""
    progress = (m.foot_phase - ref.stance_ratio) / (1 - ref.stance_ratio)
    arc = ref.swing_height * jnp.square(jnp.sin(jnp.pi * progress))
    off = jnp.square(m.foot_height - arc)
    return jnp.sum(jnp.where(wanted_stance(m, ref), 0.0, off), axis=-1)


def foot_slip(m: Moment, ref: Reference) -> jax.Array:
    """Squared horizontal speed of feet on the ground, summed, m^2/s^2."""
    speed = jnp.sum(jnp.square(m.foot_vel_w[:, :, :2]), axis=-1)
    return jnp.sum(jnp.where(m.foot_contact, speed, 0.0), axis=-1)


def lin_vel_z(m: Moment, ref: Reference) -> jax.Array:
    """Squared vertical speed of the base, m^2/s^2."""
    return jnp.square(m.lin_vel_b[:, 2])


def ang_vel_xy(m: Moment, ref: Reference) -> jax.Array:
    """Squared roll and pitch rates, rad^2/s^2."""
    return jnp.sum(jnp.square(m.ang_vel_b[:, :2]), axis=-1)


def tilt(m: Moment, ref: Reference) -> jax.Array:
    """Squared sine of the angle between the body's up and the world's."""
    return jnp.sum(jnp.square(m.projected_gravity[:, :2]), axis=-1)


def base_height(m: Moment, ref: Reference) -> jax.Array:
    """Squared distance of the base from the wanted height, m^2."""
    return jnp.square(m.base_height - ref.base_height)


def posture(m: Moment, ref: Reference) -> jax.Array:
    """Squared distance from the default pose, weighted by joint, rad^2."""
    return jnp.sum(ref.posture_weights * jnp.square(m.joint_pos - ref.default_pos), axis=-1)


def stand_still(m: Moment, ref: Reference) -> jax.Array:
    """Where nothing is asked: distance from the default pose and joint speed, summed."""
    off = jnp.abs(m.joint_pos - ref.default_pos) + 0.1 * jnp.abs(m.joint_vel)
    return jnp.where(is_zero(m.command), jnp.sum(off, axis=-1), 0.0)


def action_rate(m: Moment, ref: Reference) -> jax.Array:
    """Squared change of action, summed."""
    return jnp.sum(jnp.square(m.action - m.last_action), axis=-1)


def torque(m: Moment, ref: Reference) -> jax.Array:
    """Squared torque, summed, N^2 m^2."""
    return jnp.sum(jnp.square(m.joint_torque), axis=-1)


def power(m: Moment, ref: Reference) -> jax.Array:
    """Absolute mechanical power, summed, W."""
    return jnp.sum(jnp.abs(m.joint_torque * m.joint_vel), axis=-1)


def joint_acc(m: Moment, ref: Reference) -> jax.Array:
    """Squared joint acceleration, summed, rad^2/s^4."""
    return jnp.sum(jnp.square(m.joint_acc), axis=-1)


def joint_limits(m: Moment, ref: Reference) -> jax.Array:
    """Distance beyond the soft joint range, summed, rad."""
    below = jnp.maximum(ref.soft_lower - m.joint_pos, 0.0)
    above = jnp.maximum(m.joint_pos - ref.soft_upper, 0.0)
    return jnp.sum(below + above, axis=-1)


def effort_limits(m: Moment, ref: Reference) -> jax.Array:
    """Torque beyond the soft limit, summed, N m."""
    return jnp.sum(jnp.maximum(jnp.abs(m.joint_torque) - ref.soft_effort, 0.0), axis=-1)


TERMS: dict[str, Callable[[Moment, Reference], jax.Array]] = {
    term.__name__: term
    for term in (
        alive,
        track_lin_vel,
        track_yaw_rate,
        gait,
        swing_height,
        foot_slip,
        lin_vel_z,
        ang_vel_xy,
        tilt,
        base_height,
        posture,
        stand_still,
        action_rate,
        torque,
        power,
        joint_acc,
        joint_limits,
        effort_limits,
    )
}
"""Reward terms by name; `task.rewards.weights` has a weight for each."""


def total(m: Moment, ref: Reference, config: Rewards) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Weigh all terms.

    Returns:
        (num_envs,) sum of the terms, not below zero, per second; and each weighted term.
    """
    weights = config.weights.model_dump()
    parts = {name: weights[name] * term(m, ref) for name, term in TERMS.items()}
    return jnp.maximum(sum(parts.values(), jnp.zeros_like(m.base_height)), 0.0), parts
