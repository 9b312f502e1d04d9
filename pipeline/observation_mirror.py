"""A policy's observation as in a mirror, left for right.

Joints are mirrored as `robots.mirror` derives it; lengths along y and rates about x and z turn
their sign; and, because left and right feet are half a stride apart, the gait clock moves by half a
period.
"""

import numpy as np

from deploy.contract import PolicyContract
from robots import RobotSpec
from robots.mirror import SignedPermutation, mirror_joints

POLAR, AXIAL, COMMAND = (1.0, -1.0, 1.0), (-1.0, 1.0, -1.0), (1.0, -1.0, -1.0)
"""Signs of a mirrored velocity or direction, of a mirrored rate of rotation, and of a command."""


def observation_mirror(robot: RobotSpec, contract: PolicyContract) -> SignedPermutation:
    """Derive the mirror of what a policy sees.

    Args:
        robot: The robot.
        contract: Names and sizes of the observation terms.

    Raises:
        RobotError: If the robot is not symmetric; names the joint or foot and both values.
    """
    joints = mirror_joints(robot)
    terms = {
        "gyro": signs(AXIAL),
        "projected_gravity": signs(POLAR),
        "command": signs(COMMAND),
        "joint_pos": joints,
        "joint_vel": joints,
        "last_action": joints,
        "phase": signs((-1.0, -1.0)),
    }
    return chain([terms[term.name] for term in contract.observation])


def chain(parts: list[SignedPermutation]) -> SignedPermutation:
    """Mirror of blocks that stand one after the other."""
    starts = np.cumsum([0] + [len(part.order) for part in parts])
    return SignedPermutation(
        np.concatenate([part.order + start for part, start in zip(parts, starts, strict=False)]),
        np.concatenate([part.sign for part in parts]),
    )


def signs(sign: tuple[float, ...]) -> SignedPermutation:
    """Elements that stay in place, each times its sign."""
    return SignedPermutation(np.arange(len(sign)), np.asarray(sign))
