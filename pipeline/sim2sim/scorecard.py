"""What of a verdict DVC compares between commits: `dvc metrics diff` and `dvc plots diff`.

DVC reads single numbers and tables of one column against another; gate.json has lists of rows.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.cli import write_json
from pipeline.files import write_csv
from pipeline.quality import tracking_rows
from pipeline.report_margins import share

Gate = dict[str, Any]


def write_scorecard(folder: Path, gate: Gate) -> None:
    """Write `figures.json`, `survival.csv`, `tracking.csv` and `margins.csv`.

    Args:
        folder: Where to write.
        gate: Contents of gate.json.
    """
    write_json(folder / "figures.json", figures(gate))
    header = ("scenario", "survival", "survival_low", "survival_high", "planar_rmse")
    write_csv(folder / "survival.csv", header, _survival(gate))
    header = ("command", "planar_error", "yaw_error")
    write_csv(folder / "tracking.csv", header, tracking_rows(gate["nominal"]["commands"]))
    header = ("margin", "stands", "share_of_search")
    write_csv(folder / "margins.csv", header, _margins(gate))


def figures(gate: Gate) -> Gate:
    """Survival by scenario and, where they were searched, margins, as numbers with a name."""
    return {
        "survival": {label: row["survival"] for label, row in _rows(gate)},
        "margins": {margin_name(row): row["value"] for row in gate["margins"]},
    }


def margin_name(row: Gate) -> str:
    """`push_speed`, or `com_x_down` where an axis may be searched both ways."""
    return f"{row['axis']}_{'down' if row['limit'] < row['nominal'] else 'up'}"


def _rows(gate: Gate) -> Iterator[tuple[str, Gate]]:
    """Every swept value and every named scenario, by its name."""
    for row in gate["sweeps"]:
        yield f"{row['axis']} {row['value']}", row
    for row in gate["scenarios"]:
        yield row["name"], row


def _survival(gate: Gate) -> Iterator[tuple[object, ...]]:
    for label, row in _rows(gate):
        yield (
            label,
            row["survival"],
            row["survival_low"],
            row["survival_high"],
            row["planar_rmse"],
        )


def _margins(gate: Gate) -> Iterator[tuple[object, ...]]:
    for row in gate["margins"]:
        yield margin_name(row), float(row["value"]), share(row, row["value"])
