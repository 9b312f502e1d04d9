"""Parity of the ONNX file and the Flax policy: on numbers, and on a walking robot."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import robots
from deploy.policy import Policy
from pipeline.command_grid import command_grid
from pipeline.config import Config
from pipeline.env import make_env
from pipeline.files import sha256
from pipeline.physics.make import on_cpu
from pipeline.policy_folder import TrainedPolicy
from pipeline.rollout import Driver
from pipeline.sim2sim.scenarios import NOMINAL, episodes_of
from pipeline.sim2sim.simulator import GateSimulator

EXTREME_SCALES = (0.0, 10.0, 1e3, 1e6)
"""Extreme observations are normal draws times these."""
ROLLOUT_ENVS = 8
COLLECT_ENVS = 64


@dataclass(frozen=True)
class Samples:
    """Observations to compare on: (n, observation_size) float32 each."""

    on_distribution: np.ndarray
    extreme: np.ndarray


def collect_samples(config: Config, policy: TrainedPolicy) -> Samples:
    """Gather what the policy sees in training, and what it should never see.

    Args:
        config: The configuration; `export` says how many.
        policy: The policy that drives the robots.
    """
    settings, contract = config.export, policy.spec.contract
    robot = robots.load(config.robot)
    env = make_env(on_cpu(config), robot, num_envs=COLLECT_ENVS, randomized=True)
    steps = -(-settings.on_distribution // COLLECT_ENVS)
    commands = np.resize(command_grid(contract.command_ranges), (COLLECT_ENVS, 3))
    schedule = np.broadcast_to(commands, (steps, COLLECT_ENVS, 3))
    seen = Driver(env, policy.act).drive(schedule, jax.random.PRNGKey(config.seed + 2)).obs
    rng = np.random.default_rng(config.seed)
    extreme = rng.normal(size=(settings.extreme, contract.observation_size))
    extreme *= np.resize(EXTREME_SCALES, (settings.extreme, 1))
    flat = seen.reshape(-1, contract.observation_size)[: settings.on_distribution]
    return Samples(flat, extreme.astype(np.float32))


def check(
    config: Config, policy: TrainedPolicy, exported: Policy, baked: dict[str, float]
) -> dict[str, Any]:
    """Compare the two policies and return what parity.json says.

    Args:
        config: The configuration; `export` has the tolerances.
        policy: The Flax policy.
        exported: The ONNX policy.
        baked: Errors of the controller.onnx around it: see `pipeline.controller_parity`.
    """
    flax_act = jax.jit(policy.act)

    def flax(obs: np.ndarray) -> np.ndarray:
        return np.asarray(flax_act(obs))

    samples = collect_samples(config, policy)
    errors = {
        f"{name}_batch_{batch}": max_abs_error(flax, exported, obs, batch)
        for name, obs in vars(samples).items()
        for batch in (1, len(obs))
    }
    errors |= baked
    divergence = rollout_divergence(config, flax, exported)
    limits = {name: config.export.max_abs_error for name in errors}
    limits["rollout_divergence"] = config.export.max_rollout_divergence
    measured = {**errors, "rollout_divergence": divergence}
    return {
        "passed": all(measured[name] <= limit for name, limit in limits.items()),
        "policy_sha256": sha256(exported.path.read_bytes()),
        "on_distribution": len(samples.on_distribution),
        "extreme": len(samples.extreme),
        "rollout_s": config.export.rollout_s,
        "measured": measured,
        "required": limits,
    }


def max_abs_error(
    flax: Callable[[np.ndarray], np.ndarray], exported: Policy, obs: np.ndarray, batch: int
) -> float:
    """Largest difference between the two actions; NaN counts as infinite.

    Args:
        flax: The Flax policy, on any batch.
        exported: The ONNX policy.
        obs: (n, observation_size).
        batch: How many rows ONNX Runtime sees at a time.
    """
    expected = flax(obs)
    rows = [exported(obs[i : i + batch]) for i in range(0, len(obs), batch)]
    error = np.abs(np.concatenate(rows) - expected).max()
    return float(error) if np.isfinite(error) else float("inf")


def rollout_divergence(
    config: Config, flax: Callable[[np.ndarray], np.ndarray], exported: Policy
) -> float:
    """Largest distance of any joint between two runs from the same start, rad.

    Args:
        config: The configuration.
        flax: Drives one run.
        exported: Drives the other.
    """
    contract = exported.contract
    steps = round(config.export.rollout_s / contract.ctrl_dt)
    commands = np.resize(command_grid(contract.command_ranges), (ROLLOUT_ENVS, 3))
    schedule = np.broadcast_to(commands, (steps, ROLLOUT_ENVS, 3))
    runs = []
    for policy in (flax, exported):
        simulator = GateSimulator(
            contract,
            robots.load(config.robot),
            config.sim2sim,
            episodes_of(NOMINAL, ROLLOUT_ENVS),
            config.seed,
        )
        runs.append(simulator.run(policy, schedule).qpos[:, :, 7:])
    error = np.abs(runs[0] - runs[1]).max()
    return float(error) if np.isfinite(error) else float("inf")


def failures(parity: dict[str, Any]) -> list[str]:
    """One line per figure beyond its limit, and why where only the robots' ways part."""
    found = {
        name: f"{name}: {parity['measured'][name]:.3g}, allowed {limit:.3g}"
        for name, limit in parity["required"].items()
        if parity["measured"][name] > limit
    }
    if list(found) == ["rollout_divergence"]:
        apart = max(value for name, value in parity["measured"].items() if name not in found)
        return [
            f"{found['rollout_divergence']} (rad after {parity['rollout_s']:g} s), though the "
            f"actions agree to {apart:.1g}: this policy's gait makes much of rounding, as one that "
            "shakes does. Train another seed, or compare for less time (export.rollout_s)"
        ]
    return list(found.values())
