"""Fixed commands that cover a policy's range: what evaluation and gate ask for."""

import numpy as np

from deploy.contract import CommandRanges

# Shares of the range: negative ones of its lower end, positive ones of its upper end.
SHARES = (
    (0, 0, 0),
    (-1, 0, 0),
    (-0.5, 0, 0),
    (0.33, 0, 0),
    (0.67, 0, 0),
    (1, 0, 0),
    (0, -1, 0),
    (0, 1, 0),
    (0, 0, -1),
    (0, 0, 1),
    (0.5, 0, 0.5),
    (0.5, 0.5, -0.33),
    (-0.5, -0.5, 0.33),
)
"""Thirteen commands, as shares of the trained range along vx, vy and yaw rate."""


def command_grid(ranges: CommandRanges) -> np.ndarray:
    """(13, 3) float32: standing, each axis both ways, and mixtures; m/s, m/s, rad/s."""
    axes = (ranges.vx, ranges.vy, ranges.yaw_rate)
    grid = [
        [abs(share) * axis[share > 0] for share, axis in zip(row, axes, strict=True)]
        for row in SHARES
    ]
    return np.asarray(grid, np.float32) + np.float32(0)
