"""Plots of an evaluation, as tables that `dvc plots` draws and compares."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from deploy.contract import PolicyContract
from pipeline.evaluate import Evaluation
from pipeline.files import write_atomically


def write_plots(folder: Path, evaluation: Evaluation, contract: PolicyContract) -> None:
    """Write `tracking.csv`, `velocity.csv` and `torque.csv`.

    Args:
        folder: Where to write.
        evaluation: What was measured.
        contract: The policy's contract, for names and limits.
    """
    _write(folder / "tracking.csv", ("command", "planar_error", "yaw_error"), _tracking(evaluation))
    tour = evaluation.tour
    columns = [f"{kind}_{axis}" for axis in AXES for kind in ("commanded", "measured")]
    both = np.stack([tour.command[:, 0], tour.velocity[:, 0]], axis=-1).reshape(-1, 6)
    times = np.arange(1, len(both) + 1) * contract.ctrl_dt
    _write(folder / "velocity.csv", ("time", *columns), np.column_stack([times, both]).tolist())
    header = ("joint", "torque_p99", "limit", "share_of_limit")
    _write(folder / "torque.csv", header, _torque(evaluation, contract))


AXES = ("vx", "vy", "yaw_rate")


def _tracking(evaluation: Evaluation) -> Iterable[Sequence[object]]:
    for row in evaluation.commands:
        label = f"vx {row['vx']:+.2f} vy {row['vy']:+.2f} yaw {row['yaw_rate']:+.2f}"
        yield label, row["planar_error"], row["yaw_error"]


def _torque(evaluation: Evaluation, contract: PolicyContract) -> Iterable[Sequence[object]]:
    torque = np.percentile(np.abs(evaluation.episodes.torque), 99, axis=(0, 1))
    share = torque / np.asarray(contract.effort_limit)
    columns = (torque.tolist(), contract.effort_limit, share.tolist())
    return zip(contract.joint_names, *columns, strict=True)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row])
    write_atomically(path, buffer.getvalue())
