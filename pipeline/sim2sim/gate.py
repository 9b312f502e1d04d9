"""Run all scenarios and judge: what gate.json says."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from deploy.policy import Policy
from pipeline.config import Config
from pipeline.config_gate import UNITS, Conditions
from pipeline.files import sha256, without_nan
from pipeline.quality import Episodes, by_command, summarize
from pipeline.sim2sim.baseline import compare, load_baseline
from pipeline.sim2sim.bodies import check_payloads
from pipeline.sim2sim.commands import demonstration, schedule
from pipeline.sim2sim.criteria import judge
from pipeline.sim2sim.gait import gait_figures
from pipeline.sim2sim.margins import find_margins
from pipeline.sim2sim.recording import Recording
from pipeline.sim2sim.scenarios import NOMINAL, Episode, Scenario, episodes_of, named, swept
from pipeline.sim2sim.schema import SCHEMA_VERSION
from pipeline.sim2sim.settings import in_common, versions
from pipeline.sim2sim.strides import stride_rmse
from pipeline.sim2sim.trial import Outcome, Trials, tally
from robots import RobotSpec
from robots.errors import UserError

AXES = ("vx", "vy", "yaw_rate")


class GateError(UserError):
    """The gate cannot judge this file."""


@dataclass(frozen=True)
class Verdict:
    """What the gate found.

    Args:
        gate: Contents of gate.json.
        nominal: Recordings of the nominal episodes.
        demo: Recording of one nominal robot going through several commands.
        worst: Recording of the episode that `gate["worst"]` names.
        worst_conditions: What that episode met.
    """

    gate: dict[str, Any]
    nominal: Episodes
    demo: Recording
    worst: Recording
    worst_conditions: Conditions


def run_gate(policy: Policy, robot: RobotSpec, config: Config) -> Verdict:
    """Walk the policy through every scenario, and judge.

    Args:
        policy: The exported policy: all the gate knows of the training.
        robot: The robot.
        config: The configuration; `sim2sim` is the gate's.

    Raises:
        GateError: If the policy is for another robot.
        UserError: If the baseline cannot be compared with, or a payload is impossible.
    """
    settings, contract = config.sim2sim, policy.contract
    if contract.robot != robot.name:
        raise GateError(
            f"{policy.path}: is a policy for {contract.robot!r}, but params.yaml asks for "
            f"{robot.name!r}"
        )
    check_payloads(robot, settings)
    baseline = load_baseline(robot.name, settings)
    trials = Trials(policy, robot, settings, config.seed)
    nominal, demo, nominal_outcomes = _walk_nominally(trials)
    summary = summarize(nominal.episodes, contract, trials.settle)
    many = settings.episodes
    # One run of both, so that no thread waits for another in between.
    asked = [(s, many.sweep) for s in swept(settings)] + [
        (s, many.scenario) for s in named(settings)
    ]
    outcomes = trials.run([e for s, n in asked for e in episodes_of(s, n)], "scenarios")
    rows, many_sweeps = _rows(asked, outcomes), len(swept(settings))
    sweeps, scenarios = rows[:many_sweeps], rows[many_sweeps:]
    margins = find_margins(trials, settings.margins, many.margin) if many.margin else []
    held_to = settings.profiles.full.margin
    regressions = compare(trials, baseline, settings.margins, held_to, margins) if baseline else []
    gait = gait_figures(nominal, contract, robot, trials.settle, policy)
    criteria = judge(summary, gait, sweeps, scenarios, regressions, settings)
    worst = _worst([*nominal_outcomes, *outcomes])
    gate = {
        "schema_version": SCHEMA_VERSION,
        "passed": all(criterion["passed"] for criterion in criteria),
        "enabled": settings.enabled,
        "robot": robot.name,
        "policy_sha256": sha256(policy.path.read_bytes()),
        "seed": config.seed,
        "profile": settings.profile,
        "criteria": criteria,
        "nominal": {**summary, "commands": _commands(nominal.episodes, trials)},
        "gait": gait,
        "sweeps": sweeps,
        "scenarios": scenarios,
        "margins": margins,
        "regressions": regressions,
        "worst": _named(worst),
        "episodes": trials.count,
        "settings": in_common(settings),
        "versions": versions(),
    }
    return Verdict(
        without_nan(gate),
        nominal.episodes,
        demo,
        trials.record([worst.episode]),
        worst.episode.scenario.conditions,
    )


def _walk_nominally(trials: Trials) -> tuple[Recording, Recording, list[Outcome]]:
    """The nominal episodes, and the demonstration beside them."""
    count = trials.settings.episodes.nominal
    episodes = episodes_of(NOMINAL, count)
    commands = schedule(episodes, trials.grid, trials.steps, trials.policy.contract.ctrl_dt)
    demo = demonstration(trials.grid, trials.steps)[:, None]
    recording = trials.record(
        [*episodes, Episode(NOMINAL, count)], np.concatenate([commands, demo], axis=1)
    )
    nominal = recording.select(np.arange(count))
    return nominal, recording.select([count]), trials.outcomes(nominal, episodes)


def _commands(nominal: Episodes, trials: Trials) -> list[dict[str, float | int]]:
    """One row of gate.json per command, with its bias, measured minus asked, and its strides."""
    stood, settle = nominal.select(~nominal.fell), trials.settle
    rows = by_command(nominal, settle)
    for row in rows:
        asked = [row[axis] for axis in AXES]
        mine = stood.select((stood.command[-1] == asked).all(axis=1))
        row |= {f"bias_{axis}": row[f"measured_{axis}"] - row[axis] for axis in AXES}
        row |= stride_rmse(mine.velocity[settle:], mine.command[settle:], trials.policy.contract)
    return rows


def _rows(asked: list[tuple[Scenario, int]], outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """One row of gate.json per scenario.

    Args:
        asked: Scenarios, and how many episodes of each.
        outcomes: How these ended, in their order.
    """
    rows: list[dict[str, Any]] = []
    ended = iter(outcomes)
    for scenario, episodes in asked:
        found = tally(list(islice(ended, episodes)))
        if scenario.value is None:
            conditions = scenario.conditions.model_dump(exclude_unset=True)
            head: dict[str, Any] = {"name": scenario.name, "conditions": conditions}
        else:
            unit = UNITS[scenario.name]
            head = {"axis": scenario.name, "unit": unit, "value": scenario.value}
        rows.append({**head, **found})
    return rows


def _worst(outcomes: list[Outcome]) -> Outcome:
    """The earliest fall of the scenario with most of them; else the largest tracking error.

    A nominal fall comes before all others: it alone is enough for a no.
    """
    fallen: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.fell_at_s is not None:
            fallen.setdefault(outcome.episode.scenario.label, []).append(outcome)
    if not fallen:
        return max(outcomes, key=lambda o: np.nan_to_num(o.planar_error, nan=-1.0))
    most = fallen.get(NOMINAL.label) or max(fallen.values(), key=len)
    return min(most, key=lambda o: o.fell_at_s or 0.0)


def _named(worst: Outcome) -> dict[str, Any]:
    scenario = worst.episode.scenario
    return {
        "scenario": scenario.name,
        "value": scenario.value,
        "number": worst.episode.number,
        "fell_at_s": worst.fell_at_s,
        "planar_error": worst.planar_error,
    }
