"""Step the same robots on native and on another backend, in a process of its own.

A process of its own, because XLA has to be told about its threads before it starts.

    python -m tests.two_backends parity ROBOT BACKEND RESULT.npz
    python -m tests.two_backends statistics ROBOT BACKEND RESULT.npz
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import robots
from deploy.policy import Policy
from pipeline.config import Config, parse
from pipeline.devices import prepare
from pipeline.env import Env, make_env
from pipeline.episode import EnvState
from pipeline.provenance import ROOT
from tests.conftest import read_params

COMPILE_QUICKLY = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""For XLA_FLAGS where compiling takes longer than running."""
NUM_ENVS, STEPS = 16, 50
CONVERGED = {"iterations": 30, "ls_iterations": 30}
"""So many that every solver ends at the same forces: the backends search along lines differently,
and what four iterations leave over differs with it."""
EPISODES, EPISODE_STEPS = 1000, 250


def config_of(robot: str, backend: str, **physics: Any) -> Config:
    """params.yaml for a robot and a backend."""
    raw = read_params()
    raw["robot"] = robot
    raw["physics"].update(backend=backend, **physics)
    return parse(raw)


def shipped(robot: str) -> Policy:
    """The policy of a robot that comes with this project."""
    return Policy(ROOT / "policies" / robot / "policy.onnx")


def both(robot: str, backend: str, num_envs: int, **physics: Any) -> dict[str, Env]:
    """The randomized environment on each."""
    configs = {name: config_of(robot, name, **physics) for name in ("native", backend)}
    prepare(configs[backend].physics)
    spec = robots.load(robot)
    return {
        name: make_env(config, spec, num_envs=num_envs, randomized=True)
        for name, config in configs.items()
    }


def parity(robot: str, backend: str) -> dict[str, np.ndarray]:
    """Differences after each control step, from the same states and from where each went.

    Returns:
        `forced_...` and `free_...` of joint_pos (rad), joint_vel (rad/s), contact (bool) and reward
        (per second): (STEPS, NUM_ENVS, ...). An environment that either ended holds NaN from then
        on, and so does the reward where other feet touch, which is paid by the foot; in a free run
        from then on. Besides `ended` and `parted` (STEPS, NUM_ENVS): which these were.
    """
    envs = both(robot, backend, NUM_ENVS, **CONVERGED)
    step = {name: jax.jit(env.step) for name, env in envs.items()}
    free = {name: env.reset(jax.random.PRNGKey(0)) for name, env in envs.items()}
    bodies = free[backend].physics.bodies
    truth, policy = free["native"], shipped(robot)
    ended, parted, rows = np.zeros(NUM_ENVS, bool), np.zeros(NUM_ENVS, bool), []
    for _ in range(STEPS):
        seen = np.asarray(truth.obs["state"], np.float32)  # where JAX has float64 it is that
        action = jnp.asarray(policy(seen), jnp.float32)
        there = replace(truth, physics=replace(truth.physics, bodies=bodies))
        forced = step[backend](there, action)
        truth = step["native"](truth, action)
        free = {name: step[name](state, action) for name, state in free.items()}
        for state in (forced, truth, *free.values()):
            ended |= np.asarray(state.done) > 0
        row = {f"forced_{name}": v for name, v in apart(truth, forced).items()}
        row |= {f"free_{name}": v for name, v in apart(free["native"], free[backend]).items()}
        parted |= row["free_contact"].any(axis=1)
        row["forced_reward"][row["forced_contact"].any(axis=1)] = np.nan
        row["free_reward"][parted] = np.nan
        for value in row.values():
            value[ended] = np.nan
        rows.append({**row, "ended": ended.copy(), "parted": parted.copy()})
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def apart(one: EnvState, other: EnvState) -> dict[str, np.ndarray]:
    """How far two states are apart, per environment."""
    a, b = one.moment, other.moment
    return {
        "joint_pos": np.abs(np.asarray(a.joint_pos - b.joint_pos)),
        "joint_vel": np.abs(np.asarray(a.joint_vel - b.joint_vel)),
        "contact": np.asarray(a.foot_contact != b.foot_contact, np.float32),
        "reward": np.abs(np.asarray(one.reward - other.reward)) / 0.02,
    }


def statistics(robot: str, backend: str) -> dict[str, np.ndarray]:
    """What a shipped policy does on each, noise and pushes included.

    Returns:
        `native_...` and `other_...` of reward (per second, mean of an episode), fell (bool),
        planar (m/s) and yaw (rad/s) errors, RMS of an episode: (EPISODES,) each.
    """
    policy, envs = shipped(robot), both(robot, backend, EPISODES)
    result = {}
    for name, env in envs.items():
        who = "native" if name == "native" else "other"
        result |= {f"{who}_{key}": value for key, value in walk(env, policy).items()}
    return result


def walk(env: Env, policy: Callable[[np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    """One episode per environment; what comes after a fall does not count."""
    step = jax.jit(env.step)
    state = env.reset(jax.random.PRNGKey(3))
    state = state.replace(
        step_count=jnp.zeros_like(state.step_count), push_level=jnp.full_like(state.push_level, 0.5)
    )
    fell = np.zeros(env.num_envs, bool)
    count, reward, planar, yaw = (np.zeros(env.num_envs) for _ in range(4))
    for _ in range(EPISODE_STEPS):
        state = step(state, jnp.asarray(policy(np.asarray(state.obs["state"]))))
        m = state.moment
        off = np.asarray(m.lin_vel_b[:, :2] - m.command[:, :2])
        turn = np.asarray(m.ang_vel_b[:, 2] - m.command[:, 2])
        fell |= np.asarray(state.done) > 0
        on = ~fell
        count += on
        reward += np.where(on, np.asarray(state.reward) / env.contract.ctrl_dt, 0.0)
        planar += np.where(on, np.sum(off**2, axis=-1), 0.0)
        yaw += np.where(on, turn**2, 0.0)
    count = np.maximum(count, 1)
    return {
        "reward": reward / count,
        "fell": fell,
        "planar": np.sqrt(planar / count),
        "yaw": np.sqrt(yaw / count),
    }


if __name__ == "__main__":
    measure, robot, backend, result = sys.argv[1:]
    found = {"parity": parity, "statistics": statistics}[measure](robot, backend)
    np.savez(Path(result), **found)
