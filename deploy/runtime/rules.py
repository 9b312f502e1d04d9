"""The supervisor's rules: each looks at one thing and says what is wrong with it, or nothing."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from deploy.contract import PolicyContract
from deploy.link import RobotState, motors_used
from deploy.runtime.limits import Limits
from deploy.runtime.policy_step import Decision

QUAT_ERROR = 0.05
"""How far a quaternion's length may be from 1."""


class Situation(NamedTuple):
    """What the rules look at, once per command.

    Args:
        now: Time, s.
        gap_s: Time since the last command, s.
        robot: The newest state; None where there is none yet.
        decision: What the policy said since the last command, if anything.
        missed: Deadlines that the policy missed, less a tenth for each that it met since.
        crash: What the policy died of; empty while it is alive.
        operator: Why there is no operator any more; empty while there is one.
        clamped: Joint whose target has been clamped longest without a break.
        clamped_s: For how long, s.
        intruder: Who else commands the robot; empty while nobody does.
    """

    now: float
    gap_s: float
    robot: RobotState | None
    decision: Decision | None
    missed: float
    crash: str
    operator: str
    clamped: str
    clamped_s: float
    intruder: str = ""


Rule = Callable[[Situation], str]
"""Says what is wrong; empty where nothing is."""


def finite_sensors(contract: PolicyContract) -> Rule:
    """NaN or infinity in what is measured, or a quaternion that is none."""
    used = np.asarray(motors_used(contract))

    def rule(seen: Situation) -> str:
        robot = seen.robot
        if robot is None:
            return ""
        # Sums are finite where every part is: five looks in one.
        every = robot.joint_pos[used].sum() + robot.joint_vel[used].sum()
        if np.isfinite(every + robot.gyro.sum() + robot.quat.sum()):
            return _length(robot.quat)
        for name in ("joint_pos", "joint_vel"):
            values = getattr(robot, name)[used]
            if not np.isfinite(values).all():
                motor = used[int(np.argmin(np.isfinite(values)))]
                return f"{name} of motor {motor} is not finite"
        for name in ("gyro", "quat"):
            if not np.isfinite(getattr(robot, name)).all():
                return f"{name} is not finite"
        return _length(robot.quat)

    return rule


def _length(quat: np.ndarray) -> str:
    length = math.sqrt(sum(part * part for part in quat.tolist()))
    return "" if abs(length - 1) <= QUAT_ERROR else f"quat has length {length:.3g}, want 1"


def finite_action(contract: PolicyContract) -> Rule:
    """NaN or infinity in what the policy said."""

    def rule(seen: Situation) -> str:
        if seen.decision is None:
            return ""
        for name in ("action", "joint_targets"):
            values = getattr(seen.decision, name)
            if not np.isfinite(values).all():
                joint = contract.joint_names[int(np.argmin(np.isfinite(values)))]
                return f"{name} of {joint} is not finite"
        return ""

    return rule


def tilted(limits: Limits) -> Rule:
    """The base is not upright; base and torso share their z axis, so either's IMU will do."""
    least = float(np.cos(limits.tilt))

    def rule(seen: Situation) -> str:
        if seen.robot is None:
            return ""
        _, x, y, _ = seen.robot.quat.tolist()
        upright = 1 - 2 * (x * x + y * y)
        if not upright >= least:
            angle = np.degrees(np.arccos(np.clip(upright, -1, 1)))
            return f"tilted by {angle:.0f} deg, allowed are {np.degrees(limits.tilt):.0f}"
        return ""

    return rule
