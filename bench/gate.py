"""`python -m bench.gate`: how long the gate takes on the shipped G1, in both profiles."""

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import robots
from bench import no_arguments
from deploy.policy import Policy
from pipeline import config
from pipeline.sim2sim.gate import run_gate
from pipeline.sim2sim.reporting import report

ROBOT = "g1"


def main() -> None:
    """Judge by the quick and by the full profile, then write the report, films included."""
    no_arguments("bench.gate", __doc__)
    settings, robot = config.load("params.yaml", ROBOT), robots.load(ROBOT)
    policy = Policy(Path("policies", ROBOT, "policy.onnx"))
    figures: dict[str, float] = {}
    for profile in ("quick", "full"):
        gate = settings.sim2sim.model_copy(update={"profile": profile})
        began = time.perf_counter()
        verdict = run_gate(policy, robot, settings.model_copy(update={"sim2sim": gate}))
        figures[f"gate_{profile}_s"] = time.perf_counter() - began
        figures[f"gate_{profile}_episodes"] = float(verdict.gate["episodes"])
        began = time.perf_counter()
        with TemporaryDirectory() as folder:
            report(Path(folder, "report.html"), verdict, robot, policy.contract)
        figures[f"gate_{profile}_report_s"] = time.perf_counter() - began
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
