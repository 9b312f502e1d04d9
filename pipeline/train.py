"""Train a policy: run PPO to the end, through kills, and leave a policy folder."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import robots
from pipeline import provenance
from pipeline.calibrate import calibrate, make_walkers
from pipeline.command_map import CommandMap
from pipeline.config import Config
from pipeline.devices import explained, platform
from pipeline.env import Env, make_env
from pipeline.episode import EnvState
from pipeline.physics.make import for_training, sizes_key
from pipeline.policy_folder import PolicySpec, save_policy
from pipeline.ppo.checkpoint import Checkpoints
from pipeline.ppo.equivariance import Equivariance
from pipeline.ppo.learner import Learner, Metrics, TrainState
from pipeline.ppo.networks import ACTOR, CRITIC, PolicyParams, PPONetworks, act, make_networks
from pipeline.progress import Progress
from pipeline.symmetry import make_mirror
from robots import RobotSpec
from robots.errors import UserError

ITERATIONS_PER_REPORT = 5
"""Reports come at fixed iterations, not at fixed times, so that curves can be compared."""

Report = dict[str, float]
OnReport = Callable[[int, Report], None]


class DivergenceError(UserError):
    """Physics or learning became non-finite."""


def train(
    config: Config,
    policy_folder: Path,
    runs_folder: Path,
    on_report: OnReport = lambda step, report: None,
) -> Report:
    """Train from the newest checkpoint, or from the start, and write the policy folder.

    Args:
        config: The configuration.
        policy_folder: Where the trained policy goes.
        runs_folder: Holds checkpoints, in a folder per run key.
        on_report: Called with (steps, report) for each report, those before a kill included.

    Returns:
        `calibration_s`: what came on top of the time in the last report, s; `cpu_cores`: how many
        could be used.

    Raises:
        DivergenceError: If a quantity became non-finite; names it and the step.
        CheckpointError: If a checkpoint can be neither written nor read.
    """
    config, robot = for_training(config), robots.load(config.robot)
    key = sizes_key(config.physics.backend, platform())
    with explained(key, config.ppo.num_envs):
        env = make_env(config, robot, num_envs=config.ppo.num_envs, randomized=True)
        learner, state = make_learner(config, env)
        checkpoints = Checkpoints(runs_folder / provenance.run_key(config, robot))
        try:
            state, history = _resume(checkpoints, state)
            for report in history:
                on_report(round(report["steps"]), report)
            state = _run(config, learner, state, checkpoints, history, on_report)
        finally:
            checkpoints.close()
    params = jax.device_get(learner.result(state))
    began = time.monotonic()
    command_map = _calibrated(config, robot, learner.networks, params)
    calibration_s = time.monotonic() - began
    spec = PolicySpec(
        contract=env.contract,
        ppo=config.ppo,
        obs_sizes={name: obs.shape[-1] for name, obs in state.env.obs.items()},
        timesteps=int(state.steps),
        backend=env.physics.name,
        device=jax.devices()[0].device_kind,
        params_hash=provenance.training_params_hash(config),
        code_hash=provenance.training_code_hash(robot),
        command_map=command_map,
    )
    save_policy(policy_folder, params, spec)
    return {"calibration_s": calibration_s, "cpu_cores": float(_cores())}


def _cores() -> int:
    """CPU cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # Linux only
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _calibrated(
    config: Config, robot: RobotSpec, networks: PPONetworks, params: PolicyParams
) -> CommandMap:
    """Find the command map of a trained policy, and say what it is worth."""
    rounds = config.ppo.calibration_rounds
    if not rounds:
        return CommandMap()
    walkers = make_walkers(config, robot)
    print(f"calibrating {walkers.num_envs} commands, {rounds} rounds ...", flush=True)
    key = jax.random.PRNGKey(config.seed + 3)
    return calibrate(walkers, lambda obs: act(networks, params, obs), rounds, key, _say_how_far_off)


def _say_how_far_off(count: int, off: np.ndarray) -> None:
    if not len(off):
        print(f"after {count}: the robot fell at every command", flush=True)
        return
    planar, yaw = (np.linalg.norm(axes, axis=1).mean() for axes in (off[:, :2], off[:, 2:]))
    print(f"after {count}: off by {planar:.3f} m/s and {yaw:.3f} rad/s", flush=True)


def make_learner(config: Config, env: Env) -> tuple[Learner, TrainState]:
    """Make the learner of an environment, and the state before its first iteration.

    Args:
        config: The configuration.
        env: An environment of `ppo.num_envs`.
    """
    env_key, learner_key = jax.random.split(jax.random.PRNGKey(config.seed))
    env_state = jax.jit(env.reset)(env_key)
    sizes = {name: obs.shape[-1] for name, obs in env_state.obs.items()}
    networks = make_networks(config.ppo, sizes, env.contract.action_size)
    equivariance = None
    if config.ppo.symmetry:
        equivariance = Equivariance(make_mirror(env.robot, env.contract), ACTOR, CRITIC)
    learner = Learner(config.ppo, networks, env.step, measure, equivariance)
    state = learner.init(env_state, learner_key)
    # Brax starts its counters as Python numbers: give every leaf the dtype it will keep, so that
    # the step is compiled once.
    kept = jax.eval_shape(learner.iterate, state)[0]
    return learner, jax.tree.map(lambda leaf, like: jnp.array(leaf, like.dtype), state, kept)


def measure(state: EnvState) -> Metrics:
    """Scalars of one step for the progress report, means over environments."""
    m = state.moment
    planar = jnp.sqrt(jnp.sum(jnp.square(m.lin_vel_b[:, :2] - m.command[:, :2]), axis=-1))
    fallen = state.done * (1.0 - state.truncation)
    return {
        "nonfinite_qpos": _share_nonfinite(m.joint_pos) + _share_nonfinite(m.base_height),
        "nonfinite_qvel": _share_nonfinite(m.joint_vel) + _share_nonfinite(m.lin_vel_b),
        "nonfinite_action": _share_nonfinite(m.action),
        "reward": jnp.mean(state.reward),
        "ended": jnp.mean(state.done),
        "ended_length": jnp.mean(state.done * state.episode_length),
        "falls": jnp.mean(fallen),
        "planar_error": jnp.mean(planar),
        "yaw_error": jnp.mean(jnp.abs(m.ang_vel_b[:, 2] - m.command[:, 2])),
        "push_level": jnp.mean(state.push_level),
    }


def _share_nonfinite(x: jax.Array) -> jax.Array:
    return jnp.mean((~jnp.isfinite(x)).astype(jnp.float32))


def _resume(checkpoints: Checkpoints, start: TrainState) -> tuple[TrainState, list[Report]]:
    found = checkpoints.restore(start)
    if found is None:
        return start, []
    state, history = found
    print(f"continuing from step {int(state.steps):,} in {checkpoints.folder.name}", flush=True)
    return jax.tree.map(jnp.asarray, state), history


def _run(
    config: Config,
    learner: Learner,
    state: TrainState,
    checkpoints: Checkpoints,
    history: list[Report],
    on_report: OnReport,
) -> TrainState:
    """Iterate to the end, reporting and checkpointing on the way."""
    ppo, total = config.ppo, config.ppo.num_timesteps
    per_iteration = ppo.num_envs * ppo.unroll_length
    steps = int(state.steps)
    progress = Progress(total, start=steps)
    window: list[Mapping[str, np.ndarray]] = []
    last_saved = began = time.monotonic()
    spent = history[-1]["training_s"] if history else 0.0
    try:
        while steps < total:
            state, metrics = learner.iterate(state)
            metrics = jax.device_get(metrics)
            steps += per_iteration
            _check_finite(metrics, steps, checkpoints)
            window.append(metrics)
            # Reports fall on fixed iterations, whether or not a run was killed in between.
            due = (steps // per_iteration) % ITERATIONS_PER_REPORT == 0 or steps >= total
            report = summarize(window, steps, config.task.control.ctrl_dt)
            report["training_s"] = spent + time.monotonic() - began
            progress.update(steps, _shown(report), report=due)
            if due:
                history.append(report)
                on_report(steps, report)
                window.clear()
                # Between reports the window is not empty: only here is a checkpoint complete.
                if time.monotonic() - last_saved >= ppo.checkpoint_interval_s or steps >= total:
                    checkpoints.save(steps, state, history)
                    last_saved = time.monotonic()
    finally:
        progress.close()
    return state


def _check_finite(metrics: Mapping[str, Any], steps: int, checkpoints: Checkpoints) -> None:
    """Raise where physics or learning broke, the physics first: it breaks the rest."""
    broken = [name for name, value in metrics.items() if not np.isfinite(value)]
    nonfinite = [name for name, v in metrics.items() if name.startswith("nonfinite_") and v > 0]
    for name in (*nonfinite, *broken):
        kept = checkpoints.steps()
        where = f"the checkpoint of step {kept[-1]:,} is kept" if kept else "no checkpoint yet"
        raise DivergenceError(
            f"{name.removeprefix('nonfinite_')} became non-finite before step {steps:,} ({where}). "
            "Lower ppo.learning_rate or physics.sim_dt, or narrow task.randomization."
        )


def summarize(window: list[Mapping[str, np.ndarray]], steps: int, ctrl_dt: float) -> Report:
    """Average the iterations since the last report.

    Args:
        window: Metrics of each iteration.
        steps: Environment steps so far.
        ctrl_dt: Control period, s.

    Returns:
        `steps`, `reward` per second, `episode_length_s`, falls per minute of robot time,
        tracking errors in m/s and rad/s, and the losses.
    """
    mean = {name: float(np.mean([m[name] for m in window])) for name in window[-1]}
    for name in ("nonfinite_qpos", "nonfinite_qvel", "nonfinite_action"):
        mean.pop(name)
    ended, length = mean.pop("ended"), mean.pop("ended_length")
    return {
        "steps": float(steps),
        "reward": mean.pop("reward") / ctrl_dt,
        "episode_length_s": length / ended * ctrl_dt if ended else 0.0,
        "falls_per_minute": mean.pop("falls") / ctrl_dt * 60,
        **mean,
    }


def _shown(report: Report) -> Report:
    return {
        "reward": report["reward"],
        "episode s": report["episode_length_s"],
        "planar m/s": report["planar_error"],
        "yaw rad/s": report["yaw_error"],
    }
