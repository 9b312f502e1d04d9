"""Puts the cockpit together from its parts, and keeps it open until the last run has ended."""

import argparse
import socket
import webbrowser
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from deploy.cockpit.access import is_loopback
from deploy.cockpit.choice import Choices, Ready
from deploy.cockpit.controls import Controls
from deploy.cockpit.desk import PageDesk
from deploy.cockpit.front import Front, refuse_taken
from deploy.cockpit.relay import Relay
from deploy.cockpit.run import Settings
from deploy.cockpit.session import Session
from deploy.cockpit.view import View, close_viser, open_viser
from deploy.runtime.arguments import handover, limits
from deploy.runtime.stopping import Stopping
from deploy.runtime.transports import Transport, open_dds
from robots.spec import RobotSpec

WELL, FAULTY = 0, 1
LISTEN_S = 0.2
"""How often signals are listened for, s."""


def serve(asked: argparse.Namespace, token: str | None, choices: Choices, ready: Ready) -> int:
    """Keep the cockpit open; the exit status.

    Args:
        asked: The command line.
        token: What a page has to know; None for nothing.
        choices: Robots and policies to choose from.
        ready: What to begin with.

    Raises:
        UserError: If the robot or the port cannot be had.
    """
    refuse_taken(asked.host, asked.port)  # before a robot is asked to let go of its motors
    controls, stopping = Controls(asked.lost_s), Stopping()
    stopping.install()
    session = Session(ready, _settings(asked), controls, stopping)
    with _opened(asked, token, choices, controls, session) as url:
        session.start()
        print(f"cockpit: {url}\nCtrl-C once: damping, twice: leave", flush=True)
        if asked.open:
            webbrowser.open(url)
        while not session.join(LISTEN_S):
            pass
    return _status(session)


@contextmanager
def _opened(
    asked: argparse.Namespace,
    token: str | None,
    choices: Choices,
    controls: Controls,
    session: Session,
) -> Generator[str]:
    """Serve the page; its address."""
    with ExitStack() as opened:
        viser = open_viser()
        opened.callback(close_viser, viser)
        desk = PageDesk(controls, session, choices)
        opened.callback(desk.close)
        front = Front(desk, Relay(viser.get_port()))
        port = front.open(asked.host, asked.port, token)
        opened.callback(front.close)

        def publish(status: dict[str, Any]) -> None:
            more = {"choices": choices.all(), "follow": desk.follow, "said": desk.said}
            front.publish(status | more)

        view = View(viser, session, controls, lambda: desk.follow, publish, shadows=not asked.plain)
        view.start()
        opened.callback(view.close)
        yield _url(asked.host, port, token)


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
        domain = asked.domain or 0
        return open_dds(robot, asked.interface, domain, asked.pace, handover(asked))

    real = asked.transport == "dds"
    return Settings(
        rate_hz=asked.rate,
        limits=limits(asked),
        mode_machine=asked.mode_machine,
        logs=asked.logs or (Path("logs") if real else None),
        open_robot=open_robot if real else None,
    )


def _url(host: str, port: int, token: str | None) -> str:
    """What to open in a browser."""
    name = host if is_loopback(host) or host not in ("0.0.0.0", "::") else socket.gethostname()
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")
