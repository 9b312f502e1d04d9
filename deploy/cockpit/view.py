"""Shows a session: scene and plots in viser, and the status that pages are told."""

import contextlib
import io
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import viser

from deploy.cockpit.controls import Controls
from deploy.cockpit.plots import History, Plots
from deploy.cockpit.reading import Reader
from deploy.cockpit.run import Run
from deploy.cockpit.scene import Scene
from deploy.cockpit.session import Session
from deploy.cockpit.status import make_status

FRAME_S = 1 / 30
"""How often the scene is shown, s."""
STATUS_EVERY, PLOTS_EVERY = 3, 6
"""Every how many frames the status is told, and the plots are drawn."""
PANEL_PX = 330


def open_viser() -> Any:
    """Start viser on a port of the loopback interface that is free."""
    # It would print its own address, which is nobody's business.
    with contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host="127.0.0.1", port=0, label="Live", verbose=False)
    server.gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False)
    server.gui.main_panel.dock_right()
    server.gui.main_panel.set_width(PANEL_PX)
    return server


def close_viser(server: Any) -> None:
    """Stop viser."""
    with contextlib.redirect_stdout(io.StringIO()):
        server.stop()


class View:
    """Looks at a session thirty times a second, in a thread of its own.

    Where it fails, the robot is damped: nobody should drive what cannot be seen.

    Args:
        server: viser's.
        session: The runs.
        controls: The seat at the controls.
        follow: Whether the camera follows the robot.
        publish: Given the status.
        shadows: Whether the scene has any.
    """

    def __init__(
        self,
        server: Any,
        session: Session,
        controls: Controls,
        follow: Callable[[], bool],
        publish: Callable[[dict[str, Any]], None],
        *,
        shadows: bool = True,
    ) -> None:
        self._server, self._session, self._controls = server, session, controls
        self._follow, self._publish = follow, publish
        self._scene = Scene(server, shadows=shadows)
        self._plots: Plots | None = None
        self._run: Run | None = None
        self._shown = ""
        self._frames = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name="view", daemon=True)

    def start(self) -> None:
        """Begin to show."""
        self._thread.start()

    def close(self) -> None:
        """Show no more."""
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        try:
            while not self._stopped.is_set():
                began_s = time.monotonic()
                self.frame()
                self._stopped.wait(max(FRAME_S - (time.monotonic() - began_s), FRAME_S / 3))
        except Exception as error:
            traceback.print_exc()
            self._controls.failure = f"the cockpit's view failed: {type(error).__name__}: {error}"

    def frame(self) -> None:
        """Show one picture, and now and then what changes less often."""
        run = self._session.run
        if run is not self._run:
            self._turn_to(run)
        self._frames += 1
        tells = self._frames % STATUS_EVERY == 0
        reading = self._reader.read(peaks=tells)
        if reading is not None:
            self._scene.show(
                reading.qpos, time.monotonic(), hangs=reading.hangs, follow=self._follow()
            )
            if tells:
                self._history.add(reading)
                measured = None if run.simulation is None else self._history.smooth[:2]
                self._scene.show_velocity("commanded", reading.command[:2], reading.yaw)
                self._scene.show_velocity("measured", measured, reading.yaw)
            if self._plots and self._frames % PLOTS_EVERY == 0:
                self._plots.show(self._history)
        if tells:
            self._publish(make_status(self._session, self._controls, reading))

    def _turn_to(self, run: Run) -> None:
        """Another run: another history, and maybe another robot."""
        self._run, contract = run, run.ready.policy.contract
        self._reader = Reader(run.ready, run.board)
        self._history = History(contract.effort_limit)
        if self._shown == run.ready.robot.name:
            return
        self._shown = run.ready.robot.name
        self._scene.show_robot(run.ready.robot)
        if self._plots:
            self._plots.remove()
        ranges = contract.command_ranges
        self._plots = Plots(
            self._server.gui,
            (ranges.vx, ranges.vy, ranges.yaw_rate),
            measures_speed=run.simulation is not None,
        )
