"""Check params.yaml before any stage touches its outputs -> artifacts/<robot>/params.ok."""

from pathlib import Path

import robots
from pipeline.cli import run_stage
from pipeline.config import Config
from pipeline.files import write_atomically
from robots.model import build_model


def main(config: Config, out: Path) -> None:
    """Run the stage: reading the configuration was the check; the robot's files come next.

    The file written never changes: other stages depend on it for order, not for content.
    """
    build_model(robots.load(config.robot), sim_dt=config.physics.sim_dt)
    write_atomically(out / "params.ok", "params.yaml and the robot's files are consistent\n")


if __name__ == "__main__":
    run_stage(main, __doc__)
