"""The program as a process: real threads, real signals. It says what it does; no test times it."""

import signal
import subprocess
import sys

import pytest

from tests.deploy.runtime.fakes import ROOT

SCRIPT = "time_s,vx,vy,yaw_rate,event\n0.1,0,0,0,start\n2.2,0,0,0,a\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_damps_and_the_next_one_ends_it(number, tmp_path):
    (tmp_path / "script.csv").write_text(SCRIPT)
    log = tmp_path / "run.mcap"
    command = [sys.executable, "-m", "deploy", "run", "policies/go2/policy.onnx", "--robot", "go2"]
    command += ["--input", "script", "--script", str(tmp_path / "script.csv"), "--log", str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1) as run:
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
    assert log.stat().st_size > 0
