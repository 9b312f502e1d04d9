"""`make bench`: measure this machine, print a table, write bench/results.json.

Every measurement runs in a process of its own, so that its peak memory is its own and compiled
code of one does not warm another.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from pipeline.files import write_atomically

RESULTS = Path("bench/results.json")
TIMEOUT_S = 900
"""After which a part has hung."""
PARTS = ("physics", "training", "inference", "tick", "gate")
GOALS = {
    "train_over_raw_physics": (">=", 0.60, "training steps/s x substeps over raw physics steps/s"),
    "native_over_mjx": (">=", 6.0, "raw physics of the same model: mujoco.batch over MJX-JAX"),
    "onnx_latency_us_p50": ("<=", 30.0, "one observation, one thread, median us"),
    "gate_quick_s": ("<=", 60.0, "G1's gate as the pipeline runs it, report and films too, s"),
    "gate_full_s": ("<=", 300.0, "G1's full scorecard with margins, report and films too, s"),
    "gate_full_episodes": (">=", 5000.0, "episodes of it, 10 s each"),
    "tick_us_policy_p99": (
        "<=",
        1000.0,
        "read, observe, infer, supervise, send: 99 % of a G1's, us",
    ),
    "peak_memory_gib": ("<=", 4.0, "resident memory of training"),
}
"""Figures with a goal: how to compare, the goal, what it is."""


def main() -> None:
    """Run every part and report."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench")
    parser.add_argument("parts", nargs="*", default=PARTS, help=f"which to run {PARTS}")
    parts = parser.parse_args().parts
    results: dict[str, float | str] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
    }
    for part in parts:
        print(f"measuring {part} ...", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, "-m", f"bench.{part}"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=TIMEOUT_S,
        )
        results.update(json.loads(done.stdout.splitlines()[-1]))
    for name, value in results.items():
        shown = f"{value:,.3g}" if isinstance(value, float) else value
        goal = ""
        if name in GOALS:
            comparison, wanted, what = GOALS[name]
            assert isinstance(value, float)
            met = value >= wanted if comparison == ">=" else value <= wanted
            goal = f"{'meets' if met else 'MISSES'} {comparison} {wanted:g}   {what}"
        print(f"{name:32} {shown!s:>12}  {goal}".rstrip())
    write_atomically(RESULTS, json.dumps(results, indent=2) + "\n")
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
