"""Take the picture of docs/cockpit.md: `python -m tests.deploy.cockpit.picture FILE [ROBOT]`."""

import io
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image

from tests.deploy.cockpit.cabin import PATIENCE_S, Cockpit, chromium

SIZE = (1600, 900)
WALKS_S, TURNS_S = 6.0, 2.0
"""How long the robot walks straight on, and then turns too, before the picture is taken."""
LARGEST = 300_000
"""Bytes that a picture in a repository may have."""


def _until(page: Any, condition: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not page.evaluate(condition):
        assert time.monotonic() < until_s, condition
        time.sleep(0.1)


def main(path: Path, robot: str) -> None:
    """Let a robot walk for some seconds, and take a picture of it."""
    cockpit = Cockpit("--robot", robot)
    try:
        with chromium() as browser:
            page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
            page.set_default_timeout(1e3 * PATIENCE_S)
            page.goto(cockpit.url)
            _until(page, "!document.querySelector('#go').disabled")
            page.dispatch_event("#go", "click")
            _until(page, "status.state === 'policy'")
            # What viser says of a machine without a GPU is none of the cockpit's looks.
            page.frame_locator("#scene").get_by_role("alert").get_by_role("button").dispatch_event(
                "click"
            )
            page.keyboard.down("w")
            now_s = page.evaluate("status.time_s")
            _until(page, f"status.time_s > {now_s + WALKS_S}")
            page.keyboard.down("q")
            _until(page, f"status.time_s > {now_s + WALKS_S + TURNS_S}")
            picture = page.screenshot()
    finally:
        cockpit.leave()
        cockpit.kill()
    Image.open(io.BytesIO(picture)).save(path, quality=85)
    assert path.stat().st_size < LARGEST
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "go2")
