"""Judge an exported policy: artifacts/<robot>/policy.onnx -> gate.json and report.html."""

from pathlib import Path

from pipeline.cli import run_stage
from pipeline.config import Config
from pipeline.sim2sim.run import judge_file


def main(config: Config, out: Path) -> None:
    """Run the stage; gate.json and report.html are written whether or not the policy passes."""
    judge_file(out / "policy.onnx", config, out)


if __name__ == "__main__":
    run_stage(main, __doc__)
