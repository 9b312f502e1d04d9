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
        steps_left: (num_envs,) control steps until the next one.
    """

    value: jax.Array
    steps_left: jax.Array


def sample(key: jax.Array, config: Commands, num_envs: int, ctrl_dt: float) -> CommandState:
    """Draw a command for each environment.

    A share of them is exactly zero, and a share moves along one axis only: what people ask of
    robots, and what uniform draws hardly ever give. Between standing and walking lies a gap, so
    that the two can be told apart.
    """
    keys = jax.random.split(key, 6)
    value = jnp.stack(
        [
            uniform(keys[0], config.vx, (num_envs,)),
            uniform(keys[1], config.vy, (num_envs,)),
            uniform(keys[2], config.yaw_rate, (num_envs,)),
        ],
        axis=-1,
    )
    kind = jax.random.uniform(keys[3], (num_envs, 1))
    axis = jax.nn.one_hot(jax.random.randint(keys[4], (num_envs,), 0, 3), 3)
    single = kind < config.zero_share + config.single_axis_share
    value = jnp.where(single, value * axis, value)
    value = jnp.where(kind < config.zero_share, 0.0, value)
    value = apply_dead_zone(value, config.dead_zone, jnp)
    seconds = uniform(keys[5], config.resample_s, (num_envs,))
    return CommandState(value, (seconds / ctrl_dt).astype(jnp.int32))


def advance(state: CommandState, fresh: CommandState) -> CommandState:
    """Count one control step down, and take the fresh command where time is up."""
    left = state.steps_left - 1
    due = left <= 0
    return CommandState(
        jnp.where(due[:, None], fresh.value, state.value),
        jnp.where(due, fresh.steps_left, left),
    )


def is_zero(command: jax.Array) -> jax.Array:
    """(...) whether the command is exactly zero: stand still."""
    return jnp.all(command == 0.0, axis=-1)
