"""What keeps a log from being replayed: holes in it, and values that are none."""

import numpy as np

from deploy.contract import PolicyContract
from deploy.log import Tick
from deploy.log.format import PLAIN, elements, fields_of

LATE = 1.5
"""Control periods between two ticks that make a gap."""


def hole(before: Tick, tick: Tick, ctrl_dt: float) -> str:
    """Say what is missing between two ticks that follow each other; empty where nothing is.

    Args:
        before: A tick.
        tick: The next one in the log.
        ctrl_dt: Control period, s.
    """
    if tick.step != before.step + 1:
        return f"step {before.step + 1}: step is {tick.step}, so the log has a hole there"
    passed_s = tick.time_s - before.time_s
    if not 0 < passed_s <= LATE * ctrl_dt:
        return (
            f"step {tick.step}: time_s is {passed_s:.4g} s after the step before, want about "
            f"{ctrl_dt:g} s and at most {LATE * ctrl_dt:g} s"
        )
    return ""


def not_finite(tick: Tick, contract: PolicyContract) -> str:
    """Name the first value of a tick that is NaN or was infinite; empty where all are numbers."""
    for name, value in fields_of(tick).items():
        if name in PLAIN or np.isfinite(value).all():
            continue
        of = elements(contract).get(name)
        element = f" of {of[int(np.argmin(np.isfinite(value)))]}" if of else ""
        return f"step {tick.step}: {name}{element} is not finite"
    return ""
