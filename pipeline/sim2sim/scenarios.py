"""The conditions the gate makes a policy walk in, as data."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.config_gate import Conditions, Sim2Sim, given

Value = float | str
"""Where an axis stands: a number, or a word for a choice."""


@dataclass(frozen=True)
class Scenario:
    """One condition the policy has to walk in.

    Args:
        name: What differs from nominal: an axis, or a scenario of params.yaml.
        value: Where that axis stands; None for a scenario that mixes several.
        conditions: All of them.
    """

    name: str
    value: Value | None
    conditions: Conditions

    @property
    def label(self) -> str:
        """Name and value: what the draws of an episode are seeded with."""
        return self.name if self.value is None else f"{self.name}={self.value!r}"


def mixed(name: str, **conditions: Any) -> Scenario:
    """A scenario of several conditions; what is not given is nominal."""
    return Scenario(name, None, Conditions(**conditions))


def along(axis: str, value: Value, sim_dt: float | None = None) -> Scenario:
    """A scenario that differs from nominal along one axis.

    Args:
        axis: The axis.
        value: Where on it.
        sim_dt: Physics step, s; None for the gate's.
    """
    return Scenario(axis, value, Conditions.model_validate({"sim_dt": sim_dt, axis: value}))


NOMINAL = mixed("nominal")


def swept(settings: Sim2Sim) -> list[Scenario]:
    """One scenario per value of each sweep."""
    return [
        along(axis, value) for axis, values in given(settings.sweeps).items() for value in values
    ]


def named(settings: Sim2Sim) -> list[Scenario]:
    """The scenarios that params.yaml names."""
    return [Scenario(name, None, conditions) for name, conditions in settings.scenarios.items()]


@dataclass(frozen=True)
class Episode:
    """One run of one robot: the seed, the scenario and its number decide all that is drawn."""

    scenario: Scenario
    number: int

    def seed(self, base: int) -> tuple[int, int, int]:
        """Seed of its draws, whatever else is simulated beside it."""
        return base, zlib.crc32(self.scenario.label.encode()), self.number


def episodes_of(scenario: Scenario, count: int) -> list[Episode]:
    """The first `count` episodes of a scenario."""
    return [Episode(scenario, number) for number in range(count)]


def numbered(scenarios: list[Scenario]) -> list[Episode]:
    """An episode for each scenario of a list; where one repeats, its next."""
    return list(_numbered(scenarios))


def _numbered(scenarios: list[Scenario]) -> Iterator[Episode]:
    count: dict[str, int] = {}
    for scenario in scenarios:
        number = count.get(scenario.label, 0)
        count[scenario.label] = number + 1
        yield Episode(scenario, number)
