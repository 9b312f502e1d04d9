"""The cockpit in a real browser: a robot is driven, pushed and stopped from the page."""

import importlib.util
import time

import pytest

from tests.deploy.cockpit.cabin import CHROMIUM, PATIENCE_S, Cockpit, chromium

missing = [name for name in ("playwright", "viser") if not importlib.util.find_spec(name)]
pytestmark = pytest.mark.skipif(
    bool(missing) or CHROMIUM is None,
    reason=f"needs {' and '.join(missing) or 'chromium'}, which is not installed",
)
SIZE = {"width": 1000, "height": 560}
"""Small: a machine without a GPU draws every pixel itself."""


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def start():
    """Starts cockpits, and sees that each can be left."""
    started = []

    def one(*arguments):
        started.append(Cockpit("--plain", *arguments))
        return started[-1]

    yield one
    try:
        assert [cockpit.leave() for cockpit in started] == [0] * len(started)
    finally:
        for cockpit in started:
            cockpit.kill()


class Driver:
    """Somebody at a page."""

    def __init__(self, browser, url, scene):
        self.context = browser.new_context(viewport=SIZE)
        self.page = self.context.new_page()
        if not scene:  # two of them are much to draw without a GPU
            self.page.route("**/scene/", lambda route: route.fulfill(body=""))
        self.page.set_default_timeout(1e3 * PATIENCE_S)
        self.errors = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._hear)
        self.page.goto(url)
        self.wait("status !== null")

    def _hear(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def wait(self, condition):
        """Wait until something is so in the page; `status` is what it was told last."""
        # Asked from here: the page's policy on content lets nothing be evaluated from within.
        until_s = time.monotonic() + PATIENCE_S
        while not self.see(condition):
            assert time.monotonic() < until_s, (condition, self.see("status"))
            time.sleep(0.1)

    def see(self, expression):
        return self.page.evaluate(expression)

    def press(self, button):
        # Not a click with the mouse, which waits for two equal pictures.
        self.wait(f"!document.querySelector(`{button}`).disabled")
        self.page.dispatch_event(button, "click")

    def shows(self, what):
        self.wait(f"document.querySelector('#state').innerText.includes('{what}')")

    def walk(self):
        self.press("#go")
        self.shows("Walking")


@pytest.fixture
def driver(browser):
    """Opens pages; none of them may have complained."""
    drivers = []

    def sit(url, scene=True):
        drivers.append(Driver(browser, url, scene))
        return drivers[-1]

    yield sit
    errors = [error for one in drivers for error in one.errors]
    for one in drivers:
        one.context.close()
    assert errors == []


def test_a_robot_is_driven_pushed_and_stopped(start, driver):
    one = driver(start().url)
    page = one.page
    one.shows("Limp")
    scene = page.frame_locator("#scene")
    scene.locator("canvas").first.wait_for(state="attached")
    scene.get_by_text("torque, % of limit").wait_for(state="attached")
    one.walk()

    # W is held: it walks, and stands when W is let go.
    began = one.see("status.place[0]")
    page.keyboard.down("w")
    # At once: a page that draws for too long is taken for gone, and asks for nothing meanwhile.
    one.wait(f"status.place[0] > {began} + 0.3 && status.command[0] > 0.3")
    page.keyboard.up("w")
    one.wait("status.command.every((part) => part === 0)")
    one.wait("Math.abs(status.velocity[1]) < 0.1")

    # Pushed to the left, it goes to the left.
    page.fill("#push-speed", "1")
    one.see(
        "() => { window.fastest = 0; const before = show; show = (news) => { window.fastest ="
        " Math.max(window.fastest, (news.velocity || [0, 0])[1]); before(news); }; }"
    )
    one.press("#push button[data-deg='90']")
    one.wait("window.fastest > 0.3")
    assert one.see("status.state") == "policy"

    # A slider stays where it is put, the floor gets slippery, and the space bar ends it all.
    page.fill("#vx", "0.4")
    page.fill("#friction", "0.5")
    one.wait("Math.abs(status.command[0] - 0.4) < 1e-6 && status.conditions.friction === 0.5")
    page.keyboard.press("Space")
    one.shows("Damped")
    one.shows("stopped by hand")
    assert one.see("document.querySelector('#vx').value") == "0"

    # From the hoist again, the floor as slippery as before.
    one.press("#reset")
    one.wait("status.run === 2 && status.state === 'zero_torque' && status.hangs")
    assert one.see("document.querySelector('#friction').value") == "0.5"
    one.press("#clear")
    one.wait("status.conditions.friction === 0.8")
    assert one.see("document.querySelector('#friction').value") == "0.8"

    # A gamepad starts it, and stops it by its absence.
    one.see(
        "() => { window.pad = { id: 'Pad', mapping: 'standard', axes: [0, 0, 0, 0],"
        " buttons: Array.from({ length: 10 }, () => ({ pressed: false })) };"
        " navigator.getGamepads = () => [null, window.pad]; }"
    )
    one.wait("padName === 'Pad' && padDown.size === 0")
    one.see("() => { window.pad.buttons[9].pressed = true; }")
    one.shows("Standing")
    one.see("() => { window.pad = null; }")
    one.shows("stopped by hand")


def test_a_page_that_is_closed_damps_its_robot_and_the_next_one_says_so(start, driver):
    cockpit = start()
    first = driver(cockpit.url, scene=False)
    first.press("#start")
    first.shows("Standing")
    second = driver(cockpit.url, scene=False)
    assert second.see("document.querySelector('#seat').hidden") is False
    assert second.see("document.querySelector('#go').disabled") is True
    first.page.close()
    second.shows("Damped")
    second.shows("the page that drives is gone")


def test_the_big_button_stops_a_robot_that_another_page_drives(start, driver):
    cockpit = start("--robot", "g1")
    first = driver(cockpit.url, scene=False)
    first.press("#start")
    first.shows("Standing up")
    second = driver(cockpit.url, scene=False)
    second.press("#stop")
    first.shows("stopped by hand")


def test_beyond_loopback_the_page_is_for_who_has_the_token(start, browser, driver):
    address = start("--host", "0.0.0.0", "--token", "new").url
    url, token = address.split("?token=")
    port = url.rstrip("/").rpartition(":")[2]
    here = f"http://127.0.0.1:{port}/"
    page = browser.new_page()
    assert page.goto(here).status == 403
    refused = page.evaluate(
        "at => new Promise((done) => { const one = new WebSocket(at);"
        " one.onopen = () => done('open'); one.onclose = () => done('closed'); })",
        f"ws://127.0.0.1:{port}/drive",
    )
    assert refused == "closed"
    page.close()
    one = driver(f"{here}?token={token}")
    assert one.see("location.href") == here
    one.shows("Limp")
