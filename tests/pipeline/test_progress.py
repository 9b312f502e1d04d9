"""What a person sees of a running training."""

import io

import pytest

from pipeline import progress
from pipeline.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock.monotonic)
    return clock


def test_not_on_a_terminal_a_plain_line_per_report_only(clock):
    stream = io.StringIO()
    shown = Progress(1000, stream=stream)
    for steps in range(100, 1001, 100):
        shown.update(steps, {"reward": steps / 100}, report=steps % 500 == 0)
        clock.now += 1
    shown.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert "reward 5" in lines[0] and "reward 10" in lines[1]
    assert "\r" not in stream.getvalue() and "\x1b" not in stream.getvalue()


def test_on_a_terminal_one_line_in_place(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    shown = Progress(1000, stream=stream)
    shown.update(100, {"reward": 123456.0, "and": 1.0}, report=False)
    clock.now += 1
    shown.update(200, {"reward": 2.0}, report=True)
    shown.close()
    written = stream.getvalue()
    assert written.endswith("\n") and written.count("\n") == 1
    first, second = written.rstrip("\n").split("\r")[1:]
    # Each covers the one before, and neither wraps.
    assert len(first) == len(second) == 79
    assert "reward 2" in second


def test_a_narrow_terminal_cuts_the_line(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    Progress(1000, stream=stream).update(100, {"reward": 1.0}, report=True)
    assert stream.getvalue().startswith("\r 10%")
    assert len(stream.getvalue()) == 1 + 19


def test_no_crash_at_zero_elapsed_time(clock):
    stream = io.StringIO()
    shown = Progress(1000, stream=stream)
    shown.update(0, {}, report=True)
    shown.update(0, {}, report=True)
    shown.update(500, {}, report=True)
    assert "-:-- left" in stream.getvalue().splitlines()[0]
    assert "0:00 left" in stream.getvalue().splitlines()[2]


def test_rate_and_time_left(clock):
    stream = io.StringIO()
    shown = Progress(10_000_000, stream=stream)
    shown.update(1_000_000, {}, report=False)  # compilation ends here, and does not count
    clock.now += 10
    shown.update(2_000_000, {"planar m/s": 0.12345}, report=True)
    line = stream.getvalue()
    assert "20%" in line and "2.00M steps" in line
    assert "100,000/s" in line  # a million in ten seconds
    assert "1:20 left" in line  # eight million at that rate
    assert "planar m/s 0.123" in line


def test_a_continued_run_counts_its_own_steps_only(clock):
    stream = io.StringIO()
    shown = Progress(1000, start=800, stream=stream)
    shown.update(900, {}, report=False)
    clock.now += 10
    shown.update(950, {}, report=True)
    assert "5/s" in stream.getvalue() and "0:10 left" in stream.getvalue()


def test_past_the_end(clock):
    stream = io.StringIO()
    shown = Progress(1000, stream=stream)
    shown.update(900, {}, report=False)
    clock.now += 1
    shown.update(1100, {"error": float("nan")}, report=True)
    assert "100%" in stream.getvalue() and "0:00 left" in stream.getvalue()
    assert "error nan" in stream.getvalue()


def test_other_things_than_steps_are_counted_by_their_name(clock):
    stream = io.StringIO()
    shown = Progress(1352, stream=stream, unit="episodes", doing="sweeps")
    shown.update(0, {}, report=False)
    clock.now += 10
    shown.update(338, {}, report=True)
    assert stream.getvalue() == "sweeps   25%  338 episodes  34/s  0:30 left\n"
