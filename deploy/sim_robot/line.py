"""A line that loses, delays and garbles what is sent over it."""

from collections import deque

import numpy as np


class Line:
    """One direction of a bad network; a perfect one until told otherwise.

    Args:
        seed: Of what is lost and garbled.
    """

    FAULTS = ("drop", "delay", "corrupt")
    """Share of the messages that is lost; seconds they are under way; share of them that arrives
    with one bit turned over."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._faults: dict[str, float] = dict.fromkeys(self.FAULTS, 0.0)

    def set_fault(self, fault: str, value: float) -> None:
        """Make one of FAULTS as bad as `value`; 0 mends it."""
        self._faults[fault] = value

    def put(self, packed: bytes, now: float) -> None:
        """Send a message at `now`, s."""
        if self._rng.random() < self._faults["drop"]:
            return
        if self._rng.random() < self._faults["corrupt"]:
            packed = self._garbled(packed)
        self._under_way.append((now + self._faults["delay"], packed))

    def take(self, now: float) -> list[bytes]:
        """What has arrived by `now`, s; in the order it was sent, whatever the delays were."""
        arrived: list[bytes] = []
        while self._under_way and self._under_way[0][0] <= now:
            arrived.append(self._under_way.popleft()[1])
        return arrived

    def _garbled(self, packed: bytes) -> bytes:
        bit = int(self._rng.integers(8 * len(packed)))
        garbled = bytearray(packed)
        garbled[bit // 8] ^= 1 << bit % 8
        return bytes(garbled)
