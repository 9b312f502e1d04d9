"""A robot's left and right: joints and feet as in a mirror, derived from its RobotSpec.

The mirror is the plane y = 0 of the base: it swaps left and right joints and feet, and turns the
sign of rotations about x and z.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from robots.spec import Joint, RobotError, RobotSpec

OTHER_SIDE = {"FL": "FR", "FR": "FL", "RL": "RR", "RR": "RL", "left": "right", "right": "left"}
"""Sides in the vendor's names."""


@dataclass(frozen=True)
class SignedPermutation:
    """x -> sign * x[..., order]; applied twice, it changes nothing.

    Args:
        order: (n,) where each element comes from.
        sign: (n,) 1 or -1.
    """

    order: np.ndarray
    sign: np.ndarray

    def __call__(self, x: Any, axis: int = -1) -> Any:
        """Mirror one axis of a NumPy or JAX array."""
        shape = [1] * x.ndim
        shape[axis] = -1
        return x.take(self.order, axis=axis) * self.sign.astype(np.float32).reshape(shape)


def other_side(joint: Joint, motor_index: int) -> Joint:
    """The joint's mirror image, on the motor given: rotations about x and z turn round."""
    turned = joint.axis != "y"
    return replace(
        joint,
        name=_other_name(joint.name),
        motor_index=motor_index,
        default_pos=0.0 - joint.default_pos if turned else joint.default_pos,
        lower=-joint.upper if turned else joint.lower,
        upper=-joint.lower if turned else joint.upper,
    )


def mirror_joints(robot: RobotSpec) -> SignedPermutation:
    """Mirror of joint angles, velocities, torques and actions."""
    partners = _partners(robot.name, robot.joint_names)
    sign = [1.0 if joint.axis == "y" else -1.0 for joint in robot.joints]
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
    return SignedPermutation(np.asarray(partners), np.asarray(sign))


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
    return SignedPermutation(np.asarray(partners), np.ones(len(partners)))


def _partners(robot: str, names: tuple[str, ...]) -> list[int]:
    """Index of the name on the other side, for each name."""
    partners: list[int] = []
    for name in names:
        other = _other_name(name)
        if other not in names:
            raise RobotError(f"{robot}: {name} has no partner {other} on the other side")
        partners.append(names.index(other))
    return partners


def _other_name(name: str) -> str:
    return re.sub(rf"^({'|'.join(OTHER_SIDE)})(?=_)", lambda match: OTHER_SIDE[match[1]], name)
