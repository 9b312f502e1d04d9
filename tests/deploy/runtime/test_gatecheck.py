"""No policy runs without a passing gate report, but by a person's word."""

import json
import shutil

import pytest

from deploy.runtime.gatecheck import GateRefusedError, check_gate, waive_gate
from tests.deploy.runtime.fakes import ROOT

POLICY = ROOT / "policies/go2/policy.onnx"
REPORT = json.loads((ROOT / "policies/go2/gate.json").read_text())


@pytest.fixture
def alone(tmp_path):
    """The Go2's policy in a folder of its own."""
    (tmp_path / "mine").mkdir()
    return shutil.copy(POLICY, tmp_path / "mine/walk.onnx")


def report(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "gate.json"
    path.write_text(json.dumps({**REPORT, **changes}))
    return path


@pytest.mark.parametrize("name", ["go2", "g1", "h1", "h1_2"])
def test_shipped_policies_pass(name):
    folder = ROOT / f"policies/{name}"
    assert check_gate(folder / "policy.onnx", name) == folder / "gate.json"


def test_a_report_beside_the_policy_or_beside_the_shipped_one(alone, tmp_path):
    shipped = tmp_path / "policies"
    with pytest.raises(GateRefusedError, match="there is no such file"):
        check_gate(alone, "go2", shipped)
    far = report(shipped / "go2")
    assert check_gate(alone, "go2", shipped) == far
    near = report(alone.parent)
    assert check_gate(alone, "go2", shipped) == near
    report(alone.parent, passed=False)  # the other one still vouches for it
    assert check_gate(alone, "go2", shipped) == far


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"passed": False}, "did not pass"),
        ({"passed": "true"}, "did not pass"),
        ({"passed": 1}, "did not pass"),
        ({"robot": "g1"}, "is for robot 'g1', want 'go2'"),
        ({"policy_sha256": "0" * 64}, "is of another file"),
        ({"policy_sha256": None}, "is of another file"),
    ],
)
def test_a_report_that_does_not_vouch(alone, tmp_path, changes, why):
    report(alone.parent, **changes)
    with pytest.raises(GateRefusedError, match=why):
        check_gate(alone, "go2", tmp_path / "policies")


@pytest.mark.parametrize(("text", "why"), [("{", "unreadable"), ("[]", "no JSON object")])
def test_a_report_that_is_none(alone, tmp_path, text, why):
    (alone.parent / "gate.json").write_text(text)
    with pytest.raises(GateRefusedError, match=why):
        check_gate(alone, "go2", tmp_path / "policies")


def test_one_changed_bit_is_another_policy(alone, tmp_path):
    report(alone.parent)
    check_gate(alone, "go2", tmp_path / "policies")
    data = bytearray(alone.read_bytes())
    data[1000] ^= 1
    alone.write_bytes(data)
    with pytest.raises(GateRefusedError, match="is of another file"):
        check_gate(alone, "go2", tmp_path / "policies")


def test_a_person_may_waive_it_by_the_robots_name():
    asked = []

    def ask(question):
        asked.append(question)
        return " go2 "

    waive_gate(POLICY, "go2", ask)
    assert "type the robot's name" in asked[0] and "go2" in asked[0]


@pytest.mark.parametrize("typed", ["", "y", "yes", "g1", "GO2"])
def test_nothing_else_will_do(typed):
    with pytest.raises(GateRefusedError, match=f"{typed!r} was typed, want 'go2'"):
        waive_gate(POLICY, "go2", lambda question: typed)


def test_nobody_to_ask_is_a_no():
    def ask(question):
        raise EOFError

    with pytest.raises(GateRefusedError, match="want 'go2'"):
        waive_gate(POLICY, "go2", ask)
