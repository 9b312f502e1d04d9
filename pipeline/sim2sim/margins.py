"""Margins: how much of a disturbance a policy stands, found by bisection along each axis."""

from dataclasses import dataclass, field
from typing import Any

from pipeline.config_gate import MEASURABLE, UNITS, Conditions, Margins, given
from pipeline.sim2sim.scenarios import Scenario, along
from pipeline.sim2sim.trial import Trials

CHECKED = (1.0, 0.5, 0.25, 0.75)
"""Shares of the way to the end that have to stand, in the order they are tried, before the end is
said to: a policy may fall half-way and stand farther on, as on steps too high to climb."""
STIFF = ("kp_scale", "kd_scale")
"""Axes that are searched at the gate's own step: where a loop with scaled gains becomes unstable,
the step has its part in it."""
DIGITS = 6
"""Decimals a searched value is rounded to, so that it can be asked for again."""


@dataclass
class Search:
    """A search from nominal towards one end of an axis.

    Args:
        axis: What is changed.
        start: Its nominal value: what the nominal episodes were held to.
        end: How far to go.
        survival: Share of episodes that has to survive.
        tried: What was found, by value.
    """

    axis: str
    start: float
    end: float
    survival: float
    tried: dict[float, dict[str, Any]] = field(default_factory=dict)

    @property
    def stands(self) -> float:
        """The farthest value that enough episodes survive, before the first that they do not."""
        good = [v for v in self._outward() if self._survives(v) and not self._beyond_failure(v)]
        return good[-1] if good else self.start

    @property
    def fails(self) -> float | None:
        """The nearest value that too many fall at; None if the end stands."""
        return next((v for v in self._outward() if not self._survives(v)), None)

    def next(self) -> float | None:
        """The value to try next: the end, then midway between what stands and what fails.

        Where nothing has failed, what lies between nominal and the end.
        """
        if self.fails is None:
            way = (self.start + share * (self.end - self.start) for share in CHECKED)
            return next((v for v in (round(w, DIGITS) for w in way) if v not in self.tried), None)
        middle = round((self.stands + self.fails) / 2, DIGITS)
        return None if middle in self.tried or middle == self.stands else middle

    def _outward(self) -> list[float]:
        return sorted(self.tried, key=lambda v: abs(v - self.start))

    def _survives(self, value: float) -> bool:
        return self.tried[value]["survival"] >= self.survival

    def _beyond_failure(self, value: float) -> bool:
        return any(
            not self._survives(v) and abs(v - self.start) < abs(value - self.start)
            for v in self.tried
        )

    def row(self) -> dict[str, Any]:
        """The margin as gate.json has it."""
        stands = self.stands
        at = self.tried.get(stands)
        return {
            "axis": self.axis,
            "unit": UNITS[self.axis],
            "nominal": self.start,
            "limit": self.end,
            "value": stands,
            "beyond_limit": self.fails is None,
            "fails_at": self.fails,
            "survival": at and at["survival"],
            "survival_low": at and at["survival_low"],
            "survival_high": at and at["survival_high"],
            "episodes": at["episodes"] if at else 0,
            "tried": [{"value": v, **self.tried[v]} for v in self._outward()],
        }


def searches(settings: Margins) -> list[Search]:
    """One search per end of each axis."""
    nominal = Conditions()
    ends = given(settings.search)
    return [
        Search(axis, getattr(nominal, axis), end, settings.survival)
        for axis in MEASURABLE
        for end in ends.get(axis, ())
    ]


def at_margin(axis: str, value: float, settings: Margins) -> Scenario:
    """The scenario in which a value of an axis is tried."""
    return along(axis, value, None if axis in STIFF else settings.sim_dt)


def find_margins(trials: Trials, settings: Margins, episodes: int) -> list[dict[str, Any]]:
    """Search all axes side by side, one value of each per round.

    Args:
        trials: Runs the episodes.
        settings: Axes, ends, rounds.
        episodes: How many of each value.
    """
    going = searches(settings)
    for turn in range(settings.rounds):
        asked = [(search, value) for search in going if (value := search.next()) is not None]
        asks = [at_margin(search.axis, value, settings) for search, value in asked]
        found = trials.tallies(asks, episodes, f"margins {turn + 1}/{settings.rounds}")
        for (search, value), row in zip(asked, found, strict=True):
            search.tried[value] = row
    return [search.row() for search in going]
