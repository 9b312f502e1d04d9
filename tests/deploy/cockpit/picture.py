"""Take the picture of docs/cockpit.md: `python -m tests.deploy.cockpit.picture FILE [ROBOT]`."""

import io
import sys
from pathlib import Path

from PIL import Image

from tests.deploy.cockpit.cabin import PATIENCE_S, Cockpit, chromium

SIZE = (1600, 900)
LARGEST = 300_000
"""Bytes that a picture in a repository may have."""


def main(path: Path, robot: str) -> None:
    """Let a robot walk for some seconds, and take a picture of it."""
    cockpit = Cockpit("--robot", robot)
    try:
        with chromium() as browser:
            page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
            page.set_default_timeout(1e3 * PATIENCE_S)
            page.on("console", lambda message: print(message.type, message.text))
            page.goto(cockpit.url)
            page.click("#go:enabled")
            page.wait_for_selector("#state[data-state=policy]")
            page.keyboard.down("w")
            page.wait_for_function(
                "Number.parseFloat(document.querySelector('#fact-speed').textContent) > 0.3"
            )
            page.wait_for_timeout(6000)
            page.keyboard.down("q")
            page.wait_for_timeout(3000)
            picture = page.screenshot()
    finally:
        cockpit.leave()
        cockpit.kill()
    Image.open(io.BytesIO(picture)).save(path, quality=85)
    assert path.stat().st_size < LARGEST
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "go2")
