"""From start to damping on a simulated robot, under a clock of its own: it walks, and replays."""

import dataclasses
import json

import numpy as np
import pytest

import robots
from deploy.contract import ContractError
from deploy.log import LogReader
from deploy.replay.__main__ import main as replay
from deploy.runtime.assemble import Setup, execute
from deploy.runtime.inputs.script import Line, ScriptInput
from deploy.runtime.limits import Limits
from deploy.runtime.states import Event, State
from deploy.runtime.stopping import Stopping
from deploy.runtime.transports import check_robot, open_sim
from deploy.sim_robot.machine import Place
from tests.deploy.runtime.fakes import N_COMMANDS, shipped

SPEED = 0.5
ASKED = [
    Line(0.2, (0, 0, 0), Event.START),
    Line(2.5, (0, 0, 0), Event.A),
    Line(3.0, (SPEED, 0, 0)),
    Line(9.0, (SPEED, 0, 0), Event.SELECT),
    Line(9.5, (0, 0, 0), Event.LEAVE),
]
STRIDE_S, SETTLED_S = 1.6, 5.0
"""Two strides of a humanoid, over which its sway is no error; and when it walks at full speed."""


class Walk:
    """One whole run of a shipped policy, and how its robot moved."""

    def __init__(self, name, folder, lines=ASKED, faults=()):
        self.policy = shipped(name)
        self.transport = open_sim(robots.load(name), faults, realtime=False)
        self.link = self.transport.link
        self.machine = self.link.robot.machine
        self.places, self.states = [], []
        self.outcome = execute(
            Setup(
                policy=self.policy,
                link=self.link,
                sleep_until=self.sleep_until,
                source=ScriptInput(lines),
                stopping=Stopping(),
                n_commands=N_COMMANDS,
                limits=Limits(),
                name="a test",
                realtime=False,
                log=folder / f"{name}.mcap",
                watch=self.watch,
            )
        )
        self.ticks = list(LogReader(folder / f"{name}.mcap").ticks())

    def sleep_until(self, deadline_s):
        self.link.sleep_until(deadline_s)
        self.places.append(self.machine.where())

    def watch(self, state):
        self.states.append(state)
        self.transport.watch(state)

    def between(self, start_s, end_s):
        """Where the base was, by field."""
        return Place(*np.transpose([p for p in self.places if start_s <= p.time_s < end_s]))


@pytest.fixture(scope="module")
def walks(tmp_path_factory):
    """Walks by robot, each made once."""
    folder, made = tmp_path_factory.mktemp("walks"), {}

    def give(name):
        if name not in made:
            made[name] = Walk(name, folder)
        return made[name]

    return give


@pytest.fixture(params=["go2", "g1"])
def walk(request, walks):
    return walks(request.param)


def test_it_goes_through_every_state(walk):
    in_order = [State.ZERO_TORQUE, State.MOVE, State.HOLD, State.POLICY, State.DAMPING, State.ENDED]
    assert walk.states == in_order
    assert not walk.outcome.summary.faulty
    assert walk.outcome.summary.missed == walk.outcome.summary.overruns == 0


def test_it_walks_at_the_speed_asked_for(walk):
    way = walk.between(SETTLED_S, SETTLED_S + 2 * STRIDE_S)
    lasted_s = way.time_s[-1] - way.time_s[0]
    steps = np.diff(way.x + 1j * way.y) * np.exp(-1j * way.yaw[:-1])
    forward, left = steps.sum().real / lasted_s, steps.sum().imag / lasted_s
    assert forward == pytest.approx(SPEED, abs=0.1)
    assert left == pytest.approx(0, abs=0.1)
    assert np.ptp(np.unwrap(way.yaw)[[0, -1]]) / lasted_s < 0.1


def test_it_is_let_down_and_stays_up_while_it_walks(walk):
    height = robots.load(walk.policy.contract.robot).spawn_height
    assert walk.between(0.0, 0.15).height.min() > height + 0.09
    assert walk.between(2.3, 2.5).height == pytest.approx(height, abs=0.02)
    assert walk.between(3.0, 9.0).height.min() > 0.85 * height
    assert walk.between(3.0, 9.0).tilt.max() < 0.35


def test_damping_lets_it_down_and_holds_it_up_no_more(walk):
    assert walk.places[-1].height < 0.98 * walk.between(8.5, 9.0).height.mean()
    damped = [tick for tick in walk.ticks if tick.state == "damping"]
    assert len(damped) == pytest.approx(25, abs=2)
    assert all(not tick.sent_kp.any() and (tick.sent_kd == 8).all() for tick in damped)


def test_nothing_is_clamped_for_long(walk):
    counts = walk.outcome.summary._clamped
    assert max(by_joint.max() for by_joint in counts.values()) < 50  # of 3000 commands


def test_its_log_replays_to_the_last_bit(walk, capsys):
    ran = sum(tick.action is not None for tick in walk.ticks)
    assert ran == pytest.approx((9.0 - 2.5) / 0.02, abs=2)
    (log,) = walk.outcome.files
    assert replay([str(log), "--policy", str(walk.policy.path), "--tolerance", "0"]) == 0
    assert f"same: {ran} steps agree to 0" in capsys.readouterr().out


def test_the_same_run_twice_is_the_same_to_the_last_bit(walks, tmp_path):
    first, again = walks("go2"), Walk("go2", tmp_path)
    assert len(first.ticks) == len(again.ticks)
    for one, other in zip(first.ticks, again.ticks, strict=True):
        np.testing.assert_array_equal(one.sent_targets, other.sent_targets)
        np.testing.assert_array_equal(one.inputs.joint_pos, other.inputs.joint_pos)


# H1: its IMU is in the torso


def test_a_torso_that_is_turned_is_told_from_its_base(tmp_path):
    """The waist swings while the robot hangs limp and is held again before it walks."""
    lines = [*ASKED[:3], Line(4.0, (SPEED, 0, 0), Event.SELECT), Line(4.1, (0, 0, 0), Event.LEAVE)]
    policy = shipped("h1")
    turns = []  # of the base, in truth

    class Turned(Walk):
        def sleep_until(self, deadline_s):
            if not self.places:
                self.machine._held.joint_pos[self.machine._torso] = 0.6
                turns.clear()
            super().sleep_until(deadline_s)
            turns.append(self.machine.data.sensor("gyro").data.copy())

    walk = Turned("h1", tmp_path, lines)
    torso = np.asarray([tick.torso_pos for tick in walk.ticks])
    assert torso[1] == pytest.approx(0.6)
    assert abs(torso[-20:]).max() < 0.05
    yaws = np.asarray([2 * np.arctan2(t.imu_quat[3], t.imu_quat[0]) for t in walk.ticks])
    assert yaws[1] == pytest.approx(0.6, abs=1e-5)
    # The first one is from waiting for the robot.
    base = {tick.step: turns[1 + N_COMMANDS * tick.step] for tick in walk.ticks}
    moving = [tick for tick in walk.ticks if tick.state == "move_to_default"]
    assert max(abs(tick.imu_gyro[2]) for tick in moving) > 0.2
    assert max(abs(tick.inputs.gyro - base[tick.step]).max() for tick in moving) < 1e-5
    (log,) = walk.outcome.files
    assert replay([str(log), "--policy", str(policy.path)]) == 0


# A robot that falls


def test_a_robot_that_is_pushed_over_is_damped(tmp_path):
    walk = Walk("go2", tmp_path, faults=["push:3:90@3.5"])
    assert walk.states[-2:] == [State.DAMPING, State.ENDED]
    assert walk.outcome.summary.faulty
    (fault,) = [tick for tick in walk.ticks if tick.note and "-> damping" in tick.note]
    assert "tilt: " in fault.note
    assert 3.5 < fault.time_s < 4.5
    after = [tick for tick in walk.ticks if tick.step > fault.step]
    assert len(after) > 100 and all(tick.state == "damping" for tick in after)


# The command line


SCRIPT = "time_s,vx,vy,yaw_rate,event\n0.1,0,0,0,start\n0.5,0,0,0,select\n0.6,0,0,0,leave\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The command line, on a simulated Go2 with a short script; signals stay the test's own."""
    from deploy.__main__ import main
    from deploy.runtime import cli

    monkeypatch.setattr(Stopping, "install", lambda self: None)
    (tmp_path / "script.csv").write_text(SCRIPT)

    def call(*more, policy="policies/go2/policy.onnx", robot="go2", ask=None):
        arguments = [str(policy), "--robot", robot, "--fast", "--input", "script"]
        arguments += ["--script", str(tmp_path / "script.csv"), *more]
        return cli.main(arguments, ask=ask) if ask else main(["run", *arguments])

    return call


def test_the_command_line_runs_and_says_what_was(run, tmp_path, capsys):
    log, plot = tmp_path / "run.mcap", tmp_path / "run.png"
    assert run("--log", str(log), "--plot", str(plot), "--name", "Go2 no. 3") == 0
    said = capsys.readouterr().out
    assert "gate: passed, says " in said
    states = [line for line in said.splitlines() if line.startswith("state: ")]
    assert states == [f"state: {s}" for s in ("zero_torque", "move_to_default", "damping", "ended")]
    assert "move_to_default -> damping (select)" in said
    assert f"python -m deploy.replay {log} --policy policies/go2/policy.onnx" in said
    assert LogReader(log).header.source == "Go2 no. 3"
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_fault_is_exit_status_1(run, capsys):
    assert run("--no-log", "--max-temperature", "20") == 1
    assert "temperature: motor" in capsys.readouterr().out


def refused(run, capsys, *arguments, **changes):
    assert run(*arguments, **changes) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ") and said.err.count("\n") == 1
    assert "state:" not in said.out
    return said.err


def test_what_does_not_begin_says_why(run, capsys, tmp_path):
    other = refused(run, capsys, robot="g1")
    assert "is for robot 'go2', want 'g1'" in other
    assert "want a multiple of 50" in refused(run, capsys, "--rate", "333")
    assert "--plot" in refused(run, capsys, "--plot", "x.png", "--no-log")
    assert "none.onnx: no such file" in refused(run, capsys, policy=tmp_path / "none.onnx")
    (tmp_path / "script.csv").write_text("nothing\n")
    assert "line 1 is not" in refused(run, capsys)


def test_ctrl_c_before_the_run_is_no_traceback(run, capsys, monkeypatch):
    from deploy.runtime import cli

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "open_sim", interrupted)
    assert run("--no-log") == 2
    assert capsys.readouterr().err.startswith("stopped before the run: no motor was told anything")


def test_a_log_that_exists_is_not_overwritten(run, capsys, tmp_path):
    (tmp_path / "run.mcap").write_bytes(b"mine")
    assert "no log is overwritten" in refused(run, capsys, "--log", str(tmp_path / "run.mcap"))


@pytest.mark.parametrize("wrong", ["script", "log", "rotated log"])
def test_what_is_wrong_is_said_before_a_robot_is_asked_to_let_go(
    capsys, tmp_path, monkeypatch, wrong
):
    """Released motors drop whatever stood."""
    from deploy.runtime import cli

    def open_dds(*_):
        raise AssertionError("the robot was reached")

    monkeypatch.setattr(cli, "open_dds", open_dds)
    script, log = tmp_path / "script.csv", tmp_path / "run.mcap"
    script.write_text("nothing\n" if wrong == "script" else SCRIPT)
    if wrong == "log":
        log.write_bytes(b"mine")
    (tmp_path / "run_0000.mcap").write_bytes(b"mine")
    arguments = ["policies/go2/policy.onnx", "--robot", "go2", "--transport", "dds"]
    arguments += ["--release-motion", "--input", "script", "--script", str(script)]
    arguments += ["--log", str(log), *(["--rotate-s", "60"] if wrong == "rotated log" else [])]
    assert cli.main(arguments) == 2
    said = capsys.readouterr().err
    assert ("line 1 is not" if wrong == "script" else "no log is overwritten") in said


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("effort_limit", 1e9, "0 to 35.55"),
        ("velocity_limit", 200.0, "0 to 20.07"),
        ("joint_lower", -9.0, "-2.7227 to -0.83776"),
        ("joint_upper", -2.8, "-2.7227 to -0.83776"),
        ("kp", -40.0, "0 to inf"),
        ("kd", -1.0, "0 to inf"),
    ],
)
def test_limits_that_protect_nothing_are_refused(field, value, allowed):
    contract, robot = shipped("go2").contract, robots.load("go2")
    check_robot(contract, robot)
    values = list(getattr(contract, field))
    values[2] = value
    broken = dataclasses.replace(contract, **{field: tuple(values)})
    with pytest.raises(ContractError) as caught:
        check_robot(broken, robot)
    said = str(caught.value)
    assert f"{field} of FL_calf_joint is {value}" in said and allowed in said


def test_a_policy_without_a_gate_runs_by_a_persons_word_only(run, capsys, tmp_path):
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(shipped("go2").path.read_bytes())
    (tmp_path / "gate.json").write_text(json.dumps({"passed": False}))
    from deploy.runtime import gatecheck

    assert gatecheck.SHIPPED.is_dir()
    assert run("--no-log", policy=mine) == 0  # the shipped one's report names the same bytes
    capsys.readouterr()
    typed = refused(
        run, capsys, "--no-log", "--unsafe-no-gate", policy=mine, ask=lambda question: "g1"
    )
    assert "'g1' was typed, want 'go2'" in typed
    assert run("--no-log", "--unsafe-no-gate", policy=mine, ask=lambda question: "go2") == 0


def test_a_policy_that_did_not_pass_is_refused(run, capsys, tmp_path, monkeypatch):
    from deploy.runtime import cli
    from deploy.runtime.gatecheck import check_gate

    mine = tmp_path / "mine.onnx"
    mine.write_bytes(shipped("go2").path.read_bytes())
    monkeypatch.setattr(
        cli, "check_gate", lambda policy, robot: check_gate(policy, robot, tmp_path)
    )
    assert "no passing gate report names this file" in refused(run, capsys, policy=mine)


def test_the_real_robots_library_is_asked_for_in_one_line(run, capsys, monkeypatch):
    import sys

    import deploy.wire
    from deploy.runtime import cli

    monkeypatch.setitem(sys.modules, "cyclonedds", None)
    ours = ("deploy.wire.topics", "deploy.wire.idl")
    for name in [n for n in sys.modules if n.startswith(("cyclonedds.", *ours))]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("topics", "idl"):
        monkeypatch.delattr(deploy.wire, name, raising=False)
    status = cli.main(["policies/go2/policy.onnx", "--robot", "go2", "--transport", "dds"])
    assert status == 2
    assert "pip install '.[robot]'" in capsys.readouterr().err


def test_the_simulators_library_is_asked_for_in_one_line(run, capsys, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "deploy.sim_robot.link", None)
    assert "pip install mujoco" in refused(run, capsys)


def test_no_real_robot_is_driven_at_another_pace(capsys):
    from deploy.runtime import cli

    arguments = ["policies/go2/policy.onnx", "--robot", "go2", "--pace", "0.5"]
    assert cli.main([*arguments, "--transport", "dds", "--interface", "eth0"]) == 2
    assert "--pace: 0.5 only with --interface lo" in capsys.readouterr().err
    assert cli.main(arguments) == 2
    assert "--pace: only with --transport dds" in capsys.readouterr().err


def test_a_fault_of_the_command_line_happens(run, capsys):
    assert run("--no-log", "--fault", "hot:3:95@0.3") == 1
    assert "temperature: motor 3 has 95 deg C" in capsys.readouterr().out
    assert "is unknown" in refused(run, capsys, "--no-log", "--fault", "dorp:1")
    needs_sim = ["--no-log", "--fault", "freeze", "--transport", "dds"]
    assert "--fault" in refused(run, capsys, *needs_sim)
