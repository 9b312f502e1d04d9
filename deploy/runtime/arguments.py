"""The command line of `python -m deploy run`."""

import argparse
import math
from dataclasses import replace
from pathlib import Path

import robots
from deploy.runtime.handover import Handover
from deploy.runtime.limits import Limits


def parser() -> argparse.ArgumentParser:
    """Make the parser."""
    made = argparse.ArgumentParser(
        prog="python -m deploy run",
        description="Run a proven policy on a robot, real or simulated.",
        epilog="Exit status: 0 ended as the operator wanted, 1 ended by a fault, 2 did not begin. "
        "docs/deploy.md goes through it step by step.",
    )
    _add_robot(made)
    _add_operator(made)
    _add_safety(made)
    return made


def _add_robot(made: argparse.ArgumentParser) -> None:
    add = made.add_argument
    add("policy", type=Path, help="the ONNX file")
    add("--robot", required=True, choices=robots.names())
    add("--transport", choices=("sim", "dds"), default="sim", help="how it is reached [sim]")
    add("--interface", metavar="NAME", help="dds: network interface, eth0 [the system's choice]")
    add("--domain", type=int, default=0, help="dds: domain; real robots have 0 [0]")
    add(
        "--pace",
        type=positive,
        default=1.0,
        metavar="RATE",
        help="dds: of a simulated robot on lo that runs with the same --pace [1]",
    )
    add(
        "--fault",
        action="append",
        default=[],
        metavar="EVENT",
        help="sim: let something happen to the robot: docs/sim_robot.md",
    )
    add("--fast", action="store_true", help="sim: as fast as it goes, with a script only")
    add("--rate", type=float, default=500.0, metavar="HZ", help="commands per second [500]")


def _add_operator(made: argparse.ArgumentParser) -> None:
    add = made.add_argument
    add(
        "--input",
        choices=("remote", "gamepad", "keyboard", "script"),
        help="who says where to go [remote; in sim keyboard]; the remote's select always stops",
    )
    add("--script", type=Path, metavar="FILE", help="command file, CSV: docs/deploy.md")
    add("--gamepad", type=Path, default=Path("/dev/input/js0"), help="its device [/dev/input/js0]")
    add("--log", type=Path, metavar="FILE", help="the log [logs/ROBOT-TIME.mcap]")
    add("--rotate-s", type=positive, metavar="S", help="start a new log file every so often")
    add("--no-log", action="store_true", help="write no log")
    add("--plot", type=Path, metavar="FILE", help="draw the run when it is over (matplotlib)")
    add("--name", help="what is driven, for the log's reader")


def _add_safety(made: argparse.ArgumentParser) -> None:
    add_limits(made)
    add_handover(made)
    made.add_argument(
        "--unsafe-no-gate",
        action="store_true",
        help="run a policy that no gate report vouches for; asks for the robot's name",
    )


def add_limits(made: argparse.ArgumentParser) -> None:
    """Add what the supervisor is told; see `limits`."""
    add, default = made.add_argument, Limits()
    degrees = round(math.degrees(default.tilt))
    add("--max-tilt-deg", type=positive, default=degrees, help=f"tilt that is a fault [{degrees}]")
    add(
        "--max-temperature",
        type=positive,
        default=default.temperature,
        help=f"of a motor, deg C [{default.temperature:g}]",
    )
    add(
        "--mode-machine",
        type=int,
        help="dds: what the robot must say that it is [what it says first]",
    )


def limits(asked: argparse.Namespace) -> Limits:
    """The supervisor's figures that a command line asks for."""
    tilt = math.radians(asked.max_tilt_deg)
    return replace(Limits(), tilt=tilt, temperature=asked.max_temperature)


def add_handover(made: argparse.ArgumentParser) -> None:
    """Add what the operator allows of others who command the robot; see `handover`."""
    for name, words in (
        ("release-motion", "have the robot's own controller let go of the motors; they go limp"),
        ("no-motion-service", "the robot has none, and is in debug mode: you have seen to it"),
        ("allow-idle-writers", "others may be able to command the robot, as long as they do not"),
    ):
        made.add_argument(f"--{name}", action="store_true", help=f"dds: {words}")


def handover(asked: argparse.Namespace) -> Handover:
    """What a command line allows of others."""
    return Handover(asked.release_motion, asked.no_motion_service, asked.allow_idle_writers)


def positive(text: str) -> float:
    """Read a number above zero, for argparse."""
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not allowed: want > 0")
    return value
