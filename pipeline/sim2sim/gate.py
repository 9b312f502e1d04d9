"""Run all scenarios and judge: what gate.json says."""

import importlib.metadata
from dataclasses import dataclass
from typing import Any

import numpy as np

from deploy.policy import Policy
from pipeline.command_grid import command_grid
from pipeline.config import Config
from pipeline.config_sections import Sim2Sim, Thresholds
from pipeline.files import sha256, without_nan
from pipeline.quality import Episodes, by_command, rms, summarize, tracking_errors, wilson
from pipeline.sim2sim.scenarios import NOMINAL, UNITS, Scenario, scenarios
from pipeline.sim2sim.simulator import GateSimulator
from robots import RobotSpec
from robots.errors import UserError

SCHEMA_VERSION = 1
"""Version of gate.json's layout."""
LIBRARIES = ("mujoco", "numpy", "onnxruntime")


class GateError(UserError):
    """The gate cannot judge this file."""


@dataclass(frozen=True)
class Verdict:
    """What the gate found.

    Args:
        gate: Contents of gate.json.
        nominal: Recordings of the nominal episodes.
        demo: Recording of one nominal robot going through several commands.
        demo_qpos: (T, nq) its configuration.
    """

    gate: dict[str, Any]
    nominal: Episodes
    demo: Episodes
    demo_qpos: np.ndarray


def run_gate(policy: Policy, robot: RobotSpec, config: Config) -> Verdict:
    """Walk the policy through every scenario, and judge.

    Args:
        policy: The exported policy: all the gate knows of the training.
        robot: The robot.
        config: The configuration; `sim2sim` is the gate's.

    Raises:
        GateError: If the policy is for another robot.
    """
    contract, settings = policy.contract, config.sim2sim
    if contract.robot != robot.name:
        raise GateError(
            f"{policy.path}: is a policy for {contract.robot!r}, but params.yaml asks for "
            f"{robot.name!r}"
        )
    swept = scenarios(settings)
    cases = [NOMINAL] * settings.nominal_episodes
    cases += [case for case in swept for _ in range(settings.sweep_episodes)]
    cases += [NOMINAL]  # the demonstration
    steps = round(settings.episode_s / contract.ctrl_dt)
    grid = command_grid(contract.command_ranges)
    commands = np.broadcast_to(_commands(grid, settings, len(swept)), (steps, len(cases) - 1, 3))
    demo = _demonstration(grid, steps)
    simulator = GateSimulator(contract, robot, settings, cases, config.seed)
    episodes, qpos = simulator.run(policy, np.concatenate([commands, demo[:, None]], axis=1))

    settle = round(settings.settle_s / contract.ctrl_dt)
    index = np.arange(len(cases))
    nominal = episodes.select(index < settings.nominal_episodes)
    summary = summarize(nominal, contract, settle)
    sweeps = []
    for place, case in enumerate(swept):
        first = settings.nominal_episodes + place * settings.sweep_episodes
        group = episodes.select(np.arange(first, first + settings.sweep_episodes))
        sweeps.append(_sweep_row(case, group, settle))
    criteria = judge(summary, sweeps, settings.thresholds, settings.episode_s)
    gate = {
        "schema_version": SCHEMA_VERSION,
        "passed": all(criterion["passed"] for criterion in criteria),
        "enabled": settings.enabled,
        "robot": robot.name,
        "policy_sha256": sha256(policy.path.read_bytes()),
        "seed": config.seed,
        "criteria": criteria,
        "nominal": {**summary, "commands": by_command(nominal, settle)},
        "sweeps": sweeps,
        "settings": {
            "sim_dt": settings.sim_dt,
            "integrator": settings.integrator,
            "cone": "elliptic",
            "episode_s": settings.episode_s,
            "settle_s": settings.settle_s,
        },
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }
    last = index == len(cases) - 1
    return Verdict(without_nan(gate), nominal, episodes.select(last), qpos[:, -1])


def _commands(grid: np.ndarray, settings: Sim2Sim, num_swept: int) -> np.ndarray:
    """(1, n, 3): the grid over and over within the nominal and within each swept scenario."""
    groups = [settings.nominal_episodes] + [settings.sweep_episodes] * num_swept
    return np.concatenate([np.resize(grid, (size, 3)) for size in groups])[None]


def _demonstration(grid: np.ndarray, steps: int) -> np.ndarray:
    """(T, 3): forward, turning, sideways, backward, each for a fifth, then standing."""
    shown = [grid[index] for index in (4, 10, 7, 2, 0)]
    return np.repeat(shown, -(-steps // len(shown)), axis=0)[:steps]


def _sweep_row(case: Scenario, group: Episodes, settle: int) -> dict[str, Any]:
    episodes, falls = len(group.fell_at), int(group.fell.sum())
    low, high = wilson(episodes - falls, episodes)
    planar, yaw = tracking_errors(group, settle)
    return {
        "axis": case.axis,
        "unit": UNITS[case.axis],
        "value": case.value,
        "episodes": episodes,
        "falls": falls,
        "survival": 1 - falls / episodes,
        "survival_low": low,
        "survival_high": high,
        "planar_rmse": rms(planar),
        "yaw_rmse": rms(yaw),
    }


def judge(
    nominal: dict[str, float | int],
    sweeps: list[dict[str, Any]],
    thresholds: Thresholds,
    episode_s: float,
) -> list[dict[str, Any]]:
    """Hold what was measured against what is required; what could not be measured fails.

    Args:
        nominal: Figures of the nominal episodes.
        sweeps: One row per swept scenario.
        thresholds: What is required.
        episode_s: Length of an episode, s.
    """
    swept = sum(row["episodes"] for row in sweeps)
    survived = swept - sum(row["falls"] for row in sweeps)

    rows = [
        (
            "nominal_falls",
            f"falls in {nominal['episodes']} nominal episodes of {episode_s:g} s",
            nominal["falls"],
            thresholds.nominal_falls,
            "<=",
            "",
        ),
        (
            "planar_rmse",
            "nominal tracking of planar velocity, RMSE over commands",
            nominal["planar_rmse"],
            thresholds.planar_rmse,
            "<=",
            "m/s",
        ),
        (
            "yaw_rmse",
            "nominal tracking of yaw rate, RMSE over commands",
            nominal["yaw_rmse"],
            thresholds.yaw_rmse,
            "<=",
            "rad/s",
        ),
        (
            "swept_survival",
            f"share of {swept} swept episodes of {episode_s:g} s without a fall",
            survived / swept,
            thresholds.swept_survival,
            ">=",
            "",
        ),
    ]
    return [
        {
            "name": name,
            "description": description,
            "measured": measured,
            "required": required,
            "comparison": comparison,
            "unit": unit,
            "passed": bool(measured <= required if comparison == "<=" else measured >= required),
        }
        for name, description, measured, required, comparison, unit in rows
    ]


def failures(gate: dict[str, Any]) -> list[str]:
    """One line per criterion that was not met: what was measured and what is required."""
    return [
        f"{c['name']}: measured {_number(c['measured'])}, required {c['comparison']} "
        f"{_number(c['required'])} {c['unit']}".rstrip()
        + f" ({c['description']})"
        for c in gate["criteria"]
        if not c["passed"]
    ]


def _number(value: float | None) -> str:
    return "nothing (every robot fell)" if value is None else f"{value:.4g}"
