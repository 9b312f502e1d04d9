"""Floors that are not flat: slopes, bumps and steps, put into a robot's MJCF before it compiles."""

import functools
import math
from dataclasses import dataclass

import mujoco
import numpy as np
from scipy.ndimage import gaussian_filter

from deploy.contract import CommandRanges
from pipeline.config_gate import Conditions

HALF_SIZE, CELL = 12.0, 0.06
"""Half the side of an uneven floor if nobody says how far robots walk, and side of its cells, m."""
EDGE = 2.0
"""What is left of an uneven floor beyond where robots walk, m."""
START = 0.5
"""Radius around the start that stays flat, m."""
STEP_LENGTH = 0.6
"""Side of the slabs of a stepped floor, m."""
BUMP_LENGTH = 0.15
"""Width of a bump, m: one standard deviation of the filter that makes it."""
SEED = 7
"""Every robot walks over the same bumps."""


def half_size(ranges: CommandRanges, duration_s: float) -> float:
    """Half the side of an uneven floor that nobody walks off, m.

    Args:
        ranges: What is commanded.
        duration_s: Of an episode, s.
    """
    fastest = max(abs(speed) for speed in (*ranges.vx, *ranges.vy))
    return math.ceil(fastest * duration_s) + EDGE


def slope_quat(slope: np.ndarray) -> np.ndarray:
    """(n, 4) wxyz, orientation of planes that rise along x; slope (n,) rad."""
    zero = np.zeros(len(slope))
    return np.stack([np.cos(slope / 2), zero, -np.sin(slope / 2), zero], axis=1)


@dataclass(frozen=True)
class Floor:
    """The shape of the floor; robots on the same one share a model.

    Args:
        bump_height: Height of the highest bump above the lowest, m.
        step_height: Height between neighbouring slabs, m.
        half_size: Half its side, m.
    """

    bump_height: float = 0.0
    step_height: float = 0.0
    half_size: float = HALF_SIZE

    @classmethod
    def of(cls, conditions: Conditions, half_size: float = HALF_SIZE) -> "Floor":
        """The floor some conditions ask for, but for its slope.

        Args:
            conditions: The conditions.
            half_size: Half its side, m.
        """
        return cls(conditions.bump_height, conditions.step_height, half_size)

    @property
    def flat(self) -> bool:
        """Whether it is a plane."""
        return not (self.bump_height or self.step_height)

    def lay(self, mjcf: mujoco.MjSpec, slope: float = 0.0) -> None:
        """Make the floor of an MJCF this one.

        Args:
            mjcf: The MJCF; it has a plane named `floor`.
            slope: rad, uphill along x; of a flat floor.
        """
        if self.flat:
            mjcf.geom("floor").quat = slope_quat(np.asarray([slope]))[0]
            return
        height = self.heights
        top = float(height.max())
        mjcf.add_hfield(
            name="ground",
            nrow=height.shape[0],
            ncol=height.shape[1],
            size=[self.half_size, self.half_size, top, 0.5],
            userdata=(height / top).ravel(),
        )
        floor = mjcf.geom("floor")
        floor.type, floor.hfieldname = mujoco.mjtGeom.mjGEOM_HFIELD, "ground"

    @functools.cached_property
    def heights(self) -> np.ndarray:
        """(rows along y, columns along x) m, zero around the start."""
        cells = round(2 * self.half_size / CELL) + 1
        rng = np.random.default_rng(SEED)
        along = np.linspace(-self.half_size, self.half_size, cells)
        x, y = np.meshgrid(along, along)
        bumps = gaussian_filter(rng.normal(size=(cells, cells)), BUMP_LENGTH / CELL)
        low, high = np.percentile(bumps, [0.5, 99.5])
        bumps = np.clip((bumps - low) / (high - low), 0, 1)
        # Slabs like a chess board, each row of them shifted at random.
        slab = np.floor(x / STEP_LENGTH + 0.5) + np.floor(y / STEP_LENGTH + 0.5)
        steps = slab % 2
        height = self.bump_height * bumps + self.step_height * steps
        return np.where(np.hypot(x, y) < START, 0.0, height)

    def height_at(self, x: np.ndarray, y: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Height of the floor under points, m.

        Args:
            x: (n, ...) m, world frame.
            y: (n, ...) m.
            slope: (n,) rad, uphill along x: that of flat floors.
        """
        if self.flat:
            return np.tan(slope).reshape(-1, *[1] * (x.ndim - 1)) * x
        heights = self.heights
        row, column = (
            np.clip(np.rint((at + self.half_size) / CELL).astype(int), 0, len(heights) - 1)
            for at in (np.nan_to_num(y), np.nan_to_num(x))
        )
        return heights[row, column]
