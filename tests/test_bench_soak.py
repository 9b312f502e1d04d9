"""bench.soak: two processes over DDS, counted and weighed."""

import json
import os
import subprocess
import sys
from array import array

import numpy as np
import pytest

from bench import soak
from tests.deploy.runtime.fakes import ROOT


@pytest.mark.slow
def test_a_short_soak_counts_everything():
    pytest.importorskip("cyclonedds", reason="cyclonedds is not installed (extra: robot)")
    domain = 12 + 3 * (os.getpid() % 70)
    short = ("--minutes", "0.1", "--pace", "0.2")  # a server may stand still for 40 ms and more
    done = subprocess.run(
        [sys.executable, "-m", "bench.soak", *short, "--domain", str(domain)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["commands"] + figures["commands_left_out"] == pytest.approx(3500, rel=0.05)
    assert 0 <= figures["commands_missed"] < figures["commands"]
    assert figures["commands_ignored"] == figures["states_rejected"] == 0
    assert figures["runtime_mib"] > 20 and figures["robot_mib"] > 20
    over_time = figures["runtime_mib_over_time"]
    assert len(over_time) == soak.PARTS and np.isfinite(over_time).all()


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_one_that_a_fault_ended_at_once_tells_of_no_growth(looks):
    memory = soak.Memory({"runtime": os.getpid()})
    memory.samples["runtime"] = array("d", np.arange(2.0 * looks))
    assert memory.close() == {}


def test_growth_is_counted_from_the_warm_up_on(monkeypatch):
    memory = soak.Memory({"runtime": os.getpid()})
    times = np.arange(100.0)
    held = np.where(times < 33, times, 33 + 0.5 * (times - 33))
    memory.samples["runtime"] = array("d", np.stack([times, held], axis=1).ravel())
    figures = memory.close()
    assert figures["runtime_growth_mib"] == pytest.approx(33)
    over_time = figures["runtime_mib_over_time"]
    assert len(over_time) == soak.PARTS and over_time == sorted(over_time)
    assert over_time[0] == pytest.approx(4.0, abs=0.01)  # the mean of 0 to 8
    assert figures["runtime_growth_mib_per_hour"] == pytest.approx(1800)
    assert figures["runtime_mib"] == pytest.approx(66)


GOOD = {
    "commands": 900_000,
    **dict.fromkeys(soak.WORST, 0),
    "runtime_growth_mib_per_hour": 0.2,
    "robot_growth_mib_per_hour": -0.1,
}


def test_what_is_worse_than_it_may_be_is_named():
    assert soak.shortcomings(GOOD) == []
    assert soak.shortcomings({**GOOD, "states_missed": 9_000}) == []
    (lost,) = soak.shortcomings({**GOOD, "states_missed": 9_001})
    assert lost == "states_missed: 9001 of 900000 commands, allowed are 1 %"
    (ignored,) = soak.shortcomings({**GOOD, "commands_ignored": 1})
    assert ignored.startswith("commands_ignored: 1 of")
    (grown,) = soak.shortcomings({**GOOD, "runtime_growth_mib_per_hour": 1.1})
    assert grown == "runtime: grew by 1.1 MiB an hour, allowed is 1"
    assert soak.shortcomings({**GOOD, "commands": 99_000, "runtime_growth_mib_per_hour": 9.0}) == []
