"""What the gate asks for, over an episode."""

import numpy as np

from pipeline.sim2sim.scenarios import Episode

STOP_S, REVERSE_S = 2.0, 2.5
"""How long a robot stands and then walks, and how long it walks one way, s."""
CONSTANT = ("grid", "stand")
"""Kinds of commands that do not change during an episode: their tracking is measured."""


def schedule(episodes: list[Episode], grid: np.ndarray, steps: int, ctrl_dt: float) -> np.ndarray:
    """Commands of every episode, (T, n, 3) m/s, m/s, rad/s.

    Args:
        episodes: The episodes; each takes its number's command of the grid.
        grid: (k, 3) the commands there are, the first of them zero.
        steps: Control steps of an episode.
        ctrl_dt: Control period, s.
    """
    time = np.arange(steps)[:, None] * ctrl_dt
    commands = np.empty((steps, len(episodes), 3), np.float32)
    for i, episode in enumerate(episodes):
        kind = episode.scenario.conditions.commands
        moving = grid[1 + episode.number % (len(grid) - 1)]
        if kind == "grid":
            commands[:, i] = grid[episode.number % len(grid)]
        elif kind == "stand":
            commands[:, i] = 0.0
        elif kind == "start_stop":
            commands[:, i] = moving * (time // STOP_S % 2 == 1)
        else:
            low, high = grid.min(axis=0), grid.max(axis=0)
            back = np.clip(-moving, low, high)
            commands[:, i] = np.where(time // REVERSE_S % 2 == 0, moving, back)
    return commands


def demonstration(grid: np.ndarray, steps: int) -> np.ndarray:
    """(T, 3): forward, turning, sideways, backward, each for a fifth, then standing."""
    shown = [grid[index] for index in (4, 10, 7, 2, 0)]
    return np.repeat(shown, -(-steps // len(shown)), axis=0)[:steps]
