"""The command line of `python -m deploy.cockpit`."""

import argparse
from pathlib import Path

import robots
from deploy.cockpit import CockpitError
from deploy.cockpit.access import NEW
from deploy.runtime.arguments import add_handover, add_limits, positive

ROBOT, HOST, PORT, LOST_S = "go2", "127.0.0.1", 8040, 1.0


def parser() -> argparse.ArgumentParser:
    """Make the parser."""
    made = argparse.ArgumentParser(
        prog="python -m deploy.cockpit",
        description="Drive a robot, simulated or real, from a web page.",
        epilog="Exit status: 0 ended as the operator wanted, 1 a fault ended a real robot's run, "
        "2 did not begin. docs/cockpit.md shows it.",
    )
    _add_robot(made)
    _add_page(made)
    add_limits(made)
    add_handover(made)
    return made


def check(asked: argparse.Namespace) -> None:
    """Refuse what goes together with nothing.

    Raises:
        CockpitError: Names the option.
    """
    for name in ("interface", "domain", "mode_machine"):
        if getattr(asked, name) is not None and asked.transport != "dds":
            raise CockpitError(f"--{name.replace('_', '-')}: only with --transport dds")
    if asked.pace != 1 and asked.transport != "dds":
        raise CockpitError("--pace: only with --transport dds and --interface lo")
    if not 0 <= asked.port <= 65535:
        raise CockpitError(f"--port: {asked.port} is not allowed, want 0 to 65535")


def _add_robot(made: argparse.ArgumentParser) -> None:
    add = made.add_argument
    add("--robot", default=ROBOT, metavar="NAME", help=f"{', '.join(robots.names())} [{ROBOT}]")
    add("--policy", type=Path, metavar="FILE", help="the ONNX file [the shipped one]")
    add("--transport", choices=("sim", "dds"), default="sim", help="how it is reached [sim]")
    add("--interface", metavar="NAME", help="dds: network interface [the system's choice]")
    add("--domain", type=int, help="dds: domain; real robots have 0 [0]")
    add(
        "--pace",
        type=positive,
        default=1.0,
        metavar="RATE",
        help="dds: of a simulated robot on lo that runs with the same --pace [1]",
    )
    add("--rate", type=float, default=500.0, metavar="HZ", help="commands per second [500]")
    add("--logs", type=Path, metavar="DIR", help="log every run there [dds: logs; sim: no log]")


def _add_page(made: argparse.ArgumentParser) -> None:
    add = made.add_argument
    add("--host", default=HOST, help=f"interface that the page is served on [{HOST}]")
    add("--port", type=int, default=PORT, help=f"its port; 0 for any that is free [{PORT}]")
    add("--token", help=f"what a page has to know; {NEW}: have one made. Needed beyond loopback")
    add("--plain", action="store_true", help="no shadows, for a browser without a GPU")
    add("--open", action="store_true", help="open the page in this machine's browser")
    add(
        "--lost-s",
        type=positive,
        default=LOST_S,
        metavar="S",
        help=f"silence of the page that damps a robot that moves [{LOST_S:g}]",
    )
