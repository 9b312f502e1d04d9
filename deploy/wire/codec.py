"""Between what this project says (`deploy.link`) and the vendor's messages: what families share.

Both directions of both messages: the runtime encodes commands and decodes states, a simulated robot
the reverse.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from deploy.link import LinkError, MotorCommand, RobotState
from deploy.wire.layout import Struct
from robots.spec import RobotSpec


class RejectedMessageError(LinkError):
    """A message that must not be believed."""


class Orders(NamedTuple):
    """A command, as a robot understands it.

    Args:
        command: What each motor is told; zero gains where it is told to mind nothing.
        enabled: (num_motors,) whether the motor is switched on.
        mode_machine: For which robot the command is; zero where the message has no such field.
    """

    command: MotorCommand
    enabled: np.ndarray
    mode_machine: int


class Codec(ABC):
    """What both families share: checksums, checks and the motors' arrays.

    Args:
        robot: The robot; only its own motor slots are commanded, or have to make sense.
    """

    command_type: Struct
    state_type: Struct

    def __init__(self, robot: RobotSpec) -> None:
        self.num_motors = robot.num_motors
        joints = (*robot.joints, *robot.held_joints)
        self.slots = np.array(sorted(joint.motor_index for joint in joints))
        self._modes = np.zeros(self.num_motors, np.uint8)
        self._modes[self.slots] = self._enabling_modes(robot)[self.slots]

    def encode_command(self, command: MotorCommand, mode_machine: int) -> bytes:
        """Pack a LowCmd.

        Args:
            command: Every motor's; slots the robot does not have are left out.
            mode_machine: What the robot says that it is.

        Raises:
            LinkError: If a value has another shape, or is not finite: no motor is told that.
        """
        record = self._new_command(mode_machine)
        motors = record["motor_cmd"]
        motors["mode"] = self._modes
        for field, values in command._asdict().items():
            if np.shape(values) != (self.num_motors,):
                raise LinkError(
                    f"command: {field} has shape {np.shape(values)}, want ({self.num_motors},)"
                )
            with np.errstate(over="ignore"):  # too large for float32 is infinite, and refused
                used = np.asarray(values, np.float32)[self.slots]
            if not np.isfinite(used).all():
                motor = self.slots[np.flatnonzero(~np.isfinite(used))[0]]
                raise LinkError(
                    f"command: {field} of motor {motor} is {values[motor]}, want a finite number; "
                    "nothing was sent"
                )
            motors[field][self.slots] = used
        return self.command_type.seal(record)

    def decode_command(self, packed: bytes) -> Orders:
        """Read a LowCmd as the robot does.

        Raises:
            RejectedMessageError: If the checksum is wrong, or a number is not finite.
        """
        record = self._unpack(self.command_type, packed)
        motors = record["motor_cmd"]
        command = MotorCommand(*(motors[field].copy() for field in MotorCommand._fields))
        for field, values in command._asdict().items():
            self._refuse_non_finite(field, values[self.slots])
        return Orders(
            self._mind_nothing(command),
            (motors["mode"] == self._modes) & (self._modes > 0),
            self._mode_machine(record),
        )

    def encode_state(self, state: RobotState, accelerometer: np.ndarray) -> bytes:
        """Pack a LowState.

        Args:
            state: What the robot reads; its `stamp_s` and `rejected` do not travel.
            accelerometer: (3,) m/s^2, in the IMU's frame.
        """
        record = self._new_state(state)
        record["tick"] = state.tick
        record["wireless_remote"] = np.frombuffer(state.remote, np.uint8)
        imu = record["imu_state"]
        imu["quaternion"], imu["gyroscope"] = state.quat, state.gyro
        imu["accelerometer"], imu["rpy"] = accelerometer, _roll_pitch_yaw(state.quat)
        motors = record["motor_state"]
        motors["mode"] = self._modes
        motors["q"], motors["dq"], motors["tau_est"] = (
            state.joint_pos,
            state.joint_vel,
            state.torque,
        )
        return self.state_type.seal(record)

    def decode_state(self, packed: bytes, stamp_s: float, rejected: int = 0) -> RobotState:
        """Read a LowState.

        Args:
            packed: The message, packed as in C.
            stamp_s: When it came, s.
            rejected: How many messages were rejected before.

        Raises:
            RejectedMessageError: If the checksum is wrong, or a number the robot has is not finite.
        """
        record = self._unpack(self.state_type, packed)
        imu, motors = record["imu_state"], record["motor_state"]
        read: dict[str, np.ndarray] = {}
        for name, field in (("joint_pos", "q"), ("joint_vel", "dq"), ("torque", "tau_est")):
            read[name] = np.zeros(self.num_motors, np.float32)
            read[name][self.slots] = motors[field][self.slots]
            self._refuse_non_finite(f"motor_state.{field}", read[name])
        for name, field in (("quat", "quaternion"), ("gyro", "gyroscope")):
            read[name] = imu[field].copy()
            self._refuse_non_finite(f"imu_state.{field}", read[name])
        return RobotState(
            stamp_s=stamp_s,
            tick=int(record["tick"]),
            temperature=self._temperature(motors),
            motor_error=self._motor_error(motors),
            mode_machine=self._mode_machine(record),
            remote=record["wireless_remote"].tobytes(),
            rejected=rejected,
            **read,
        )

    def _unpack(self, struct: Struct, packed: bytes) -> np.ndarray:
        if len(packed) != struct.size:
            raise RejectedMessageError(f"{len(packed)} bytes, want {struct.size}")
        if not struct.is_sealed(packed):
            raise RejectedMessageError("wrong checksum")
        return struct.unpack(packed)

    def _refuse_non_finite(self, field: str, values: np.ndarray) -> None:
        if not np.isfinite(values).all():
            raise RejectedMessageError(f"{field} is not finite")

    @abstractmethod
    def _enabling_modes(self, robot: RobotSpec) -> np.ndarray:
        """(num_motors,) mode that switches each motor on."""

    @abstractmethod
    def _new_command(self, mode_machine: int) -> np.ndarray: ...

    @abstractmethod
    def _new_state(self, state: RobotState) -> np.ndarray: ...

    @abstractmethod
    def _mode_machine(self, record: np.ndarray) -> int: ...

    @abstractmethod
    def _mind_nothing(self, command: MotorCommand) -> MotorCommand:
        """Turn the family's stop values into zero gains."""

    @abstractmethod
    def _temperature(self, motors: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _motor_error(self, motors: np.ndarray) -> np.ndarray: ...


def _roll_pitch_yaw(quat: np.ndarray) -> tuple[float, float, float]:
    """Angles of a wxyz quaternion about fixed x, y, z, rad."""
    w, x, y, z = (float(value) for value in quat)
    return (
        float(np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))),
        float(np.arcsin(np.clip(2 * (w * y - z * x), -1.0, 1.0))),
        float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))),
    )
