"""The command stream: a tick at every deadline, each counted from the start, not from the last."""

import math
from collections.abc import Callable

from deploy.contract import PolicyContract
from deploy.link import Link, LinkError
from deploy.runtime.controller import Controller
from deploy.runtime.limits import RuntimeSettingError
from deploy.runtime.states import State

SLOWEST_HZ, FASTEST_HZ = 200, 500
SleepUntil = Callable[[float], None]
"""Waits until a time of the link's clock, s."""
Watch = Callable[[State], None]
"""Told of the first state, and of every change. Where it fails, the run goes on without it."""


def commands_per_period(contract: PolicyContract, rate_hz: float) -> int:
    """How many commands are sent in a control period.

    Raises:
        RuntimeSettingError: If the rate is out of range, or does not divide the period.
    """
    in_range = SLOWEST_HZ <= rate_hz <= FASTEST_HZ
    whole = round(rate_hz * contract.ctrl_dt) if in_range else 0
    if not whole or not math.isclose(rate_hz * contract.ctrl_dt, whole):
        raise RuntimeSettingError(
            f"--rate: {rate_hz:g} is not allowed: want a multiple of {1 / contract.ctrl_dt:g} from "
            f"{SLOWEST_HZ} to {FASTEST_HZ}"
        )
    return whole


def wait_for_robot(link: Link, sleep_until: SleepUntil, wait_s: float) -> None:
    """Wait for a first state.

    Raises:
        LinkError: If there is none in time.
    """
    until = link.now() + wait_s
    while link.read() is None:
        if link.now() >= until:
            why = link.last_rejection
            raise LinkError(
                f"no state of the robot within {wait_s:g} s: "
                + (
                    f"what came was rejected, the last for: {why}"
                    if why
                    else "is it on, and are network interface (--interface) and DDS domain "
                    "(--domain) the right ones?"
                )
            )
        sleep_until(link.now() + 0.01)


def run(
    controller: Controller,
    link: Link,
    sleep_until: SleepUntil,
    stream_dt: float,
    watch: Watch | None = None,
) -> None:
    """Tick until the state machine has ended; damping is the last that is sent, come what may.

    A deadline that has passed is left out, not made up for: two commands at once help no motor.

    Args:
        controller: Does the work.
        link: Keeps the time.
        sleep_until: Waits.
        stream_dt: Time between two commands, s.
        watch: Told of the first state, and of every change.
    """
    began_s, index, state = link.now(), 0, controller.state
    told = _Told(watch)
    try:
        told(state)
        while state is not State.ENDED:
            deadline_s = began_s + index * stream_dt
            sleep_until(deadline_s)
            late_s = max(link.now() - deadline_s, 0.0)
            if late_s >= stream_dt:
                skipped = int(late_s / stream_dt)
                controller.summary.overruns += skipped
                index += skipped
            before, state = state, controller.tick(index, late_s)
            if state is not before:
                told(state)
            index += 1
    finally:
        controller.finish()


class _Told:
    """A watcher that cannot hurt: one that printed to a terminal now gone is not asked again."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch

    def __call__(self, state: State) -> None:
        if self._watch is None:
            return
        try:
            self._watch(state)
        except Exception:  # there may be nobody left to tell
            self._watch = None
