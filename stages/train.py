"""Train a policy: params.yaml -> artifacts/<robot>/policy and training curves."""

from pathlib import Path

from dvclive.live import Live

from pipeline.cli import run_stage
from pipeline.config import Config
from pipeline.devices import prepare
from pipeline.train import train

RUNS = Path(".runs")
"""Checkpoints, outside DVC's outputs: a killed stage continues from here."""


def main(config: Config, out: Path) -> None:
    """Run the stage."""
    prepare(config.physics)
    with Live(str(out / "train"), dvcyaml=None, save_dvc_exp=False, monitor_system=False) as live:

        def log(step: int, report: dict[str, float]) -> None:
            live.step = step
            for name, value in report.items():
                if name != "steps":
                    live.log_metric(name, value)
            live.make_summary()

        for name, value in train(config, out / "policy", RUNS, on_report=log).items():
            live.log_metric(name, value, plot=False)
        live.make_summary()


if __name__ == "__main__":
    run_stage(main, __doc__)
