"""The charts of the gate's report."""

from collections.abc import Sequence

import numpy as np

from pipeline.report_svg import WIDTH, Frame, picture, text, ticks_between

# A curve keeps about this many points; of longer ones, the extremes of each short stretch.
MAX_POINTS = 500
# Along speed, along torque: the limits, at BEYOND of the axis, lie on edges of cells.
TORQUE_BINS, BEYOND = (60, 48), 1.2
SHADES = 5


def sweep_chart(
    title: str,
    labels: Sequence[str],
    survival: Sequence[tuple[float, float, float]],
    falls: Sequence[int],
    required: float | None,
    bottom: float,
) -> str:
    """Draw the share of episodes that survive each value of one sweep.

    Args:
        title: Said to those who cannot see the chart.
        labels: The values swept.
        survival: Share, and the low and high end of its interval, per value.
        falls: Episodes that fell, per value; written above the point.
        required: The share that all swept episodes together must reach.
        bottom: Where the vertical axis starts, so that charts compare.
    """
    frame = Frame((-0.5, len(labels) - 0.5), (bottom, 1.0), height=146, top=22)
    ticks = ticks_between(bottom, 1.0, 4)
    parts = [frame.y_axis(ticks, [f"{100 * tick:.0f}\u202f%" for tick in ticks])]
    parts.append(frame.x_axis(range(len(labels)), labels))
    if required is not None:
        parts.append(frame.line("required", frame.x, (required, required)))
    for at, ((share, low, high), fallen) in enumerate(zip(survival, falls, strict=True)):
        css = sweep_class(fallen, high, required)
        parts.append(frame.line(f"interval {css}", (at, at), (low, high)))
        parts.append(_marker(css, frame.px(at), frame.py(share)))
        if fallen:
            words = f"{fallen} fall{'s' * (fallen > 1)}" if len(labels) < 6 else f"{fallen}"
            parts.append(text(words, frame.px(at), frame.py(high) - 7, "middle", css))
    return picture(title, frame.height, parts)


def curve_chart(
    title: str,
    points: Sequence[tuple[float, float, float, float]],
    nominal: float,
    margins: Sequence[float],
    unit: str,
) -> str:
    """Draw the share of episodes that survive against how much of a disturbance there is.

    Args:
        title: Said to those who cannot see the chart.
        points: Value, share, low and high end of its interval; sorted by value.
        nominal: Where the axis stands if nothing is said: all survive there.
        margins: What is tolerated.
        unit: Of the values; durations are drawn in ms.
    """
    scale = 1e3 if unit == "s" else 1.0
    xs = [scale * x for x in (*(p[0] for p in points), nominal)]
    pad = 0.04 * (max(xs) - min(xs))
    frame = Frame((min(xs) - pad, max(xs) + pad), (0.0, 1.0), height=156, bottom=36, top=10)
    parts = [frame.y_axis([0.0, 0.5, 1.0], ["0\u202f%", "50\u202f%", "100\u202f%"])]
    parts.append(frame.x_axis(ticks_between(*frame.x, 5)))
    shown = {"s": "ms", "1": ""}.get(unit, unit)
    parts.append(text(shown, (frame.left + WIDTH) / 2, 152, "middle"))
    parts.append(frame.line("zero", (scale * nominal, scale * nominal), frame.y))
    parts += [frame.line("required", (scale * m, scale * m), frame.y) for m in margins]
    line = np.asarray([(scale * x, share) for x, share, _, _ in points])
    parts.append(_curve(frame, "measured", line[:, 0], line[:, 1]))
    for (x, share), (_, _, low, high) in zip(line, points, strict=True):
        css = "steady" if share == 1 else "fell"
        parts.append(frame.line(f"interval {css}", (x, x), (low, high)))
        parts.append(_marker(css, frame.px(x), frame.py(share)))
    return picture(title, frame.height, parts)


def sweep_class(falls: int, high: float, required: float | None) -> str:
    """`steady`: no fall; `below`: the whole interval misses the requirement; else `fell`."""
    if not falls:
        return "steady"
    return "below" if required is not None and high < required else "fell"


def _marker(css: str, x: float, y: float) -> str:
    """A disc, a diamond or a square: told apart without colour."""
    if css == "steady":
        return f'<circle class="marker {css}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if css == "fell" else ""
    corner = f'x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"'
    return f'<rect class="marker {css}" {corner}{turn}/>'


def time_chart(
    title: str,
    time: np.ndarray,
    command: np.ndarray,
    measured: np.ndarray,
    y_range: tuple[float, float],
    settle_s: float,
) -> str:
    """Draw commanded and measured velocity over one episode.

    Args:
        title: Said to those who cannot see the chart.
        time: (T,) s.
        command: (T,) m/s or rad/s.
        measured: (T,), same unit.
        y_range: The vertical axis; what lies beyond is drawn at its edge.
        settle_s: The first seconds, shaded: left out of the averages.
    """
    frame = Frame((float(time[0]), float(2 * time[-1] - time[-2])), y_range, height=100, top=6)
    parts = []
    if settle_s > frame.x[0]:
        parts.append(frame.rect("settle", (frame.x[0], min(settle_s, frame.x[1])), y_range))
    parts += [frame.y_axis(ticks_between(*y_range, 4)), frame.x_axis(ticks_between(*frame.x, 5))]
    parts += [_curve(frame, "measured", time, measured), _curve(frame, "command", time, command)]
    return picture(title, frame.height, parts)


def padded_range(*arrays: np.ndarray) -> tuple[float, float]:
    """A vertical axis for these values: all but the wildest 0.5 % at each end, and a margin."""
    values = np.concatenate([array.ravel() for array in arrays])
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, [0.5, 99.5]) if values.size else (0.0, 0.0)
    low, high = float(min(low, 0.0)), float(max(high, 0.0))
    margin = max(0.1 * (high - low), 0.15)
    return low - margin, high + margin


def _curve(frame: Frame, css: str, x: np.ndarray, y: np.ndarray) -> str:
    """A line through points, broken where a value is not finite."""
    keep = thinned(y)
    drawing, pen = [], "M"
    for x_at, y_at in zip(x[keep], np.clip(y[keep], *frame.y), strict=True):
        if np.isfinite(y_at):
            drawing.append(f"{pen}{frame.px(x_at):.1f} {frame.py(y_at):.1f}")
        pen = "L" if np.isfinite(y_at) else "M"
    return f'<path class="{css}" d="{"".join(drawing)}"/>'


def thinned(y: np.ndarray) -> np.ndarray:
    """Indices that keep the shape of a curve: the low and high point of each short stretch."""
    if len(y) <= MAX_POINTS:
        return np.arange(len(y))
    stretches = np.array_split(np.arange(len(y)), MAX_POINTS // 2)
    filled = np.nan_to_num(y, nan=0.0)
    ends = [(s[np.argmin(filled[s])], s[np.argmax(filled[s])]) for s in stretches]
    return np.unique(np.concatenate([[0, len(y) - 1], np.ravel(ends)]))


def torque_chart(
    title: str,
    speed: np.ndarray,
    torque: np.ndarray,
    speed_limit: float,
    torque_limit: float,
    full_torque_share: float,
) -> str:
    """Draw how often a motor is at each speed and torque, and the box of its limits.

    Args:
        title: Said to those who cannot see the chart.
        speed: (N,) rad/s.
        torque: (N,) N m.
        speed_limit: Half the width of the box, rad/s.
        torque_limit: Half the height of the box, N m.
        full_torque_share: Share of the speed limit up to which a driving motor has all its torque.
    """
    known = np.isfinite(speed) & np.isfinite(torque)
    speed, torque = speed[known], torque[known]
    x_end, y_end = BEYOND * speed_limit, BEYOND * torque_limit
    frame = Frame((-x_end, x_end), (-y_end, y_end), height=232, bottom=36, top=6)
    over = np.maximum(abs(speed) / speed_limit, abs(torque) / torque_limit) > 1.001
    parts = [frame.y_axis(ticks_between(*frame.y, 6)), frame.x_axis(ticks_between(*frame.x, 6))]
    parts.append(text("joint speed, rad/s", (frame.left + WIDTH) / 2, 228, "middle"))
    parts += [frame.line("zero", frame.x, (0, 0)), frame.line("zero", (0, 0), frame.y)]
    for css, which, reach in (("inside", ~over, 0.9999), ("over", over, BEYOND)):
        x = np.clip(speed[which], -reach * speed_limit, reach * speed_limit)
        y = np.clip(torque[which], -reach * torque_limit, reach * torque_limit)
        parts.append(_density(frame, css, x, y))
    for sign in (1, -1):
        drop = (sign * full_torque_share * speed_limit, sign * speed_limit)
        parts.append(frame.line("falloff", drop, (sign * torque_limit, 0)))
    sides = ((-speed_limit, speed_limit), (-torque_limit, torque_limit))
    return picture(title, frame.height, [*parts, frame.rect("limit", *sides)])


def _density(frame: Frame, css: str, x: np.ndarray, y: np.ndarray) -> str:
    """Cells shaded by the logarithm of how many points they hold."""
    counts, _, _ = np.histogram2d(x, y, bins=TORQUE_BINS, range=(frame.x, frame.y))
    top = np.log1p(max(counts.max(), 1.0))
    shades = np.ceil(SHADES * np.log1p(counts) / top).astype(int)
    width = (frame.px(frame.x[1]) - frame.px(frame.x[0])) / TORQUE_BINS[0]
    height = (frame.py(frame.y[0]) - frame.py(frame.y[1])) / TORQUE_BINS[1]
    corner = (frame.px(frame.x[0]), frame.py(frame.y[0]))
    paths = []
    for shade in range(1, SHADES + 1):
        cells = "".join(
            f"M{corner[0] + i * width:.1f} {corner[1] - (j + 1) * height:.1f}"
            f"h{width:.1f}v{height:.1f}h-{width:.1f}z"
            for i, j in np.argwhere(shades == shade)
        )
        if cells:
            paths.append(f'<path class="{css} shade{shade}" d="{cells}"/>')
    return "".join(paths)
