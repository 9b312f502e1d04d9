"""The line between the runtime and a robot, whoever is at the other end: motors by their slot."""

from typing import NamedTuple, Protocol

import numpy as np

from deploy.contract import PolicyContract
from robots.errors import UserError

REMOTE_BYTES = 40
"""Length of what the vendor's remote control sends, inside every LowState."""


class LinkError(UserError):
    """A robot cannot be reached, or is not what the policy is for."""


class RobotState(NamedTuple):
    """One message from a robot, motors in the order of the vendor's motor array.

    Args:
        stamp_s: When it arrived, by the clock of the link (`Link.now`), s.
        tick: The robot's own counter of milliseconds; stands still where the robot froze.
        joint_pos: (num_motors,) float32 rad.
        joint_vel: (num_motors,) float32 rad/s.
        torque: (num_motors,) float32 N m, as estimated by the motor drivers.
        temperature: (num_motors,) int16 deg C, the hottest of each motor's sensors.
        motor_error: (num_motors,) uint32, zero where the driver has nothing to say.
        quat: (4,) float32, wxyz, of the link that carries the IMU.
        gyro: (3,) float32 rad/s, in that link's frame.
        mode_machine: What the robot says that it is; zero where the message has no such field.
        remote: The remote control's 40 bytes.
        rejected: Messages that came since the link was opened and were not believed: the bytes of
            another message, a wrong checksum, or a number that is not finite on a motor the robot
            has. They never become a state, but `Link.read` gives the last good one with this count
            as it is now, so it rises while `stamp_s` stands still.
    """

    stamp_s: float
    tick: int
    joint_pos: np.ndarray
    joint_vel: np.ndarray
    torque: np.ndarray
    temperature: np.ndarray
    motor_error: np.ndarray
    quat: np.ndarray
    gyro: np.ndarray
    mode_machine: int
    remote: bytes
    rejected: int


class MotorCommand(NamedTuple):
    """What every motor is told, in the order of the vendor's motor array, float32.

    A motor driver gives `tau + kp (q - position) + kd (dq - velocity)`; damping is kp = 0, dq = 0.

    Args:
        q: (num_motors,) rad.
        dq: (num_motors,) rad/s.
        tau: (num_motors,) N m.
        kp: (num_motors,) N m / rad.
        kd: (num_motors,) N m s / rad.
    """

    q: np.ndarray
    dq: np.ndarray
    tau: np.ndarray
    kp: np.ndarray
    kd: np.ndarray


class Link(Protocol):
    """A robot, real or simulated."""

    num_motors: int

    @property
    def last_rejection(self) -> str:
        """Why the newest message that was not believed was not; empty while there is none."""
        ...

    def now(self) -> float:
        """Monotonic time, s, of stamps and deadlines alike; simulated robots may keep their own."""
        ...

    def read(self) -> RobotState | None:
        """The newest state; None until there is one. Does not block."""
        ...

    def send(self, command: MotorCommand) -> None:
        """Send a command, checksum and all. Does not block; thread-safe.

        Raises:
            LinkError: If it cannot be sent, or has a number that no motor may be told. The next one
                may well be sent: whoever damps goes on trying.
        """
        ...

    def close(self) -> None:
        """Let go. Sends nothing by itself."""
        ...


def motors_used(contract: PolicyContract) -> tuple[int, ...]:
    """Motor slots a policy drives or holds, driven ones first, in the contract's order."""
    return (*contract.motor_indices, *(joint.motor_index for joint in contract.held_joints))
