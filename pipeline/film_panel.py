"""The panel of a film: commanded and measured velocity as bars and numbers."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
COMMANDED, MEASURED = (255, 176, 59), (56, 196, 250)
"""Colours of what was asked for and of what happened."""
PALE, DIM, FAINT, DARK = (205, 212, 220), (142, 152, 163), (46, 53, 63), (17, 22, 30, 210)


class Panel:
    """Velocity as bars and numbers in the lower left corner, in 1/540 of the picture's height."""

    WIDTH, HEIGHT, MARGIN = 350, 146, 18
    ROWS = (("vx", "m/s", 73), ("vy", "m/s", 99), ("yaw rate", "rad/s", 125))
    ZERO, SPAN = 150, 62

    def __init__(self, title: str, largest: np.ndarray, height: int) -> None:
        self.unit = 2 * height / 540  # pixels; drawn at twice the size, for smooth edges
        planar = max(1.0, largest[0], largest[1])
        self.scale = self.SPAN / 1.1 / np.array([planar, planar, max(1.0, largest[2])])
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.font = ImageFont.truetype(fonts / "DejaVuSans.ttf", max(1, round(12 * self.unit)))
        bold = ImageFont.truetype(fonts / "DejaVuSans-Bold.ttf", max(1, round(15 * self.unit)))
        self.blank = Image.new("RGBA", self._px(self.WIDTH, self.HEIGHT))
        pen = ImageDraw.Draw(self.blank)
        outline = (0, 0, *self._px(self.WIDTH - 1, self.HEIGHT - 1))
        pen.rounded_rectangle(outline, 12 * self.unit, DARK)
        pen.text(self._px(16, 22), title, "white", bold, "lm")
        for x, name, colour in ((16, "commanded", COMMANDED), (124, "measured", MEASURED)):
            pen.ellipse(self._px(x, 40, x + 9, 49), colour)
            pen.text(self._px(x + 15, 45), name, PALE, self.font, "lm")
        for name, unit, y in self.ROWS:
            pen.text(self._px(16, y), name, PALE, self.font, "lm")
            pen.text(self._px(self.WIDTH - 12, y), unit, DIM, self.font, "rm")
            pen.rectangle(
                self._px(self.ZERO - self.SPAN, y - 8, self.ZERO + self.SPAN, y + 8), FAINT
            )

    def _px(self, *units: float) -> Any:
        return tuple(round(u * self.unit) for u in units)

    def draw(
        self, picture: np.ndarray, time_s: float, command: np.ndarray, velocity: np.ndarray
    ) -> None:
        """Draw the panel into a picture, (height, width, 3) uint8."""
        panel = self.blank.copy()
        pen = ImageDraw.Draw(panel)
        pen.text(self._px(self.WIDTH - 12, 22), f"{time_s:.1f} s", PALE, self.font, "rm")
        for values, colour, offset, right in (
            (command, COMMANDED, -7, 254),
            (velocity, MEASURED, 1, 298),
        ):
            bars = self.ZERO + np.clip(values * self.scale, -self.SPAN, self.SPAN)
            for value, bar, (_, _, y) in zip(values, bars, self.ROWS, strict=True):
                left, end = sorted((self.ZERO, float(bar)))
                pen.rectangle(self._px(left, y + offset, end, y + offset + 6), colour)
                number = f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
                pen.text(self._px(right, y), number, colour, self.font, "rm")
        for _, _, y in self.ROWS:
            pen.rectangle(self._px(self.ZERO - 0.5, y - 9, self.ZERO + 0.5, y + 9), PALE)
        panel = panel.reduce(2)
        margin = round(self.MARGIN * self.unit / 2)
        bottom = picture.shape[0] - margin
        corner = picture[bottom - panel.height : bottom, margin : margin + panel.width]
        image = Image.fromarray(corner)
        image.paste(panel, mask=panel)
        corner[:] = image
