"""Measure a trained policy: artifacts/<robot>/policy -> metrics.json and plots."""

from pathlib import Path

from pipeline.cli import run_stage, write_json
from pipeline.config import Config
from pipeline.devices import prepare
from pipeline.evaluate import evaluate
from pipeline.files import without_nan
from pipeline.plots import write_plots
from pipeline.policy_folder import load_policy


def main(config: Config, out: Path) -> None:
    """Run the stage."""
    prepare(config.physics)
    policy = load_policy(out / "policy", config.robot)
    evaluation = evaluate(config, policy)
    write_plots(out / "evaluate", evaluation, policy.spec.contract)
    write_json(out / "metrics.json", without_nan(evaluation.metrics))


if __name__ == "__main__":
    run_stage(main, __doc__)
