"""How well a policy walks: figures of finished episodes, the same for evaluation and gate."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from deploy.contract import PolicyContract


@dataclass(frozen=True)
class Episodes:
    """Recordings of episodes, sampled once per control period.

    Args:
        command: (T, n, 3) vx m/s, vy m/s, yaw rate rad/s.
        velocity: (T, n, 3) the same three, measured in the base frame.
        action: (T, n, num_joints).
        torque: (T, n, num_joints) N m: the gate's is the largest of the control period, the
            evaluation's that of its last physics step.
        joint_vel: (T, n, num_joints) rad/s, when that torque was given.
        foot_slip: (T, n) m/s, mean horizontal speed of the feet on the ground.
        fell_at: (n,) control step of the fall, or T where there was none.
        power: (T, n) W, mechanical, braking too, mean of the control period; None: as the torques
            and speeds above say.
    """

    command: np.ndarray
    velocity: np.ndarray
    action: np.ndarray
    torque: np.ndarray
    joint_vel: np.ndarray
    foot_slip: np.ndarray
    fell_at: np.ndarray
    power: np.ndarray | None = None

    @property
    def fell(self) -> np.ndarray:
        """(n,) bool."""
        return self.fell_at < len(self.command)

    def select(self, which: np.ndarray) -> "Episodes":
        """The episodes that an index array or mask picks."""
        names = ("command", "velocity", "action", "torque", "joint_vel", "foot_slip")
        return Episodes(
            **{name: getattr(self, name)[:, which] for name in names},
            fell_at=self.fell_at[which],
            power=None if self.power is None else self.power[:, which],
        )

    def power_w(self) -> np.ndarray:
        """(T, n) W, mechanical, of all motors together."""
        if self.power is not None:
            return self.power
        return np.abs(self.torque * self.joint_vel).sum(axis=-1)


def tracking_errors(episodes: Episodes, settle_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Distance between an episode's mean velocity and its command.

    The mean is taken from `settle_steps` on, as in published comparisons of walking policies;
    the sway within a stride is not an error of tracking.

    Args:
        episodes: Episodes of one constant command each.
        settle_steps: Control steps left out at the start.

    Returns:
        (n,) planar error in m/s and (n,) yaw rate error in rad/s; NaN where the robot fell.
    """
    mean = episodes.velocity[settle_steps:].mean(axis=0)
    off = mean - episodes.command[-1]
    off[episodes.fell] = np.nan
    return np.linalg.norm(off[:, :2], axis=-1), np.abs(off[:, 2])


def rms(values: np.ndarray) -> float:
    """Root mean square of the values that are not NaN; NaN if there is none."""
    kept = values[~np.isnan(values)]
    return float(np.sqrt(np.mean(np.square(kept)))) if kept.size else float("nan")


def summarize(
    episodes: Episodes, contract: PolicyContract, settle_steps: int
) -> dict[str, float | int]:
    """Figures over all episodes.

    Args:
        episodes: Episodes of one constant command each.
        contract: The policy's contract, for its limits.
        settle_steps: Control steps left out at the start.

    Returns:
        `episodes`, `falls`, `planar_rmse` (m/s), `yaw_rmse` (rad/s), and over the steps after
        settling of episodes without a fall: speed of the joint targets (`action_rate_*`, rad/s),
        torque and speed as a share of the motor's limits, `power_w`, `foot_slip_mps`.
    """
    planar, yaw = tracking_errors(episodes, settle_steps)
    standing = episodes.select(~episodes.fell)
    after = slice(settle_steps, None)
    scale = np.asarray(contract.action_scale)
    rate = np.abs(np.diff(standing.action[after], axis=0)) * scale / contract.ctrl_dt
    torque = np.abs(standing.torque[after])
    speed = np.abs(standing.joint_vel[after])
    torque_use = torque / np.asarray(contract.effort_limit)
    velocity_use = speed / np.asarray(contract.velocity_limit)
    return {
        "episodes": len(episodes.fell_at),
        "falls": int(episodes.fell.sum()),
        "planar_rmse": rms(planar),
        "yaw_rmse": rms(yaw),
        "action_rate_mean": _mean(rate),
        "action_rate_p99": _percentile(rate, 99),
        "torque_use_mean": _mean(torque_use),
        "torque_use_p99": _percentile(torque_use, 99),
        "velocity_use_mean": _mean(velocity_use),
        "velocity_use_p99": _percentile(velocity_use, 99),
        "power_w": _mean(standing.power_w()[after]),
        "foot_slip_mps": _mean(standing.foot_slip[after]),
    }


def by_command(episodes: Episodes, settle_steps: int) -> list[dict[str, float | int]]:
    """One row per distinct command, in order of first appearance."""
    planar, yaw = tracking_errors(episodes, settle_steps)
    commands = episodes.command[-1]
    distinct, first = np.unique(commands, axis=0, return_index=True)
    rows: list[dict[str, float | int]] = []
    for command in distinct[np.argsort(first)]:
        which = np.all(commands == command, axis=1)
        group = episodes.select(which)
        standing = group.select(~group.fell).velocity[settle_steps:]
        measured = standing.mean(axis=(0, 1)) if standing.size else np.full(3, np.nan)
        rows.append(
            {
                "vx": float(command[0]),
                "vy": float(command[1]),
                "yaw_rate": float(command[2]),
                "episodes": int(which.sum()),
                "falls": int(group.fell.sum()),
                "planar_error": rms(planar[which]),
                "yaw_error": rms(yaw[which]),
                "measured_vx": float(measured[0]),
                "measured_vy": float(measured[1]),
                "measured_yaw_rate": float(measured[2]),
            }
        )
    return rows


def tracking_rows(commands: Iterable[Mapping[str, Any]]) -> Iterator[tuple[object, ...]]:
    """A command in words, planar and yaw error of each row of `by_command`, for `dvc plots`."""
    for row in commands:
        label = f"vx {row['vx']:+.2f} vy {row['vy']:+.2f} yaw {row['yaw_rate']:+.2f}"
        yield label, row["planar_error"], row["yaw_error"]


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _percentile(values: np.ndarray, q: float) -> float:
    return float(np.percentile(values, q)) if values.size else float("nan")


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a share (E. B. Wilson, JASA 1927), 95 % by default."""
    share = successes / trials
    centre = share + z * z / (2 * trials)
    half = z * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, float((centre - half) / scale)), min(1.0, float((centre + half) / scale))
