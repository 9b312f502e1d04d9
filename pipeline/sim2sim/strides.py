"""The velocity as a command asks for it: averaged over a stride, within which a body sways."""

import numpy as np

from deploy.contract import PolicyContract
from pipeline.quality import rms

SETTLED = 0.1
"""Distance from the command that counts as reached: m/s in the plane, rad/s of turning."""


def over_strides(velocity: np.ndarray, contract: PolicyContract) -> np.ndarray:
    """Moving average over a stride.

    Args:
        velocity: (T, n, 3) as measured.
        contract: The policy's contract: how long a stride and a control period last.

    Returns:
        (T - width + 1, n, 3); each row is the mean of `width` control periods, the last its own.
    """
    width = min(max(1, round(contract.gait_period_s / contract.ctrl_dt)), len(velocity))
    summed = np.cumsum(np.concatenate([np.zeros_like(velocity[:1]), velocity]), axis=0)
    return (summed[width:] - summed[:-width]) / width


def _off(
    velocity: np.ndarray, command: np.ndarray, contract: PolicyContract
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of the averaged velocity from the command: planar m/s, and yaw rate rad/s."""
    smooth = over_strides(velocity, contract)
    off = smooth - command[len(command) - len(smooth) :]
    return np.linalg.norm(off[:, :, :2], axis=-1), np.abs(off[:, :, 2])


def stride_rmse(
    velocity: np.ndarray, command: np.ndarray, contract: PolicyContract
) -> dict[str, float]:
    """How far strides are from the command: what a mean over the episode hides, wandering, shows.

    Args:
        velocity: (T, n, 3) as measured, from settling on, of robots that stood.
        command: (T, n, 3).
        contract: The policy's contract.

    Returns:
        `stride_planar_rmse` (m/s) and `stride_yaw_rmse` (rad/s); NaN where nothing stood.
    """
    planar, yaw = _off(velocity, command, contract)
    return {"stride_planar_rmse": rms(planar), "stride_yaw_rmse": rms(yaw)}


def settling_time(velocity: np.ndarray, command: np.ndarray, contract: PolicyContract) -> float:
    """Mean time until the velocity, averaged over a stride, stays near the command, s.

    What never does counts with all the time there was.

    Args:
        velocity: (T, n, 3) as measured.
        command: (T, n, 3).
        contract: The policy's contract.
    """
    planar, yaw = _off(velocity, command, contract)
    off = (planar > SETTLED) | (yaw > SETTLED)
    if not off.size:
        return float("nan")
    last_off = np.where(off.any(axis=0), len(off) - np.argmax(off[::-1], axis=0), 0)
    before = len(velocity) - len(off)
    return float((np.minimum(last_off + before, len(velocity)) * contract.ctrl_dt).mean())
