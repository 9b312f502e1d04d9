"""What was measured, held against what is required."""

from typing import Any

from pipeline.config_gate import Sim2Sim
from pipeline.sim2sim.gait import FAST_HZ
from pipeline.words import listed


def judge(
    nominal: dict[str, float | int],
    gait: dict[str, float],
    sweeps: list[dict[str, Any]],
    scenarios: list[dict[str, Any]],
    regressions: list[dict[str, Any]],
    settings: Sim2Sim,
) -> list[dict[str, Any]]:
    """Judge all criteria; what could not be measured fails.

    Args:
        nominal: Figures of the nominal episodes.
        gait: Of the robots that stood in them.
        sweeps: One row per swept scenario.
        scenarios: One row per named scenario.
        regressions: One row per value that the baseline stood, if there is one.
        settings: The gate's settings, `thresholds` among them.
    """
    wanted, length = settings.thresholds, f"{settings.episode_s:g} s"
    episodes = nominal["episodes"]
    rows = [
        _row(
            "nominal_falls",
            f"falls in {episodes} nominal episodes of {length}",
            nominal["falls"],
            "<=",
            wanted.nominal_falls,
        ),
        _row(
            "planar_rmse",
            "nominal tracking of planar velocity, RMSE over commands",
            nominal["planar_rmse"],
            "<=",
            wanted.planar_rmse,
            "m/s",
        ),
        _row(
            "yaw_rmse",
            "nominal tracking of yaw rate, RMSE over commands",
            nominal["yaw_rmse"],
            "<=",
            wanted.yaw_rmse,
            "rad/s",
        ),
        _row(
            "fast_action_share",
            f"share of the actions' variance above {FAST_HZ:g} Hz: more is shaking, not walking",
            gait["fast_action_share"],
            "<=",
            wanted.fast_action_share,
        ),
    ]
    if sweeps:
        words = f"share of {_count(sweeps)} swept episodes of {length} without a fall"
        rows.append(_row("swept_survival", words, _share(sweeps), ">=", wanted.swept_survival))
        worst = _worst(sweeps)
        words = f"the same of the value that fewest survive: {worst['axis']} {worst['value']}"
        least = wanted.each_swept_survival
        rows.append(_row("each_swept_survival", words, worst["survival"], ">=", least))
    if scenarios:
        words = f"share of {_count(scenarios)} episodes of named scenarios without a fall"
        least = wanted.scenario_survival
        rows.append(_row("scenario_survival", words, _share(scenarios), ">=", least))
        worst = _worst(scenarios)
        words = f"the same of the scenario that fewest survive: {worst['name']}"
        least = wanted.each_scenario_survival
        rows.append(_row("each_scenario_survival", words, worst["survival"], ">=", least))
    if regressions:
        lost = [f"{row['axis']} {row['value']:g}" for row in regressions if row["regressed"]]
        words = f"values that the baseline stood, of {len(regressions)}, at which too many fall now"
        words += f": {listed(lost)}" if lost else ""
        rows.append(_row("regressions", words, len(lost), "<=", 0))
    return rows


def _count(rows: list[dict[str, Any]]) -> int:
    return sum(row["episodes"] for row in rows)


def _share(rows: list[dict[str, Any]]) -> float:
    """Share of all episodes that survive."""
    return 1 - sum(row["falls"] for row in rows) / _count(rows)


def _worst(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return min(rows, key=lambda row: row["survival"])


def _row(
    name: str, description: str, measured: float, comparison: str, required: float, unit: str = ""
) -> dict[str, Any]:
    passed = measured <= required if comparison == "<=" else measured >= required
    return {
        "name": name,
        "description": description,
        "measured": measured,
        "required": required,
        "comparison": comparison,
        "unit": unit,
        "passed": bool(passed),
    }


def lines(gate: dict[str, Any]) -> list[str]:
    """One line per criterion: whether it was met, what was measured and what is required."""
    names = max(len(c["name"]) for c in gate["criteria"])
    return [
        f"{'pass' if c['passed'] else 'FAIL'}  {c['name']:{names}}  {_measured(c):14} "
        f"required {_required(c)}"
        for c in gate["criteria"]
    ]


def failures(gate: dict[str, Any]) -> list[str]:
    """One line per criterion that was not met: what was measured and what is required."""
    return [
        f"{c['name']}: measured {_number(c['measured'])}, required {_required(c)} "
        f"({c['description']})"
        for c in gate["criteria"]
        if not c["passed"]
    ]


def _measured(criterion: dict[str, Any]) -> str:
    return f"{_number(criterion['measured'])} {criterion['unit']}".rstrip()


def _required(criterion: dict[str, Any]) -> str:
    return (
        f"{criterion['comparison']} {_number(criterion['required'])} {criterion['unit']}".rstrip()
    )


def _number(value: float | None) -> str:
    return "nothing (every robot fell)" if value is None else f"{value:.4g}"
