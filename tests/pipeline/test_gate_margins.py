"""The search for margins, against policies whose limits are known."""

import pytest

from pipeline.config_gate import UNITS
from pipeline.sim2sim import margins
from pipeline.sim2sim.baseline import compare
from pipeline.sim2sim.margins import Search, find_margins, searches
from pipeline.sim2sim.scenarios import along, episodes_of
from pipeline.sim2sim.trial import Outcome, tally


class Known:
    """Trials of a policy that falls beyond known values of each axis, on either side."""

    def __init__(self, limits):
        self.limits, self.asked = limits, []

    def tallies(self, scenarios, count, doing):
        self.asked.append(len(scenarios) * count)
        return [tally(self._outcomes(episodes_of(s, count))) for s in scenarios]

    def _outcomes(self, episodes):
        outcomes = []
        for episode in episodes:
            axis, value = episode.scenario.name, episode.scenario.value
            low, high = self.limits.get(axis, (-1e9, 1e9))
            falls = not low <= value <= high
            outcomes.append(Outcome(episode, 1.0 if falls else None, 0.1, 0.2))
        return outcomes


@pytest.fixture
def settings(make_config):
    def make(search, **changes):
        changes = {f"sim2sim.margins.{name}": value for name, value in changes.items()}
        return make_config({**changes, "sim2sim.margins.search": search}).sim2sim.margins

    return make


def test_bisection_finds_a_known_limit(settings):
    trials = Known({"push_speed": (-1, 1.3)})
    (row,) = find_margins(trials, settings({"push_speed": [2.5]}, rounds=8), 4)
    assert 1.3 - 2.5 / 64 < row["value"] <= 1.3 < row["fails_at"] < 1.3 + 2.5 / 64
    assert not row["beyond_limit"] and row["survival"] == 1.0
    assert row["episodes"] == 4  # what its interval rests on
    assert sum(tried["episodes"] for tried in row["tried"]) == 8 * 4 == sum(trials.asked)
    assert row["unit"] == UNITS["push_speed"] == "m/s"
    values = [tried["value"] for tried in row["tried"]]
    assert values == sorted(values) and values[-1] == 2.5


def test_both_sides_of_nominal_are_searched_by_themselves(settings):
    trials = Known({"friction": (0.31, 1.2)})
    low, high = find_margins(trials, settings({"friction": [0.05, 1.5]}, rounds=9), 2)
    assert low["value"] == pytest.approx(0.31, abs=0.01) and low["value"] >= 0.31
    assert high["value"] == pytest.approx(1.2, abs=0.01) and high["value"] <= 1.2
    assert low["nominal"] == high["nominal"] == 0.8


def test_what_stands_the_end_has_to_stand_on_the_way_there(settings):
    trials = Known({})
    (row,) = find_margins(trials, settings({"latency_s": [0.06]}, rounds=8), 3)
    assert row["beyond_limit"] and row["value"] == 0.06 and row["fails_at"] is None
    assert [tried["value"] for tried in row["tried"]] == [0.015, 0.03, 0.045, 0.06]
    assert row["episodes"] == 3


@pytest.mark.parametrize("hole", [(0.02, 0.04), (0.055, 0.065), (0.085, 0.095)])
def test_what_falls_on_the_way_does_not_stand_because_the_end_does(settings, hole):
    """A robot that trips over low steps may stand between high ones that it cannot climb."""

    class Holed(Known):
        def _outcomes(self, episodes):
            falls = hole[0] <= episodes[0].scenario.value <= hole[1]
            self.limits = {"step_height": (-1, -1)} if falls else {}
            return super()._outcomes(episodes)

    (row,) = find_margins(Holed({}), settings({"step_height": [0.12]}, rounds=5), 2)
    assert not row["beyond_limit"]
    assert row["value"] < hole[0] <= row["fails_at"] <= hole[1]


def test_gains_are_searched_at_the_gates_own_step(settings):
    search = settings({}, sim_dt=0.004)
    assert margins.at_margin("kd_scale", 2.0, search).conditions.sim_dt is None
    assert margins.at_margin("kp_scale", 2.0, search).conditions.sim_dt is None
    assert margins.at_margin("friction", 0.3, search).conditions.sim_dt == 0.004


def test_what_stands_nothing_stays_at_nominal(settings):
    trials = Known({"stumble": (0.0, 0.0)})
    (row,) = find_margins(trials, settings({"stumble": [0.8]}, rounds=4), 2)
    assert row["value"] == 0.0 and row["survival"] is None
    assert row["fails_at"] == pytest.approx(0.1)


def test_all_axes_of_a_round_run_side_by_side(settings):
    trials = Known({"friction": (0.31, 1.2)})
    search = {"friction": [0.05, 1.5], "latency_s": [0.06]}
    find_margins(trials, settings(search, rounds=3), 2)
    assert trials.asked == [6, 6, 6]
    trials.asked.clear()
    find_margins(trials, settings(search, rounds=6), 2)
    assert trials.asked == [6, 6, 6, 6, 4, 4]  # latency is done after four


def test_a_gap_below_a_failure_is_not_a_margin():
    search = Search("push_speed", 0.0, 2.0, 0.95)
    for value, survival in ((2.0, 1.0), (1.0, 0.5), (0.5, 0.96)):
        search.tried[value] = {"survival": survival, "episodes": 10}
    assert search.stands == 0.5 and search.fails == 1.0


def test_survival_at_the_bar_counts():
    search = Search("push_speed", 0.0, 2.0, 0.95)
    search.tried[2.0] = {"survival": 0.95, "episodes": 20}
    assert search.fails is None and search.stands == 2.0


def test_params_are_searched_on_every_side(make_config):
    found = searches(make_config().sim2sim.margins)
    assert len(found) >= 20
    assert all(search.end != search.start for search in found)


def stood(axis, unit, value, *tried, nominal=0.0):
    """A baseline's margin, with (value, survival, its lower bound) of what was tried."""
    names = ("value", "survival", "survival_low")
    rows = [dict(zip(names, row, strict=True)) for row in tried]
    return {"axis": axis, "unit": unit, "nominal": nominal, "value": value, "tried": rows}


BASELINE = {
    "margins": [
        stood("push_speed", "m/s", 1.2, (0.6, 1.0, 0.9), (1.2, 0.96, 0.9), (1.25, 0.5, 0.4)),
        stood("latency_s", "s", 0.04, (0.04, 1.0, 0.93), (0.06, 0.9, 0.8)),
        stood("friction", "1", 0.3, (0.3, 0.97, 0.9), (0.1, 0.2, 0.1), nominal=0.8),
        stood("stumble", "rad", 0.0, (0.1, 0.5, 0.4)),
    ]
}


def test_a_baselines_margins_are_tried_again(settings):
    rows = compare(Known({"push_speed": (-1, 1.0)}), BASELINE, settings({}), 40)
    assert [(row["axis"], row["value"], row["regressed"]) for row in rows] == [
        ("push_speed", 0.6, False),
        ("push_speed", 1.2, True),
        ("latency_s", 0.04, False),
        ("friction", 0.3, False),
    ]
    assert rows[1]["falls"] == 40 and rows[1]["baseline_survival"] == 0.96


def test_what_this_policys_own_search_tried_is_not_tried_again(settings):
    trials = Known({"push_speed": (-1, 1.0)})
    episodes = episodes_of(along("push_speed", 0.6), 40)
    ended = [Outcome(e, None if e.number else 1.0, 0.1, 0.2) for e in episodes]
    own = [{"axis": "push_speed", "tried": [{"value": 0.6, **tally(ended)}]}]
    rows = compare(trials, BASELINE, settings({}), 40, own)
    assert trials.asked == [3 * 40]
    assert [(row["value"], row["falls"]) for row in rows[:2]] == [(0.6, 1), (1.2, 40)]
    assert [row["value"] for row in rows] == [0.6, 1.2, 0.04, 0.3]
    trials.asked.clear()
    compare(trials, BASELINE, settings({}), 36, own)  # so many were not tried
    assert trials.asked == [4 * 36]


def test_who_falls_before_a_margin_has_lost_though_it_stands_there(settings):
    """Low steps may trip a policy that high ones do not."""

    class Tripping(Known):
        def _outcomes(self, episodes):
            self.limits = {"push_speed": (1.0, 9.0)}
            return super()._outcomes(episodes)

    rows = compare(Tripping({}), BASELINE, settings({}), 40)
    assert [row["value"] for row in rows if row["regressed"]] == [0.6]


def test_what_chance_explains_is_no_regression(settings):
    def tried(survival_low):
        """The one episode that is tried again falls: up to 79 % may survive."""
        baseline = {"margins": [stood("push_speed", "m/s", 1.2, (1.2, 1.0, survival_low))]}
        (row,) = compare(Known({"push_speed": (-1, 1.0)}), baseline, settings({}), 1)
        assert row["falls"] == 1 and row["survival_high"] == pytest.approx(0.793, abs=0.001)
        return row["regressed"]

    assert not tried(0.7)
    assert tried(0.8)


def test_values_are_rounded_so_that_they_can_be_asked_for_again():
    search = Search("latency_s", 0.0, 0.1, 0.95)
    search.tried = {0.1: {"survival": 0.0, "episodes": 1}}
    for _ in range(4):
        value = search.next()
        assert value == round(value, margins.DIGITS)
        search.tried[value] = {"survival": 0.0, "episodes": 1}
