"""Film a trained policy: artifacts/<robot>/policy -> video.mp4 and previews."""

from pathlib import Path

from pipeline.cli import run_stage
from pipeline.config import Config
from pipeline.devices import prepare
from pipeline.policy_folder import load_policy
from pipeline.render import render


def main(config: Config, out: Path) -> None:
    """Run the stage."""
    prepare(config.physics)
    render(config, load_policy(out / "policy", config.robot), out)


if __name__ == "__main__":
    run_stage(main, __doc__)
