"""`python -m deploy run POLICY --robot NAME`: from an ONNX file to motors.

Exit status: 0 the run ended as the operator wanted, 1 a fault ended it, 2 it did not begin.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import robots
from deploy.contract import PolicyContract
from deploy.log import refuse_existing
from deploy.policy import Policy
from deploy.runtime.arguments import handover, limits, parser
from deploy.runtime.assemble import Outcome, Setup, execute
from deploy.runtime.gatecheck import Ask, check_gate, waive_gate
from deploy.runtime.inputs import Input, InputError, RemoteStop
from deploy.runtime.limits import RuntimeSettingError
from deploy.runtime.loop import Watch, commands_per_period
from deploy.runtime.plot import require_matplotlib, write_plot
from deploy.runtime.states import State
from deploy.runtime.stopping import Stopping
from deploy.runtime.transports import Transport, check_robot, open_dds, open_sim
from robots.errors import UserError

WELL, FAULTY, REFUSED = 0, 1, 2


def main(arguments: list[str] | None = None, ask: Ask = input) -> int:
    """Run a policy on a robot, and return the exit status.

    Args:
        arguments: Those of the command line by default.
        ask: Asks the operator what only a person may answer.
    """
    asked = parser().parse_args(arguments)
    try:
        return _run(asked, ask)
    except UserError as error:
        if os.environ.get("SUREFOOT_TRACE"):
            raise
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:  # before the run; in it, Ctrl-C damps
        print(
            "stopped before the run: no motor was told anything, but a motion service that was "
            "asked to release its mode may have done so",
            file=sys.stderr,
        )
        return REFUSED


def _run(asked: argparse.Namespace, ask: Ask) -> int:
    robot = robots.load(asked.robot)
    # Before anything else looks into the file: a parser is no place for what nobody vouches for.
    if asked.unsafe_no_gate:
        waive_gate(asked.policy, robot.name, ask)
    else:
        print(f"gate: passed, says {check_gate(asked.policy, robot.name)}")
    policy = Policy(asked.policy)
    check_robot(policy.contract, robot)
    _check_settings(asked)
    n_commands = commands_per_period(policy.contract, asked.rate)
    if asked.plot:
        require_matplotlib()
    log = None if asked.no_log else _log_path(asked)
    if log:
        refuse_existing(log, rotated=asked.rotate_s is not None)
    with closing(_open_input(asked, policy.contract)) as source:
        # All that can be refused has been: only now may a robot be asked to let go of its motors.
        if asked.transport == "sim":
            transport = open_sim(robot, asked.fault, realtime=not asked.fast)
        else:
            transport = open_dds(robot, asked.interface, asked.domain, asked.pace, handover(asked))
        with closing(transport.link):
            outcome = _drive(asked, policy, transport, source, n_commands, log)
    return _report(asked, outcome)


def _drive(
    asked: argparse.Namespace,
    policy: Policy,
    transport: Transport,
    source: Input,
    n_commands: int,
    log: Path | None,
) -> Outcome:
    stopping = Stopping()
    stopping.install()
    return execute(
        Setup(
            policy=policy,
            link=transport.link,
            sleep_until=transport.sleep_until,
            source=source,
            stopping=stopping,
            n_commands=n_commands,
            limits=limits(asked),
            name=asked.name or f"{policy.contract.robot}, {asked.transport}",
            realtime=not asked.fast,
            mode_machine=asked.mode_machine,
            log=log,
            rotate_s=asked.rotate_s,
            epoch_s=transport.epoch_s,
            watch=_both(transport.watch),
            intruder=transport.intruder,
        )
    )


def _report(asked: argparse.Namespace, outcome: Outcome) -> int:
    print("\n".join(outcome.summary.lines()))
    if outcome.log_error:
        print(f"the log is not whole: {outcome.log_error}")
    names = " ".join(map(str, outcome.files))
    if outcome.files:
        print(f"log: {names}\nreplay: python -m deploy.replay {names} --policy {asked.policy}")
    if asked.plot and outcome.files:
        # What the run came to is said by the exit status, whatever becomes of its picture.
        try:
            write_plot(list(outcome.files), asked.plot)
            print(f"plot: {asked.plot}")
        except Exception as error:
            print(f"not drawn: {str(error) or type(error).__name__}")
    elif outcome.files:
        print(f"plot: python -m deploy plot {names}")
    return FAULTY if outcome.summary.faulty else WELL


def _check_settings(asked: argparse.Namespace) -> None:
    if asked.fault and asked.transport != "sim":
        raise RuntimeSettingError(
            "--fault: only with --transport sim; python -m deploy.sim_robot has its own"
        )
    if asked.pace != 1 and asked.transport != "dds":
        raise RuntimeSettingError("--pace: only with --transport dds and --interface lo")
    for name in ("release_motion", "no_motion_service", "allow_idle_writers"):
        if getattr(asked, name) and asked.transport != "dds":
            raise RuntimeSettingError(f"--{name.replace('_', '-')}: only with --transport dds")
    if asked.fast and (asked.transport != "sim" or asked.input != "script"):
        raise RuntimeSettingError("--fast: only with --transport sim and --input script FILE")
    if asked.input == "script" and asked.script is None:
        raise RuntimeSettingError("--input script: needs --script FILE")
    if asked.plot and asked.no_log:
        raise RuntimeSettingError("--plot: is drawn from the log, so not with --no-log")


def _open_input(asked: argparse.Namespace, contract: PolicyContract) -> Input:
    """The input asked for; the vendor's remote control by default where there is one."""
    kind = asked.input or ("keyboard" if asked.transport == "sim" else "remote")
    opened = INPUTS[kind](asked, contract)
    return opened if kind == "remote" else RemoteStop(opened)


def _remote(asked: argparse.Namespace, contract: PolicyContract) -> Input:
    from deploy.runtime.inputs.remote import RemoteInput

    print("remote control: start, A, select; left stick walks, right stick turns")
    return RemoteInput(contract)


def _gamepad(asked: argparse.Namespace, contract: PolicyContract) -> Input:
    try:
        from deploy.runtime.inputs.gamepad import GamepadInput
    except ImportError as error:
        raise InputError(f"--input gamepad: needs Linux ({error})") from error
    print("gamepad: start, A, select (back, create); left stick walks, right stick turns")
    return GamepadInput(contract, asked.gamepad)


def _keyboard(asked: argparse.Namespace, contract: PolicyContract) -> Input:
    try:
        from deploy.runtime.inputs.keyboard import HELP, KeyboardInput
    except ImportError as error:
        raise InputError(f"--input keyboard: needs a Unix terminal ({error})") from error
    opened = KeyboardInput(contract)
    print(HELP)
    return opened


def _script(asked: argparse.Namespace, contract: PolicyContract) -> Input:
    from deploy.runtime.inputs.script import ScriptInput, read_script

    return ScriptInput(read_script(asked.script))


INPUTS: dict[str, Callable[[argparse.Namespace, PolicyContract], Input]] = {
    "remote": _remote,
    "gamepad": _gamepad,
    "keyboard": _keyboard,
    "script": _script,
}


def _log_path(asked: argparse.Namespace) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    return asked.log or Path("logs") / f"{asked.robot}-{stamp}.mcap"


def _both(watch: Watch | None) -> Watch:
    """Tell the operator of every change of state, and the transport too."""

    def told(state: State) -> None:
        if watch:
            watch(state)
        print(f"state: {state}", flush=True)

    return told


if __name__ == "__main__":
    sys.exit(main())
