"""The supervisor's rules: each looks at one thing and says what is wrong with it, or nothing."""

import math
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from deploy.contract import PolicyContract
from deploy.link import RobotState, motors_used
from deploy.runtime.limits import Limits
from deploy.runtime.policy_step import Decision

MEASURED_S = 2.0
"""How long it is watched how fast a robot's counter counts, s."""
LATELY_S = 4.0
"""What states are compared with, s: clocks drift less than that matters."""
BAD_WINDOW_S = 1.0
"""Over which rejected messages are counted, s."""
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


def stale(limits: Limits) -> Rule:
    """No state, or none for too long."""

    def rule(seen: Situation) -> str:
        if seen.robot is None:
            return "there is no state of the robot"
        age_s = seen.now - seen.robot.stamp_s
        if age_s > limits.stale_s:
            return (
                f"the newest state is {1e3 * age_s:.0f} ms old, allowed are "
                f"{1e3 * limits.stale_s:.0f}"
            )
        return ""

    return rule


class Frozen:
    """The robot's own counter stands still though messages come.

    By the messages' stamps: where none come, the counter says nothing, and the state gets stale.
    """

    def __init__(self, limits: Limits) -> None:
        self._limit_s = limits.stale_s
        self._tick, self._moved_s = -1, 0.0

    def __call__(self, seen: Situation) -> str:
        """Compare the counter with the last one."""
        if seen.robot is None:
            return ""
        if seen.robot.tick != self._tick:
            self._tick, self._moved_s = seen.robot.tick, seen.robot.stamp_s
        still_s = seen.robot.stamp_s - self._moved_s
        if still_s > self._limit_s:
            return f"the robot's tick has stood at {self._tick} for {1e3 * still_s:.0f} ms"
        return ""


class Delayed:
    """States come later and later, without a gap: something on the way queues them up.

    How late a state is, nobody can tell, for robot and computer have clocks of their own; but by
    how much later than others lately, its counter says. What that counts is measured first: not
    every robot's counter is one of milliseconds.
    """

    def __init__(self, limits: Limits) -> None:
        self._limit_s = limits.stale_s
        self._first = self._last = (0.0, -1)  # stamp, tick
        self._rate = 0.0  # counts per second; 0 while it is being measured
        self._soonest: deque[tuple[float, float]] = deque()  # stamp, lag: of a sliding minimum

    def __call__(self, seen: Situation) -> str:
        """Compare how late the newest state is with the least of lately."""
        robot = seen.robot
        if robot is None or robot.tick == self._last[1]:
            return ""
        if robot.tick < self._last[1] or self._last[1] < 0:  # the first one, or it began anew
            self._first, self._rate = (robot.stamp_s, robot.tick), 0.0
            self._soonest.clear()
        self._last = (robot.stamp_s, robot.tick)
        since_s, counted = robot.stamp_s - self._first[0], robot.tick - self._first[1]
        if not self._rate:
            self._rate = counted / since_s if since_s >= MEASURED_S else 0.0
            return ""
        lag_s = since_s - counted / self._rate
        while self._soonest and self._soonest[-1][1] >= lag_s:
            self._soonest.pop()
        self._soonest.append((robot.stamp_s, lag_s))
        while robot.stamp_s - self._soonest[0][0] > LATELY_S:
            self._soonest.popleft()
        later_s = lag_s - self._soonest[0][1]
        if later_s > self._limit_s:
            return (
                f"states come {1e3 * later_s:.0f} ms later than within the last {LATELY_S:g} s: "
                "something on the way queues them up"
            )
        return ""


class BadMessages:
    """Messages that were not believed, most for their checksum: many in a row, or in a second.

    The count rises while no state comes, so this is seen before the newest one is stale.
    """

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.bad_messages
        self._good = (-1.0, 0)  # stamp of the last good message, and the count at that time
        # When the count became what; the first entry tells what it was a second ago.
        self._counts: deque[tuple[float, int]] = deque()

    def __call__(self, seen: Situation) -> str:
        """Compare the counts."""
        robot = seen.robot
        if robot is None:
            return ""
        counts = self._counts
        if not counts or robot.rejected != counts[-1][1]:
            counts.append((seen.now, robot.rejected))
        while len(counts) > 1 and seen.now - counts[1][0] > BAD_WINDOW_S:
            counts.popleft()
        if robot.stamp_s != self._good[0]:
            self._good = (robot.stamp_s, robot.rejected)
        in_a_row = robot.rejected - self._good[1]
        lately = robot.rejected - counts[0][1]
        if in_a_row >= self._limit:
            return f"{in_a_row} messages in a row were rejected"
        if lately >= self._limit:
            return f"{lately} messages within {BAD_WINDOW_S:g} s were rejected"
        return ""


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
