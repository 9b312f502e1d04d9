"""What a replay found, kept up to date step by step: a log may be longer than memory."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from deploy.log import Tick
from deploy.replay.compare import Pair


class Spot(NamedTuple):
    """One element of one step."""

    step: int
    time_s: float
    element: str
    logged: float
    computed: float


@dataclass
class Tally:
    """Differences of one part over all steps; `first` is where one was over the tolerance."""

    worst: float = 0.0
    total: float = 0.0
    count: int = 0
    first: Spot | None = None

    @property
    def mean(self) -> float:
        """Mean absolute difference."""
        return self.total / max(self.count, 1)

    def add(self, tick: Tick, pair: Pair, elements: tuple[str, ...], tolerance: float) -> None:
        """Take in one step; what is not finite differs by infinity."""
        off = np.abs(pair.computed.astype(np.float64) - pair.logged)
        off[np.isnan(off)] = np.inf
        most = float(off.max())
        self.worst, self.total = max(self.worst, most), self.total + float(off.sum())
        self.count += off.size
        if self.first is None and most > tolerance:
            at = int(off.argmax())
            spot = (elements[at], float(pair.logged[at]), float(pair.computed[at]))
            self.first = Spot(tick.step, tick.time_s, *spot)


@dataclass
class Findings:
    """What a replay found.

    Args:
        tallies: By part, in the order of `Comparer.layout`.
        expected: Parts that may differ.
        tolerance: Largest difference that is none.
        ticks: Ticks read.
        compared: Those in which the policy ran, and that were compared.
        gaps: What was stepped over.
        damage: What is wrong with the ends of files.
    """

    tallies: dict[str, Tally]
    expected: frozenset[str]
    tolerance: float
    ticks: int = 0
    compared: int = 0
    gaps: list[str] = field(default_factory=list[str])
    damage: list[str] = field(default_factory=list[str])

    @property
    def diverged(self) -> tuple[str, Spot] | None:
        """The first part, of the first step, that differs and should not; None where none does."""
        found = [
            (name, tally.first)
            for name, tally in self.tallies.items()
            if tally.first is not None and name not in self.expected
        ]
        return min(found, key=lambda part: part[1].step, default=None)
