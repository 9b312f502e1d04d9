"""The gate's motors: what each gives of the torque that its PD loop asks for."""

from dataclasses import dataclass

import numpy as np

from deploy.contract import PolicyContract

CONSTANT_TORQUE_SHARE = 0.6
"""Share of the no-load speed up to which a motor gives its full torque; then it falls linearly."""


@dataclass(frozen=True)
class Motors:
    """The motors of some robots, each robot's as its scenario makes them.

    Args:
        contract: Gains and limits.
        kp: (n, num_joints) N m/rad.
        kd: (n, num_joints) N m s/rad.
        full_torque_share: (n, 1) of the no-load speed: where the torque begins to fall.
        voltage: (n, 1) share of the battery's nominal voltage.
        strength: (n, 1) scales what a motor gives.
    """

    contract: PolicyContract
    kp: np.ndarray
    kd: np.ndarray
    full_torque_share: np.ndarray
    voltage: np.ndarray
    strength: np.ndarray

    @classmethod
    def of(cls, contract: PolicyContract, axes: dict[str, np.ndarray]) -> "Motors":
        """Those of robots under the conditions `axes`, (n, 1) of each axis."""
        return cls(
            contract,
            np.asarray(contract.kp) * axes["kp_scale"],
            np.asarray(contract.kd) * axes["kd_scale"],
            axes["full_torque_share"],
            1 - axes["battery_sag"],
            axes["motor_strength"],
        )

    def select(self, ids: np.ndarray | slice) -> "Motors":
        """Those of some of the robots."""
        return Motors(
            self.contract,
            self.kp[ids],
            self.kd[ids],
            self.full_torque_share[ids],
            self.voltage[ids],
            self.strength[ids],
        )

    def torque(self, error: np.ndarray, joint_vel: np.ndarray) -> np.ndarray:
        """(n, num_joints) N m.

        Args:
            error: (n, num_joints) target minus position as the encoders have it, rad.
            joint_vel: (n, num_joints) rad/s.
        """
        wanted = self.kp * error - self.kd * joint_vel
        given = motor_torque(wanted, joint_vel, self.contract, self.full_torque_share, self.voltage)
        return given * self.strength


def motor_torque(
    wanted: np.ndarray,
    joint_vel: np.ndarray,
    contract: PolicyContract,
    full_torque_share: np.ndarray | float = CONSTANT_TORQUE_SHARE,
    voltage: np.ndarray | float = 1.0,
) -> np.ndarray:
    """Torque a motor gives: what is wanted, within what its speed leaves.

    A motor that turns in the direction it pushes loses torque linearly beyond
    `full_torque_share` of its no-load speed; one that brakes has its full torque.

    Args:
        wanted: (n, num_joints) N m.
        joint_vel: (n, num_joints) rad/s.
        contract: Limits.
        full_torque_share: (n, 1) where the torque begins to fall.
        voltage: (n, 1) share of the battery's nominal voltage, which the no-load speed follows.
    """
    limit = np.asarray(contract.effort_limit)
    speed = np.sign(wanted) * joint_vel / (np.asarray(contract.velocity_limit) * voltage)
    left = limit * np.minimum(np.maximum((1 - speed) / (1 - full_torque_share), 0.0), 1.0)
    return np.minimum(np.maximum(wanted, -left), left)
