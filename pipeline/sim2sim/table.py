"""`python -m pipeline.sim2sim.table`: the margins of the shipped policies as a Markdown table."""

import argparse
from pathlib import Path
from typing import Any

import robots
from pipeline.cli import expected_errors
from pipeline.report_words import AXES
from pipeline.sim2sim.schema import read_gate

POLICIES = Path("policies")
NOTHING = "-"


def margins_table(gates: dict[str, dict[str, Any]]) -> str:
    """Lay margins out: a row for each end of each axis that any gate searched.

    Args:
        gates: Contents of gate.json by robot.
    """
    found = {
        robot: {(row["axis"], row["limit"]): row for row in gate["margins"]}
        for robot, gate in gates.items()
    }
    ends = list(dict.fromkeys(end for rows in found.values() for end in rows))
    lines = [["", "searched to", *(robots.load(robot).title for robot in gates)]]
    lines.append(["---"] * len(lines[0]))
    for axis, limit in ends:
        rows = [found[robot].get((axis, limit)) for robot in gates]
        unit = next(row["unit"] for row in rows if row)
        name = AXES[axis][0] + ("" if unit == "1" else f", {unit}")
        lines.append([name, f"{limit:g}", *(_stands(row) for row in rows)])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _stands(row: dict[str, Any] | None) -> str:
    if row is None:
        return NOTHING
    return f"> {row['value']:.3g}" if row["beyond_limit"] else f"{row['value']:.3g}"


def main() -> None:
    """Print the table of policies/."""
    argparse.ArgumentParser(
        prog="python -m pipeline.sim2sim.table", description=__doc__
    ).parse_args()
    paths = {robot: POLICIES / robot / "gate.json" for robot in robots.names()}
    with expected_errors():
        gates = {robot: read_gate(path) for robot, path in paths.items() if path.is_file()}
        print(margins_table(gates), end="")


if __name__ == "__main__":
    main()
