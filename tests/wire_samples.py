"""A command and a state in which every number says whose it is."""

import numpy as np

from deploy.link import MotorCommand, RobotState


def a_command(num_motors):
    """q = 10 i, dq = 10 i + 1, and so on."""
    base = 10 * np.arange(num_motors, dtype=np.float32)
    return MotorCommand(*(base + offset for offset in range(5)))


def a_state(num_motors, mode_machine):
    base = 10 * np.arange(num_motors, dtype=np.float32)
    return RobotState(
        stamp_s=3.5,
        tick=123456,
        joint_pos=base,
        joint_vel=base + 1,
        torque=base + 2,
        temperature=np.arange(num_motors, dtype=np.int16),
        motor_error=np.arange(num_motors, dtype=np.uint32) + 1000,
        quat=np.array([0.5, -0.5, 0.5, -0.5], np.float32),
        gyro=np.array([1.0, 2.0, 3.0], np.float32),
        mode_machine=mode_machine,
        remote=bytes(range(100, 140)),
        rejected=0,
    )
