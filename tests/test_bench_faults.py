"""bench.faults: every fault of a walking robot is seen by its rule, and only damping follows."""

import sys

import pytest

from bench import faults
from deploy.policy import Policy
from deploy.runtime.limits import Limits
from deploy.runtime.supervisor import guards
from tests.deploy.runtime.fakes import ROOT


@pytest.fixture(autouse=True)
def in_root(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["bench.faults"])


@pytest.mark.slow
def test_every_fault_is_seen_and_only_damping_follows(capsys):
    status = faults.main()
    said = capsys.readouterr()
    assert status == 0, said.err
    assert said.out.count("\n| ") == len(faults.CASES)
    seen = {line.split(" | ")[1].strip("`") for line in said.out.splitlines()[2:]}
    rules = {guard.name for guard in guards(Policy("policies/g1/policy.onnx").contract, Limits())}
    assert seen >= rules, f"rules that no fault called up: {rules - seen}"


def test_a_fault_that_is_not_seen_is_told(monkeypatch, capsys):
    nothing = faults.Case("nothing at all", ("tilt",), lambda walk: None)
    monkeypatch.setattr(faults, "CASES", (nothing,))
    assert faults.main() == 1
    assert "nothing at all" in capsys.readouterr().err


def test_what_is_sent_after_a_fault_is_looked_at(monkeypatch):
    """A runtime that drives on would be told from one that damps."""
    walk = faults.Walk(Policy("policies/g1/policy.onnx"))

    def drive_on(one):
        one.happen("hot:3:95")
        position = one.controller._motors.position(one.controller._motors.default)
        monkeypatch.setattr(one.controller._motors, "damping", lambda: position)

    seen = walk.to_damping(drive_on)
    assert seen.rule == "temperature" and seen.others > 100
