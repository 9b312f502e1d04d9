"""The codecs of the vendor's two message families."""

import numpy as np

from deploy.link import MotorCommand, RobotState
from deploy.wire.codec import Codec
from deploy.wire.messages import GO_LOW_CMD, GO_LOW_STATE, HG_LOW_CMD, HG_LOW_STATE
from robots.spec import RobotSpec

POS_STOP, VEL_STOP = 2.146e9, 16000.0
"""Angle and speed that tell a motor of family go to mind neither (unitree_sdk2_python,
`unitree_legged_const.py`: PosStopF, VelStopF)."""
LOW_LEVEL = 0xFF
"""`level_flag` of low-level control (unitree_sdk2_python, `unitree_legged_const.py`: LOWLEVEL)."""
HEAD = (0xFE, 0xEF)
"""What every message of family go starts with."""


class HgCodec(Codec):
    """G1, H1-2. Ankles are commanded by pitch and roll (`mode_pr` 0), not by motor.

    A slot without a motor is left at zero, mode included, as unitree_sdk2_python's
    `g1_low_level_example.py` does.
    """

    command_type, state_type = HG_LOW_CMD, HG_LOW_STATE

    def _enabling_modes(self, robot: RobotSpec) -> np.ndarray:
        return np.ones(self.num_motors, np.uint8)

    def _new_command(self, mode_machine: int) -> np.ndarray:
        record = self.command_type.new()
        record["mode_machine"] = mode_machine
        return record

    def _new_state(self, state: RobotState) -> np.ndarray:
        record = self.state_type.new()
        record["mode_machine"] = state.mode_machine
        record["motor_state"]["temperature"] = state.temperature[:, None]
        record["motor_state"]["motorstate"] = state.motor_error
        return record

    def _mode_machine(self, record: np.ndarray) -> int:
        return int(record["mode_machine"])

    def _mind_nothing(self, command: MotorCommand) -> MotorCommand:
        return command

    def _temperature(self, motors: np.ndarray) -> np.ndarray:
        return motors["temperature"].max(axis=1)

    def _motor_error(self, motors: np.ndarray) -> np.ndarray:
        return motors["motorstate"].copy()


class GoCodec(Codec):
    """Go2, H1. A slot without a motor is switched off, at the stop values.

    The messages say neither what the robot is nor what ails a motor.
    """

    command_type, state_type = GO_LOW_CMD, GO_LOW_STATE

    def _enabling_modes(self, robot: RobotSpec) -> np.ndarray:
        modes = np.full(self.num_motors, 0x0A, np.uint8)
        modes[list(robot.weak_motors)] = 0x01
        return modes

    def _new_command(self, mode_machine: int) -> np.ndarray:
        record = self.command_type.new()
        record["head"], record["level_flag"] = HEAD, LOW_LEVEL
        record["motor_cmd"]["q"], record["motor_cmd"]["dq"] = POS_STOP, VEL_STOP
        return record

    def _new_state(self, state: RobotState) -> np.ndarray:
        record = self.state_type.new()
        record["head"], record["level_flag"] = HEAD, LOW_LEVEL
        record["motor_state"]["temperature"] = np.clip(state.temperature, 0, 255)
        return record

    def _mode_machine(self, record: np.ndarray) -> int:
        return 0

    def _mind_nothing(self, command: MotorCommand) -> MotorCommand:
        no_pos, no_vel = command.q >= POS_STOP, command.dq >= VEL_STOP
        return command._replace(
            q=np.where(no_pos, np.float32(0), command.q),
            kp=np.where(no_pos, np.float32(0), command.kp),
            dq=np.where(no_vel, np.float32(0), command.dq),
            kd=np.where(no_vel, np.float32(0), command.kd),
        )

    def _temperature(self, motors: np.ndarray) -> np.ndarray:
        return motors["temperature"].astype(np.int16)

    def _motor_error(self, motors: np.ndarray) -> np.ndarray:
        return np.zeros(self.num_motors, np.uint32)


def codec_for(robot: RobotSpec) -> Codec:
    """The codec of the family that a robot speaks.

    Raises:
        RobotError: If it speaks neither.
    """
    _ = robot.num_motors
    return HgCodec(robot) if robot.message_family == "hg" else GoCodec(robot)
