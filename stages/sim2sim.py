"""Judge an exported policy: artifacts/<robot>/policy.onnx -> gate.json and report.html."""

from pathlib import Path

import robots
from deploy.policy import Policy
from pipeline.cli import StageError, run_stage, write_json
from pipeline.config import Config
from pipeline.sim2sim.gate import failures, run_gate
from pipeline.sim2sim.reporting import report


def main(config: Config, out: Path) -> None:
    """Run the stage; gate.json and report.html are written whether or not the policy passes."""
    policy = Policy(out / "policy.onnx")
    verdict = run_gate(policy, robots.load(config.robot), config)
    write_json(out / "gate.json", verdict.gate)
    report(out / "report.html", verdict, robots.load(config.robot), policy.contract)
    for criterion in verdict.gate["criteria"]:
        mark = "pass" if criterion["passed"] else "FAIL"
        print(
            f"{mark}  {criterion['name']} {criterion['measured']} (required "
            f"{criterion['comparison']} {criterion['required']} {criterion['unit']})"
        )
    if not verdict.gate["passed"] and config.sim2sim.enabled:
        raise StageError(
            "the gate says no, see report.html:\n  " + "\n  ".join(failures(verdict.gate))
        )


if __name__ == "__main__":
    run_stage(main, __doc__)
