"""Scenarios as data: what params.yaml may say, and what becomes of it."""

import numpy as np
import pytest

from pipeline.config import ConfigError
from pipeline.config_gate import MEASURABLE, UNITS, Conditions
from pipeline.report_words import AXES
from pipeline.sim2sim.commands import schedule
from pipeline.sim2sim.scenarios import (
    NOMINAL,
    Episode,
    along,
    episodes_of,
    mixed,
    named,
    numbered,
    swept,
)

GRID = np.array([[0, 0, 0], [1.0, 0, 0], [-0.5, 0, 0], [0, 0.4, 0], [0, 0, 1.0]], np.float32)


def test_sweeps_give_one_scenario_per_value(raw_params, make_config):
    sweeps = raw_params["sim2sim"]["sweeps"]
    found = swept(make_config().sim2sim)
    wanted = [(axis, value) for axis, values in sweeps.items() for value in values]
    assert {(case.name, case.value) for case in found} == set(wanted)
    assert len(found) == len(wanted)


def test_a_swept_scenario_differs_from_nominal_in_its_axis_alone(make_config):
    for case in swept(make_config().sim2sim):
        for axis in UNITS:
            nominal = getattr(NOMINAL.conditions, axis)
            wanted = case.value if axis == case.name else nominal
            assert getattr(case.conditions, axis) == wanted


def test_named_scenarios_mix_what_they_are_given(raw_params, make_config):
    scenarios = raw_params["sim2sim"]["scenarios"]
    found = named(make_config().sim2sim)
    assert {case.name for case in found} == scenarios.keys()
    for case in found:
        assert case.conditions.model_dump(exclude_unset=True) == scenarios[case.name]


def test_every_axis_has_a_unit_and_words():
    assert AXES.keys() == UNITS.keys() == Conditions.model_fields.keys()
    assert "push_speed" in MEASURABLE and "cone" not in MEASURABLE


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("sweeps", {"fricton": [0.3]}, r"sim2sim\.sweeps\.fricton: unknown key; allowed: .*fric"),
        ("sweeps", {"friction": [0.0]}, r"sim2sim\.sweeps\.friction\.0: 0\.0 is not allowed"),
        ("sweeps", {"cone": ["round"]}, r"sim2sim\.sweeps\.cone\.0: 'round' is not allowed"),
        ("scenarios", {"icy": {"fricton": 0.1}}, r"sim2sim\.scenarios\.icy\.fricton: unknown key"),
        ("scenarios", {"icy": {"friction": -1.0}}, r"scenarios\.icy\.friction: -1\.0 is not"),
        ("scenarios", {"icy": {"commands": "run"}}, r"scenarios\.icy\.commands: 'run' is not"),
        ("margins.search", {"cone": [1.0]}, r"margins\.search\.cone: unknown key"),
        ("margins.search", {"friction": [0.8]}, r"friction: 0\.8 is nominal"),
        ("margins.search", {"friction": [0.1, 0.2]}, r"both ends are on one side of the nominal"),
        ("margins.search", {"friction": [0.1, 1.0, 2.0]}, r"margins\.search\.friction"),
        ("scenarios", {"nominal": {"friction": 0.1}}, r"nominal: is what the nominal episodes"),
        ("scenarios", {"fine": {"sim_dt": 1e-6}}, r"scenarios\.fine\.sim_dt: 1e-06 is not"),
        ("scenarios", {"full": {"payload_kg": 1e300}}, r"scenarios\.full\.payload_kg: 1e\+300"),
        ("sweeps", {"friction": [0.3, 0.5, 0.3]}, r"friction: .* has a value twice"),
        ("sweeps", {"sim_dt": [0.001, None]}, r"sim_dt: null is nominal"),
        ("profile", "slow", r"sim2sim\.profile: 'slow' is not allowed"),
    ],
)
def test_what_is_wrong_is_refused_by_its_key(make_config, key, value, message):
    with pytest.raises(ConfigError, match=message):
        make_config({f"sim2sim.{key}": value})


# Episodes


def test_repeated_scenarios_are_numbered():
    icy = mixed("icy", friction=0.1)
    found = numbered([NOMINAL, icy, NOMINAL, icy, along("friction", 0.1)])
    assert [episode.number for episode in found] == [0, 0, 1, 1, 0]


def test_every_episode_has_a_seed_of_its_own():
    cases = [NOMINAL, along("friction", 0.1), along("friction", 0.2), mixed("icy", friction=0.1)]
    seeds = {Episode(case, k).seed(base) for case in cases for k in range(3) for base in (1, 2)}
    assert len(seeds) == 4 * 3 * 2


# Commands


def commands(kind, steps=500):
    return schedule(episodes_of(mixed(kind, commands=kind), 5), GRID, steps, 0.02)


def test_the_grid_is_asked_for_over_and_over():
    found = schedule(episodes_of(NOMINAL, 7), GRID, 3, 0.02)
    assert found.shape == (3, 7, 3)
    assert np.array_equal(found[0], np.concatenate([GRID, GRID[:2]]))
    assert np.array_equal(found[0], found[2])


def test_standing_asks_for_nothing():
    assert (commands("stand") == 0).all()


def test_starting_and_stopping_takes_turns():
    found = commands("start_stop")
    for i, moving in enumerate(GRID[[1, 2, 3, 4, 1]]):
        assert (found[:100, i] == 0).all() and (found[100:200, i] == moving).all()
        assert (found[200:300, i] == 0).all()


def test_reversing_goes_the_other_way_within_the_range():
    found = commands("reverse")
    assert (found[:125, 0] == GRID[1]).all()
    assert (found[125:250, 0] == [-0.5, 0, 0]).all()  # backward is slower
    assert (found[125:250, 2] == [0, 0, 0]).all()  # there is no way to the right in this grid
    assert (found[250:375, 0] == GRID[1]).all()
