"""The shipped policies walk on the simulated robot, through the vendor's bytes and all."""

from pathlib import Path

import numpy as np
import pytest

import robots
from deploy.link import MotorCommand
from deploy.observations import advance_phase, joint_targets, observe
from deploy.policy import Policy
from deploy.sensors import Sensors, policy_inputs
from deploy.sim_robot.events import parse
from deploy.sim_robot.link import SimLink
from deploy.sim_robot.robot import SimRobot

POLICIES = Path(__file__).resolve().parents[2] / "policies"
FORWARD = np.array([0.5, 0.0, 0.0], np.float32)
SECONDS = 5.0


def sensors(contract, state, last_action, phase):
    """What the policy senses of a state."""
    driven = list(contract.motor_indices)
    torso = {}
    if contract.imu_frame == "torso":
        (motor,) = (h.motor_index for h in contract.held_joints if h.name == "torso_joint")
        torso = {"torso_pos": state.joint_pos[motor], "torso_vel": state.joint_vel[motor]}
    return Sensors(
        gyro=state.gyro,
        quat=state.quat,
        joint_pos=state.joint_pos[driven],
        joint_vel=state.joint_vel[driven],
        command=FORWARD,
        last_action=last_action,
        phase=phase,
        **torso,
    )


def command(contract, targets, num_motors):
    """Targets on the driven motors, the held ones where they are held."""
    said = MotorCommand(*np.zeros((5, num_motors), np.float32))
    driven = list(contract.motor_indices)
    said.q[driven], said.kp[driven], said.kd[driven] = targets, contract.kp, contract.kd
    for held in contract.held_joints:
        motor = held.motor_index
        said.q[motor], said.kp[motor], said.kd[motor] = held.position, held.kp, held.kd
    return said


@pytest.mark.parametrize("name", robots.names())
def test_a_shipped_policy_walks(name):
    policy = Policy(POLICIES / name / "policy.onnx")
    contract, robot = policy.contract, robots.load(name)
    link = SimLink(SimRobot(robot, events=parse("push:0.3:90@2")))
    base = link.robot.machine.data.qpos
    link.advance(0.002)
    action, phase, lowest = np.zeros(contract.action_size, np.float32), np.float32(0), np.inf
    for _ in range(round(SECONDS / contract.ctrl_dt)):
        inputs = policy_inputs(contract, sensors(contract, link.read(), action, phase))
        action = policy(observe(contract, inputs)[None])[0]
        link.send(command(contract, joint_targets(contract, action), link.num_motors))
        link.advance(contract.ctrl_dt)
        phase = advance_phase(contract, phase)
        lowest = min(lowest, base[2])
    assert lowest > 0.9 * robot.spawn_height
    assert base[0] > 0.6 * FORWARD[0] * SECONDS
    assert link.robot.ignored == 0
    assert link.read().rejected == 0
