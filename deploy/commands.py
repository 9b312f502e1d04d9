"""Velocity commands on their way to the policy, over any array module that speaks NumPy."""

from types import ModuleType
from typing import Any

import numpy as np

Array = Any
"""An array of `xp`."""


def apply_dead_zone(command: Array, dead_zone: float, xp: ModuleType = np) -> Array:
    """Make zero of what is too slow to walk or to turn, so that standing is told from walking.

    Args:
        command: (..., 3) m/s, m/s, rad/s, base frame.
        dead_zone: Planar speed and turning rate below which zero is meant, m/s and rad/s.
        xp: `numpy` or `jax.numpy`.

    Returns:
        (..., 3): velocity and turning rate are each left as they are, or zero.
    """
    speed = xp.linalg.norm(command[..., :2], axis=-1, keepdims=True)
    size = xp.concatenate([speed, speed, xp.abs(command[..., 2:])], axis=-1)
    return xp.where(size < np.float32(dead_zone), np.float32(0), command)
