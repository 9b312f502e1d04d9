"""Holding a policy to what an earlier one stood."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config_gate import MEASURABLE, Margins, Sim2Sim
from pipeline.sim2sim.margins import at_margin
from pipeline.sim2sim.scenarios import along
from pipeline.sim2sim.schema import GateFileError, read_gate_of
from pipeline.sim2sim.settings import in_common, versions
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
        for value in (row["value"], *(tried["value"] for tried in row["tried"])):
            try:
                along(row["axis"], value)
            except ValidationError as error:
                raise GateFileError(
                    f"{path}: margins: {row['axis']}: {value}: {error.errors()[0]['msg']}"
                ) from error
    if not any(stood_by(row) for row in gate["margins"]):
        raise GateFileError(f"{KEY}: {path}: its policy stood nothing that one could be held to")
    if gate["versions"] != versions():
        print(
            f"note: {KEY}: {path} was made with {gate['versions']}, this gate with {versions()}: "
            "what is lost may be the simulator's",
            file=sys.stderr,
        )
    return gate


def compare(
    trials: Trials,
    baseline: dict[str, Any],
    settings: Margins,
    episodes: int,
    margins: Sequence[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Try again, with this policy, all that the baseline's stood, at its margins and before them.

    A value is lost if the interval of the share that survives it lies wholly below the baseline's:
    chance alone does not explain the difference. What it stood before a margin is tried too, for a
    policy may fall at low steps and not at high ones.

    Args:
        trials: Runs the episodes.
        baseline: A gate.json with margins.
        settings: How they are searched.
        episodes: How many per value.
        margins: This policy's own, if they were searched: what they tried is not tried twice.
    """
    known = {
        (row["axis"], tried["value"]): {key: tried[key] for key in tried if key != "value"}
        for row in margins
        for tried in row["tried"]
        if tried["episodes"] == episodes
    }
    held = [(margin, stood) for margin in baseline["margins"] for stood in stood_by(margin)]
    places = [(margin["axis"], stood["value"]) for margin, stood in held]
    new = [place for place in places if place not in known]
    asks = [at_margin(axis, value, settings) for axis, value in new]
    known |= zip(new, trials.tallies(asks, episodes, "the baseline's values"), strict=True)
    return [
        {
            "axis": margin["axis"],
            "unit": margin["unit"],
            "value": stood["value"],
            **(found := known[place]),
            "baseline_survival": stood["survival"],
            "baseline_survival_low": stood["survival_low"],
            "regressed": found["survival_high"] < stood["survival_low"],
        }
        for (margin, stood), place in zip(held, places, strict=True)
    ]


def stood_by(margin: dict[str, Any]) -> list[dict[str, Any]]:
    """What the search tried up to the margin; nothing where nominal is all that stood."""
    reach = abs(margin["value"] - margin["nominal"])
    return [row for row in margin["tried"] if abs(row["value"] - margin["nominal"]) <= reach]
