"""What a policy is told instead of the command, so that it does what the command says.

A table: what to add at some commands, the nodes; in between, straight lines along each axis
(trilinear interpolation). Tables of this kind are what engine controllers are calibrated with.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from deploy.contract import PolicyContract
from deploy.observations import term_slice

KNOTS = ((3, 4), (2, 2), (4, 4))
"""Knots below and above zero: along vx, vy and the yaw rate."""
FIRST_KNOT = 1.25
"""Where the first of them are, in dead zones: hardly anything is asked for below, and a robot that
stands whatever it is told, as it may at the edge of the dead zone, would be told too much."""
MIRROR = np.array([1.0, -1.0, -1.0])
"""A command in the mirror."""


def knots(contract: PolicyContract) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the table has entries, along vx, vy and the yaw rate: ascending, zero among them."""
    first = FIRST_KNOT * contract.command_dead_zone
    ranges = contract.command_ranges
    vx, vy, yaw_rate = (
        np.concatenate([-_knots(-low, first, below)[::-1], [0.0], _knots(high, first, above)])
        for (low, high), (below, above) in zip(
            (ranges.vx, ranges.vy, ranges.yaw_rate), KNOTS, strict=True
        )
    )
    return vx, vy, yaw_rate


def _knots(limit: float, first: float, count: int) -> np.ndarray:
    """Up to `count` knots from `first` to `limit`; none where the range does not reach there."""
    if limit <= 0:
        return np.zeros(0)
    if first >= limit:
        return np.array([limit])
    return np.linspace(first or limit / count, limit, count)


def nodes(contract: PolicyContract) -> np.ndarray:
    """(n, 3) commands that a map has a correction for: of each mirror pair one, zero left out."""
    return _grid(contract)[_own(contract)]


def on_mirror(commands: np.ndarray) -> np.ndarray:
    """(n,) whether commands are their own mirror images."""
    return (commands * MIRROR == commands).all(axis=1)


def _grid(contract: PolicyContract) -> np.ndarray:
    """(m, 3) all entries of the table, mirror images and zero included."""
    return np.stack(np.meshgrid(*knots(contract), indexing="ij"), axis=-1).reshape(-1, 3)


def _own(contract: PolicyContract) -> np.ndarray:
    """Rows of the grid that come first of those that are each other's mirror images."""
    image = _images(contract)
    rows = np.arange(len(image))
    return rows[(rows >= image) & _grid(contract).any(axis=1)]


def _images(contract: PolicyContract) -> np.ndarray:
    """Row of each row's mirror image: the same place counted from the other end."""
    sizes = tuple(len(axis) for axis in knots(contract))
    return np.arange(np.prod(sizes)).reshape(sizes)[:, ::-1, ::-1].ravel()


@dataclass(frozen=True)
class CommandMap:
    """A continuous, symmetric correction of the command; zero stays zero.

    The policy in a mirror stays the mirror of the policy.

    Args:
        added: At each of `nodes`, what is added to vx, vy and yaw rate, m/s, m/s, rad/s; empty for
            nothing anywhere.
    """

    added: tuple[tuple[float, float, float], ...] = ()

    def table(self, contract: PolicyContract) -> np.ndarray:
        """(m, 3) what is added at every entry of the table.

        Raises:
            ValueError: If the map is of another number of nodes.
        """
        own = _own(contract)
        table = np.zeros((len(_grid(contract)), 3))
        if not self.added:
            return table
        if np.shape(self.added) != (len(own), 3):
            raise ValueError(
                f"command_map.added: {np.shape(self.added)} numbers, want {(len(own), 3)}"
            )
        added = np.asarray(self.added)
        table[_images(contract)[own]] = added * MIRROR
        # After their images: what is its own image stays as it is.
        table[own] = np.where(on_mirror(_grid(contract)[own])[:, None], added * [1, 0, 0], added)
        return table

    def told(self, contract: PolicyContract, command: jax.Array | np.ndarray) -> jax.Array:
        """Correct commands within the contract's ranges: (n, 3) m/s, m/s, rad/s -> (n, 3)."""
        weights = interpolation(contract, command)
        return jnp.asarray(command) + weights @ self.table(contract).astype(np.float32)


def interpolation(contract: PolicyContract, command: jax.Array | np.ndarray) -> jax.Array:
    """(n, m) share of each entry of the table in commands (n, 3); they add up to one.

    By matrix products: slices would fix the batch size of an exported graph.
    """
    axes = knots(contract)
    count = sum(len(axis) for axis in axes)
    slope, offset = np.zeros((2, 3, count)), np.ones((2, 1, count))
    pick = np.zeros((3, count, len(axes[0]), len(axes[1]), len(axes[2])))
    column = 0
    for axis, at in enumerate(axes):
        for place in range(len(at)):
            # A knot's share rises from its neighbour below, and falls to the one above.
            for side, other in ((0, place - 1), (1, place + 1)):
                if 0 <= other < len(at):
                    slope[side, axis, column] = 1 / (at[place] - at[other])
                    offset[side, 0, column] = -at[other] / (at[place] - at[other])
            np.moveaxis(pick[axis, column], axis, 0)[place] = 1.0
            column += 1
    slope, offset = slope.astype(np.float32), offset.astype(np.float32)
    rise, fall = (command @ slope[side] + offset[side] for side in (0, 1))
    shares = jnp.maximum(jnp.minimum(rise, fall), 0.0)
    vx, vy, yaw_rate = (shares @ chosen.reshape(count, -1).astype(np.float32) for chosen in pick)
    return vx * vy * yaw_rate


def remap(command_map: CommandMap, contract: PolicyContract, obs: jax.Array) -> jax.Array:
    """Put the corrected command in place of the command.

    Args:
        command_map: The correction.
        contract: Says where the command is, its scale and its range.
        obs: (n, observation_size).
    """
    where = term_slice(contract, "command")
    scale = np.zeros(3, np.float32) + np.asarray(contract.observation[where.place].scale)
    pick = np.zeros((contract.observation_size, 3), np.float32)
    pick[np.arange(where.start, where.stop), np.arange(3)] = 1.0
    # Beyond its ends a command is not corrected further.
    ends = np.asarray([(axis[0], axis[-1]) for axis in knots(contract)], np.float32).T
    command = jnp.clip((obs @ pick) / scale, *ends)
    return obs + ((command_map.told(contract, command) - command) * scale) @ pick.T
