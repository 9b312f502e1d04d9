"""Rules about the robot's messages: none come, stale ones come, late ones, damaged ones."""

from collections import deque

from deploy.runtime.limits import Limits
from deploy.runtime.rules import Rule, Situation

MEASURED_S = 2.0
"""How long it is watched how fast a robot's counter counts, s."""
LATELY_S = 4.0
"""What states are compared with, s: clocks drift less than that matters."""
BAD_WINDOW_S = 1.0
"""Over which rejected messages are counted, s."""


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
