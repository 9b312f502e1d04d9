"""Recording: the gate's simulator, logged as a robot would be."""

import sys

import numpy as np
import pytest

import robots
from deploy.commands import apply_dead_zone
from deploy.log import LogReader, LogWriter
from deploy.policy import Policy
from pipeline import record as module
from pipeline.command_grid import command_grid
from pipeline.files import sha256
from pipeline.provenance import ROOT
from pipeline.record import header_of, record, settings_for
from pipeline.sim2sim.scenarios import NOMINAL, episodes_of
from pipeline.sim2sim.simulator import GateSimulator
from tests import doctor_policies

PATH = ROOT / "policies/go2/policy.onnx"
STEPS = 30


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """MuJoCo logs its warnings into the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run the command line; return what it prints and the log."""

    def go(*arguments):
        command = ["record", str(PATH), "--params", str(ROOT / "params.yaml"), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        module.main()
        return capsys.readouterr().out, LogReader(tmp_path / "run.mcap")

    return go


def test_the_log_is_the_gates_own_run(tmp_path):
    """Same seed: the robot of the log does what the gate's does, and the log says what it did."""
    policy = Policy(PATH)
    contract = policy.contract
    settings = settings_for("go2", ROOT / "params.yaml").sim2sim
    commands = np.resize(command_grid(contract.command_ranges)[10], (STEPS, 3))
    with LogWriter(tmp_path / "run.mcap", header_of(policy)) as log:
        episodes = record(policy, settings, commands, log, seed=3)
    simulator = GateSimulator(contract, robots.load("go2"), settings, episodes_of(NOMINAL, 1), 3)
    recording = simulator.run(policy, commands[:, None])
    gates = recording.episodes
    np.testing.assert_array_equal(episodes.velocity, gates.velocity)
    ticks = list(LogReader(tmp_path / "run.mcap").ticks())
    np.testing.assert_array_equal(np.stack([t.action for t in ticks]), gates.action[:, 0])
    joints = np.stack([t.inputs.joint_pos for t in ticks])
    np.testing.assert_array_equal(joints[1:], recording.qpos[:-1, 0, 7:].astype(np.float32))
    assert [t.step for t in ticks] == list(range(STEPS))
    assert [t.time_s for t in ticks] == [step * contract.ctrl_dt for step in range(STEPS)]
    assert {t.state for t in ticks} == {"policy"}
    assert all(t.timings_s["policy"] > 0 for t in ticks)


def test_the_header_says_which_policy():
    header = header_of(Policy(PATH))
    assert header.policy_sha256 == sha256(PATH.read_bytes())
    assert header.contract.robot == "go2"


def test_settings_are_the_policys_robots():
    """params.yaml names go2; h1 has a gate of its own."""
    path = ROOT / "params.yaml"
    assert settings_for("h1", path).robot == "h1"
    assert settings_for("h1", path).sim2sim != settings_for("go2", path).sim2sim


def test_a_torso_imu_is_logged_with_the_torsos_angle(tmp_path):
    policy = Policy(ROOT / "policies/h1_2/policy.onnx")
    settings = settings_for("h1_2", ROOT / "params.yaml").sim2sim
    with LogWriter(tmp_path / "run.mcap", header_of(policy)) as log:
        record(policy, settings, np.zeros((2, 3)), log)
    assert [tick.torso_pos for tick in LogReader(log.files[0]).ticks()] == [0.0, 0.0]


def test_commands_go_through_all_of_the_gates(run):
    said, log = run("--seconds", "0.52")
    assert said == "run.mcap: 26 steps, no fall\n"
    contract = log.header.contract
    ticks = list(log.ticks())
    seen = np.stack([tick.inputs.command for tick in ticks])
    wanted = apply_dead_zone(command_grid(contract.command_ranges), contract.command_dead_zone)
    np.testing.assert_array_equal(seen, np.repeat(wanted, 2, axis=0))
    assert ticks[0].torso_pos is None


def test_a_command_is_logged_as_used(run):
    slow = Policy(PATH).contract.command_dead_zone / 2
    _, log = run("--seconds", "0.1", "--command", "0.5", "0", str(slow))
    seen = [tick.inputs.command.tolist() for tick in log.ticks()]
    assert seen == [[0.5, 0.0, 0.0]] * 5


def test_a_log_that_is_there_is_kept(run, capsys):
    run("--seconds", "0.04")
    with pytest.raises(SystemExit) as stopped:
        run("--seconds", "0.04")
    assert "run.mcap: exists, and no log is overwritten" in str(stopped.value.code)


def test_a_policy_that_asks_for_huge_tensors_is_not_loaded(monkeypatch, tmp_path):
    path = doctor_policies.write(tmp_path, graph=doctor_policies.a_huge_weight)
    monkeypatch.setattr(module, "Policy", lambda path: pytest.fail("was loaded"))
    monkeypatch.setattr(sys, "argv", ["record", str(path)])
    with pytest.raises(
        SystemExit, match=r"error: .*policy\.onnx: tensor 'z' of shape \[1000000000"
    ):
        module.main()


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_an_impossible_length_is_refused(run, seconds, capsys):
    with pytest.raises(SystemExit) as stopped:
        run("--seconds", seconds)
    assert stopped.value.code == 2
    assert "--seconds" in capsys.readouterr().err
