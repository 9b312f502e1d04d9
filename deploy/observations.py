"""The observation, written once: training, gate and robot all call `observe`.

Every function works on any array module `xp` that speaks NumPy (`numpy`, `jax.numpy`) and on any
leading batch dimensions.
"""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from deploy.contract import ContractError, PolicyContract

Array = Any
"""An array of `xp`."""


class Inputs(NamedTuple):
    """What a policy may look at; `...` is any batch shape.

    Args:
        gyro: (..., 3) rad/s, base frame.
        projected_gravity: (..., 3) unit vector of gravity in the base frame.
        command: (..., 3) m/s, m/s, rad/s, base frame.
        joint_pos: (..., num_joints) rad.
        joint_vel: (..., num_joints) rad/s.
        last_action: (..., num_joints) the policy's previous output.
        phase: (...) fraction of the gait cycle, in [0, 1).
    """

    gyro: Array
    projected_gravity: Array
    command: Array
    joint_pos: Array
    joint_vel: Array
    last_action: Array
    phase: Array


def _per_element(values: tuple[float, ...], like: Array) -> np.ndarray:
    """A row of constants with as many dimensions as `like`, so that nothing changes rank."""
    return np.asarray(values, np.float32).reshape((1,) * (like.ndim - 1) + (-1,))


def _joint_pos(contract: PolicyContract, inputs: Inputs, xp: ModuleType) -> Array:
    return inputs.joint_pos - _per_element(contract.default_joint_pos, inputs.joint_pos)


def _phase(contract: PolicyContract, inputs: Inputs, xp: ModuleType) -> Array:
    angle = inputs.phase * np.float32(2 * math.pi)
    return xp.stack([xp.sin(angle), xp.cos(angle)], axis=-1)


TERMS: dict[str, Callable[[PolicyContract, Inputs, ModuleType], Array]] = {
    "gyro": lambda contract, inputs, xp: inputs.gyro,
    "projected_gravity": lambda contract, inputs, xp: inputs.projected_gravity,
    "command": lambda contract, inputs, xp: inputs.command,
    "joint_pos": _joint_pos,
    "joint_vel": lambda contract, inputs, xp: inputs.joint_vel,
    "last_action": lambda contract, inputs, xp: inputs.last_action,
    "phase": _phase,
}
"""Observation terms by name, before scaling."""


def observe(contract: PolicyContract, inputs: Inputs, xp: ModuleType = np) -> Array:
    """Build the policy's input.

    Args:
        contract: Names, order and scales of the terms.
        inputs: Readings, command and memory.
        xp: `numpy` or `jax.numpy`.

    Returns:
        (..., contract.observation_size) float32.

    Raises:
        ContractError: If the contract names a term there is no code for, or a term's size is not
            what the contract says.
    """
    blocks: list[Array] = []
    for term in contract.observation:
        if term.name not in TERMS:
            raise ContractError(
                f"contract: observation term {term.name!r} is unknown; there are {', '.join(TERMS)}"
            )
        block = TERMS[term.name](contract, inputs, xp)
        if block.shape[-1] != term.size:
            raise ContractError(
                f"contract: observation term {term.name} has {term.size} scales, but the reading "
                f"has {block.shape[-1]} values"
            )
        blocks.append(block * _per_element(term.scale, block))
    return xp.concatenate(blocks, axis=-1)


def joint_targets(contract: PolicyContract, action: Array) -> Array:
    """Joint position targets of an action: default + action_scale * action.

    Args:
        contract: Default pose and scales.
        action: (..., num_joints).

    Returns:
        (..., num_joints) rad.
    """
    scale = _per_element(contract.action_scale, action)
    return _per_element(contract.default_joint_pos, action) + scale * action


def advance_phase(contract: PolicyContract, phase: Array) -> Array:
    """The gait phase one control period later, in [0, 1)."""
    return (phase + np.float32(contract.ctrl_dt / contract.gait_period_s)) % np.float32(1)


class TermSlice(NamedTuple):
    """Where a term stands: its place among the terms, and its first and past-the-end element."""

    place: int
    start: int
    stop: int


def term_slice(contract: PolicyContract, name: str) -> TermSlice:
    """Find a term in the observation.

    Raises:
        ContractError: If the contract has no such term.
    """
    start = 0
    for place, term in enumerate(contract.observation):
        if term.name == name:
            return TermSlice(place, start, start + term.size)
        start += term.size
    raise ContractError(f"contract: has no observation term {name!r}")
