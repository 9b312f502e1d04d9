"""Observations like those a walking robot makes, and wild ones."""

import numpy as np

from deploy.contract import CommandRanges
from pipeline.doctor.described import Described, Term

USUAL = CommandRanges(vx=(-0.5, 1.0), vy=(-0.3, 0.3), yaw_rate=(-0.5, 0.5))
"""Commands where nothing says which the policy knows: any walking policy should know these."""
FASTEST = 100.0
"""Beyond any command, m/s and rad/s."""
WIDTHS = {
    "gyro": 0.5,
    "joint_pos": 0.15,
    "joint_vel": 1.5,
    "last_action": 0.4,
    "base_lin_vel": 0.5,
}
"""Standard deviations while walking: rad/s, rad, rad/s, 1, m/s."""


def walking(said: Described, size: int, n: int, seed: int = 0) -> np.ndarray:
    """Draw observations of a robot on its feet.

    Args:
        said: The description; without usable terms, numbers of unit size are drawn.
        size: Numbers in an observation.
        n: How many.
        seed: Of the draw.

    Returns:
        (n, size) float32.
    """
    rng = np.random.default_rng(seed)
    terms, places = said.observation or (), said.columns
    if len(places) < len(terms) or sum(place.size for place in places) != size:
        return rng.normal(size=(n, size)).astype(np.float32)
    ranges = said.command_ranges or USUAL
    drawn = np.empty((n, size), np.float32)
    for term, place in zip(terms, places, strict=True):
        values = readings(rng, term, ranges, n)
        values = np.clip(values, *np.transpose(term.bounds)) if term.bounds else values
        drawn[:, place] = (values * (term.scale or 1.0))[:, None]
    return drawn


def readings(rng: np.random.Generator, term: Term, ranges: CommandRanges, n: int) -> np.ndarray:
    """Draw what a term reads while the robot walks, before clip and scale.

    Args:
        rng: To draw from.
        term: The term; of a kind that is not known, numbers of unit size are drawn.
        ranges: Commands.
        n: How many.

    Returns:
        (n, size).
    """
    size, kind = term.size or 0, term.kind
    if kind == "command" and size == 3:
        limits = np.asarray([ranges.vx, ranges.vy, ranges.yaw_rate])
        lower, upper = np.clip(limits, -FASTEST, FASTEST).T
        values = rng.uniform(lower, upper, (n, 3))
    elif kind == "phase" and size == 2:
        angle = rng.uniform(0, 2 * np.pi, n)
        values = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    elif kind == "projected_gravity" and size == 3:
        values = rng.normal((0, 0, -1), 0.1, (n, 3))
        values /= np.linalg.norm(values, axis=-1, keepdims=True)
    else:
        values = rng.normal(0, WIDTHS.get(kind or "", 1.0), (n, size))
    return values


def wild(size: int, n: int, width: float, seed: int = 1) -> np.ndarray:
    """(n, size) float32 normal numbers of a width."""
    rng = np.random.default_rng(seed)
    return (width * rng.normal(size=(n, size))).astype(np.float32)
