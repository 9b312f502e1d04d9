"""`python -m deploy.cockpit`: a web page that drives a robot, simulated or real."""

import argparse
import os
import socket
import sys
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from deploy.cockpit import CockpitError
from deploy.cockpit.access import choose_token, is_loopback
from deploy.cockpit.arguments import check, parser
from deploy.cockpit.choice import Choices, get_ready
from deploy.cockpit.controls import Controls
from deploy.cockpit.session import Session, Settings
from deploy.runtime.limits import Limits
from deploy.runtime.stopping import Stopping
from deploy.runtime.transports import Transport, open_dds
from robots.errors import UserError
from robots.spec import RobotSpec

WELL, FAULTY, REFUSED = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Open the cockpit, and return the exit status when it is closed.

    Args:
        arguments: Those of the command line by default.
    """
    asked = parser().parse_args(arguments)
    try:
        return _run(asked)
    except UserError as error:
        if os.environ.get("SUREFOOT_TRACE"):
            raise
        print(f"error: {error}", file=sys.stderr)
        return REFUSED


def _run(asked: argparse.Namespace) -> int:
    check(asked)
    token = choose_token(asked.host, asked.token)
    choices = Choices((asked.robot, asked.policy) if asked.policy else None)
    ready = get_ready(asked.robot, asked.policy or choices.find(asked.robot))
    print(f"gate: passed, says {ready.gate}")
    controls, stopping = Controls(asked.lost_s), Stopping()
    viser = _open_viser()
    try:
        session = Session(ready, _settings(asked), controls, stopping)
        stopping.install()
        return _serve(asked, token, choices, controls, session, viser)
    finally:
        from deploy.cockpit.view import close_viser

        close_viser(viser)


def _open_viser() -> Any:
    try:
        from deploy.cockpit.view import open_viser
    except ImportError as error:
        raise CockpitError(
            f"the cockpit needs what is not installed ({error}): pip install '.[cockpit]'"
        ) from error
    return open_viser()


def _serve(
    asked: argparse.Namespace,
    token: str | None,
    choices: Choices,
    controls: Controls,
    session: Session,
    viser: Any,
) -> int:
    # Needs what _open_viser has found to be there.
    from deploy.cockpit.desk import PageDesk
    from deploy.cockpit.front import Front
    from deploy.cockpit.relay import Relay
    from deploy.cockpit.view import View

    desk = PageDesk(controls, session, choices)
    front = Front(desk, Relay(viser.get_port()))
    port = front.open(asked.host, asked.port, token)

    def publish(status: dict[str, Any]) -> None:
        more = {"choices": choices.all(), "follow": desk.follow, "said": desk.said}
        front.publish(status | more)

    view = View(viser, session, controls, lambda: desk.follow, publish, shadows=not asked.plain)
    url = _url(asked.host, port, token)
    try:
        view.start()
        session.start()
        print(f"cockpit: {url}\nCtrl-C once: damping, twice: leave", flush=True)
        if asked.open:
            webbrowser.open(url)
        while not session.join(0.2):
            pass  # signals are heard between two waits
    finally:
        view.close()
        desk.close()
        front.close()
    return _status(session)


def _status(session: Session) -> int:
    if session.error:
        raise session.error
    if session.outcome is None:
        return WELL
    print("\n".join(session.outcome.summary.lines()))
    for name in session.outcome.files:
        print(f"log: {name}")
    # Who plays with a simulated robot has it fall; that is no failure of the cockpit's.
    return FAULTY if session.outcome.summary.faulty and not session.is_simulated else WELL


def _settings(asked: argparse.Namespace) -> Settings:
    def open_robot(robot: RobotSpec) -> Transport:
        return open_dds(robot, asked.interface, asked.domain or 0, asked.pace)

    real = asked.transport == "dds"
    return Settings(
        rate_hz=asked.rate,
        limits=replace(
            Limits(),
            tilt=float(np.radians(asked.max_tilt_deg)),
            temperature=asked.max_temperature,
        ),
        mode_machine=asked.mode_machine,
        logs=asked.logs or (Path("logs") if real else None),
        open_robot=open_robot if real else None,
    )


def _url(host: str, port: int, token: str | None) -> str:
    """What to open in a browser."""
    name = host if is_loopback(host) or host not in ("0.0.0.0", "::") else socket.gethostname()
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


if __name__ == "__main__":
    sys.exit(main())
