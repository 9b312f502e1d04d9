"""Left-right symmetry of the task: what a robot sees and does, as in a mirror.

A mirrored run is as likely as the run itself, so every sample is worth two. Joints and feet are
mirrored as `robots.mirror` derives it; lengths along y and rates about x and z turn their sign;
and, because left and right feet are half a stride apart, the gait clock moves by half a period.
"""

import numpy as np

from deploy.contract import PolicyContract
from pipeline.ppo.equivariance import Mirror
from robots import RobotSpec
from robots.mirror import SignedPermutation, mirror_feet, mirror_joints

POLAR, AXIAL = (1.0, -1.0, 1.0), (-1.0, 1.0, -1.0)
"""Signs of a mirrored velocity or direction, and of a mirrored rate of rotation."""


def make_mirror(robot: RobotSpec, contract: PolicyContract) -> Mirror:
    """Derive the mirror of a robot's observations and actions.

    Args:
        robot: The robot.
        contract: Names and sizes of the actor's observation terms.

    Raises:
        RobotError: If the robot is not symmetric; names the joint or foot and both values.
    """
    joints, feet = mirror_joints(robot), mirror_feet(robot)
    plain = SignedPermutation(joints.order, np.ones(len(joints.order)))
    terms = {
        "gyro": _vector(AXIAL),
        "projected_gravity": _vector(POLAR),
        "command": _vector((1.0, -1.0, -1.0)),
        "joint_pos": joints,
        "joint_vel": joints,
        "last_action": joints,
        "phase": _vector((-1.0, -1.0)),
    }
    state = chain([terms[term.name] for term in contract.observation])
    one = _vector((1.0,))
    # As `Senses.observe` and `randomize.draw_bodies` lay it out.
    draws = [one, one, _vector(POLAR), plain, plain, plain]
    privileged = chain([state, _vector(POLAR), one, feet, feet, joints, *draws])
    return Mirror(
        obs={"state": state, "privileged_state": privileged},
        distribution=chain([joints, plain]),
    )


def chain(parts: list[SignedPermutation]) -> SignedPermutation:
    """Mirror of blocks that stand one after the other."""
    starts = np.cumsum([0] + [len(part.order) for part in parts])
    return SignedPermutation(
        np.concatenate([part.order + start for part, start in zip(parts, starts, strict=False)]),
        np.concatenate([part.sign for part in parts]),
    )


def _vector(sign: tuple[float, ...]) -> SignedPermutation:
    return SignedPermutation(np.arange(len(sign)), np.asarray(sign))
