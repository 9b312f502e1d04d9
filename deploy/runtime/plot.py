"""Draw a run from its log: command, tilt, what the joints were sent, and what time it took."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from deploy.log import LogReader, Tick
from deploy.runtime.limits import RuntimeSettingError


def require_matplotlib() -> None:
    """Say so before the run if it cannot be drawn after it.

    Raises:
        RuntimeSettingError: If Matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise RuntimeSettingError(
            f"--plot: needs Matplotlib ({error}): pip install matplotlib"
        ) from error


def write_plot(logs: list[Path], path: Path) -> None:
    """Draw a run.

    Args:
        logs: The files of its log, in order.
        path: The picture; its ending says of what kind.

    Raises:
        LogError: If a file is no log.
        RuntimeSettingError: If the picture cannot be written.
    """
    figure_module: Any = importlib.import_module("matplotlib.figure")
    readers = [LogReader(log) for log in logs]
    ticks = [tick for reader in readers for tick in reader.ticks()]
    figure = figure_module.Figure(figsize=(11, 12), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True)
    _draw(axes, ticks, readers[0].header.contract.joint_names)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise RuntimeSettingError(f"--plot: {path} cannot be written: {error}") from error


def _draw(axes: Any, ticks: list[Tick], joints: tuple[str, ...]) -> None:
    time_s = np.asarray([tick.time_s for tick in ticks])
    time_s -= time_s[0]
    command = np.stack([tick.inputs.command for tick in ticks])
    for values, label in zip(command.T, ("vx, m/s", "vy, m/s", "yaw rate, rad/s"), strict=True):
        axes[0].plot(time_s, values, label=label)
    gravity = np.stack([tick.inputs.projected_gravity for tick in ticks])
    axes[1].plot(time_s, np.degrees(np.arccos(np.clip(-gravity[:, 2], -1, 1))), label="tilt, deg")
    error = np.stack([tick.sent_targets - tick.inputs.joint_pos for tick in ticks])
    stiff = np.asarray([tick.sent_kp is None for tick in ticks])
    for values, label in zip(error.T, joints, strict=True):
        axes[2].plot(time_s, np.where(stiff, values, np.nan), label=f"{label}, rad", linewidth=0.8)
    for name in ticks[0].timings_s or {}:
        took = [1e3 * (tick.timings_s or {}).get(name, np.nan) for tick in ticks]
        axes[3].plot(time_s, took, label=f"{name}, ms", linewidth=0.8)
    titles = (
        "command",
        "base",
        "sent target less joint position",
        "longest of each control period",
    )
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
        axis.legend(loc="upper right", fontsize="x-small", ncols=3)
        for tick in ticks:
            if tick.note:
                axis.axvline(tick.time_s - ticks[0].time_s, color="grey", linewidth=0.6)
    axes[-1].set_xlabel("s")
