"""Live plots beside the scene: what is commanded against what is measured, torque against limit."""

from typing import Any

import numpy as np

from deploy.cockpit.reading import Reading
from deploy.cockpit.scene import COMMANDED, MEASURED

KEPT_S = 12.0
"""How long the plots look back, s."""
SMOOTH_S = 0.25
"""Over how long measured velocities are averaged, s: a gait sways within each step."""
AXES = (("forward", "m/s"), ("left", "m/s"), ("turn", "rad/s"))
TORQUE, LIMIT = (255, 176, 32), (255, 84, 84)
HEIGHT = 92
"""Of a plot, pixels."""
LEGEND = "".join(
    f'<span style="color: rgb{color}; margin-left: 14px; font-size: 12px">&#9632; {name}</span>'
    for name, color in (("commanded", COMMANDED), ("measured", MEASURED))
)


class History:
    """Rows of numbers of the last seconds.

    Args:
        effort_limit: (num_joints,) N m.
    """

    def __init__(self, effort_limit: tuple[float, ...]) -> None:
        self._limit = np.asarray(effort_limit)
        self._rows: list[np.ndarray] = []
        self._smooth = np.full(3, np.nan)

    def add(self, reading: Reading) -> None:
        """Add a row; time that goes back begins anew."""
        if self._rows and reading.time_s < self._rows[-1][0]:
            self._rows, self._smooth = [], np.full(3, np.nan)
        passed_s = reading.time_s - self._rows[-1][0] if self._rows else 0.0
        share = 1 - np.exp(-passed_s / SMOOTH_S)
        before = np.where(np.isnan(self._smooth), reading.velocity, self._smooth)
        self._smooth = before + share * (reading.velocity - before)
        strain = 100 * float((reading.torque / self._limit).max(initial=0.0))
        row = [reading.time_s, *reading.command, *self._smooth, strain]
        self._rows.append(np.asarray(row, np.float64))
        while self._rows[0][0] < reading.time_s - KEPT_S:
            self._rows.pop(0)

    @property
    def smooth(self) -> np.ndarray:
        """(3,) measured velocity, averaged."""
        return self._smooth

    def velocity(self, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Seconds before now, commanded, measured."""
        ago_s, rows = self._table()
        return ago_s, rows[:, 1 + axis], rows[:, 4 + axis]

    def strain(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Seconds before now, torque of the joint nearest to its limit in % of it, the limit."""
        ago_s, rows = self._table()
        return ago_s, rows[:, 7], np.full(len(ago_s), 100.0)

    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        rows = np.stack(self._rows) if self._rows else np.zeros((1, 8))
        return rows[:, 0] - rows[-1, 0], rows


class Plots:
    """Four plots in viser's panel.

    Args:
        gui: viser's.
        ranges: Ends of the commands, by axis.
        measures_speed: Whether forward and sideways speeds are known: of a real robot they are not.
    """

    def __init__(
        self, gui: Any, ranges: tuple[tuple[float, float], ...], *, measures_speed: bool
    ) -> None:
        self._series: list[tuple[int, Any]] = []
        self._handles: list[Any] = [gui.add_html(LEGEND)]
        for axis, (name, unit) in enumerate(AXES):
            known = measures_speed or name == "turn"
            largest = 1.25 * max(map(abs, ranges[axis]))
            self._series.append(
                (axis, self._add(gui, f"{name}, {unit}", (-largest, largest), known=known))
            )
        self._strain = self._add_strain(gui)

    def show(self, history: History) -> None:
        """Show the newest rows."""
        for axis, handle in self._series:
            data = history.velocity(axis)
            handle.data = data if len(handle.series) == len(data) else data[:2]
        self._strain.data = history.strain()

    def remove(self) -> None:
        """Take them away."""
        for handle in self._handles:
            handle.remove()

    def _add(self, gui: Any, title: str, y: tuple[float, float], *, known: bool) -> Any:
        series = [{}, _line("command", COMMANDED), _line("measured", MEASURED)]
        if not known:
            series, title = series[:2], f"{title} (not measured)"
        return self._plot(gui, title, series, y)

    def _add_strain(self, gui: Any) -> Any:
        series = [{}, _line("largest torque", TORQUE), _line("limit", LIMIT)]
        return self._plot(gui, "torque, % of limit", series, (0.0, 125.0))

    def _plot(self, gui: Any, title: str, series: list[Any], y: tuple[float, float]) -> Any:
        handle = gui.add_uplot(
            tuple(np.zeros(1) for _ in series),
            tuple(series),
            title=title,
            height=HEIGHT,
            scales={
                "x": {"time": False, "auto": False, "range": (-KEPT_S, 0.0)},
                "y": {"auto": False, "range": y},
            },
            axes=(_axis(size=22, apart=50), _axis(size=38, apart=16)),
            legend={"show": False},
            cursor={"show": False},
        )
        self._handles.append(handle)
        return handle


def _line(label: str, color: tuple[int, int, int]) -> dict[str, Any]:
    return {"label": label, "stroke": f"rgb{color}", "width": 2, "points": {"show": False}}


def _axis(size: int, apart: int) -> dict[str, Any]:
    return {
        "size": size,
        "space": apart,
        "stroke": "#9aa7bd",
        "font": "11px system-ui",
        "grid": {"stroke": "#2a3242", "width": 1},
        "ticks": {"show": False},
    }
