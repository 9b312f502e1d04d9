"""A simulated robot that the vendor's own controller has: it obeys once that is released."""

import json

import numpy as np
import pytest

import robots
from deploy.link import MotorCommand
from deploy.sim_robot.robot import SimRobot

pytest.importorskip("cyclonedds", reason="cyclonedds is not installed (extra: robot)")

from deploy.sim_robot.motion import answerer


def told(robot, q):
    """Send a command that only motor 0 minds; what it is told in the end."""
    command = MotorCommand(*np.zeros((5, robot.codec.num_motors), np.float32))
    command.q[0], command.kp[0] = q, 10.0
    robot.receive(robot.codec.encode_command(command, 5))
    robot.step()
    return robot.machine._command.q[0], robot.machine._command.kp[0]


def test_commands_are_ignored_and_counted_until_the_mode_is_released():
    robot = SimRobot(robots.load("g1"), motion="ai")
    answer = answerer(robot)
    assert told(robot, 0.25) == (0, 0)
    assert told(robot, 0.25) == (0, 0)
    assert robot.ignored == 2
    code, data = answer(1001, "{}")
    assert (code, json.loads(data)) == (0, {"form": "0", "name": "ai"})
    assert answer(1003, "{}") == (0, "")
    assert json.loads(answer(1001, "{}")[1])["name"] == ""
    assert told(robot, 0.25) == (0.25, 10)
    assert robot.ignored == 2


def test_a_robot_has_no_mode_unless_it_is_given_one():
    robot = SimRobot(robots.load("g1"))
    assert json.loads(answerer(robot)(1001, "{}")[1])["name"] == ""
    assert told(robot, 0.25) == (0.25, 10)


def test_it_gives_its_version_and_knows_nothing_else():
    answer = answerer(SimRobot(robots.load("go2"), motion="normal"))
    assert answer(1, "{}") == (0, "1.0.0.1")
    assert answer(1002, '{"name":"ai"}') == (3203, "")
    assert json.loads(answer(1001, "{}")[1])["name"] == "normal"
