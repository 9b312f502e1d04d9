"""`python -m bench.gate`: how long the gate takes on the shipped G1, in both profiles."""

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import no_arguments
from pipeline.sim2sim.schema import read_gate

ROBOT = "g1"


def main() -> None:
    """Run what `make gate` runs, from start-up to the report with its films."""
    no_arguments("bench.gate", __doc__)
    figures: dict[str, float] = {}
    for profile in ("quick", "full"):
        with TemporaryDirectory() as folder:
            began = time.perf_counter()
            asked = ["--robot", ROBOT, "--profile", profile, "--out", folder]
            command = [sys.executable, "-m", "pipeline.sim2sim", *asked]
            done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
            figures[f"gate_{profile}_s"] = time.perf_counter() - began
            if done.returncode not in (0, 1):  # 1: it says no, which takes as long
                sys.exit(done.returncode)
            episodes = read_gate(Path(folder, "gate.json"))["episodes"]
        figures[f"gate_{profile}_episodes"] = float(episodes)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
