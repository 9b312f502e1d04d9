"""The velocity as a command asks for it: averaged over a stride, within which a body sways."""

import numpy as np

from pipeline.quality import rms

STRIDE_S = 0.8
"""About a stride, s."""
SETTLED = 0.1
"""Distance from the command that counts as reached: m/s in the plane, rad/s of turning."""


def over_strides(velocity: np.ndarray, ctrl_dt: float) -> np.ndarray:
    """Moving average over about a stride.

    Args:
        velocity: (T, n, 3) as measured.
        ctrl_dt: Control period, s.

    Returns:
        (T - width + 1, n, 3); each row is the mean of `width` control periods, the last its own.
    """
    width = min(max(1, round(STRIDE_S / ctrl_dt)), len(velocity))
    summed = np.cumsum(np.concatenate([np.zeros_like(velocity[:1]), velocity]), axis=0)
    return (summed[width:] - summed[:-width]) / width


def _off(
    velocity: np.ndarray, command: np.ndarray, ctrl_dt: float
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of the averaged velocity from the command: planar m/s, and yaw rate rad/s."""
    smooth = over_strides(velocity, ctrl_dt)
    off = smooth - command[len(command) - len(smooth) :]
    return np.linalg.norm(off[:, :, :2], axis=-1), np.abs(off[:, :, 2])


def stride_rmse(velocity: np.ndarray, command: np.ndarray, ctrl_dt: float) -> dict[str, float]:
    """How far strides are from the command: what a mean over the episode hides, wandering, shows.

    Args:
        velocity: (T, n, 3) as measured, from settling on, of robots that stood.
        command: (T, n, 3).
        ctrl_dt: Control period, s.

    Returns:
        `stride_planar_rmse` (m/s) and `stride_yaw_rmse` (rad/s); NaN where nothing stood.
    """
    planar, yaw = _off(velocity, command, ctrl_dt)
    return {"stride_planar_rmse": rms(planar), "stride_yaw_rmse": rms(yaw)}


def settling_time(velocity: np.ndarray, command: np.ndarray, ctrl_dt: float) -> float:
    """Mean time until the velocity, averaged over a stride, stays near the command, s.

    What never does counts with all the time there was.

    Args:
        velocity: (T, n, 3) as measured.
        command: (T, n, 3).
        ctrl_dt: Control period, s.
    """
    planar, yaw = _off(velocity, command, ctrl_dt)
    off = (planar > SETTLED) | (yaw > SETTLED)
    if not off.size:
        return float("nan")
    last_off = np.where(off.any(axis=0), len(off) - np.argmax(off[::-1], axis=0), 0)
    before = len(velocity) - len(off)
    return float((np.minimum(last_off + before, len(velocity)) * ctrl_dt).mean())
