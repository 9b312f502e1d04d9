"""Changes of frame, over any array module that speaks NumPy. Quaternions are wxyz."""

from types import ModuleType
from typing import Any

import numpy as np

Array = Any
"""An array of `xp`."""


def projected_gravity(quat: Array, xp: ModuleType = np) -> Array:
    """Direction of gravity in the body frame: the third row of R(quat), negated.

    Args:
        quat: (..., 4) orientation of the body in the world, wxyz, of unit length.
        xp: `numpy` or `jax.numpy`.

    Returns:
        (..., 3) unit vector; (0, 0, -1) when upright.
    """
    w, x, y, z = quat[..., 0], quat[..., 1], quat[..., 2], quat[..., 3]
    two = np.float32(2)
    return xp.stack(
        [two * (w * y - x * z), -two * (w * x + y * z), two * (x * x + y * y) - np.float32(1)],
        axis=-1,
    )


def rotate_inverse(quat: Array, vector: Array, xp: ModuleType = np) -> Array:
    """Express a world-frame vector in the body frame.

    Args:
        quat: (..., 4) orientation of the body in the world, wxyz, of unit length.
        vector: (..., 3).
        xp: `numpy` or `jax.numpy`.

    Returns:
        (..., 3).
    """
    w, axis = quat[..., :1], -quat[..., 1:]
    twice = np.float32(2) * xp.cross(axis, vector)
    return vector + w * twice + xp.cross(axis, twice)
