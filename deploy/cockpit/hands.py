"""What somebody at a page holds down, and the velocity that means."""

import math
from typing import Any, NamedTuple, cast

from deploy.contract import PolicyContract
from deploy.runtime.inputs.wish import of_sticks

Three = tuple[float, float, float]

KEYS = {
    "KeyW": (0, 1),
    "KeyS": (0, -1),
    "KeyA": (1, 1),
    "KeyD": (1, -1),
    "KeyQ": (2, 1),
    "KeyE": (2, -1),
}
"""Axis (vx, vy, yaw rate) and direction of each key, by where it is on the keyboard
(`KeyboardEvent.code` of the browser), whatever is printed on it."""


class Hands(NamedTuple):
    """Keys, sticks and sliders of a page.

    Args:
        keys: Held down, by their codes.
        sticks: Forward, left and counter-clockwise, each in [-1, 1], as the gamepad says them.
        sliders: vx, vy, yaw rate: m/s, m/s, rad/s.
        reach: Share of the policy's range that a key asks for, in [0, 1].
    """

    keys: frozenset[str] = frozenset()
    sticks: Three = (0.0, 0.0, 0.0)
    sliders: Three = (0.0, 0.0, 0.0)
    reach: float = 0.5


NOTHING = Hands()


def read_hands(said: Any) -> Hands:
    """Read what a page said.

    Raises:
        ValueError: If it is not what the cockpit's page says.
    """
    try:
        keys = frozenset(str(key) for key in cast("list[Any]", said["keys"]))
        reach = _finite(said["reach"])
        sticks, sliders = _three(said["sticks"]), _three(said["sliders"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"hands are malformed: {error!r}") from error
    return Hands(keys & KEYS.keys(), sticks, sliders, min(max(reach, 0.0), 1.0))


def velocity(contract: PolicyContract, hands: Hands) -> Three:
    """What hands ask for: on each axis keys before sticks, sticks before sliders.

    Args:
        contract: Has the ranges.
        hands: What is held.

    Returns:
        vx, vy, yaw rate: m/s, m/s, rad/s. The runtime keeps them in range.
    """
    ranges = contract.command_ranges
    ends = (ranges.vx, ranges.vy, ranges.yaw_rate)
    sticks = of_sticks(contract, *hands.sticks)
    wanted = list(hands.sliders)
    for axis, (lower, upper) in enumerate(ends):
        signs = [sign for at, sign in (KEYS[key] for key in hands.keys) if at == axis]
        if signs:
            way = hands.reach * sum(signs)
            wanted[axis] = way * max(upper, 0.0) if way > 0 else -way * min(lower, 0.0)
        elif sticks[axis]:
            wanted[axis] = sticks[axis]
    return wanted[0], wanted[1], wanted[2]


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is not finite")
    return number


def _three(values: Any) -> Three:
    x, y, turn = values
    return _finite(x), _finite(y), _finite(turn)
