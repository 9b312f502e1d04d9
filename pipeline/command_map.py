"""What a policy is told instead of the command, so that it does what the command says."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from deploy.contract import PolicyContract
from deploy.observations import term_slice

KINDS = {
    "forward": (0, 1, 5),
    "backward": (0, -1, 3),
    "left": (1, 1, 3),
    "right": (1, -1, 3),
    "turn left": (2, 1, 3),
    "turn right": (2, -1, 3),
}
"""What can be asked for: axis, direction, and how many pieces its range is cut into."""
PARTS = {
    (kind, piece): (axis, direction, piece / pieces)
    for kind, (axis, direction, pieces) in KINDS.items()
    for piece in range(pieces)
}
"""By how much a command goes beyond the start of a piece: axis, direction, share of its range."""
Part = tuple[str, int]


def _pairs(one: str, other: str) -> tuple[tuple[Part, Part], ...]:
    """Parts that are each other's mirror images."""
    return tuple(((one, piece), (other, piece)) for piece in range(KINDS[one][2]))


ALONG = tuple(part for part in PARTS if KINDS[part[0]][0] == 0)
SIDES, TURNS = _pairs("left", "right"), _pairs("turn left", "turn right")
FORWARD, BACKWARD, SIDE, TURN = ("forward", 0), ("backward", 0), SIDES[0], TURNS[0]
# A feature is the product of one or two factors: (sign in a mirror, parts), where the second part
# of a pair is added (1) or taken off (-1).
EVEN = (
    *(((1, (part,)),) for part in ALONG),
    *(((1, pair),) for pair in SIDES + TURNS),
    *(((1, (along,)), (1, pair)) for along in (FORWARD, BACKWARD) for pair in (SIDE, TURN)),
    ((-1, SIDE), (-1, TURN)),
)
"""Features that a mirror leaves alone."""
ODD = (
    *(((-1, pair),) for pair in SIDES + TURNS),
    *(((1, (along,)), (-1, pair)) for along in (FORWARD, BACKWARD) for pair in (SIDE, TURN)),
    ((1, SIDE), (-1, TURN)),
    ((-1, SIDE), (1, TURN)),
)
"""Features that change their sign in a mirror."""
Factor = tuple[int, tuple[Part, ...]]


@dataclass(frozen=True)
class CommandMap:
    """A continuous, symmetric correction of the command; zero stays zero.

    The policy in a mirror stays the mirror of the policy: vx is corrected by what a mirror leaves
    alone, vy and yaw rate by what it turns.

    Args:
        vx: Added to vx, m/s, per feature of EVEN.
        vy: Added to vy, m/s, per feature of ODD.
        yaw_rate: Added to the yaw rate, rad/s, per feature of ODD.

    Raises:
        ValueError: If an axis has another number of weights.
    """

    vx: tuple[float, ...] = (0.0,) * len(EVEN)
    vy: tuple[float, ...] = (0.0,) * len(ODD)
    yaw_rate: tuple[float, ...] = (0.0,) * len(ODD)

    def __post_init__(self) -> None:
        for axis, features in (("vx", EVEN), ("vy", ODD), ("yaw_rate", ODD)):
            if (count := len(getattr(self, axis))) != len(features):
                raise ValueError(f"command_map.{axis}: {count} weights, want {len(features)}")

    def told(self, contract: PolicyContract, command: jax.Array | np.ndarray) -> jax.Array:
        """Correct commands within the contract's ranges: (n, 3) m/s, m/s, rad/s -> (n, 3)."""
        even, odd = features(contract, command)
        to_vx = np.asarray([[w, 0.0, 0.0] for w in self.vx], np.float32)
        to_others = [[0.0, *pair] for pair in zip(self.vy, self.yaw_rate, strict=True)]
        return jnp.asarray(command) + even @ to_vx + odd @ np.asarray(to_others, np.float32)


def features(
    contract: PolicyContract, command: jax.Array | np.ndarray
) -> tuple[jax.Array, jax.Array]:
    """EVEN and ODD of commands, all about in [-1, 1]: (n, 19) and (n, 12) from (n, 3).

    By matrix products: slices would fix the batch size of an exported graph.
    """
    split, start = np.zeros((3, len(PARTS)), np.float32), np.zeros((1, len(PARTS)), np.float32)
    limits = _limits(contract)
    for column, (axis, direction, share) in enumerate(PARTS.values()):
        limit = limits[0 if direction < 0 else 1, axis]
        split[axis, column] = 1 / limit if limit else 0.0
        start[0, column] = share
    parts = jnp.maximum(command @ split - start, 0.0)
    return _products(EVEN, parts), _products(ODD, parts)


def _products(names: tuple[tuple[Factor, ...], ...], parts: jax.Array) -> jax.Array:
    """(n, len(names)) products of factors, each a sum of parts or 1."""
    place = {name: index for index, name in enumerate(PARTS)}
    product = jnp.ones((1, len(names)))
    for side in range(2):
        weights = np.zeros((len(PARTS), len(names)), np.float32)
        one = np.zeros((1, len(names)), np.float32)
        for column, factors in enumerate(names):
            if side >= len(factors):
                one[0, column] = 1.0
                continue
            sign, pair = factors[side]
            for part, weight in zip(pair, (1, sign), strict=False):
                weights[place[part], column] = weight
        product = product * (parts @ weights + one)
    return product


def _limits(contract: PolicyContract) -> np.ndarray:
    """(2, 3) lowest and highest command."""
    ranges = contract.command_ranges
    return np.asarray([ranges.vx, ranges.vy, ranges.yaw_rate], np.float32).T


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
    command = jnp.clip((obs @ pick) / scale, *_limits(contract))
    return obs + ((command_map.told(contract, command) - command) * scale) @ pick.T
