"""The faults that `bench.faults` plants into a walk."""

import signal
from collections import deque
from collections.abc import Callable
from typing import Any

from bench.faults_walk import Walk
from deploy.link import RobotState
from deploy.runtime.policy_step import Decision
from deploy.runtime.stopping import SIGNALS

Plant = Callable[[Walk], None]
"""Plants a fault into a walk."""
MOTOR = 3
"""Where a fault is one motor's: a knee, driven by every policy of the robot."""
ANKLE_ROLL, TOO_FAR = 5, 0.8
"""A joint without which a G1 walks on for a second, and a target that is clamped for ever, rad."""


def event(text: str) -> Plant:
    """Something that the simulated robot can do itself."""
    return lambda walk: walk.happen(text)


def element(field: str, value: float) -> Plant:
    """One motor's figure is another from now on."""

    def change(state: RobotState) -> RobotState:
        values = getattr(state, field).copy()
        values[MOTOR] = value
        return state._replace(**{field: values})

    return lambda walk: setattr(walk, "tamper", change)


def changed(**fields: Any) -> Plant:
    """Fields of the state are others from now on."""
    return lambda walk: setattr(walk, "tamper", lambda state: state._replace(**fields))


def acting(value: float, joint: int = MOTOR) -> Plant:
    """The policy says `value` for one joint from now on."""

    def change(decision: Decision) -> Decision:
        targets = decision.joint_targets.copy()
        targets[joint] = value
        return decision._replace(joint_targets=targets)

    return lambda walk: setattr(walk, "on_step", change)


def raising(where: str, error: Exception, times: int = 1 << 30) -> Plant:
    """A part fails from now on, or so many times."""
    left = [times]

    def fail(*_: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise error

    return lambda walk: setattr(walk, where, fail)


def signalled(number: int) -> Plant:
    """The process is sent a signal."""

    def send(walk: Walk) -> None:
        before = {other: signal.getsignal(other) for other in SIGNALS}
        walk.stopping.install()
        try:
            signal.raise_signal(number)
        finally:
            for other, handler in before.items():
                signal.signal(other, handler)

    return send


def no_operator(walk: Walk) -> None:
    """The terminal is closed."""
    walk.on_poll = lambda: "the terminal is gone"


def two_commanders(walk: Walk) -> None:
    """Another program sends commands, too."""
    walk.intruder = "planted"


def busy_policy(walk: Walk) -> None:
    """The network takes for ever."""
    walk.worker.busy = True


def later_and_later(walk: Walk) -> None:
    """Messages queue up: each is what was true 15 % of the time since now ago; none is missing."""
    began_s, waiting = walk.now(), deque[RobotState]()

    def change(state: RobotState) -> RobotState:
        waiting.append(state)
        late_s = 0.15 * (state.stamp_s - began_s)
        while len(waiting) > 1 and waiting[1].stamp_s <= state.stamp_s - late_s:
            waiting.popleft()
        return waiting[0]._replace(stamp_s=state.stamp_s)

    walk.tamper = change


def arm_elsewhere(walk: Walk) -> None:
    """A held joint's encoder says that it is far from its pose."""
    arm = walk.contract.held_joints[-1]

    def change(state: RobotState) -> RobotState:
        pos = state.joint_pos.copy()
        pos[arm.motor_index] = arm.position + 1.0
        return state._replace(joint_pos=pos)

    walk.tamper = change


def slow_input(walk: Walk) -> None:
    """The process stands still for 60 ms within a command, after the robot was looked at."""

    def wait() -> str:
        walk.link.sleep_until(walk.now() + 0.06)
        walk.on_poll = lambda: ""
        return ""

    walk.on_poll = wait


def stall(walk: Walk) -> None:
    """The process stands still for 60 ms."""
    walk.skip = 30
