"""`python -m deploy.sim_robot --robot g1`: a robot to test against, over DDS.

Reads events from standard input, one a line; ends with a signal, `quit`, or after --seconds.
"""

import argparse
import math
import os
import signal
import sys
import threading

import robots
from deploy.link import LinkError
from deploy.sim_robot.events import KINDS, parse
from deploy.sim_robot.robot import MODE_MACHINE, SimRobot
from deploy.sim_robot.server import Server
from deploy.sim_robot.viewer import Viewer
from robots.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Serve, and return the exit status.

    Args:
        arguments: Those of the command line by default.
    """
    asked = _parser().parse_args(arguments)
    try:
        return _serve(asked)
    except UserError as error:
        if os.environ.get("SUREFOOT_TRACE"):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2


def _serve(asked: argparse.Namespace) -> int:
    if asked.domain == 0 and asked.interface != "lo":
        raise LinkError(
            f"domain: 0 on {asked.interface} is where real robots are; take another, or lo"
        )
    robot = SimRobot(
        robots.load(asked.robot),
        hoist=asked.hoist,
        events=[event for text in asked.fault for event in parse(text)],
        mode_machine=asked.mode_machine,
        seed=asked.seed,
        visuals=asked.viewer,
        tell=lambda text: print(text, flush=True),
        motion=asked.motion,
    )
    viewer = Viewer(robot.machine) if asked.viewer else None
    server = Server(robot, asked.interface, asked.domain, asked.pace)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: server.stop())
    threading.Thread(target=_listen, args=(server, robot), daemon=True).start()
    print(
        f"{asked.robot} on domain {asked.domain}, {asked.interface or 'any interface'}", flush=True
    )
    server.run(viewer, asked.seconds)
    print(
        f"{robot.time_s:.1f} s simulated, {server.sent} states sent, {server.heard} commands "
        f"heard, {robot.ignored} commands ignored, {server.lags} times too slow for its pace"
    )
    return 0


def _listen(server: Server, robot: SimRobot) -> None:
    """Do what standard input says."""
    for line in sys.stdin:
        if line.strip() == "quit":
            server.stop()
        elif line.strip():
            try:
                for event in parse(line, robot.time_s):
                    robot.check(event)
                    server.do(event)
            except UserError as error:
                print(f"error: {error}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.sim_robot",
        description="A robot to test against: MuJoCo behind the vendor's DDS topics.",
        epilog=f"Events: {', '.join(KINDS)}; NAME:ARGUMENTS[@START[-END]], in seconds of simulated "
        "time. Standard input takes them while it runs, one a line. docs/sim_robot.md has more.",
    )
    add = parser.add_argument
    add("--robot", required=True, choices=robots.names())
    add("--interface", default="lo", help="network interface [lo]")
    add("--domain", type=int, default=1, help="DDS domain; real robots are in 0 [1]")
    add("--hoist", action="store_true", help="start hanging, the feet off the floor")
    add("--motion", default="", metavar="NAME", help="a mode of the vendor's is active: ai, normal")
    add("--fault", action="append", default=[], metavar="EVENT", help="let something happen")
    add("--viewer", action="store_true", help="show it; needs a screen")
    add("--seconds", type=float, help="stop after that much simulated time")
    add("--pace", type=_positive, default=1.0, help="simulated seconds per second [1]")
    add("--seed", type=int, default=0, help="of what is lost and garbled [0]")
    add(
        "--mode-machine",
        type=int,
        default=MODE_MACHINE,
        help=f"what a robot of family hg says that it is [{MODE_MACHINE}]",
    )
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not allowed: want > 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
