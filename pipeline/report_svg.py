"""A chart's frame as SVG text: where data lies in the picture, axes and labels.

Drawn by hand: the page stays small and sharp, its colours come from the page's style sheet and so
follow a dark or light screen, and the same numbers give the same bytes. Nothing here has an id, so
any number of charts can share a page.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 340


@dataclass(frozen=True)
class Frame:
    """The plotting area of a chart: the data ranges, and where they lie in the picture."""

    x: tuple[float, float]
    y: tuple[float, float]
    height: float
    top: float = 10
    bottom: float = 22
    left: float = 44
    right: float = 10

    def px(self, x: float) -> float:
        """Horizontal position in the picture."""
        share = (x - self.x[0]) / (self.x[1] - self.x[0])
        return self.left + share * (WIDTH - self.left - self.right)

    def py(self, y: float) -> float:
        """Vertical position in the picture."""
        share = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    def line(self, css: str, x: tuple[float, float], y: tuple[float, float]) -> str:
        """A line between two points of the data."""
        return (
            f'<line class="{css}" x1="{self.px(x[0]):.1f}" y1="{self.py(y[0]):.1f}" '
            f'x2="{self.px(x[1]):.1f}" y2="{self.py(y[1]):.1f}"/>'
        )

    def rect(self, css: str, x: tuple[float, float], y: tuple[float, float]) -> str:
        """A rectangle, given its sides in the data's units."""
        return (
            f'<rect class="{css}" x="{self.px(x[0]):.1f}" y="{self.py(y[1]):.1f}" '
            f'width="{self.px(x[1]) - self.px(x[0]):.1f}" '
            f'height="{self.py(y[0]) - self.py(y[1]):.1f}"/>'
        )

    def y_axis(self, ticks: Sequence[float], labels: Sequence[str] = ()) -> str:
        """Grid lines, with their numbers or the given labels at the left."""
        return "".join(
            self.line("grid", self.x, (tick, tick))
            + text(label, self.left - 6, self.py(tick) + 4, "end")
            for tick, label in zip(ticks, labels or map(tick_label, ticks), strict=True)
        )

    def x_axis(self, ticks: Sequence[float], labels: Sequence[str] = ()) -> str:
        """Numbers, or the given labels, below the plotting area."""
        return "".join(
            text(label, self.px(tick), self.height - self.bottom + 15, "middle")
            for tick, label in zip(ticks, labels or map(tick_label, ticks), strict=True)
        )


def ticks_between(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten in [low, high], `count` steps or fewer."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= 0.999 * rough)
    return [
        i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]


def tick_label(value: float) -> str:
    """A number as short as it goes, with a true minus sign."""
    return f"{round(value, 9) + 0.0:g}".replace("-", "\u2212")


def text(words: str, x: float, y: float, anchor: str, css: str = "") -> str:
    """A label in a chart."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{css}" {place}>{html.escape(words)}</text>'


def picture(title: str, height: float, parts: Sequence[str]) -> str:
    """A chart of these parts, as wide as its place on the page."""
    label = html.escape(title, quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )
