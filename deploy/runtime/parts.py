"""What a controller is put together from."""

from collections.abc import Callable
from typing import NamedTuple

from deploy.contract import PolicyContract
from deploy.link import Link
from deploy.runtime.inputs import Input
from deploy.runtime.limits import Limits
from deploy.runtime.stopping import Stopping
from deploy.runtime.tick_log import TickLog
from deploy.runtime.worker import Worker

Intruder = Callable[[], str]
"""Tells who else commands the robot; empty where nobody does. Does not block."""


def no_intruder() -> str:
    """Nobody else can."""
    return ""


class Parts(NamedTuple):
    """What a controller is put together from.

    Args:
        contract: The policy's contract.
        link: The robot.
        worker: Runs the policy.
        source: The operator's.
        stopping: Tells when the process is told to end.
        log: Where ticks go.
        limits: The supervisor's figures.
        mode_machine: What the robot should say that it is; None for whatever it says first.
        intruder: Tells who else commands the robot.
    """

    contract: PolicyContract
    link: Link
    worker: Worker
    source: Input
    stopping: Stopping
    log: TickLog
    limits: Limits
    mode_machine: int | None = None
    intruder: Intruder = no_intruder
