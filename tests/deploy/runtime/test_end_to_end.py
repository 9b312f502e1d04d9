"""From the remote's `start` to damping, over DDS: robot and runtime in processes of their own."""

import math

import numpy as np
import pytest

import robots
from deploy.log import LogReader
from deploy.replay.__main__ import main as replay
from tests.deploy.runtime.fakes import ROOT

pytest.importorskip("cyclonedds", reason="cyclonedds is not installed (extra: robot)")

from tests.deploy.runtime.two_processes import course

SPEED = 0.5


def is_damping(command, used):
    return not command.kp.any() and not command.tau.any() and (command.kd[used] == 8).all()


def check_the_end(done, log, name):
    """Damping is all that is sent once it has begun, and the last of all."""
    robot = robots.load(name)
    used = [joint.motor_index for joint in (*robot.joints, *robot.held_joints)]
    assert done.states[-2:] == ["damping", "ended"]
    damped = [is_damping(command, used) for command in done.heard]
    assert any(damped), "the bystander saw no damping"
    assert all(damped[damped.index(True) :]), "something else was sent after damping"
    assert len(damped) - damped.index(True) > 20
    ticks = list(LogReader(log).ticks())
    first = next(index for index, tick in enumerate(ticks) if tick.state == "damping")
    assert all(tick.state == "damping" for tick in ticks[first:])
    assert all(not tick.sent_kp.any() and (tick.sent_kd == 8).all() for tick in ticks[first + 1 :])
    assert any(" heard, 0 commands ignored" in line for line in done.robot_said)
    return ticks


def check_the_walk(done, log, name, seconds):
    spawn_height = robots.load(name).spawn_height
    first, last = done.places
    assert min(place["height"] for place in done.places) > 0.85 * spawn_height
    assert max(place["tilt"] for place in done.places) < 0.35
    took_s = last["time_s"] - first["time_s"]
    turned = math.remainder(last["yaw"] - first["yaw"], 2 * math.pi)
    heading = first["yaw"] + turned / 2
    x, y = last["x"] - first["x"], last["y"] - first["y"]
    forward = x * math.cos(heading) + y * math.sin(heading)
    sideways = y * math.cos(heading) - x * math.sin(heading)
    assert forward / took_s == pytest.approx(SPEED, abs=0.12)
    assert sideways / took_s == pytest.approx(0.0, abs=0.12)
    assert turned / took_s == pytest.approx(0.0, abs=0.15)
    walked = [tick for tick in LogReader(log).ticks() if tick.state == "policy"]
    assert len(walked) * 0.02 > 0.9 * seconds
    assert walked[-1].inputs.command == pytest.approx([SPEED, 0, 0], abs=0.01)
    policy = ROOT / "policies" / name / "policy.onnx"
    # A busy machine may leave a period out.
    assert replay([str(log), "--policy", str(policy), "--allow-gaps"]) == 0


def in_order(states):
    return states == ["zero_torque", "move_to_default", "hold", "policy", "damping", "ended"]


@pytest.mark.slow
@pytest.mark.parametrize("name", robots.names())
def test_a_shipped_policy_walks_over_dds(name, tmp_path):
    log = tmp_path / "run.mcap"
    done = course(name, log, walk_s=10.0)
    assert in_order(done.states), done.said
    assert done.status == 0, done.said
    check_the_walk(done, log, name, 10.0)
    check_the_end(done, log, name)


FAULTS = {
    "drop:1": {"stale state"},
    "delay:0.2": {"stale state"},
    "corrupt:1": {"bad messages"},
    "corrupt:0.3": {"bad messages"},
    "freeze": {"frozen robot"},
    "hot:3:95": {"temperature"},
    "error:3:16": {"motor error"},
    "unpair": {"remote"},
    # Which comes first depends on the step it is pushed in.
    "push:4:90": {"tilt", "joint velocity", "joint position"},
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_walking_robot_ends_in_damping_by_its_name(fault, tmp_path):
    log = tmp_path / "run.mcap"
    done = course("g1", log, walk_s=4.0, fault=fault)
    assert in_order(done.states), done.said
    assert done.fault in FAULTS[fault], done.said
    assert done.status == 1
    ticks = check_the_end(done, log, "g1")
    (note,) = [tick.note for tick in ticks if tick.note and "-> damping" in tick.note]
    assert f"policy -> damping ({done.fault}: " in note


def test_a_go2_walks_over_dds_and_freezes(tmp_path):
    log = tmp_path / "run.mcap"
    done = course("go2", log, walk_s=4.5, fault="freeze")
    assert in_order(done.states), done.said
    check_the_walk(done, log, "go2", 4.5)
    assert done.fault == "frozen robot" and done.status == 1
    check_the_end(done, log, "go2")


def test_an_hg_robot_that_gets_hot_on_its_hoist_is_damped(tmp_path):
    log = tmp_path / "run.mcap"
    done = course("g1", log, walk_s=0.0, fault="hot:3:95", walks=False)
    assert done.states == ["zero_torque", "move_to_default", "damping", "ended"], done.said
    assert done.fault == "temperature" and done.status == 1
    check_the_end(done, log, "g1")


def test_a_bystander_knows_damping_from_anything_else():
    from deploy.link import MotorCommand

    used = [0, 1]
    damping = MotorCommand(*np.zeros((5, 20), np.float32))
    damping.kd[used] = 8
    assert is_damping(damping, used)
    for name, value in (("kp", 1.0), ("tau", 0.1), ("kd", 2.0)):
        other = MotorCommand(*(values.copy() for values in damping))
        getattr(other, name)[1] = value
        assert not is_damping(other, used)
