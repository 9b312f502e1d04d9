"""Velocity commands: what the robot is asked to do, and for how long."""

import flax.struct
import jax
import jax.numpy as jnp

from deploy.commands import apply_dead_zone
from pipeline.config_task import Commands
from pipeline.randomize import uniform


@flax.struct.dataclass
class CommandState:
    """The command of each environment.

    Args:
        value: (num_envs, 3) vx m/s, vy m/s, yaw rate rad/s, base frame.
        upcoming: (num_envs, 3) the next one.
        steps_left: (num_envs,) control steps until then.
    """

    value: jax.Array
    upcoming: jax.Array
    steps_left: jax.Array


def sample(key: jax.Array, config: Commands, num_envs: int, ctrl_dt: float) -> CommandState:
    """Draw a command for each environment, and the one after it.

    A share of them is exactly zero, a share moves along one axis only, and a share of what is asked
    of an axis is all that its range has: what people ask of robots, and what uniform draws hardly
    ever give. Between standing and walking lies a gap, so that the two can be told apart.
    """
    value_key, upcoming_key, wait_key = jax.random.split(key, 3)
    seconds = uniform(wait_key, config.resample_s, (num_envs,))
    return CommandState(
        _draw(value_key, config, num_envs),
        _draw(upcoming_key, config, num_envs),
        (seconds / ctrl_dt).astype(jnp.int32),
    )


def _draw(key: jax.Array, config: Commands, num_envs: int) -> jax.Array:
    within_key, end_key, kind_key, axis_key = jax.random.split(key, 4)
    lower, upper = jnp.asarray([config.vx, config.vy, config.yaw_rate], jnp.float32).T
    within = jax.random.uniform(within_key, (num_envs, 3), minval=lower, maxval=upper)
    end = jax.random.uniform(end_key, (num_envs, 3))
    kind = jax.random.uniform(kind_key, (num_envs, 1))
    axis = jax.nn.one_hot(jax.random.randint(axis_key, (num_envs,), 0, 3), 3)
    half = config.full_share / 2
    value = jnp.select([end < half, end < 2 * half], [lower, upper], within)
    single = kind < config.zero_share + config.single_axis_share
    value = jnp.where(single, value * axis, value)
    value = jnp.where(kind < config.zero_share, 0.0, value)
    return apply_dead_zone(value, config.dead_zone, jnp)


def advance(state: CommandState, fresh: CommandState) -> CommandState:
    """Count one control step down; where time is up the upcoming command is next, then a fresh."""
    left = state.steps_left - 1
    due = left <= 0
    return CommandState(
        jnp.where(due[:, None], state.upcoming, state.value),
        jnp.where(due[:, None], fresh.value, state.upcoming),
        jnp.where(due, fresh.steps_left, left),
    )


def is_zero(command: jax.Array) -> jax.Array:
    """(...) whether the command is exactly zero: stand still."""
    return jnp.all(command == 0.0, axis=-1)
