"""Measure a policy in the training physics: tracking per command, falls, effort."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

import robots
from pipeline.command_grid import command_grid
from pipeline.config import Config
from pipeline.env import make_env
from pipeline.policy_folder import TrainedPolicy
from pipeline.ppo.networks import act
from pipeline.quality import Episodes, by_command, summarize
from pipeline.rollout import rollout


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Args:
        metrics: Figures over all episodes, and `commands`, a list of rows.
        episodes: The recordings behind them.
    """

    metrics: dict[str, object]
    episodes: Episodes


def evaluate(config: Config, policy: TrainedPolicy) -> Evaluation:
    """Run the deterministic policy over a grid of commands.

    With `evaluate.randomized`, robots, sensors and latency differ as in training; there are no
    pushes, which would be measured as bad tracking.

    Args:
        config: The configuration.
        policy: A trained policy for `config.robot`.
    """
    settings = config.evaluate
    env = make_env(
        _without_pushes(config),
        robots.load(config.robot),
        num_envs=settings.num_envs,
        randomized=settings.randomized,
    )
    grid = command_grid(policy.spec.contract.command_ranges)
    steps = round(settings.duration_s / policy.spec.contract.ctrl_dt)
    commands = np.resize(grid, (settings.num_envs, 3))
    schedule = np.broadcast_to(commands, (steps, *commands.shape))
    episodes = rollout(
        env, act_fn(policy), schedule, jax.random.PRNGKey(config.seed + 1)
    ).episodes
    settle = round(settings.settle_s / policy.spec.contract.ctrl_dt)
    metrics = summarize(episodes, policy.spec.contract, settle)
    return Evaluation({**metrics, "commands": by_command(episodes, settle)}, episodes)


def act_fn(policy: TrainedPolicy) -> Callable[[jax.Array], jax.Array]:
    """The policy's deterministic action as a function of the observation."""
    return lambda obs: act(policy.networks, policy.params, obs)


def _without_pushes(config: Config) -> Config:
    ranges = config.task.randomization.model_copy(update={"push_speed": (0.0, 0.0)})
    task = config.task.model_copy(update={"randomization": ranges})
    return config.model_copy(update={"task": task})
