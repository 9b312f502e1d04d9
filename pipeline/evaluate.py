"""Measure a policy in the training physics: tracking per command, falls, effort."""

from dataclasses import dataclass

import jax
import numpy as np

import robots
from pipeline.command_grid import command_grid
from pipeline.config import Config
from pipeline.env import make_env
from pipeline.physics.make import on_cpu
from pipeline.policy_folder import TrainedPolicy
from pipeline.quality import Episodes, by_command, summarize
from pipeline.rollout import Driver

TOUR_STEP_S = 1.5
"""How long the tour stays at each command, s."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Args:
        metrics: Figures over all episodes.
        commands: One row of figures per command.
        episodes: The recordings behind them.
        tour: One nominal robot going through all commands in turn.
    """

    metrics: dict[str, float | int]
    commands: list[dict[str, float | int]]
    episodes: Episodes
    tour: Episodes


def evaluate(config: Config, policy: TrainedPolicy) -> Evaluation:
    """Run the deterministic policy over a grid of commands.

    With `evaluate.randomized`, robots, sensors and latency differ as in training; there are no
    pushes, which would be measured as bad tracking.

    Args:
        config: The configuration.
        policy: A trained policy for `config.robot`.
    """
    settings, contract = config.evaluate, policy.spec.contract
    robot, key = robots.load(config.robot), jax.random.PRNGKey(config.seed + 1)
    grid = command_grid(contract.command_ranges)

    env = make_env(
        _without_pushes(config), robot, num_envs=settings.num_envs, randomized=settings.randomized
    )
    commands = np.resize(grid, (settings.num_envs, 3))
    steps = round(settings.duration_s / contract.ctrl_dt)
    schedule = np.broadcast_to(commands, (steps, *commands.shape))
    episodes = Driver(env, policy.act).drive(schedule, key).episodes

    single = make_env(on_cpu(config), robot, num_envs=1, randomized=False)
    stops = np.repeat(grid, round(TOUR_STEP_S / contract.ctrl_dt), axis=0)
    tour = Driver(single, policy.act).drive(stops[:, None], key).episodes

    settle = round(settings.settle_s / contract.ctrl_dt)
    return Evaluation(
        metrics=summarize(episodes, contract, settle),
        commands=by_command(episodes, settle),
        episodes=episodes,
        tour=tour,
    )


def _without_pushes(config: Config) -> Config:
    ranges = config.task.randomization.model_copy(update={"push_speed": (0.0, 0.0)})
    task = config.task.model_copy(update={"randomization": ranges})
    return config.model_copy(update={"task": task})
