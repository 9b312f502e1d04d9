"""The log's thread: in order, complete, and no reason to stop a robot."""

import threading

import pytest

from deploy.log import LogError
from deploy.runtime.tick_log import BACKLOG, TickLog


class Writer:
    """Keeps what it is given; waits or fails where it is told to."""

    def __init__(self):
        self.ticks, self.closed, self.error = [], False, None
        self.go = threading.Event()
        self.go.set()

    def write(self, tick):
        assert self.go.wait(60)
        if self.error:
            raise self.error
        self.ticks.append(tick)

    def close(self):
        self.closed = True


@pytest.mark.parametrize("threaded", [True, False])
def test_everything_is_written_in_order(threaded):
    writer = Writer()
    log = TickLog(writer, threaded=threaded)
    for tick in range(300):
        log.write(tick)
    log.close()
    assert writer.ticks == list(range(300))
    assert writer.closed and not log.error and not log.lost


@pytest.mark.parametrize("threaded", [True, False])
def test_a_full_disk_ends_the_log_and_nothing_else(threaded):
    writer = Writer()
    log = TickLog(writer, threaded=threaded)
    log.write(0)
    writer.error = LogError("the disk is full")
    for tick in range(1, 10):
        log.write(tick)
    log.close()
    assert log.error == "the disk is full"
    assert len(writer.ticks) <= 1


def test_no_error_of_a_writer_stops_the_queue():
    writer = Writer()
    log = TickLog(writer, threaded=True)
    writer.error = MemoryError()
    for tick in range(BACKLOG + 50):
        log.write(tick)
    log.close()
    assert log.error == "MemoryError"


@pytest.mark.parametrize("waiting", [1, BACKLOG + 50])
def test_a_disk_that_hangs_does_not_keep_the_process(monkeypatch, waiting):
    monkeypatch.setattr("deploy.runtime.tick_log.CLOSE_S", 0.05)
    writer = Writer()
    writer.go.clear()
    log = TickLog(writer, threaded=True)
    for tick in range(waiting):
        log.write(tick)
    log.close()
    assert log.error == "the disk is not done after 0.05 s"
    writer.go.set()


def test_a_disk_that_hangs_loses_ticks_and_keeps_nobody_waiting():
    writer = Writer()
    writer.go.clear()
    log = TickLog(writer, threaded=True)
    for tick in range(BACKLOG + 50):
        log.write(tick)
    assert 49 <= log.lost <= 50
    writer.go.set()
    log.close()
    assert writer.ticks == list(range(BACKLOG + 50 - log.lost))


def test_without_a_writer_there_is_no_log():
    log = TickLog(None, threaded=True)
    log.write(0)
    log.close()
    assert not log.error


@pytest.mark.parametrize("writer", [None, Writer()])
def test_whoever_looks_on_gets_every_tick_at_once(writer):
    seen = []
    log = TickLog(writer, threaded=True, tell=seen.append)
    for tick in range(5):
        log.write(tick)
        assert seen[-1] == tick
    log.close()
    assert seen == list(range(5))
