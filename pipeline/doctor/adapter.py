"""A network with its own order of joints, memory and clips, made to walk in the gate."""

from collections.abc import Callable

import numpy as np

from deploy.contract import ObservationTerm
from deploy.observations import joint_targets, term_slice
from pipeline.doctor.described import JOINT_KINDS, Clip
from pipeline.doctor.fitting import Fitted
from pipeline.doctor.layout import columns


class Adapter:
    """Lets a network that has its joints in another order, a history or clips walk in the gate.

    As in Unitree's program, a reading is clipped before it is scaled, a joint's target after
    scale and offset, and the network is shown its last action as it was before that.

    Args:
        network: (n, observation) -> (n, action), in the policy's order.
        fitted: The policy, in the robot's order.
        orders: (n, num_joints) for each simulation, place in the robot's order of each joint of
            the policy's.
    """

    def __init__(
        self, network: Callable[[np.ndarray], np.ndarray], fitted: Fitted, orders: np.ndarray
    ) -> None:
        self._network, self._fitted, self._orders = network, fitted, orders
        sizes = [len(term.scale) for term in fitted.contract.observation]
        self._places = columns(sizes, fitted.history, frame_major=fitted.frame_major)
        self._past: list[np.ndarray] = []
        self._answer: np.ndarray | None = None

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """The action in the robot's order, for an observation in the robot's order."""
        terms = zip(self._fitted.contract.observation, self._fitted.term_clips, strict=True)
        blocks = [self._block(obs, term, clips) for term, clips in terms]
        if not self._past:
            self._past = [
                np.repeat(block[:, None], length, axis=1)
                for block, length in zip(blocks, self._fitted.history, strict=True)
            ]
        self._past = [
            np.concatenate([old[:, 1:], block[:, None]], axis=1)
            for old, block in zip(self._past, blocks, strict=True)
        ]
        seen = np.empty((len(obs), sum(place.size for place in self._places)), np.float32)
        for place, past in zip(self._places, self._past, strict=True):
            seen[:, place] = past
        action = self._network(seen)
        self._answer = np.zeros_like(action)
        np.put_along_axis(self._answer, self._orders, action, axis=1)
        return self._clipped(self._answer)

    def _block(
        self, obs: np.ndarray, term: ObservationTerm, clips: tuple[Clip, ...] | None
    ) -> np.ndarray:
        """A term as the network sees it."""
        found = term_slice(self._fitted.contract, term.name)
        block, scale = obs[:, found.start : found.stop], np.asarray(term.scale, np.float32)
        if term.name == "last_action" and self._answer is not None:
            block = self._answer * scale
        if clips is not None:
            block = scale * np.clip(_divided(block, scale), *np.transpose(clips))
        return (
            np.take_along_axis(block, self._orders, axis=1) if term.name in JOINT_KINDS else block
        )

    def _clipped(self, action: np.ndarray) -> np.ndarray:
        """The action whose targets are the clipped ones of another."""
        contract, clip = self._fitted.contract, self._fitted.target_clip
        if clip is None:
            return action
        targets = np.clip(joint_targets(contract, action), *np.transpose(clip))
        moved = targets - np.asarray(contract.default_joint_pos)
        return _divided(moved, np.asarray(contract.action_scale)).astype(np.float32)


def _divided(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """float64, what was scaled as it was before; where the scale is zero nobody knows."""
    return np.asarray(values, float) / np.where(scale == 0, 1.0, scale)
