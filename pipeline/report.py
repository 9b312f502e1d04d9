"""The gate's result as one HTML file: no network, no other files, no scripts."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from pipeline import report_maps, report_margins, report_plots, report_words
from pipeline.files import write_atomically
from pipeline.sim2sim.motor import CONSTANT_TORQUE_SHARE
from pipeline.sim2sim.schema import SCHEMA_VERSION
from pipeline.sim2sim.settings import differences

COMPONENTS = (("vx", "m/s"), ("vy", "m/s"), ("yaw rate", "rad/s"))


@dataclass(frozen=True)
class Traces:
    """Nominal episodes, for the plots: E over time, and how M drove their motors."""

    time: np.ndarray
    """(T,) s"""
    labels: list[str]
    """One per shown episode."""
    command: np.ndarray
    """(E, T, 3) vx m/s, vy m/s, yaw rate rad/s, in the base frame"""
    velocity: np.ndarray
    """(E, T, 3) as measured, same units and frame"""
    joint_names: list[str]
    torque: np.ndarray
    """(M, T, J) N m"""
    joint_vel: np.ndarray
    """(M, T, J) rad/s"""
    effort_limit: np.ndarray
    """(J,) N m"""
    velocity_limit: np.ndarray
    """(J,) rad/s"""

    def __post_init__(self) -> None:
        """Refuse arrays whose shapes disagree."""
        times, episodes, joints = len(self.time), len(self.labels), len(self.joint_names)
        want = {
            "time": (times,),
            "command": (episodes, times, 3),
            "velocity": (episodes, times, 3),
            "torque": (len(self.torque), times, joints),
            "joint_vel": (len(self.torque), times, joints),
            "effort_limit": (joints,),
            "velocity_limit": (joints,),
        }
        for field in fields(self):
            shape = np.shape(getattr(self, field.name))
            if field.name in want and shape != want[field.name]:
                raise ValueError(f"Traces.{field.name}: want {want[field.name]}, got {shape}")
        if times < 2:
            raise ValueError(f"Traces.time: want at least 2 samples, got {times}")


@dataclass(frozen=True)
class Films:
    """What is filmed: mp4 files, or the reason why there are none."""

    demo: bytes | None
    worst: bytes | None
    no_video_reason: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the page says first."""

    word: str
    css: str
    summary: str


def write_report(
    path: Path,
    gate: dict[str, Any],
    traces: Traces,
    films: Films,
    against: dict[str, Any] | None = None,
) -> None:
    """Write the gate's report; an older one stays until the new one is whole.

    Args:
        path: The HTML file.
        gate: Contents of gate.json.
        traces: Episodes to plot.
        films: What is embedded.
        against: Another gate.json, shown beside.

    Raises:
        ValueError: gate.json of another schema.
    """
    if gate["schema_version"] != SCHEMA_VERSION:
        found = gate["schema_version"]
        raise ValueError(f"gate.json: schema_version {found}; this report reads {SCHEMA_VERSION}")
    write_atomically(path, _page(gate, traces, films, against))


def _page(
    gate: dict[str, Any], traces: Traces, films: Films, against: dict[str, Any] | None
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        gate=gate,
        verdict=verdict(gate),
        words=report_words,
        sweep_class=report_plots.sweep_class,
        axes=list(_axes(gate)),
        weakest=_weakest(gate["sweeps"]),
        required=_required(gate),
        maps=list(report_maps.maps(gate, _required(gate))),
        episodes=list(_episodes(traces, gate["settings"]["settle_s"])),
        motors=list(_motors(traces)),
        margins=report_margins.margins(gate, against),
        margin_share=gate["settings"]["margin_survival"],
        curves=list(report_margins.curves(gate)),
        regressions=report_margins.regressions(gate),
        scenarios=report_margins.scenarios(gate, against),
        worst=report_margins.worst(gate),
        against=against,
        differences=differences(gate, against) if against else [],
        theirs={item["name"]: item for item in (against or {}).get("criteria", [])},
        demo_film=_embedded(films.demo),
        worst_film=_embedded(films.worst),
        no_video_reason=films.no_video_reason,
    )


def _required(gate: dict[str, Any]) -> dict[str, float]:
    return {item["name"]: item["required"] for item in gate["criteria"]}


def _embedded(film: bytes | None) -> str | None:
    return base64.b64encode(film).decode() if film else None


def verdict(gate: dict[str, Any]) -> Verdict:
    """Judge as the gate did; never PASS while a criterion is not met."""
    criteria = gate["criteria"]
    missed = sum(not item["passed"] for item in criteria)
    tally = f"{missed} of {len(criteria)} criteria {'is' if missed == 1 else 'are'} not met"
    if not gate["enabled"]:
        off = "The gate is switched off (sim2sim.enabled in params.yaml): measured, not judged. "
        outlook = f"By these numbers, {tally}." if missed else "By these numbers it would pass."
        return Verdict("Not judged", "open", off + outlook)
    if missed:
        return Verdict("Fail", "fail", f"Keep this policy off the robot: {tally}.")
    if not gate["passed"]:
        return Verdict(
            "Fail", "fail", "The gate refused this policy, though each criterion is met."
        )
    return Verdict("Pass", "pass", f"This policy meets all {len(criteria)} criteria.")


def _axes(gate: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each sweep with its title, its rows and its chart."""
    sweeps = gate["sweeps"]
    required = next(
        (item["required"] for item in gate["criteria"] if item["name"] == "swept_survival"), None
    )
    lowest = min([row["survival_low"] for row in sweeps], default=1.0)
    bottom = max(0.0, min(np.floor(10 * lowest - 1e-9) / 10, 0.8))
    for axis, group in groupby(sweeps, key=lambda row: row["axis"]):
        rows = list(group)
        title, meaning = report_words.axis_words(axis)
        labels = [report_words.brief(row["value"], row["unit"]) for row in rows]
        chart = report_plots.sweep_chart(
            f"Survival against {title.lower()}",
            labels,
            [(row["survival"], row["survival_low"], row["survival_high"]) for row in rows],
            [row["falls"] for row in rows],
            required,
            bottom,
        )
        yield {"title": title, "meaning": meaning, "labels": labels, "rows": rows, "chart": chart}


def _weakest(sweeps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The three swept values that most episodes fell at."""
    fell = [row for row in sweeps if row["falls"]]
    return sorted(fell, key=lambda row: row["survival"])[:3]


def _episodes(traces: Traces, settle_s: float) -> Iterator[dict[str, Any]]:
    """Each shown episode with a chart per velocity component, on axes common to all."""
    both = (traces.command, traces.velocity)
    ranges = [report_plots.padded_range(*(a[..., i] for a in both)) for i in range(3)]
    for at, label in enumerate(traces.labels):
        charts = [
            report_plots.time_chart(
                f"{label}: {name} over time",
                traces.time,
                traces.command[at, :, i],
                traces.velocity[at, :, i],
                ranges[i],
                settle_s,
            )
            for i, (name, _) in enumerate(COMPONENTS)
        ]
        titles = [f"{name}, {unit}" for name, unit in COMPONENTS]
        yield {"label": label, "charts": list(zip(titles, charts, strict=True))}


def _motors(traces: Traces) -> Iterator[dict[str, Any]]:
    """Speed and torque of each kind of joint, left, right, front and rear together."""
    kinds: dict[tuple[str, float, float], list[int]] = {}
    limits = zip(traces.velocity_limit, traces.effort_limit, strict=True)
    for joint, (name, (speed, torque)) in enumerate(zip(traces.joint_names, limits, strict=True)):
        kind = (report_words.joint_kind(name), float(speed), float(torque))
        kinds.setdefault(kind, []).append(joint)
    for (kind, speed_limit, torque_limit), joints in kinds.items():
        speed, torque = traces.joint_vel[..., joints].ravel(), traces.torque[..., joints].ravel()
        yield {
            "title": f"{kind.capitalize()} motor{'s' * (len(joints) > 1)}",
            "speed_limit": speed_limit,
            "torque_limit": torque_limit,
            "speed_peak": _peak(speed),
            "torque_peak": _peak(torque),
            "chart": report_plots.torque_chart(
                f"Torque against speed, {kind}",
                speed,
                torque,
                speed_limit,
                torque_limit,
                CONSTANT_TORQUE_SHARE,
            ),
        }


def _peak(values: np.ndarray) -> float:
    """The largest magnitude among the values that are known."""
    return float(np.max(abs(values), where=np.isfinite(values), initial=0.0))
