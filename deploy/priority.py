"""Which of a process's threads wait for which, where it has a real-time priority."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress


@contextmanager
def giving_way(by: int) -> Generator[None]:
    """Take this much off the calling thread's own real-time priority, down to the lowest.

    Under `chrt -f` all threads of a process have the same priority, and whichever has a processor
    keeps it until it waits. On a computer that is slow for a moment the control loop does not wait,
    and what robot and operator say would lie unread beside it: so the threads that read, and the
    one that runs the policy, keep the priority given, the loop takes one off, and what can wait for
    longer two.

    Without a real-time priority, or where there is no such thing, nothing happens.

    Args:
        by: How many steps, >= 1.
    """
    if not hasattr(os, "sched_getscheduler"):  # macOS, Windows
        yield
        return
    policy = os.sched_getscheduler(0)  # 0: of this thread, not of the process
    if policy not in (os.SCHED_FIFO, os.SCHED_RR):
        yield
        return
    before = os.sched_getparam(0)
    lower = max(before.sched_priority - by, os.sched_get_priority_min(policy))
    os.sched_setscheduler(0, policy, os.sched_param(lower))
    try:
        yield
    finally:
        with suppress(PermissionError):  # up again is for those who may
            os.sched_setscheduler(0, policy, before)
