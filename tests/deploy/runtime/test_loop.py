"""The command stream's deadlines, and that damping is what it ends with."""

import itertools

import numpy as np
import pytest

from deploy.link import LinkError
from deploy.runtime.assemble import sleeper
from deploy.runtime.limits import RuntimeSettingError
from deploy.runtime.loop import commands_per_period, run, wait_for_robot
from deploy.runtime.states import Event, State
from tests.deploy.runtime.fakes import STREAM_DT, Bench, shipped


@pytest.fixture(scope="module")
def go2():
    return shipped("go2")


class Asks:
    """Wakes late by what `late` says, and asks for events at given commands."""

    def __init__(self, bench, asks, late=()):
        self.bench, self.asks, self.late = bench, asks, dict(late)
        self.deadlines = []

    def __call__(self, deadline_s):
        place = len(self.deadlines)
        self.deadlines.append(deadline_s)
        self.bench.link.sleep_until(deadline_s)
        self.bench.link.time_s += self.late.get(place, 0.0)
        self.bench.operator.asks += self.asks.get(place, ())


def driven(bench, asks, late=()):
    sleeper = Asks(bench, asks, late)
    seen = []
    run(bench.controller, bench.link, sleeper, STREAM_DT, seen.append)
    return sleeper, seen


def test_deadlines_are_counted_from_the_start(go2):
    """Waking a little late every time shifts nothing."""
    bench = Bench(go2)
    late = {place: 0.0015 for place in range(100)}
    sleeper, _ = driven(bench, {100: [Event.LEAVE]}, late)
    np.testing.assert_allclose(np.diff(sleeper.deadlines), STREAM_DT, atol=1e-9)
    assert bench.controller.summary.overruns == 0
    assert bench.controller.summary.histograms["late"].largest_s == pytest.approx(0.0015)


def test_a_deadline_that_has_passed_is_left_out_and_counted(go2):
    bench = Bench(go2)
    sleeper, _ = driven(bench, {60: [Event.LEAVE]}, {20: 0.0071})
    assert bench.controller.summary.overruns == 3
    steps = np.diff(sleeper.deadlines) / STREAM_DT
    np.testing.assert_allclose(sorted(steps)[-2:], [1, 4], atol=1e-6)
    # The grid of control periods stays where it was.
    times = [tick.time_s - bench.began_s for tick in bench.writer.ticks]
    assert [tick.step for tick in bench.writer.ticks] == list(range(len(times)))
    off_grid = [round(t / STREAM_DT) % 10 for t in times]
    assert sum(place != 0 for place in off_grid) <= 1


def test_changes_of_state_are_told(go2):
    bench = Bench(go2)
    asks = {10: [Event.START], 20: [Event.SELECT], 30: [Event.LEAVE]}
    _, seen = driven(bench, asks)
    assert seen == [State.ZERO_TORQUE, State.MOVE, State.DAMPING, State.ENDED]


def test_nobody_to_tell_is_no_reason_to_stop_damping(go2):
    """A terminal that is gone: the robot is damped for as long as ever, and watched no more."""
    bench, told = Bench(go2), []

    def watch(state):
        told.append(state)
        if state is State.DAMPING:
            raise OSError(5, "Input/output error")

    asks = {10: [Event.START], 20: [Event.SELECT], 1020: [Event.LEAVE]}
    run(bench.controller, bench.link, Asks(bench, asks), STREAM_DT, watch)
    assert told == [State.ZERO_TORQUE, State.MOVE, State.DAMPING]
    assert bench.state is State.ENDED
    assert sum(bench.is_damping(command) for _, command in bench.link.commands) > 1000


@pytest.mark.parametrize("error", [RuntimeError("planted"), KeyboardInterrupt()])
def test_whatever_breaks_the_loop_the_last_command_is_damping(go2, error):
    bench = Bench(go2).until(State.POLICY)
    assert not bench.is_damping()
    count = itertools.count()

    def sleep_until(deadline_s):
        if next(count) == 5:
            raise error
        bench.link.sleep_until(deadline_s)

    with pytest.raises(type(error)):
        run(bench.controller, bench.link, sleep_until, STREAM_DT)
    assert bench.is_damping()
    assert bench.state is State.ENDED


@pytest.mark.parametrize(("rate", "n"), [(500, 10), (200, 4), (250, 5), (400, 8)])
def test_rates_that_divide_the_control_period(go2, rate, n):
    assert commands_per_period(go2.contract, rate) == n


@pytest.mark.parametrize("rate", [150, 333, 550, float("nan"), 0])
def test_other_rates_are_refused(go2, rate):
    with pytest.raises(RuntimeSettingError, match="want a multiple of 50 from 200 to 500"):
        commands_per_period(go2.contract, rate)


def test_a_robot_that_says_nothing_is_waited_for_and_given_up(go2):
    link = Bench(go2).link
    began_s = link.now()
    link.tamper = lambda state, now: state if now - began_s > 3 else None
    wait_for_robot(link, link.sleep_until, 10.0)
    assert link.now() - began_s == pytest.approx(3.0, abs=0.05)
    link.tamper = lambda state, now: None
    with pytest.raises(LinkError, match="no state of the robot within 10 s"):
        wait_for_robot(link, link.sleep_until, 10.0)
    link.last_rejection = "wrong checksum"
    with pytest.raises(LinkError, match="what came was rejected, the last for: wrong checksum"):
        wait_for_robot(link, link.sleep_until, 10.0)


def test_a_slow_clock_is_waited_for_longer(monkeypatch):
    """Of a simulated robot at half the pace, 10 ms take 20."""
    slept = []
    monkeypatch.setattr("deploy.runtime.assemble.time.sleep", slept.append)
    sleeper(lambda: 5.0, pace=0.5)(5.01)
    sleeper(lambda: 5.0)(5.01)
    sleeper(lambda: 5.0, pace=0.5)(4.0)
    assert slept == pytest.approx([0.02, 0.01, 0.0])
