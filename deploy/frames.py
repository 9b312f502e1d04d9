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


def heading(quat: Array, xp: ModuleType = np) -> Array:
    """Yaw of a body: the direction of its x axis on the floor.

    Args:
        quat: (..., 4) orientation of the body in the world, wxyz, of unit length.
        xp: `numpy` or `jax.numpy`.

    Returns:
        (...,) rad, in [-pi, pi], counter-clockwise from the world's x axis.
    """
    w, x, y, z = quat[..., 0], quat[..., 1], quat[..., 2], quat[..., 3]
    two = np.float32(2)
    return xp.arctan2(two * (w * z + x * y), np.float32(1) - two * (y * y + z * z))


def torso_to_base(
    quat: Array, gyro: Array, waist_yaw: Array, waist_yaw_rate: Array, xp: ModuleType = np
) -> tuple[Array, Array]:
    """Turn what an IMU in the torso says into what one in the base would say.

    The torso turns against the base about the vertical axis both share, by the waist's joint. The
    vendor's deployment of H1 and H1_2 does the same (unitree_rl_gym,
    `deploy/deploy_real/common/rotation_helper.py`).

    Args:
        quat: (..., 4) orientation of the torso in the world, wxyz, of unit length.
        gyro: (..., 3) angular velocity of the torso in its own frame, rad/s.
        waist_yaw: (...,) angle of the torso against the base, rad.
        waist_yaw_rate: (...,) its rate, rad/s.
        xp: `numpy` or `jax.numpy`.

    Returns:
        (..., 4) orientation of the base, and (..., 3) its angular velocity in its own frame, rad/s.
    """
    w, x, y, z = quat[..., 0], quat[..., 1], quat[..., 2], quat[..., 3]
    cos_half, sin_half = xp.cos(waist_yaw / 2), xp.sin(waist_yaw / 2)
    base = xp.stack(
        [
            w * cos_half + z * sin_half,
            x * cos_half - y * sin_half,
            y * cos_half + x * sin_half,
            z * cos_half - w * sin_half,
        ],
        axis=-1,
    )
    cos, sin = xp.cos(waist_yaw), xp.sin(waist_yaw)
    rate = xp.stack(
        [
            cos * gyro[..., 0] - sin * gyro[..., 1],
            sin * gyro[..., 0] + cos * gyro[..., 1],
            gyro[..., 2] - waist_yaw_rate,
        ],
        axis=-1,
    )
    return base, rate
