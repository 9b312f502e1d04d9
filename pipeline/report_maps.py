"""The report's tracking maps: where in the plane of commands a policy walks what it is asked."""

from collections.abc import Iterator
from typing import Any

from pipeline.report_svg import WIDTH, Frame, picture, text, ticks_between
from pipeline.report_words import command_words, number

Row = dict[str, Any]
HEIGHT = 250
MAPS = (
    ("Planar velocity", ("vx", "m/s"), ("vy", "m/s"), "planar_error"),
    ("Forward velocity and turning", ("vx", "m/s"), ("yaw_rate", "rad/s"), "yaw_error"),
)
"""Title, what runs along either axis, and the error that a point's size and colour tell."""
LABELS = {"vx": "vx", "vy": "vy", "yaw_rate": "yaw rate"}


def maps(gate: Row, required: dict[str, float]) -> Iterator[Row]:
    """A chart per plane of commands: asked, walked, and the way between.

    Args:
        gate: Contents of gate.json.
        required: What each criterion requires, by its name.
    """
    limits = {"planar_error": required["planar_rmse"], "yaw_error": required["yaw_rmse"]}
    commands = gate["nominal"]["commands"]
    for title, along, up, error in MAPS:
        chart = _map(title, commands, along, up, error, limits[error])
        yield {"title": title, "up": f"{LABELS[up[0]]}, {up[1]}", "chart": chart}


def _map(
    title: str,
    commands: list[Row],
    along: tuple[str, str],
    up: tuple[str, str],
    error: str,
    limit: float,
) -> str:
    frame = Frame(_range(commands, along[0]), _range(commands, up[0]), HEIGHT, bottom=36)
    parts = [frame.y_axis(ticks_between(*frame.y, 6)), frame.x_axis(ticks_between(*frame.x, 6))]
    label = f"{LABELS[along[0]]}, {along[1]}"
    parts.append(text(label, (frame.left + WIDTH) / 2, HEIGHT - 4, "middle"))
    parts += [frame.line("zero", frame.x, (0, 0)), frame.line("zero", (0, 0), frame.y)]
    parts += [_point(frame, row, along[0], up[0], error, limit) for row in commands]
    return picture(f"Commanded and measured: {title.lower()}", HEIGHT, parts)


def _range(commands: list[Row], axis: str) -> tuple[float, float]:
    """All that was asked and walked along an axis, and a margin."""
    values = [row[key] for row in commands for key in (axis, f"measured_{axis}")]
    known = [value for value in values if value is not None]
    pad = 0.12 * (max(known) - min(known)) or 0.1
    return min(known) - pad, max(known) + pad


def _point(frame: Frame, row: Row, x: str, y: str, error: str, limit: float) -> str:
    """A ring where it was asked to be, a dot where it was, and a line between; a name on hover."""
    ring = (frame.px(row[x]), frame.py(row[y]))
    words = command_words(row["vx"], row["vy"], row["yaw_rate"])
    off = row[error]
    unit = "m/s" if error == "planar_error" else "rad/s"
    told = f"<title>{words}: off by {number(off, unit)}</title>"
    drawn = f'<circle class="asked" cx="{ring[0]:.1f}" cy="{ring[1]:.1f}" r="6">{told}</circle>'
    if row[f"measured_{x}"] is None or row[f"measured_{y}"] is None:
        return drawn
    walked = (row[f"measured_{x}"], row[f"measured_{y}"])
    css = "below" if off is None or off > limit else "steady"
    place = f'cx="{frame.px(walked[0]):.1f}" cy="{frame.py(walked[1]):.1f}"'
    way = frame.line(f"interval {css}", (row[x], walked[0]), (row[y], walked[1]))
    return f'{drawn}{way}<circle class="marker {css}" {place} r="3">{told}</circle>'
