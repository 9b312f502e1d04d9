"""Between a policy's joints, in the contract's order, and a robot's motors, by their slot."""

from typing import Any, NamedTuple

import numpy as np

from deploy.contract import ContractError, PolicyContract
from deploy.link import LinkError, MotorCommand, RobotState, motors_used
from deploy.sensors import Sensors, has_torso_imu

TORSO_JOINTS = ("torso_joint", "waist_yaw_joint")
"""What the joint between base and torso is called."""
DAMPING_KD = 8.0
"""N m s / rad: the vendor's (unitree_rl_gym, `create_damping_cmd`)."""


class Readings(NamedTuple):
    """What of a robot's message a policy looks at; `Sensors` less command and memory.

    Args:
        gyro: (3,) rad/s, frame of the link that carries the IMU.
        quat: (4,) wxyz, of that link.
        joint_pos: (num_joints,) rad, contract's order.
        joint_vel: (num_joints,) rad/s.
        torso_pos: Angle of the torso against the base, rad; where the torso has the IMU.
        torso_vel: Its rate, rad/s; where the torso has the IMU.
    """

    gyro: np.ndarray
    quat: np.ndarray
    joint_pos: np.ndarray
    joint_vel: np.ndarray
    torso_pos: np.float32 | None
    torso_vel: np.float32 | None

    def sensors(
        self, command: np.ndarray, last_action: np.ndarray, phase: np.ndarray | np.floating
    ) -> Sensors:
        """Add what is told and remembered."""
        return Sensors(**self._asdict(), command=command, last_action=last_action, phase=phase)


class MotorMap:
    """Reads and writes motor arrays for one contract.

    Args:
        contract: The policy's contract.
        num_motors: Length of the robot's motor array.

    Raises:
        LinkError: If the array is too short for the contract's motors.
        ContractError: If the IMU is in the torso and no held joint says how that is turned.
    """

    def __init__(self, contract: PolicyContract, num_motors: int) -> None:
        used = motors_used(contract)
        if max(used) >= num_motors:
            raise LinkError(
                f"motor {max(used)} is in the policy's contract, but the robot has {num_motors} "
                f"motors; is it a {contract.robot}?"
            )
        self.num_driven, self._num_motors = contract.action_size, num_motors
        self.used = np.asarray(used)
        self.driven = self.used[: self.num_driven]
        self.torso = _torso_motor(contract) if has_torso_imu(contract) else None
        held = contract.held_joints
        self.default = _float32([*contract.default_joint_pos, *(j.position for j in held)])
        self.kp = _float32([*contract.kp, *(joint.kp for joint in held)])
        self.kd = _float32([*contract.kd, *(joint.kd for joint in held)])

    def read(self, robot: RobotState) -> Readings:
        """Pick a policy's readings out of a message."""
        torso = self.torso
        return Readings(
            gyro=robot.gyro,
            quat=robot.quat,
            joint_pos=robot.joint_pos[self.driven],
            joint_vel=robot.joint_vel[self.driven],
            torso_pos=None if torso is None else robot.joint_pos[torso],
            torso_vel=None if torso is None else robot.joint_vel[torso],
        )

    def seen(self, robot: RobotState) -> dict[str, Any]:
        """What no policy looks at of a message, but who reads a log: fields of its tick."""
        held = self.used[self.num_driven :]
        error = robot.motor_error[self.used]
        return {
            "held_pos": robot.joint_pos[held],
            "held_vel": robot.joint_vel[held],
            "motor_torque": robot.torque[self.used],
            "motor_temperature": robot.temperature[self.used].astype(np.float32),
            "motor_error": error.tolist() if error.any() else None,
            "robot_tick": int(robot.tick),
            "mode_machine": int(robot.mode_machine),
            "remote": bytes(robot.remote).hex(),
        }

    def position(self, targets: np.ndarray) -> MotorCommand:
        """Command of positions, with the contract's gains.

        Args:
            targets: (num_used,) rad, driven joints and then held ones.
        """
        return self._command(targets, self.kp, self.kd)

    def zero_torque(self) -> MotorCommand:
        """Command of nothing at all."""
        return self._command(0.0, 0.0, 0.0)

    def damping(self) -> MotorCommand:
        """Command that resists motion, and nothing else."""
        return self._command(0.0, 0.0, DAMPING_KD)

    def sent(self, command: MotorCommand) -> dict[str, np.ndarray]:
        """What a command tells the driven joints, as fields of a log's tick.

        Gains are given where they are not the contract's.
        """
        fields = {"sent_targets": command.q[self.driven]}
        kp, kd = command.kp[self.driven], command.kd[self.driven]
        if (kp == self.kp[: self.num_driven]).all():
            return fields
        return fields | {"sent_kp": kp, "sent_kd": kd}

    def _command(
        self, q: np.ndarray | float, kp: np.ndarray | float, kd: np.ndarray | float
    ) -> MotorCommand:
        # Slots nobody names, and fields nobody needs, stay zero: no torque.
        rows = np.zeros((len(MotorCommand._fields), self._num_motors), np.float32)
        command = MotorCommand(*rows)
        command.q[self.used] = q
        command.kp[self.used] = kp
        command.kd[self.used] = kd
        return command


def _float32(values: list[float]) -> np.ndarray:
    return np.asarray(values, np.float32)


def _torso_motor(contract: PolicyContract) -> int:
    named = {joint.name: joint.motor_index for joint in contract.held_joints}
    found = [named[name] for name in TORSO_JOINTS if name in named]
    if len(found) != 1:
        raise ContractError(
            f"contract: imu_frame is 'torso', but held_joints has {len(found)} of "
            f"{', '.join(TORSO_JOINTS)}, want one, to tell how the torso is turned"
        )
    return found[0]
