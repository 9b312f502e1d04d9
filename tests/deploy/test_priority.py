"""Threads that make way for others, where the process has a real-time priority."""

import os
import threading

import pytest

from deploy.priority import giving_way


def on_a_thread(call):
    """What `call` returns on a thread of its own, whose priority may be changed."""
    found = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found[0]


def own_priority():
    return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority


def with_priority(priority, by):
    """Priorities of this thread before, while it gives way, of another meanwhile, and after."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        return None
    before = own_priority()
    with giving_way(by):
        during = own_priority()
        main = os.sched_getscheduler(os.getpid())
    return before, during, main, own_priority()


@pytest.mark.parametrize(("priority", "by", "lower"), [(50, 1, 49), (50, 2, 48), (1, 1, 1)])
def test_it_is_lower_meanwhile_and_for_this_thread_alone(priority, by, lower):
    plain = os.sched_getscheduler(os.getpid())
    found = on_a_thread(lambda: with_priority(priority, by))
    if found is None:
        pytest.skip("no real-time priority without CAP_SYS_NICE")
    before, during, main, after = found
    assert before == after == (os.SCHED_FIFO, priority)
    assert during == (os.SCHED_FIFO, lower)
    assert main == plain


def test_without_a_real_time_priority_nothing_happens(monkeypatch):
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: pytest.fail("changed"))
    with giving_way(1):
        pass


def test_who_may_lower_but_not_raise_it_goes_on(monkeypatch):
    asked = []

    def lower_only(_thread, _policy, param):
        asked.append(param.sched_priority)
        if len(asked) > 1:
            raise PermissionError

    monkeypatch.setattr(os, "sched_getscheduler", lambda _: os.SCHED_RR)
    monkeypatch.setattr(os, "sched_getparam", lambda _: os.sched_param(20))
    monkeypatch.setattr(os, "sched_setscheduler", lower_only)
    with giving_way(2):
        pass
    assert asked == [18, 20]


def test_a_system_without_priorities_goes_on(monkeypatch):
    monkeypatch.delattr(os, "sched_getscheduler")
    with giving_way(1):
        pass
