"""The supervisor's rules about what is measured at the joints: beyond a limit, and for too long."""

from collections.abc import Callable, Sequence

import numpy as np

from deploy.contract import PolicyContract
from deploy.link import RobotState
from deploy.runtime.limits import Limits
from deploy.runtime.rules import Rule, Situation


class Persistent:
    """A measured figure of some joint is beyond its limit, and stays there.

    Args:
        what: The figure, for people.
        unit: Its unit.
        over: Gives (num_joints,) how far each joint is beyond.
        names: Of the joints.
        motors: Their motors.
        limit_s: How long that may last, s.
    """

    def __init__(
        self,
        what: str,
        unit: str,
        over: Callable[[RobotState, np.ndarray], np.ndarray],
        names: Sequence[str],
        motors: Sequence[int],
        limit_s: float,
    ) -> None:
        self._what, self._unit, self._over, self._limit_s = what, unit, over, limit_s
        self._names, self._motors = names, np.asarray(motors, int)
        self._since = np.full(len(names), np.inf)

    def __call__(self, seen: Situation) -> str:
        """Look which joints are beyond, and since when."""
        if seen.robot is None:
            return ""
        over = self._over(seen.robot, self._motors)
        if not (over > 0).any():
            self._since.fill(np.inf)
            return ""
        self._since = np.where(over > 0, np.minimum(self._since, seen.now), np.inf)
        worst = int(self._since.argmin())
        lasted_s = seen.now - float(self._since[worst])
        if lasted_s >= self._limit_s:
            return (
                f"{self._what} of {self._names[worst]} has been {over[worst]:.3g} {self._unit} "
                f"beyond what is allowed for {1e3 * lasted_s:.0f} ms"
            )
        return ""


def joint_rules(contract: PolicyContract, limits: Limits) -> dict[str, Rule]:
    """Rules of measured positions, speeds and torques, by name."""
    lower = np.asarray(contract.joint_lower) - limits.joint_margin
    upper = np.asarray(contract.joint_upper) + limits.joint_margin
    speed = np.asarray(contract.velocity_limit) * limits.speed_share
    effort = np.asarray(contract.effort_limit) * limits.torque_share
    figures: dict[str, tuple[str, Callable[[RobotState, np.ndarray], np.ndarray]]] = {
        "position": (
            "rad",
            lambda r, m: np.maximum(lower - r.joint_pos[m], r.joint_pos[m] - upper),
        ),
        "velocity": ("rad/s", lambda r, m: np.abs(r.joint_vel[m]) - speed),
        "torque": ("N m", lambda r, m: np.abs(r.torque[m]) - effort),
    }
    return {
        f"joint {what}": Persistent(
            what, unit, over, contract.joint_names, contract.motor_indices, limits.persistent_s
        )
        for what, (unit, over) in figures.items()
    }


def held_away(contract: PolicyContract, limits: Limits) -> Rule:
    """A joint that should be held is somewhere else: its motor is off, or something has it."""
    held = contract.held_joints
    poses = np.asarray([joint.position for joint in held])
    return Persistent(
        "position",
        "rad",
        lambda robot, motors: np.abs(robot.joint_pos[motors] - poses) - limits.held_error,
        [joint.name for joint in held],
        [joint.motor_index for joint in held],
        limits.persistent_s,
    )
