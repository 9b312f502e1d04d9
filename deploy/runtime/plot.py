"""`python -m deploy plot LOG ...`: draw a run from its log, or the several it was cut into.

Command, tilt, where the joints were, what they were sent less where they were, torques, and what
time it took. Needs Matplotlib: pip install '.[plot]'.
"""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from deploy.log import LogError, LogReader, Tick
from deploy.runtime.limits import RuntimeSettingError
from robots.errors import UserError

PANELS = {
    "command": "command, m/s and rad/s",
    "tilt": "tilt, deg",
    "joint_pos": "joint position, rad",
    "error": "sent target less joint position, rad",
    "torque": "torque as the motors' drivers estimate it, N m",
    "timings": "longest of each control period, ms",
}
"""What is drawn, from top to bottom, and how it is called."""


def main(arguments: list[str] | None = None) -> int:
    """Draw logs, and return the exit status.

    Args:
        arguments: Those of the command line by default.
    """
    parser = argparse.ArgumentParser(prog="python -m deploy plot", description=__doc__)
    parser.add_argument("logs", nargs="+", type=Path, metavar="LOG", help="in order")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the picture [beside the first log, .png]"
    )
    asked = parser.parse_args(arguments)
    out = asked.out or asked.logs[0].with_suffix(".png")
    try:
        require_matplotlib()
        damage = write_plot(asked.logs, out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for what in damage:
        print(f"CUT OFF: {what}; what was whole is drawn")
    print(f"plot: {out}")
    return 0


def require_matplotlib() -> None:
    """Say so before the run if it cannot be drawn after it.

    Raises:
        RuntimeSettingError: If Matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise RuntimeSettingError(
            f"plot: needs Matplotlib ({error}): pip install '.[plot]'"
        ) from error


def write_plot(logs: list[Path], path: Path) -> list[str]:
    """Draw a run.

    Args:
        logs: The files of its log, in order.
        path: The picture; its ending says of what kind.

    Returns:
        Which files are damaged at their ends, and how.

    Raises:
        LogError: If a file is no log, the files are of different policies, or there is not one
            control period in all of them.
        RuntimeSettingError: If the picture cannot be written.
    """
    figure_module: Any = importlib.import_module("matplotlib.figure")
    readers = [LogReader(log) for log in logs]
    first = readers[0].header
    for log in readers:
        if log.header.policy_sha256 != first.policy_sha256:
            raise LogError(f"{log.path}: is of another policy than {logs[0]}, so of another run")
    joints = first.contract.joint_names
    timings = first.timing_names
    rows = [_row(tick, len(joints), timings) for log in readers for tick in log.ticks()]
    if not rows:
        raise LogError(f"{logs[0]}: has no control period, so there is nothing to draw")
    labels = {
        "command": ("vx", "vy", "yaw rate"),
        "tilt": ("tilt",),
        "timings": timings,
    }
    figure = figure_module.Figure(figsize=(12, 17), layout="constrained")
    axes = figure.subplots(len(PANELS), 1, sharex=True)
    time_s = np.asarray([row["time_s"] for row in rows])
    for axis, (name, title) in zip(axes, PANELS.items(), strict=True):
        values = np.stack([row[name] for row in rows])
        for column, label in zip(values.T, labels.get(name, joints), strict=True):
            axis.plot(time_s - time_s[0], column, label=label, linewidth=0.8)
        axis.set_title(title)
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="x-small")
        for row in rows:
            if row["note"]:
                axis.axvline(row["time_s"] - time_s[0], color="grey", linewidth=0.6)
    axes[-1].set_xlabel("s")
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise RuntimeSettingError(f"plot: {path} cannot be written: {error}") from error
    return [f"{log.path} {log.damage}" for log in readers if log.damage]


def _row(tick: Tick, num_joints: int, timings: tuple[str, ...]) -> dict[str, Any]:
    """What is drawn of a tick; NaN where there is nothing to draw."""
    nothing = np.full(num_joints, np.nan, np.float32)
    inputs, torque, took = tick.inputs, tick.motor_torque, tick.timings_s or {}
    error = tick.sent_targets - inputs.joint_pos
    upright = float(np.clip(-inputs.projected_gravity[2], -1, 1))
    return {
        "time_s": tick.time_s,
        "note": tick.note,
        "command": inputs.command,
        "tilt": np.degrees(np.arccos(upright, dtype=np.float32))[None],
        "joint_pos": inputs.joint_pos,
        # Limp or damped joints are sent no target.
        "error": error if tick.sent_kp is None else nothing,
        "torque": nothing if torque is None else torque[:num_joints],
        "timings": np.asarray([1e3 * took.get(name, np.nan) for name in timings], np.float32),
    }
