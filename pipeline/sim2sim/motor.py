"""What a motor gives of the torque that is asked of it."""

import numpy as np

from deploy.contract import PolicyContract

CONSTANT_TORQUE_SHARE = 0.6
"""Share of the no-load speed up to which a motor gives its full torque; then it falls linearly."""


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
    left = np.clip((1 - speed) / (1 - full_torque_share), 0.0, 1.0)
    return np.clip(wanted, -limit * left, limit * left)
