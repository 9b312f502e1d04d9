"""How well a policy walks, beyond not falling: figures of the nominal episodes."""

from collections.abc import Callable

import numpy as np

from deploy.contract import PolicyContract
from pipeline.observation_mirror import observation_mirror
from pipeline.sim2sim.recording import Recording
from pipeline.sim2sim.strides import settling_time
from robots import RobotSpec
from robots.mirror import mirror_joints
from robots.model import build_model

FAST_HZ = 5.0
"""Above this a target moves faster than a gait asks: it is heard, and heats the motors."""
SLOW = 0.1
"""Commands below are not walked: no cost of transport, m/s."""
GRAVITY = 9.81
MIRRORED = 20_000
"""Observations the mirror error is taken over, at most."""


def gait_figures(
    recording: Recording,
    contract: PolicyContract,
    robot: RobotSpec,
    settle: int,
    policy: Callable[[np.ndarray], np.ndarray],
) -> dict[str, float]:
    """Figures over the nominal episodes without a fall, after settling.

    Args:
        recording: The nominal episodes.
        contract: The policy's contract.
        robot: The robot.
        settle: Control steps left out at the start.
        policy: The policy, to see it in the mirror.

    Returns:
        `settling_time_s` until the velocity, averaged over a stride, stays within 0.1 m/s and
        0.1 rad/s of a command that is not zero;
        `standing_drift_mps` and `standing_turn_radps` of the base where nothing is asked;
        `bias_vx`, `bias_vy` (m/s) and `bias_yaw_rate` (rad/s), measured minus asked; the
        `cost_of_transport` (mechanical power over weight times speed); the `fast_action_share` of
        the variance of the targets above 5 Hz; `joint_limit_use_p99`, how near joints come to
        their limits, 1 at them; `self_contacts_per_s`; `foot_clearance_m`, median height of a
        swing; `impact_bodyweights`, 99th percentile of the force on a foot; `mirror_error_rad`,
        how far the targets of mirrored observations are from mirrored targets.
    """
    stood = recording.select(np.flatnonzero(~recording.episodes.fell))
    if not stood.obs.shape[1]:
        return dict.fromkeys(NAMES, float("nan"))
    mass = float(build_model(robot, sim_dt=0.002).body_subtreemass[0])
    figures = {
        **_velocity(stood, settle, contract),
        **_effort(stood, settle, contract, mass),
        **_feet(stood, settle, mass),
        "self_contacts_per_s": float((stood.self_contacts[settle:] > 0).mean() / contract.ctrl_dt),
        "mirror_error_rad": mirror_error(stood.obs, contract, robot, policy),
    }
    return {name: figures[name] for name in NAMES}


NAMES = (
    "settling_time_s",
    "standing_drift_mps",
    "standing_turn_radps",
    "bias_vx",
    "bias_vy",
    "bias_yaw_rate",
    "cost_of_transport",
    "fast_action_share",
    "joint_limit_use_p99",
    "self_contacts_per_s",
    "foot_clearance_m",
    "impact_bodyweights",
    "mirror_error_rad",
)
"""The figures, in the order they are shown."""


def _velocity(stood: Recording, settle: int, contract: PolicyContract) -> dict[str, float]:
    episodes = stood.episodes
    command = episodes.command[-1]
    still = (command == 0).all(axis=1)
    bias = (episodes.velocity[settle:] - episodes.command[settle:]).mean(axis=0)
    moved = stood.qpos[-1, still, :2] - stood.qpos[settle, still, :2]
    seconds = (len(stood.qpos) - 1 - settle) * contract.ctrl_dt
    return {
        "settling_time_s": settling_time(
            episodes.velocity[:, ~still], episodes.command[:, ~still], contract
        ),
        "standing_drift_mps": _mean(np.linalg.norm(moved, axis=1) / seconds),
        "standing_turn_radps": _mean(np.abs(bias[still, 2])),
        "bias_vx": _mean(bias[:, 0]),
        "bias_vy": _mean(bias[:, 1]),
        "bias_yaw_rate": _mean(bias[:, 2]),
    }


def _effort(
    stood: Recording, settle: int, contract: PolicyContract, mass: float
) -> dict[str, float]:
    episodes = stood.episodes
    asked = np.linalg.norm(episodes.command[-1, :, :2], axis=1)
    walked = asked > SLOW
    power = episodes.power_w()[settle:].mean(axis=0)
    speed = np.linalg.norm(episodes.velocity[settle:, :, :2].mean(axis=0), axis=-1)
    cost = power[walked] / (mass * GRAVITY * np.maximum(speed[walked], SLOW / 2))
    low, high = np.asarray(contract.joint_lower), np.asarray(contract.joint_upper)
    place = np.abs(2 * (stood.qpos[settle:, :, 7:] - low) / (high - low) - 1)
    return {
        "cost_of_transport": _mean(cost),
        "fast_action_share": fast_share(episodes.action[settle:], contract.ctrl_dt),
        "joint_limit_use_p99": float(np.percentile(place, 99)),
    }


def fast_share(action: np.ndarray, ctrl_dt: float) -> float:
    """Share of the actions' variance above 5 Hz.

    Args:
        action: (T, n, num_joints).
        ctrl_dt: Control period, s.
    """
    window = np.hanning(len(action))[:, None, None]
    spectrum = np.abs(np.fft.rfft((action - action.mean(axis=0)) * window, axis=0)) ** 2
    fast = np.fft.rfftfreq(len(action), ctrl_dt) > FAST_HZ
    total = spectrum.sum()
    return float(spectrum[fast].sum() / total) if total > 0 else 0.0


def _feet(stood: Recording, settle: int, mass: float) -> dict[str, float]:
    walking = (stood.episodes.command[-1] != 0).any(axis=1)
    height, force = stood.foot_height[settle:, walking], stood.foot_force[settle:, walking]
    return {
        "foot_clearance_m": swing_height(height, force),
        "impact_bodyweights": float(np.percentile(force, 99) / (mass * GRAVITY))
        if force.size
        else float("nan"),
    }


def swing_height(height: np.ndarray, force: np.ndarray) -> float:
    """Median of the highest point of each swing, m.

    Args:
        height: (T, n, num_feet) m above the floor.
        force: (T, n, num_feet) N.
    """
    tops: list[float] = []
    for track, load in zip(
        height.reshape(len(height), -1).T, force.reshape(len(force), -1).T, strict=True
    ):
        up = np.flatnonzero(np.diff(np.concatenate([[0], load <= 0, [0]])))
        swings = up.reshape(-1, 2)[1:-1]  # the first and last may be cut off
        tops += [float(track[a:b].max()) for a, b in swings]
    return float(np.median(tops)) if tops else float("nan")


def mirror_error(
    obs: np.ndarray,
    contract: PolicyContract,
    robot: RobotSpec,
    policy: Callable[[np.ndarray], np.ndarray],
) -> float:
    """Mean distance between the policy's targets in the mirror and its mirrored targets, rad.

    Args:
        obs: (T, n, observation_size) what the policy saw.
        contract: The policy's contract.
        robot: The robot.
        policy: The policy.
    """
    seen = obs.reshape(-1, obs.shape[-1])
    seen = seen[:: max(1, len(seen) // MIRRORED)]
    mirrored = observation_mirror(robot, contract)(seen).astype(np.float32)
    off = mirror_joints(robot)(policy(seen)) - policy(mirrored)
    return float(np.abs(off * np.asarray(contract.action_scale)).mean())


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
