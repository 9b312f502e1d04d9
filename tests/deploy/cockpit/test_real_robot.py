"""The cockpit and a robot behind DDS, each in a process: a page without a browser drives it."""

import contextlib
import importlib.util
import json
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.deploy.cockpit.cabin import PATIENCE_S, Cockpit

missing = [name for name in ("cyclonedds", "viser") if not importlib.util.find_spec(name)]
pytestmark = pytest.mark.skipif(
    bool(missing), reason=f"needs {' and '.join(missing)}, which is not installed"
)
PACES = ("0.5", "0.2", "0.1")
"""As in tests/deploy/runtime/two_processes.py: a busy machine takes the next."""
TOO_BUSY = ("command stream", "policy overrun", "stale state")
HANDS = {"keys": ["KeyW"], "sticks": [0, 0, 0], "sliders": [0, 0, 0], "reach": 0.5}


class Page:
    """Says twenty times a second that it is there, and remembers what it is told."""

    def __init__(self, url):
        self._opened = contextlib.ExitStack()
        address = url.replace("http", "ws") + "drive"
        self._socket = self._opened.enter_context(
            connect(address, open_timeout=PATIENCE_S, proxy=None)
        )
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._tell)
        self._thread.start()

    def _tell(self):
        while not self._gone.wait(0.05):
            try:
                self._socket.send(json.dumps({"hands": HANDS}))
            except ConnectionClosed:
                return

    def ask(self, word):
        self._socket.send(json.dumps({"ask": word}))

    def until(self, *states):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            status = json.loads(self._socket.recv(PATIENCE_S))
            if status.get("state") in states:
                return status
        raise AssertionError(f"still {status.get('state')}, not one of {states}: {status}")

    def close(self):
        self._gone.set()
        self._thread.join()
        self._opened.close()


def drive(pace, folder):
    from tests.deploy.runtime.two_processes import DOMAIN, Told

    on = ("--domain", str(DOMAIN + 1), "--interface", "lo", "--pace", pace)
    robot = Told("-m", "deploy.sim_robot", "--robot", "go2", "--hoist", *on)
    cockpit, pages = None, []
    try:
        assert robot.until("go2 on domain"), robot.said
        cockpit = Cockpit("--transport", "dds", "--plain", "--logs", str(folder), *on)
        pages.append(first := Page(cockpit.url))
        first.until("zero_torque", "damping")  # damping: too busy a machine
        first.ask("go")
        seen = [first.until("hold", "policy", "damping")]
        seen.append(first.until("policy", "damping"))
        first.close()
        pages.append(second := Page(cockpit.url))
        seen.append(second.until("damping"))
        second.ask("leave")
        cockpit.wait()
        robot.tell("quit")
        assert robot.end() == 0
        return seen, cockpit
    finally:
        for page in pages:
            page.close()
        if cockpit:
            cockpit.kill()
        if robot.process.poll() is None:
            robot.process.kill()
            robot.process.wait()


def test_a_robot_over_dds_walks_by_the_page_and_is_damped_when_that_is_gone(tmp_path):
    for pace in PACES:
        seen, cockpit = drive(pace, tmp_path)
        if not seen[-1]["why"].startswith(TOO_BUSY):
            break
    said = "\n".join(cockpit.said)
    assert [status["state"] for status in seen[1:]] == ["policy", "damping"], said
    assert "operator: the page that drives is gone" in said
    assert "damping -> ended (leave)" in said
    assert cockpit.status == 1  # a fault ended it
    first = seen[0]
    assert not first["simulated"] and first["place"] is None and first["conditions"] == {}
    assert first["velocity"][:2] == [None, None] and abs(first["velocity"][2]) < 0.2
    assert list(tmp_path.glob("go2-*.mcap"))
