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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from pipeline.files import write_atomically

RESULTS, DOCS = Path("bench/gpu.json"), Path("docs/gpu.md")
BACKENDS = ("warp", "mjx", "native")
NUM_ENVS = (2048, 8192, 32768)
BUDGETS = (0.25, 0.5, 1.0)
"""Shares of ppo.num_timesteps that a robot is given to learn to walk, until one is enough."""
TIMEOUT_S = 1800
"""After which a measurement has hung."""
NOT_MEASURED, TOO_LARGE = "not measured", "does not fit"
Figures = dict[str, Any]


def main() -> None:
    """Measure, print as it goes, and write."""
    args = _arguments()
    results: Figures = {
        "when": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores",
        "throughput": [],
        "walk": [],
    }
    found = {name: _measure("devices", backend=name) for name in args.backends}
    for name, device in found.items():
        print(f"{name:8} {_or_refused(device, lambda d: ', '.join(d['devices']))}", flush=True)
    results["devices"] = found
    present = [name for name, device in found.items() if "refused" not in device]
    if not present:
        sys.exit("error: none of these backends can step a robot here (reasons above)")
    for robot in args.robots:
        for backend in present:
            for num_envs in args.num_envs:
                row: Figures = {"robot": robot, "backend": backend, "num_envs": num_envs}
                sizes = {"num_minibatches": args.num_minibatches, "seconds": args.seconds}
                row |= _measure("throughput", **row, **sizes)
                _tell(row, _throughput_words)
                results["throughput"].append(row)
    for robot in args.walk:
        for share in BUDGETS:
            row = {"robot": robot, "backend": present[0]}
            steps = args.num_timesteps or _num_timesteps(robot)
            row |= _measure("walk", **row, num_timesteps=round(share * steps))
            _tell(row, _walk_words)
            results["walk"].append(row)
            if row.get("passed") or "refused" in row:
                break
    write_atomically(args.output, json.dumps(results, indent=2) + "\n")
    print(f"written to {args.output}")
    if args.docs:
        fill(DOCS, results)
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
    add("--num-timesteps", type=int, help="of a walk at most (default: the robot's in params.yaml)")
    add("--seconds", type=float, default=10.0, help="of each throughput (default: %(default)s)")
    add("--output", type=Path, default=RESULTS, help="default: %(default)s")
    add("--docs", action="store_true", help=f"fill the tables of {DOCS} too")
    return parser.parse_args()


def _num_timesteps(robot: str) -> int:
    raw = yaml.safe_load(Path("params.yaml").read_text())
    return raw["overrides"][robot]["ppo"].get("num_timesteps", raw["ppo"]["num_timesteps"])


def _measure(what: str, **asked: Any) -> Figures:
    """Run bench.gpu_measure; what it refuses, and why it died, are results too."""
    asked["what"] = what
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.gpu_measure", json.dumps(asked)],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            # With all of it taken at the start there would be no peak to see.
            env={**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
        )
    except subprocess.TimeoutExpired:
        return {"refused": f"nothing after {TIMEOUT_S} s"}
    if done.returncode:
        sys.stderr.write(done.stderr)
        return {"refused": (done.stderr.strip().splitlines() or ["died"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


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
        f"with compilation and calibration): {verdict}, {row['falls']} falls, "
        f"{_figure(row['planar_rmse'])} m/s, {_figure(row['yaw_rmse'])} rad/s"
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def fill(path: Path, results: Figures) -> None:
    """Put the tables between their markers in a Markdown file.

    Args:
        path: The file, with `<!-- throughput -->` and the like around each table.
        results: What bench/gpu.json has.
    """
    text = path.read_text()
    for name, rows in tables(results).items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        body = "\n".join(rows) + "\n"
        text, count = marked.subn(lambda m, body=body: m[1] + body + m[2], text)
        if count != 1:
            raise ValueError(f"{path}: has {count} places marked <!-- {name} -->, wanted one")
    write_atomically(path, text)


def tables(results: Figures) -> dict[str, list[str]]:
    """Markdown rows of each table of docs/gpu.md; what was refused is `not measured`."""
    kinds = {kind for row in results["devices"].values() for kind in row.get("devices", [])}
    machine = [f"{', '.join(sorted(kinds))}; {results['machine']}; {results['when']}."]
    throughput = [
        "| robot | backend | environments | steps/s with learning | compile, s | KiB/environment |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["throughput"]:
        cells = ("env_steps_per_s", "compile_s", "kib_per_env")
        missing = TOO_LARGE if "out of memory" in row.get("refused", "") else NOT_MEASURED
        shown = [f"{row[cell]:,.0f}" if cell in row else missing for cell in cells]
        what = [row["robot"], row["backend"], f"{row['num_envs']:,}"]
        throughput.append(f"| {' | '.join([*what, *shown])} |")
    walk = [
        "| robot | backend | million steps | training, s | all, s | gate's nominal part |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["walk"]:
        if "refused" in row:
            shown = [NOT_MEASURED] * 4
        else:
            verdict = "passes" if row["passed"] else "no"
            million = f"{row['steps'] / 1e6:.1f}"
            shown = [million, f"{row['training_s']:.0f}", f"{row['wall_s']:.0f}", verdict]
        walk.append(f"| {' | '.join([row['robot'], row['backend'], *shown])} |")
    return {"machine": machine, "throughput": throughput, "walk": walk}


if __name__ == "__main__":
    main()
