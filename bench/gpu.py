"""`python -m bench.gpu`: what an accelerator is worth here. Needs the `train` extra alone.

Prints the devices, then for each backend and number of environments the time to compile,
environment steps per second with learning, and memory; then how long a robot takes to learn to walk
well enough for the gate's nominal part. Writes bench/gpu.json, and with --docs the tables of
docs/gpu.md.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from bench import gpu_tables
from pipeline.files import write_atomically

RESULTS, DOCS = Path("bench/gpu.json"), Path("docs/gpu.md")
BACKENDS = ("mjx", "warp", "native")
NUM_ENVS = (2048, 8192, 32768)
BUDGETS = (0.25, 0.5, 1.0)
"""Shares of a training that a robot is given to learn to walk, until one is enough."""
TIMEOUT_S = 1800
"""After which a measurement has hung."""
Figures = dict[str, Any]


def main() -> None:
    """Measure, print as it goes, and write."""
    args = _arguments()
    results: Figures = {
        "when": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores",
        "compiled_at_once": args.at_once,
        "throughput": [],
        "walk": [],
    }
    found = {name: Measurement("devices", backend=name).figures() for name in args.backends}
    for name, device in found.items():
        print(f"{name:8} {_or_refused(device, lambda d: ', '.join(d['devices']))}", flush=True)
    results["devices"] = found
    present = [name for name, device in found.items() if "refused" not in device]
    if not present:
        sys.exit("error: none of these backends can step a robot here (reasons above)")

    def keep() -> None:  # after each figure: what was measured is not lost with what was not
        write_atomically(args.output, json.dumps(results, indent=2) + "\n")

    rows = [
        {"robot": robot, "backend": backend, "num_envs": num_envs}
        for robot in args.robots
        for backend in present
        for num_envs in args.num_envs
    ]
    for first in range(0, len(rows), args.at_once):
        for row in _throughput(rows[first : first + args.at_once], args):
            results["throughput"].append(row)
            keep()
    for robot in args.walk:
        for share in args.budgets:
            steps = round(share * (args.num_timesteps or _num_timesteps(robot)))
            row = {"robot": robot, "backend": present[0]}
            folder = args.policies / robot if args.policies else None
            asked = {"num_timesteps": steps, "folder": folder and str(folder)}
            row |= Measurement("walk", **row, **asked).figures()
            _tell(row, _walk_words)
            results["walk"].append(row)
            keep()
            if row.get("passed") or "refused" in row:
                break
    keep()
    print(f"written to {args.output}")
    if args.docs:
        gpu_tables.fill(DOCS, results)
        print(f"filled the tables of {DOCS}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        prog="python -m bench.gpu",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--robots", nargs="*", default=["g1", "go2"], help="for throughput (default: g1 go2)")
    add("--walk", nargs="*", default=["g1", "go2"], help="robots that learn to walk; none: skip")
    add(
        "--backends",
        nargs="+",
        default=list(BACKENDS),
        choices=BACKENDS,
        help="the first there is walks",
    )
    add("--num-envs", nargs="+", type=int, default=list(NUM_ENVS), help="default: %(default)s")
    add("--num-minibatches", type=int, default=32, help="default: %(default)s")
    add(
        "--num-timesteps",
        type=int,
        help="of a training (default: what params.yaml gives the robot)",
    )
    add(
        "--budgets",
        nargs="+",
        type=float,
        default=list(BUDGETS),
        help="shares of it that a walk is given, until one is enough (default: %(default)s)",
    )
    add("--seconds", type=float, default=10.0, help="of each throughput (default: %(default)s)")
    add(
        "--at-once",
        type=int,
        default=1,
        help="how many throughputs compile side by side, each then measured alone: saves minutes "
        "where memory and CPU cores are plenty (default: %(default)s)",
    )
    add("--policies", type=Path, help="keep the policies that learned to walk in this folder")
    add("--output", type=Path, default=RESULTS, help="default: %(default)s")
    add("--docs", action="store_true", help=f"fill the tables of {DOCS} too")
    return parser.parse_args()


def _num_timesteps(robot: str) -> int:
    raw = yaml.safe_load(Path("params.yaml").read_text())
    ppo = {**raw["ppo"], **raw["overrides"][robot]["ppo"]}
    return round(ppo["num_timesteps"] * ppo["on_accelerator"]["num_timesteps_scale"])


def _throughput(rows: list[Figures], args: argparse.Namespace) -> list[Figures]:
    """Have some compile at the same time, then measure one after the other."""
    sizes = {"num_minibatches": args.num_minibatches, "seconds": args.seconds}
    if args.num_timesteps:  # a schedule's length is compiled in: what a walk needs, it finds cached
        sizes["num_timesteps"] = args.num_timesteps
    running = [Measurement("throughput", **row, **sizes) for row in rows]
    for one in running:
        one.wait()
    found = []
    for row, one in zip(rows, running, strict=True):
        found.append(row | one.figures())
        _tell(found[-1], _throughput_words)
    return found


class Measurement:
    """One run of bench.gpu_measure: what it refuses, and why it died, are results too.

    Args:
        what: A measurement.
        asked: Its arguments.
    """

    def __init__(self, what: str, **asked: Any) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed in figures)
        self._late = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.gpu_measure", json.dumps({"what": what, **asked})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            # With all of it taken at the start there would be no peak to see.
            env={**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
        )
        self._timer = threading.Timer(TIMEOUT_S, self._give_up)
        self._timer.daemon = True
        self._timer.start()

    def _give_up(self) -> None:
        self._late = True
        self._process.kill()

    def wait(self) -> None:
        """Until it has compiled, or is dead."""
        assert self._process.stdout
        self._process.stdout.readline()

    def figures(self) -> Figures:
        """Let it measure, and wait for what it finds."""
        process = self._process
        said, _ = process.communicate("go\n")
        self._timer.cancel()
        with self._errors as file:
            file.seek(0)
            errors = file.read()
        if self._late:
            return {"refused": f"nothing after {TIMEOUT_S} s"}
        if process.returncode:
            sys.stderr.write(errors)
            lines = [line for line in errors.splitlines() if line.strip()] or ["died"]
            named = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
            return {"refused": (named or lines)[-1].strip()}
        return json.loads(said.splitlines()[-1])


def _or_refused(row: Figures, words: Any) -> str:
    return row["refused"] if "refused" in row else words(row)


def _tell(row: Figures, words: Any) -> None:
    envs = f"{row['num_envs']:>7,}" if "num_envs" in row else " " * 7
    print(f"{row['robot']:5} {row['backend']:7} {envs}  {_or_refused(row, words)}", flush=True)


def _throughput_words(row: Figures) -> str:
    return (
        f"{row['env_steps_per_s']:>10,.0f} steps/s  compiled in {row['compile_s']:.0f} s  "
        f"{row['kib_per_env']:.0f} KiB per environment"
    )


def _walk_words(row: Figures) -> str:
    verdict = "passes" if row["passed"] else "does not pass yet"
    return (
        f"{row['steps'] / 1e6:.1f} M steps in {row['training_s']:.0f} s ({row['wall_s']:.0f} s "
        f"with compilation and calibration): {verdict}, {gpu_tables.found(row)}"
    )


if __name__ == "__main__":
    main()
