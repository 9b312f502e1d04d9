"""The policy's thread: it answers, and its crash and its end are seen. No test looks at a clock."""

import threading

import numpy as np
import pytest

from deploy.runtime.motors import Readings
from deploy.runtime.policy_step import PolicyStep, Request
from deploy.runtime.states import Event, State
from deploy.runtime.worker import InlineWorker, ThreadWorker
from tests.deploy.runtime.fakes import Bench, shipped

LONG_S = 60.0


@pytest.fixture(scope="module")
def go2():
    return shipped("go2")


def request(contract, step=0, fresh=True):
    n = contract.action_size
    pos = np.float32(contract.default_joint_pos)
    upright = np.float32([1, 0, 0, 0])
    readings = Readings(np.zeros(3, np.float32), upright, pos, np.zeros(n, np.float32), None, None)
    return Request(step, readings, np.zeros(3, np.float32), fresh)


def answer(worker):
    """Wait for the answer."""
    waiting = threading.Event()
    while (decision := worker.poll()) is None:
        assert not worker.crash
        waiting.wait(0.001)
    return decision


@pytest.fixture
def threads():
    """Threads that the test leaves running are a fault."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(LONG_S)
        assert not thread.is_alive()


@pytest.mark.usefixtures("threads")
def test_both_give_the_same_answers(go2):
    inline, threaded = InlineWorker(PolicyStep(go2)), ThreadWorker(PolicyStep(go2))
    for step in range(5):
        asked = request(go2.contract, step, fresh=step == 0)
        inline.request(asked)
        threaded.request(asked)
        one, other = inline.poll(), answer(threaded)
        np.testing.assert_array_equal(one.action, other.action)
        np.testing.assert_array_equal(one.observation, other.observation)
        assert one.step == other.step == step
        assert inline.poll() is None and threaded.poll() is None
    threaded.close()


@pytest.mark.usefixtures("threads")
def test_it_is_busy_until_it_has_answered(go2):
    go, step = threading.Event(), PolicyStep(go2)

    def waits(asked):
        assert go.wait(LONG_S)
        return step(asked)

    worker = ThreadWorker(waits)
    assert not worker.busy
    worker.request(request(go2.contract))
    assert worker.busy and worker.poll() is None
    go.set()
    assert answer(worker).step == 0
    assert not worker.busy
    worker.close()


@pytest.mark.parametrize("kind", [InlineWorker, ThreadWorker])
@pytest.mark.parametrize("error", [ValueError("planted"), MemoryError()])
@pytest.mark.usefixtures("threads")
def test_a_crash_is_told(go2, kind, error):
    def crashes(asked):
        raise error

    worker = kind(crashes)
    worker.request(request(go2.contract))
    if kind is ThreadWorker:
        worker._thread.join(LONG_S)
    assert worker.crash == f"{type(error).__name__}: {error}"
    assert worker.poll() is None


@pytest.mark.usefixtures("threads")
def test_a_crash_in_the_thread_damps_with_the_next_command(go2):
    crash = threading.Event()

    def crashes(asked):
        crash.wait(LONG_S)
        raise ZeroDivisionError("planted")

    worker = ThreadWorker(crashes)
    bench = Bench(go2, worker=worker).until(State.HOLD)
    bench.operator.asks = [Event.A]
    for _ in range(30):
        bench.tick()
        if worker.busy:
            break
    assert bench.state is State.POLICY
    crash.set()
    worker._thread.join(LONG_S)
    bench.tick()
    assert bench.state is State.DAMPING
    assert bench.is_damping()
    assert bench.fault == "policy crash"
    worker.close()


@pytest.mark.usefixtures("threads")
def test_a_thread_that_ends_without_a_word_is_a_crash(go2):
    worker = ThreadWorker(PolicyStep(go2))
    worker._next = lambda: None
    worker.request(request(go2.contract))
    worker._thread.join(LONG_S)
    assert worker.crash == "the thread ended without an error"


def test_the_gaits_clock_runs_on_through_a_missed_period(go2):
    whole, missed = PolicyStep(go2), PolicyStep(go2)
    for step in range(4):
        decision = whole(request(go2.contract, step, fresh=step == 0))
    missed(request(go2.contract, 0))
    other = missed(request(go2.contract, 3, fresh=False))
    assert other.inputs.phase == decision.inputs.phase
    assert other.inputs.phase == pytest.approx(
        3 * go2.contract.ctrl_dt / go2.contract.gait_period_s
    )


def test_a_fresh_start_forgets(go2):
    step = PolicyStep(go2)
    first = step(request(go2.contract, 7))
    second = step(request(go2.contract, 8, fresh=False))
    assert second.inputs.last_action.any()
    np.testing.assert_array_equal(second.inputs.last_action, first.action)
    third = step(request(go2.contract, 9))
    np.testing.assert_array_equal(third.observation, first.observation)
