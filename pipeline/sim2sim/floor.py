"""Floors that are not flat: slopes, bumps and steps, put into a robot's MJCF before it compiles.

Bumps are caps of ellipsoids and steps are boxes, both on the flat floor. On a height field, feet
that sink in by less than a millimetre meet the sides of the prisms it is made of: of 32 H1_2 on
one 0.1 mm high 3 fell, and their feet met three times the force they meet on a plane.

A floor repeats itself, so that it has few geoms however far robots walk: whoever simulates puts
them back by `PERIOD`.
"""

import functools
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from pipeline.config_gate import Conditions

SLAB = 0.6
"""Side of the slabs of a stepped floor, m; also of the cells that hold a bump each."""
CELLS = 6
"""Slabs after which the floor repeats itself, along x and y: an even number."""
PERIOD = CELLS * SLAB
"""What the floor repeats itself after, m."""
REACH = 1.5
"""How far a robot reaches from its base, m."""
BUMP_RADIUS = (0.15, 0.22)
"""Radii of bumps at their foot, m."""
LOWEST = 0.5
"""Height of the lowest bump, as a share of the highest."""
DEPTH, LEAST_DEPTH = 3.0, 0.01
"""Vertical half-axis of the ellipsoids: as a share of how far they stand out (the smaller, the
steeper bumps are at their foot), and at least, m: feet must not sink through."""
BELOW = 0.5
"""How far slabs reach into the ground, m: a foot in one is always pushed up or off its side."""
SEED = 7
"""Every robot walks over the same bumps."""


def slope_quat(slope: np.ndarray) -> np.ndarray:
    """(n, 4) wxyz, orientation of planes that rise along x; slope (n,) rad."""
    zero = np.zeros(len(slope))
    return np.stack([np.cos(slope / 2), zero, -np.sin(slope / 2), zero], axis=1)


@dataclass(frozen=True)
class Floor:
    """The shape of the floor; robots on the same one share a model.

    It is flat, and low, for `SLAB` around the start.

    Args:
        bump_height: Height of the highest bump, m.
        step_height: Height between neighbouring slabs, which lie like a chess board, m.
    """

    bump_height: float = 0.0
    step_height: float = 0.0

    @classmethod
    def of(cls, conditions: Conditions) -> "Floor":
        """The floor some conditions ask for, but for its slope."""
        return cls(conditions.bump_height, conditions.step_height)

    @property
    def flat(self) -> bool:
        """Whether it is a plane."""
        return not (self.bump_height or self.step_height)

    def lay(self, mjcf: mujoco.MjSpec, slope: float = 0.0, path: np.ndarray | None = None) -> None:
        """Make the floor of an MJCF this one.

        Args:
            mjcf: The MJCF; it has a plane named `floor`.
            slope: rad, uphill along x; of a flat floor.
            path: (T, 2) m, where the robot's base will be; within half a period of the start if
                not given.
        """
        if self.flat:
            mjcf.geom("floor").quat = slope_quat(np.asarray([slope]))[0]
            return
        for cell in _cells(path):
            self._lay_cell(mjcf, cell)

    def _lay_cell(self, mjcf: mujoco.MjSpec, cell: np.ndarray) -> None:
        x, y = cell * SLAB
        ground = float(self._slab_height(cell))
        if ground:
            half = (ground + BELOW) / 2
            _add(mjcf, mujoco.mjtGeom.mjGEOM_BOX, [SLAB / 2, SLAB / 2, half], [x, y, ground - half])
        offset, wide, deep, height = (values[tuple(cell % CELLS)] for values in self._bumps)
        if height:
            at = [x + offset[0], y + offset[1], ground + height - deep]
            _add(mjcf, mujoco.mjtGeom.mjGEOM_ELLIPSOID, [wide, wide, deep], at)

    def height_at(self, x: np.ndarray, y: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Height of the floor under points, m.

        Args:
            x: (n, ...) m, world frame.
            y: (n, ...) m.
            slope: (n,) rad, uphill along x: that of flat floors.
        """
        if self.flat:
            return np.tan(slope).reshape(-1, *[1] * (x.ndim - 1)) * x
        at = np.nan_to_num(np.stack([x, y], axis=-1))
        cell = np.rint(at / SLAB).astype(int)
        place = tuple(np.moveaxis(cell % CELLS, -1, 0))
        offset, wide, deep, height = (values[place] for values in self._bumps)
        across = np.linalg.norm(at - cell * SLAB - offset, axis=-1) / wide
        cap = height - deep * (1 - np.sqrt(np.maximum(1 - across**2, 0.0)))
        return self._slab_height(cell) + np.maximum(cap, 0.0)

    def _slab_height(self, cell: np.ndarray) -> np.ndarray:
        """(...) m, of cells (..., 2)."""
        return self.step_height * (cell.sum(axis=-1) % 2)

    @functools.cached_property
    def _bumps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of the ellipsoid in each cell of a period, (CELLS, CELLS, ...), m.

        Its offset from the middle of the cell, which holds all of it; its half-axes, horizontal
        and vertical; how far it stands out.
        """
        rng = np.random.default_rng(SEED)
        grid = (CELLS, CELLS)
        radius = rng.uniform(*BUMP_RADIUS, size=grid)
        height = rng.uniform(LOWEST, 1, size=grid)
        height[0, 0] = 0.0
        height *= self.bump_height / height.max()
        deep = np.maximum(DEPTH * height, LEAST_DEPTH)
        wide = np.minimum(radius / np.sqrt(1 - (1 - height / deep) ** 2 + 1e-9), SLAB / 2)
        offset = rng.uniform(-1, 1, size=(*grid, 2)) * (SLAB / 2 - wide)[..., None]
        return offset, wide, deep, height


def _cells(path: np.ndarray | None) -> np.ndarray:
    """(n, 2) cells that a robot can reach, in order."""
    reach = REACH
    if path is None:
        path, reach = np.zeros((1, 2)), PERIOD / 2 + REACH
    near = np.arange(-round(reach / SLAB), round(reach / SLAB) + 1)
    around = np.stack(np.meshgrid(near, near, indexing="ij"), axis=-1).reshape(-1, 2)
    under = np.unique(np.rint(path / SLAB).astype(int), axis=0)
    return np.unique((under[:, None] + around).reshape(-1, 2), axis=0)


def _add(mjcf: mujoco.MjSpec, kind: mujoco.mjtGeom, size: list[Any], at: list[Any]) -> None:
    """Add a part of the floor that is as the floor is."""
    floor = mjcf.geom("floor")
    mjcf.worldbody.add_geom(
        type=kind,
        size=size,
        pos=at,
        contype=floor.contype,
        conaffinity=floor.conaffinity,
        condim=floor.condim,
        friction=floor.friction,
        priority=floor.priority,
        group=floor.group,
        material=floor.material,
        rgba=floor.rgba,
    )
