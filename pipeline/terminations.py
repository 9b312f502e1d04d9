"""When an episode ends as a fall."""

import math

import jax

from pipeline.config_task import Terminations


def fell(config: Terminations, projected_gravity: jax.Array, base_height: jax.Array) -> jax.Array:
    """Say which environments have fallen: tilted or sunk too far, or not measurable.

    Args:
        config: Limits.
        projected_gravity: (num_envs, 3) gravity in the base frame.
        base_height: (num_envs,) m above the floor.

    Returns:
        (num_envs,) bool.
    """
    upright = -projected_gravity[..., 2] >= math.cos(config.max_tilt)
    return ~(upright & (base_height >= config.min_base_height))
