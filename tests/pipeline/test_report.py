"""The gate's report: one file, verdict first, nothing left out."""

import base64
import copy
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import files, report_plots, report_svg, report_words
from pipeline.report import Traces, verdict, write_report

SWEEPS = {
    "friction": ("1", [0.3, 0.5, 0.8, 1.2]),
    "payload_kg": ("kg", [-1.0, 1.5, 3.0]),
    "motor_strength": ("1", [0.8, 0.9, 1.1]),
    "latency_s": ("s", [0.01, 0.02, 0.03]),
    "noise_scale": ("1", [1.0, 2.0]),
    "push_speed": ("m/s", [0.5, 1.0]),
}
COMMANDS = [
    *[(vx, 0.0, 0.0) for vx in (0.0, 0.3, 0.5, 1.0, 1.5, -0.5, -1.0)],
    *[(0.0, 0.4, 0.0), (0.0, -0.4, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)],
    *[(0.6, 0.0, 0.6), (0.8, 0.3, -0.5)],
]
MP4 = b"\x00\x00\x00\x18ftypmp42 not a film"


def wilson(survived: int, episodes: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share."""
    share, unit = survived / episodes, z * z / episodes
    middle = share + unit / 2
    spread = z * np.sqrt(share * (1 - share) / episodes + unit / (4 * episodes))
    return float((middle - spread) / (1 + unit)), float((middle + spread) / (1 + unit))


def make_gate(good: bool = True) -> dict[str, Any]:
    """What the gate writes for a policy that walks well, or for one that does not."""
    rng = np.random.default_rng(3)
    scale = 1.0 if good else 2.6
    commands = []
    for vx, vy, yaw_rate in COMMANDS:
        planar = scale * (0.018 + 0.045 * np.hypot(vx, vy) + 0.008 * rng.random())
        yaw = scale * (0.012 + 0.03 * abs(yaw_rate) + 0.008 * rng.random())
        commands.append(
            {"vx": vx, "vy": vy, "yaw_rate": yaw_rate, "episodes": 8}
            | {"falls": 0 if good or vx < 1.5 else 3, "planar_error": planar, "yaw_error": yaw}
            | {"measured_vx": vx * (1 - 0.04 * scale), "measured_vy": vy * (1 - 0.08 * scale)}
            | {"measured_yaw_rate": yaw_rate * (1 - 0.02 * scale) + 0.004}
        )
    falls = {("friction", 0.3): 1, ("push_speed", 1.0): 3}
    if not good:
        falls = {("friction", 0.3): 29, ("friction", 0.5): 6, ("push_speed", 1.0): 21}
        falls |= {("latency_s", 0.03): 11, ("latency_s", 0.02): 1, ("payload_kg", 3.0): 4}
    sweeps = []
    for axis, (unit, values) in SWEEPS.items():
        for value in values:
            fell = falls.get((axis, value), 0)
            low, high = wilson(48 - fell, 48)
            sweeps.append(
                {"axis": axis, "unit": unit, "value": value, "episodes": 48, "falls": fell}
                | {"survival": 1 - fell / 48, "survival_low": low, "survival_high": high}
                | {"planar_rmse": scale * 0.06 + fell / 400, "yaw_rmse": scale * 0.05}
            )
    survival = 1 - sum(row["falls"] for row in sweeps) / sum(row["episodes"] for row in sweeps)
    planar = float(np.sqrt(np.mean([row["planar_error"] ** 2 for row in commands])))
    yaw = float(np.sqrt(np.mean([row["yaw_error"] ** 2 for row in commands])))
    fallen = sum(row["falls"] for row in commands)
    criteria = [
        ("nominal_falls", "falls in 104 nominal episodes of 10 s", fallen, 0, "<=", ""),
        ("planar_rmse", "RMS planar velocity error, nominal", planar, 0.10, "<=", "m/s"),
        ("yaw_rmse", "RMS yaw rate error, nominal", yaw, 0.10, "<=", "rad/s"),
        ("swept_survival", "share of 816 swept episodes without a fall", survival, 0.97, ">=", ""),
    ]
    keys = ("name", "description", "measured", "required", "comparison", "unit")
    rows = [dict(zip(keys, row, strict=True)) for row in criteria]
    for row in rows:
        sign = 1 if row["comparison"] == "<=" else -1
        row["passed"] = sign * row["measured"] <= sign * row["required"]
    nominal = {"episodes": 104, "falls": fallen, "planar_rmse": planar, "yaw_rmse": yaw}
    nominal |= {"action_rate_mean": 0.0631, "action_rate_p99": 0.412, "torque_use_p99": 0.714}
    nominal |= {"velocity_use_p99": 0.386, "power_w": 87.4, "foot_slip_mps": 0.041}
    settings = {"sim_dt": 0.002, "integrator": "Euler", "cone": "elliptic", "episode_s": 10.0}
    versions = {"mujoco": "4.0.0", "onnxruntime": "1.32.0", "numpy": "2.4.6", "surefoot": "0.1.0"}
    return {
        "schema_version": 1,
        "passed": all(row["passed"] for row in rows),
        "enabled": True,
        "robot": "go2",
        "policy_sha256": "3f7a" * 16,
        "seed": 1,
        "criteria": rows,
        "nominal": nominal | {"commands": commands},
        "sweeps": sweeps,
        "settings": settings | {"settle_s": 2.0},
        "versions": versions,
    }


def make_traces(good: bool = True, steps: int = 500) -> Traces:
    """A trot at six commands, with the sway of each stride and the noise of a contact."""
    rng = np.random.default_rng(5)
    time = np.arange(steps) * 0.02
    shown = [COMMANDS[index] for index in (0, 3, 5, 7, 9, 12)]
    command = np.repeat(np.array(shown)[:, None], steps, axis=1)
    rise = (1 - np.exp(-time / 0.3))[None, :, None]
    sway = np.sin(2 * np.pi * 4 * time)[None, :, None] * np.array([0.03, 0.05, 0.09])
    velocity = command * rise * (0.97 if good else 0.86) + sway + rng.normal(0, 0.02, command.shape)
    names = [f"{leg}_{kind}_joint" for leg in ("FL", "FR", "RL", "RR") for kind in KINDS]
    effort, top_speed = np.tile([23.7, 23.7, 35.55], 4), np.tile([30.1, 30.1, 20.07], 4)
    phase = 2 * np.pi * 2 * time[None, :, None] + np.arange(12) + rng.normal(0, 0.2, (6, steps, 12))
    reach = (0.15 if good else 0.35) * (1 + np.abs(command[:, :, :1]))
    joint_vel = top_speed * reach * np.sin(phase) + rng.normal(0, 0.8, phase.shape)
    torque = effort * (0.2 + reach * np.cos(phase + 0.6)) + rng.normal(0, 1.5, phase.shape)
    torque = np.clip(torque, -effort, effort)
    if not good:
        velocity[1, 380:], torque[1, 380:], joint_vel[1, 380:] = np.nan, np.nan, np.nan
    labels = [report_words.command_words(*row) for row in shown]
    return Traces(time, labels, command, velocity, names, torque, joint_vel, effort, top_speed)


KINDS = ("hip", "thigh", "calf")
