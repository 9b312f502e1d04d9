"""Trials: episodes in, outcomes out, however many at a time and on whatever floors."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from deploy.policy import Policy
from pipeline.command_grid import command_grid
from pipeline.config_gate import Sim2Sim
from pipeline.progress import Progress
from pipeline.quality import rms, tracking_errors, wilson
from pipeline.sim2sim.commands import CONSTANT, schedule
from pipeline.sim2sim.floor import Floor
from pipeline.sim2sim.recording import Recording
from pipeline.sim2sim.scenarios import Episode, Scenario, episodes_of
from pipeline.sim2sim.simulator import GateSimulator
from robots import RobotSpec

AT_ONCE, WORTH_IT = 160, 24
"""Most episodes that a thread simulates at a time, for what is recorded of them has to fit in
memory; and the least that are split among threads that have nothing to do."""
UNEVEN = 1.5
"""How many times as long a step on an uneven floor takes, about."""


@dataclass(frozen=True)
class Outcome:
    """How one episode ended.

    Args:
        episode: Which.
        fell_at_s: When it fell, s; None if it stood.
        planar_error: Between mean velocity and command, m/s; NaN after a fall, or where the
            command changes.
        yaw_error: The same of the yaw rate, rad/s.
    """

    episode: Episode
    fell_at_s: float | None
    planar_error: float
    yaw_error: float


class Trials:
    """Runs a policy through episodes.

    Args:
        policy: The exported policy.
        robot: The robot.
        settings: The gate's settings.
        seed: Seed of all that is drawn.
        threads: CPU threads; 0 takes one per core. The outcomes do not depend on it.
    """

    def __init__(
        self, policy: Policy, robot: RobotSpec, settings: Sim2Sim, seed: int, threads: int = 0
    ) -> None:
        self.policy, self.robot, self.settings, self.seed = policy, robot, settings, seed
        self.threads = threads or os.cpu_count() or 1
        contract = policy.contract
        self.grid = command_grid(contract.command_ranges)
        self.steps = round(settings.episode_s / contract.ctrl_dt)
        self.settle = round(settings.settle_s / contract.ctrl_dt)
        self.count = 0

    def record(self, episodes: list[Episode], commands: np.ndarray | None = None) -> Recording:
        """Run episodes on one floor and keep everything.

        Args:
            episodes: The episodes.
            commands: (T, n, 3); those of the episodes if there are none.
        """
        self.count += len(episodes)
        return self._simulator(episodes, self.threads).run(
            self.policy, self._commands(episodes) if commands is None else commands
        )

    def _simulator(self, episodes: list[Episode], threads: int) -> GateSimulator:
        contract, settings = self.policy.contract, self.settings
        return GateSimulator(contract, self.robot, settings, episodes, self.seed, threads)

    def _commands(self, episodes: list[Episode]) -> np.ndarray:
        return schedule(episodes, self.grid, self.steps, self.policy.contract.ctrl_dt)

    def outcomes(self, recording: Recording, episodes: list[Episode]) -> list[Outcome]:
        """How recorded episodes ended."""
        found = recording.episodes
        planar, yaw = tracking_errors(found, self.settle)
        ctrl_dt = self.policy.contract.ctrl_dt
        return [
            Outcome(
                episode,
                float((found.fell_at[i] + 1) * ctrl_dt) if found.fell[i] else None,
                float(planar[i]) if _constant(episode) else float("nan"),
                float(yaw[i]) if _constant(episode) else float("nan"),
            )
            for i, episode in enumerate(episodes)
        ]

    def run(self, episodes: list[Episode], doing: str) -> list[Outcome]:
        """Run episodes on any floors; the outcomes stand in the order of the episodes.

        Each thread has a world of its own: so what is Python's of one is done while the other's
        physics goes on.

        Args:
            episodes: The episodes.
            doing: What they are, for the progress shown.
        """
        if not episodes:
            return []
        found: dict[Episode, Outcome] = {}
        progress = Progress(len(episodes), unit="episodes", doing=doing)
        progress.update(0, {}, report=False)
        with ThreadPoolExecutor(self.threads) as pool:
            chunks = sorted(_chunks(episodes, self.threads), key=self._work, reverse=True)
            for done in as_completed([pool.submit(self._run, chunk) for chunk in chunks]):
                found.update((outcome.episode, outcome) for outcome in done.result())
                progress.update(len(found), {}, report=True)
        progress.close()
        self.count += len(episodes)
        return [found[episode] for episode in episodes]

    def _work(self, episodes: list[Episode]) -> float:
        """How long they take, about: the longest begin first, so that threads end together."""
        asked = [episode.scenario.conditions for episode in episodes]
        steps = sum(1 / (c.sim_dt or self.settings.sim_dt) for c in asked)
        return steps * (1.0 if Floor.of(asked[0]).flat else UNEVEN)

    def _run(self, episodes: list[Episode]) -> list[Outcome]:
        """How one thread's episodes end; nobody looks at what lies on the floor."""
        commands = self._commands(episodes)
        recording = self._simulator(episodes, threads=1).run(self.policy, commands, lying_s=0.0)
        return self.outcomes(recording, episodes)

    def tallies(self, scenarios: list[Scenario], count: int, doing: str) -> list[dict[str, Any]]:
        """`tally` of the first `count` episodes of each scenario.

        Args:
            scenarios: The scenarios.
            count: How many episodes of each.
            doing: What they are, for the progress shown.
        """
        outcomes = self.run([e for s in scenarios for e in episodes_of(s, count)], doing)
        return [tally(outcomes[k * count : (k + 1) * count]) for k in range(len(scenarios))]


def _chunks(episodes: list[Episode], threads: int) -> Iterator[list[Episode]]:
    """Episodes that share a floor, not too many at a time, of about equal number."""

    def floor(episode: Episode) -> tuple[float, float]:
        shape = Floor.of(episode.scenario.conditions)
        return shape.bump_height, shape.step_height

    for _, group in groupby(sorted(episodes, key=floor), key=floor):
        members = list(group)
        count = max(-(-len(members) // AT_ONCE), min(threads, len(members) // WORTH_IT))
        for k in range(count):
            yield members[k * len(members) // count : (k + 1) * len(members) // count]


def _constant(episode: Episode) -> bool:
    return episode.scenario.conditions.commands in CONSTANT


def tally(outcomes: list[Outcome]) -> dict[str, Any]:
    """Falls, survival with its interval, and tracking, of episodes of one scenario."""
    episodes, falls = len(outcomes), sum(o.fell_at_s is not None for o in outcomes)
    low, high = wilson(episodes - falls, episodes)
    return {
        "episodes": episodes,
        "falls": falls,
        "survival": 1 - falls / episodes,
        "survival_low": low,
        "survival_high": high,
        "planar_rmse": rms(np.asarray([o.planar_error for o in outcomes])),
        "yaw_rmse": rms(np.asarray([o.yaw_error for o in outcomes])),
    }
