"""Plots of an evaluation, as tables that `dvc plots` draws and compares."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from deploy.contract import PolicyContract
from pipeline.evaluate import Evaluation
from pipeline.files import write_csv
from pipeline.quality import tracking_rows


def write_plots(folder: Path, evaluation: Evaluation, contract: PolicyContract) -> None:
    """Write `tracking.csv`, `velocity.csv` and `torque.csv`.

    Args:
        folder: Where to write.
        evaluation: What was measured.
        contract: The policy's contract, for names and limits.
    """
    header = ("command", "planar_error", "yaw_error")
    write_csv(folder / "tracking.csv", header, tracking_rows(evaluation.commands))
    tour = evaluation.tour
    columns = [f"{kind}_{axis}" for axis in AXES for kind in ("commanded", "measured")]
    both = np.stack([tour.command[:, 0], tour.velocity[:, 0]], axis=-1).reshape(-1, 6)
    times = np.arange(1, len(both) + 1) * contract.ctrl_dt
    write_csv(folder / "velocity.csv", ("time", *columns), np.column_stack([times, both]).tolist())
    header = ("joint", "torque_p99", "limit", "share_of_limit")
    write_csv(folder / "torque.csv", header, _torque(evaluation, contract))


AXES = ("vx", "vy", "yaw_rate")


def _torque(evaluation: Evaluation, contract: PolicyContract) -> Iterable[Sequence[object]]:
    torque = np.percentile(np.abs(evaluation.episodes.torque), 99, axis=(0, 1))
    share = torque / np.asarray(contract.effort_limit)
    columns = (torque.tolist(), contract.effort_limit, share.tolist())
    return zip(contract.joint_names, *columns, strict=True)
