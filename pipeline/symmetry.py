"""Left-right symmetry: what the robot sees and does, as in a mirror, derived from its RobotSpec.

A mirrored run is as likely as the run itself, so every sample is worth two. The mirror is the
plane y = 0 of the base: it swaps left and right joints and feet, turns the sign of rotations about
x and z and of lengths along y, and, because left and right feet are half a stride apart, moves the
gait clock by half a period.
"""

import math
import re

import numpy as np

from deploy.contract import PolicyContract
from pipeline.ppo.equivariance import Mirror, SignedPermutation
from robots import RobotError, RobotSpec

OTHER_SIDE = {"FL": "FR", "FR": "FL", "RL": "RR", "RR": "RL", "left": "right", "right": "left"}
"""Sides in the vendor's names."""
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
    # As `Env._observe` and `randomize.draw_bodies` lay it out.
    draws = [one, one, _vector(POLAR), plain, plain, plain]
    privileged = chain([state, _vector(POLAR), one, feet, feet, joints, *draws])
    return Mirror(
        obs={"state": state, "privileged_state": privileged},
        action=joints,
        distribution=chain([joints, plain]),
    )


def chain(parts: list[SignedPermutation]) -> SignedPermutation:
    """Mirror of blocks that stand one after the other."""
    starts = np.cumsum([0] + [len(part.order) for part in parts])
    return SignedPermutation(
        np.concatenate([part.order + start for part, start in zip(parts, starts, strict=False)]),
        np.concatenate([part.sign for part in parts]),
    )


def mirror_joints(robot: RobotSpec) -> SignedPermutation:
    """Mirror of joint angles, velocities, torques and actions."""
    partners = _partners(robot.name, robot.joint_names)
    sign = np.asarray([1.0 if joint.axis == "y" else -1.0 for joint in robot.joints])
    for joint, partner, s in zip(robot.joints, partners, sign, strict=True):
        other = robot.joints[partner]
        limits = (other.lower, other.upper) if s > 0 else (-other.upper, -other.lower)
        pairs = {
            "axis": (joint.axis, other.axis),
            "default_pos": (joint.default_pos, s * other.default_pos),
            "lower": (joint.lower, limits[0]),
            "upper": (joint.upper, limits[1]),
            "kp": (joint.kp, other.kp),
            "kd": (joint.kd, other.kd),
            "effort_limit": (joint.effort_limit, other.effort_limit),
        }
        for field, (mine, mirrored) in pairs.items():
            if mine != mirrored:
                raise RobotError(
                    f"{robot.name}: {field} of {joint.name} is {mine}, but {other.name} mirrored "
                    f"says {mirrored}"
                )
    return SignedPermutation(partners, sign)


def mirror_feet(robot: RobotSpec) -> SignedPermutation:
    """Mirror of one number per foot; left and right have to be half a stride apart."""
    partners = _partners(robot.name, tuple(foot.site for foot in robot.feet))
    for foot, partner in zip(robot.feet, partners, strict=True):
        other = robot.feet[partner]
        if not math.isclose((foot.gait_offset + 0.5) % 1.0, other.gait_offset):
            raise RobotError(
                f"{robot.name}: gait_offset of {foot.site} is {foot.gait_offset} and of "
                f"{other.site} {other.gait_offset}; want them half a stride apart"
            )
    return SignedPermutation(partners, np.ones(len(partners)))


def _vector(sign: tuple[float, ...]) -> SignedPermutation:
    return SignedPermutation(np.arange(len(sign)), np.asarray(sign))


def _partners(robot: str, names: tuple[str, ...]) -> np.ndarray:
    """Index of the name on the other side, for each name."""
    sides = "|".join(OTHER_SIDE)
    partners: list[int] = []
    for name in names:
        other = re.sub(rf"^({sides})(?=_)", lambda match: OTHER_SIDE[match[1]], name)
        if other not in names:
            raise RobotError(f"{robot}: {name} has no partner {other} on the other side")
        partners.append(names.index(other))
    return np.asarray(partners)
