"""Examine a policy: `python -m pipeline.doctor policy.onnx`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.files import write_atomically
from pipeline.provenance import ROOT
from robots.errors import UserError

DESCRIPTION = """\
Examine a walking policy, from this project or from elsewhere, before it is run on a robot.

  python -m pipeline.doctor policies/g1/policy.onnx
  python -m pipeline.doctor theirs.onnx --model robot.xml --deploy deploy.yaml
  python -m pipeline.doctor --env
"""
EPILOG = """\
exit status: 0 nothing wrong (warnings and notes may be there), 1 errors, or with --strict warnings,
2 a file cannot be examined. docs/doctor.md says what each check finds, and why it matters.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m pipeline.doctor",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument(
        "policy",
        nargs="?",
        type=Path,
        metavar="POLICY.onnx",
        help="the policy; default: policies/<robot>/policy.onnx",
    )
    options.add_argument(
        "--model",
        type=Path,
        metavar="ROBOT.xml",
        help="the robot's MJCF or URDF, the vendor's too; default: the one in robots/",
    )
    options.add_argument(
        "--deploy", type=Path, metavar="DEPLOY.yaml", help="description in Unitree's format"
    )
    options.add_argument(
        "--robot", help="one of robots/; default: found out from the joints' names"
    )
    options.add_argument("--json", type=Path, metavar="FILE", help="write the findings as JSON too")
    options.add_argument("--strict", action="store_true", help="let warnings fail as errors do")
    options.add_argument(
        "--env",
        action="store_true",
        help="examine this machine instead: JAX, MuJoCo, GL, ffmpeg, DVC",
    )
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine what is asked for.

    Returns:
        The exit status.
    """
    asked = parser().parse_args(arguments)
    try:
        return _examine_machine(asked) if asked.env else _examine_policy(asked)
    except UserError as error:
        if os.environ.get("SUREFOOT_TRACE"):
            raise
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return 2


def _examine_machine(asked: argparse.Namespace) -> int:
    from pipeline.doctor import environment  # JAX is of no use to those who ask about a policy

    probes = environment.probe_all()
    print(environment.as_text(probes, _coloured()))
    if asked.json:
        _write(asked.json, environment.as_json(probes))
    return int(any(probe.works is False for probe in probes))


def _examine_policy(asked: argparse.Namespace) -> int:
    # Only now: with a broken GL set-up, importing MuJoCo fails, and --env has to say so.
    from pipeline.doctor.checks import examine
    from pipeline.doctor.findings import Severity
    from pipeline.doctor.report import as_json, as_text, count, refusal
    from pipeline.doctor.subject import gather

    policy = asked.policy or _shipped(asked.robot)
    try:
        subject = gather(policy, asked.model, asked.deploy, asked.robot)
        findings = examine(subject)
    except UserError as error:
        if asked.json:
            _write(asked.json, refusal(str(policy), str(error)))
        raise
    print(as_text(subject, findings, _coloured()))
    if asked.json:
        _write(asked.json, as_json(subject, findings))
    counts = count(findings)
    return int(bool(counts[Severity.ERROR] or (asked.strict and counts[Severity.WARNING])))


def _shipped(robot: str | None) -> Path:
    """The policy that ships for a robot; without one, for the robot that params.yaml names."""
    from pipeline import config

    path = ROOT / "policies" / (robot or config.load().robot) / "policy.onnx"
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _write(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
