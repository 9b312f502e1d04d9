"""The program as a process: real threads, real signals. It says what it does; no test times it."""

import os
import pty
import re
import signal
import subprocess
import sys

import pytest

from deploy.log import LogReader
from tests.deploy.runtime.fakes import ROOT

SCRIPT = "time_s,vx,vy,yaw_rate,event\n0.1,0,0,0,start\n2.2,0,0,0,a\n"
ONCE = (signal.SIGTERM, signal.SIGHUP)
"""Signals that say it for good."""


def command(folder, log):
    (folder / "script.csv").write_text(SCRIPT)
    program = [sys.executable, "-m", "deploy", "run", "policies/go2/policy.onnx", "--robot", "go2"]
    program += ["--input", "script", "--script", str(folder / "script.csv"), "--log", str(log)]
    return program


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTSTP, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP]
)
def test_a_signal_damps_and_the_next_one_or_five_seconds_end_it(number, tmp_path):
    log = tmp_path / "run.mcap"
    with subprocess.Popen(
        command(tmp_path, log), cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as run:
        assert run.stdout
        said = []
        for line in run.stdout:
            said.append(line.strip())
            # On a machine that stands still for 40 ms, a fault has damped it already.
            if said[-1] in ("state: move_to_default", "state: damping"):
                run.send_signal(number)
        assert run.wait(60) in (0, 1)
    states = [line for line in said if line.startswith("state: ")]
    assert states[0] == "state: zero_torque"
    assert states[-2:] == ["state: damping", "state: ended"]
    assert any("(leave)" in line for line in said)
    if number in ONCE and any("-> damping (leave)" in line for line in said):
        assert damped_s(said) >= 4.9
    assert log.stat().st_size > 0


def damped_s(said):
    """How long it damped, by its own clock, s."""
    times = [re.match(r"([\d.]+) s  .* -> (damping|ended) ", line) for line in said]
    at = {found.group(2): float(found.group(1)) for found in times if found}
    return at["ended"] - at["damping"]


def test_a_terminal_that_closes_leaves_a_damped_robot(tmp_path):
    """Nothing can be printed any more, and SIGHUP comes: it damps for as long as ever."""
    log = tmp_path / "run.mcap"
    near, far = pty.openpty()
    run = subprocess.Popen(
        command(tmp_path, log),
        cwd=ROOT,
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
    )
    os.close(far)
    said = b""
    while b"state: move_to_default" not in said:
        said += os.read(near, 4096)
    os.close(near)
    run.send_signal(signal.SIGHUP)
    run.send_signal(signal.SIGHUP)
    assert run.wait(60) in (0, 1, 120)  # the last: what it says at the end reaches nobody
    ticks = [tick for tick in LogReader(log).ticks() if tick.state == "damping"]
    assert ticks[-1].time_s - ticks[0].time_s > 4.8
    assert (ticks[-1].sent_kd == 8).all() and not ticks[-1].sent_kp.any()
