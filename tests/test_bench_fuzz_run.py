"""bench.fuzz_run: a whole runtime is told broken messages, and what it must not do is seen."""

import numpy as np
import pytest

from bench import fuzz_run
from deploy.runtime.motors import MotorMap
from deploy.runtime.states import State
from tests.deploy.runtime.fakes import shipped


@pytest.mark.parametrize("name", ["g1", "go2"])
def test_broken_messages_end_in_damping_or_are_passed_over(name):
    outcomes = fuzz_run.count_runs(shipped(name), 300, seed=1)
    assert {state for state, _ in outcomes} == {state.value for state in fuzz_run.STATES}
    assert {"sensors", "temperature"} <= {rule for _, rule in outcomes}
    ended = sum(times for (_, rule), times in outcomes.items() if rule != "goes on")
    assert ended > 20


def test_without_mutants_a_run_goes_on(monkeypatch):
    monkeypatch.setattr(fuzz_run, "slips", lambda codec, rng: codec.state_type.to_cdr)
    monkeypatch.setattr(fuzz_run, "mutants", lambda codec, count, seed: ())
    outcomes = fuzz_run.count_runs(shipped("go2"), 80, seed=1)
    assert {rule for _, rule in outcomes} == {"goes on"}


def test_slips_are_sealed_and_change_something():
    wire = fuzz_run.Wire(shipped("g1"))
    slip, changed = fuzz_run.slips(wire.codec, np.random.default_rng(0)), 0
    for _ in range(50):
        packed = wire.codec.state_type.from_cdr(slip(wire.said))
        assert wire.codec.state_type.is_sealed(packed)
        changed += packed != wire.said
    assert changed > 40


def test_a_runtime_that_drives_on_is_told(monkeypatch, capsys):
    monkeypatch.setattr(MotorMap, "damping", lambda self: self.position(self.default))
    with pytest.raises(fuzz_run.BadRunError, match="not damped"):
        fuzz_run.count_runs(shipped("go2"), 300, seed=1)
    monkeypatch.setattr(fuzz_run.sys, "argv", ["bench.fuzz_run", "300"])
    assert fuzz_run.main() == 1
    assert "g1: not damped" in capsys.readouterr().err


def test_code_that_a_message_breaks_is_told(monkeypatch):
    whole = MotorMap.read

    def breaks(self, robot):
        assert robot.temperature.max() < 1000
        return whole(self, robot)

    monkeypatch.setattr(MotorMap, "read", breaks)
    with pytest.raises(fuzz_run.BadRunError, match="runtime: AssertionError"):
        fuzz_run.count_runs(shipped("g1"), 2000, seed=1)


def test_a_command_that_is_not_finite_is_told(monkeypatch):
    whole = MotorMap.position
    monkeypatch.setattr(MotorMap, "position", lambda self, targets: whole(self, np.nan * targets))
    run = fuzz_run.Run(shipped("go2"))
    with pytest.raises(fuzz_run.BadRunError, match=r"(tau|q) of motor .* want a finite number"):
        run.reach(State.HOLD)
