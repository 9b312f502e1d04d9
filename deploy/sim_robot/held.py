"""Motors of joints that the robot's model has welded: each moves by itself, as if alone."""

import numpy as np

from deploy.link import MotorCommand

INERTIA = 0.05
"""kg m^2 a motor turns: of an arm's order of magnitude, and no robot's own figure."""
FRICTION = 0.5
"""N m s / rad, so that a motor switched off comes to rest."""


class HeldMotors:
    """Angles and speeds of the held joints; what they do does not reach the robot's body.

    Args:
        joint_pos: (n,) angles to start at, rad.
    """

    def __init__(self, joint_pos: np.ndarray) -> None:
        self.joint_pos = joint_pos.astype(np.float64)
        self.joint_vel = np.zeros_like(self.joint_pos)
        self.torque = np.zeros_like(self.joint_pos)

    def step(self, orders: MotorCommand, dt: float) -> None:
        """Follow a command for `dt` seconds.

        Implicit in position and speed, so that no gains make it unstable.

        Args:
            orders: (n,) each.
            dt: s.
        """
        push = orders.kp * (orders.q - self.joint_pos) + orders.kd * orders.dq + orders.tau
        stiff = INERTIA + dt * (orders.kd + FRICTION) + dt * dt * orders.kp
        self.joint_vel = (INERTIA * self.joint_vel + dt * push) / stiff
        self.joint_pos = self.joint_pos + dt * self.joint_vel
        self.torque = (
            orders.kp * (orders.q - self.joint_pos)
            + orders.kd * (orders.dq - self.joint_vel)
            + orders.tau
        )
