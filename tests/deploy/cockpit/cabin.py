"""A cockpit in a process of its own, and a headless browser to sit in it."""

import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 240.0
"""For how long something is waited for that has to come."""
LOST_S = "200"
"""Silence that a page on a busy machine is allowed."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next((found for name in BROWSERS if (found := shutil.which(name))), None)
FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
"""For WebGL without a GPU."""


class Cockpit:
    """`python -m deploy.cockpit` on a free port.

    Args:
        arguments: More of them.
    """

    def __init__(self, *arguments):
        self.said = []
        self._lines = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cockpit", "--port", "0", "--lost-s", LOST_S, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.url = self._until(r"cockpit: (http://\S+)")

    def _listen(self):
        with self._process.stdout as stream:
            for line in stream:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _until(self, pattern):
        while (line := self._lines.get(timeout=PATIENCE_S)) is not None:
            self.said.append(line)
            if match := re.search(pattern, line):
                return match[1]
        raise AssertionError("\n".join(self.said))

    def leave(self):
        """Ctrl-C twice; the exit status."""
        for _ in range(2):
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2.0)
                break
        return self.wait()

    def wait(self):
        """Wait until it has ended by itself; the exit status."""
        self.status = self._process.wait(PATIENCE_S)
        self._listener.join()
        while (line := self._lines.get(timeout=PATIENCE_S)) is not None:
            self.said.append(line)
        return self.status

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._listener.join()


@contextlib.contextmanager
def chromium():
    """A headless Chromium, the system's: Playwright drives it and downloads none."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
