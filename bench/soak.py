"""`python -m bench.soak --minutes 30`: a robot walks in a circle over DDS, and what that wears out.

The robot is `python -m deploy.sim_robot` on the loopback, in a process of its own; the runtime is
in this one, with its threads and its log. Printed as JSON: commands left out, messages that did not
come, and how much memory grew once everything had been used for a while. A fault ends it early.
Exit status 1 after a fault, and where a figure is worse than `WORST`, which is then named.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import robots
from deploy.policy import Policy
from deploy.runtime.assemble import Outcome, Setup, execute, sleeper
from deploy.runtime.inputs.script import Line, ScriptInput
from deploy.runtime.limits import Limits
from deploy.runtime.states import Event, State
from deploy.runtime.stopping import Stopping
from deploy.wire.dds import DdsLink

N_COMMANDS = 10
SAMPLE_S = 2.0
"""How often memory is looked at, s."""
WARM_UP = 1 / 3
"""Share of the time after which memory should not grow any more."""
FEWEST = 3
"""How many looks at memory tell how it grows."""
PARTS = 12
"""How many parts of the time what is held is told of, so that one sees whether it levels off."""
ROTATE_S = 60.0
VELOCITY = (0.4, 0.0, 0.3)
WORST = {
    "commands_ignored": 0.0,
    "states_rejected": 0.0,
    "commands_unsent": 0.0,
    "commands_left_out": 0.01,  # of all
    "commands_missed": 0.01,
    "states_missed": 0.01,
    "deadlines_missed": 0.0001,  # there are a tenth as many
}
"""What a sound runtime does at worst on a machine with room for it, as a share of its commands."""
WORST_GROWTH, GROWS_FROM = 1.0, 600_000
"""MiB an hour, each process; fewer commands than of twenty minutes say nothing about an hour."""
TO_HOIST = {State.MOVE: "lower", State.POLICY: "letgo"}


def held_mib(process: int) -> float:
    """Memory that a process has written to and holds, MiB.

    Counted page by page: the quick totals of `statm` and `status` are kept per processor and may
    be off by a hundred pages (Linux, `Documentation/filesystems/proc.rst`).
    """
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    found = re.search(r"^Anonymous:\s+(\d+) kB$", rollup, re.MULTILINE)
    assert found, rollup
    return int(found[1]) / 1024


class Memory:
    """Looks at what processes hold in memory, from a thread.

    Args:
        processes: Their ids, by name.
    """

    def __init__(self, processes: dict[str, int]) -> None:
        self._processes, self._ended = processes, threading.Event()
        # Bare numbers, for what is kept here is measured, too: time, held, time, held, ...
        self.samples = {name: array("d") for name in processes}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            for name, number in self._processes.items():
                self.samples[name].extend((time.monotonic(), held_mib(number)))

    def close(self) -> dict[str, float | list[float]]:
        """Stop, and say for each process what it holds, MiB, and its growth since the warm-up."""
        self._ended.set()
        self._thread.join()
        figures: dict[str, float | list[float]] = {}
        for name, samples in self.samples.items():
            every = np.asarray(samples).reshape(-1, 2)
            if len(every) < FEWEST:  # a fault ended it at once: nothing had time to grow
                continue
            means = [
                float(part[:, 1].mean()) for part in np.array_split(every, min(PARTS, len(every)))
            ]
            figures[f"{name}_mib_over_time"] = np.round(means, 2).tolist()
            times, held = every[round(WARM_UP * len(every)) :].T
            per_s = np.polyfit(times - times[0], held, 1)[0]
            figures[f"{name}_mib"] = round(float(held[-1]), 2)
            figures[f"{name}_growth_mib"] = round(float(held[-1] - held[0]), 3)
            figures[f"{name}_growth_mib_per_hour"] = round(float(3600 * per_s), 2)
        return figures


def main() -> int:
    """Soak, print the figures, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.soak")
    parser.add_argument("--minutes", type=float, default=30.0, help="of the robot's time [30]")
    parser.add_argument("--pace", type=float, default=1.0, help="robot's seconds per second [1]")
    parser.add_argument("--robot", default="g1", choices=robots.names())
    parser.add_argument("--domain", type=int, default=1, help="DDS domain [1]")
    asked = parser.parse_args()
    on = ("--robot", asked.robot, "--hoist", "--domain", str(asked.domain))
    on += ("--pace", str(asked.pace))
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.sim_robot", *on],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as robot:
        try:
            outcome, figures = _walk(asked, robot)
        finally:
            robot.terminate()
    print(json.dumps(figures, indent=2))
    short = shortcomings(figures)
    for line in short:
        print(line, file=sys.stderr)
    return 1 if outcome.summary.faulty or outcome.log_error or short else 0


def shortcomings(figures: Mapping[str, Any]) -> list[str]:
    """What of a soak's figures is worse than it may be, in words."""
    commands = figures["commands"]
    found = [
        f"{name}: {figures[name]} of {commands} commands, allowed are {100 * share:g} %"
        for name, share in WORST.items()
        if figures[name] > share * commands
    ]
    for name in ("runtime", "robot"):
        growth = figures.get(f"{name}_growth_mib_per_hour", 0.0)
        if commands >= GROWS_FROM and growth > WORST_GROWTH:
            found.append(f"{name}: grew by {growth} MiB an hour, allowed is {WORST_GROWTH:g}")
    return found


def _walk(
    asked: argparse.Namespace, robot: "subprocess.Popen[str]"
) -> tuple[Outcome, dict[str, float | str | list[float]]]:
    assert robot.stdin and robot.stdout
    hoist = robot.stdin
    print(robot.stdout.readline().strip(), file=sys.stderr)
    link = DdsLink(robots.load(asked.robot), "lo", asked.domain, asked.pace)
    while (first := link.read()) is None:
        time.sleep(0.01)
    before = link.received
    memory = Memory({"runtime": os.getpid(), "robot": robot.pid})
    stopping = Stopping()
    stopping.install()
    ends_s = link.now() + 60 * asked.minutes

    def watch(state: State) -> None:
        print(f"state: {state}", file=sys.stderr, flush=True)
        if state in TO_HOIST:
            hoist.write(f"{TO_HOIST[state]}\n")
            hoist.flush()
        if state is State.DAMPING and link.now() < ends_s:  # a fault: say so now, not at the end
            stopping.catch(signal.SIGINT)

    with tempfile.TemporaryDirectory() as folder:
        outcome = execute(
            Setup(
                policy=Policy(f"policies/{asked.robot}/policy.onnx"),
                link=link,
                sleep_until=sleeper(link.now, asked.pace),
                source=ScriptInput(_lines(60 * asked.minutes)),
                stopping=stopping,
                n_commands=N_COMMANDS,
                limits=Limits(),
                name="soak",
                realtime=True,
                log=Path(folder) / "soak.mcap",
                rotate_s=ROTATE_S,
                watch=watch,
            )
        )
        print("\n".join(outcome.summary.lines()), file=sys.stderr, flush=True)
        logged = sum(file.stat().st_size for file in outcome.files) / 2**20
    last, came = link.read(), link.received - before
    figures = memory.close()
    time.sleep(0.5)
    told, _ = robot.communicate("quit\n", timeout=30)
    link.close()
    assert last
    return outcome, {
        "robot": asked.robot,
        "minutes": asked.minutes,
        "pace": asked.pace,
        **_counts(outcome, told),
        "states_missed": (last.tick - first.tick) // 2 - came,
        "states_rejected": last.rejected,
        "commands_unsent": link.unsent,
        "log_mib": round(logged, 1),
        **figures,
    }


def _counts(outcome: Outcome, told: str) -> dict[str, float]:
    """What runtime and robot counted; `told` is what the robot said at its end."""
    found = re.search(r"(\d+) commands heard, (\d+) commands ignored, (\d+) times", told)
    assert found, told
    heard, ignored, lags = (int(number) for number in found.groups())
    summary = outcome.summary
    return {
        "commands": summary.sent,
        "commands_left_out": summary.overruns,
        "commands_missed": summary.sent - heard,
        "commands_ignored": ignored,
        "deadlines_missed": summary.missed,
        "late_ms_p99": round(1e3 * summary.histograms["late"].percentile(99), 3),
        "late_ms_longest": round(1e3 * summary.histograms["late"].largest_s, 3),
        "robot_too_slow": lags,
    }


def _lines(seconds: float) -> list[Line]:
    still = (0.0, 0.0, 0.0)
    return [
        Line(0.5, still, Event.START),
        Line(4.0, still, Event.A),
        Line(5.0, VELOCITY),
        Line(max(seconds, 6.0), still, Event.SELECT),
        Line(max(seconds, 6.0) + 1.0, still, Event.LEAVE),
    ]


if __name__ == "__main__":
    sys.exit(main())
