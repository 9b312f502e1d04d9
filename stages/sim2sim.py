"""Judge an exported policy: artifacts/<robot>/policy.onnx -> gate.json, report.html, scorecard."""

from pathlib import Path

from pipeline.cli import run_stage
from pipeline.config import Config
from pipeline.sim2sim.run import judge_file


def main(config: Config, out: Path) -> None:
    """Run the stage; all it writes is written whether or not the policy passes."""
    judge_file(out / "policy.onnx", config, out, scorecard=out / "scorecard")


if __name__ == "__main__":
    run_stage(main, __doc__)
