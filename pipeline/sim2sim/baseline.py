"""Holding a policy to what an earlier one stood."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config_gate import MEASURABLE, Margins, Sim2Sim
from pipeline.sim2sim.margins import at_margin
from pipeline.sim2sim.scenarios import along
from pipeline.sim2sim.schema import GateFileError, read_gate_of
from pipeline.sim2sim.settings import in_common
from pipeline.sim2sim.trial import Trials

KEY = "params.yaml: sim2sim.baseline"
REPORTED_ONLY = ("settle_s", "margin_survival")
"""Settings that change nothing of who falls."""


def load_baseline(robot: str, settings: Sim2Sim) -> dict[str, Any] | None:
    """Read the gate.json a policy is held to, if there is one.

    Raises:
        GateFileError: If it cannot be read, is of another robot, was made with other settings, or
            has no margins or impossible ones.
    """
    if not settings.baseline:
        return None
    path = Path(settings.baseline)
    gate = read_gate_of(path, robot, KEY)
    for name, wanted in in_common(settings).items():
        if name not in REPORTED_ONLY and gate["settings"][name] != wanted:
            raise GateFileError(
                f"{KEY}: {path} was made with {name} {gate['settings'][name]}, this gate has "
                f"{wanted}: what either stood says nothing of the other; run this gate on the "
                "baseline's policy first, with sim2sim.profile: full"
            )
    if not gate["margins"]:
        raise GateFileError(f"{KEY}: {path} has no margins; make it with sim2sim.profile: full")
    for row in gate["margins"]:
        if row["axis"] not in MEASURABLE:
            raise GateFileError(f"{path}: margins: {row['axis']!r} is no axis of this gate")
        try:
            along(row["axis"], row["value"])
        except ValidationError as error:
            raise GateFileError(
                f"{path}: margins: {row['axis']}: {row['value']}: {error.errors()[0]['msg']}"
            ) from error
    return gate


def compare(
    trials: Trials, baseline: dict[str, Any], settings: Margins, episodes: int
) -> list[dict[str, Any]]:
    """Try again, with this policy, what the baseline's stood at its margins.

    A margin no longer holds if the interval of the share that survives it lies wholly below the
    baseline's: chance alone does not explain the difference.

    Args:
        trials: Runs the episodes.
        baseline: A gate.json with margins.
        settings: How they are searched.
        episodes: How many per margin.
    """
    margins = [row for row in baseline["margins"] if row["survival"] is not None]
    asks = [at_margin(row["axis"], row["value"], settings) for row in margins]
    return [
        {
            "axis": margin["axis"],
            "unit": margin["unit"],
            "value": margin["value"],
            **found,
            "baseline_survival": margin["survival"],
            "baseline_survival_low": margin["survival_low"],
            "regressed": found["survival_high"] < margin["survival_low"],
        }
        for margin, found in zip(
            margins, trials.tallies(asks, episodes, "baseline's margins"), strict=True
        )
    ]
