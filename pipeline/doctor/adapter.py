"""A network with its own order of joints and its own memory, made to walk in the gate."""

from collections.abc import Callable

import numpy as np

from deploy.contract import PolicyContract
from deploy.observations import term_slice
from pipeline.doctor.described import JOINT_KINDS


class Adapter:
    """Lets a network that has its joints in another order, or a history, walk in the gate.

    Args:
        network: (n, observation) -> (n, action), in the policy's order.
        contract: The contract in the robot's order.
        history: Readings that each term holds.
        orders: (n, num_joints) for each simulation, place in the robot's order of each joint of
            the policy's.
    """

    def __init__(
        self,
        network: Callable[[np.ndarray], np.ndarray],
        contract: PolicyContract,
        history: tuple[int, ...],
        orders: np.ndarray,
    ) -> None:
        self._network, self._contract = network, contract
        self._history, self._orders = history, orders
        self._past: list[np.ndarray] = []

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """The action in the robot's order, for an observation in the robot's order."""
        blocks = [self._reorder(obs, term.name) for term in self._contract.observation]
        if not self._past:
            self._past = [
                np.repeat(block[:, None], length, axis=1)
                for block, length in zip(blocks, self._history, strict=True)
            ]
        self._past = [
            np.concatenate([old[:, 1:], block[:, None]], axis=1)
            for old, block in zip(self._past, blocks, strict=True)
        ]
        seen = np.concatenate([past.reshape(len(obs), -1) for past in self._past], axis=1)
        action = self._network(seen)
        in_robots_order = np.zeros_like(action)
        np.put_along_axis(in_robots_order, self._orders, action, axis=1)
        return in_robots_order

    def _reorder(self, obs: np.ndarray, name: str) -> np.ndarray:
        found = term_slice(self._contract, name)
        block = obs[:, found.start : found.stop]
        return np.take_along_axis(block, self._orders, axis=1) if name in JOINT_KINDS else block
