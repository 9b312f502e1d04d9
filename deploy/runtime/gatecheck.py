"""The first check of all: only a policy that a passing gate report names may move a robot."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from robots.errors import UserError

GATE_NAME = "gate.json"
SHIPPED = Path(__file__).resolve().parents[2] / "policies"
"""Holds one folder per robot with a shipped policy and its report."""
Ask = Callable[[str], str]
"""Shows a question and reads the answer."""


class GateRefusedError(UserError):
    """No passing gate report vouches for a policy."""


def check_gate(policy: Path, robot: str, shipped: Path = SHIPPED) -> Path:
    """Find the passing report of a policy: beside it, or beside the shipped one of its robot.

    Args:
        policy: The ONNX file.
        robot: The robot's name.
        shipped: Folder of the shipped policies.

    Returns:
        The report.

    Raises:
        GateRefusedError: If there is none, or no policy; says of each report why it does not do.
    """
    try:
        digest = hashlib.sha256(policy.read_bytes()).hexdigest()
    except OSError as error:
        why = error.strerror or "cannot be read"
        raise GateRefusedError(f"{policy}: {why[0].lower()}{why[1:]}") from error
    reasons: list[str] = []
    for report in (policy.with_name(GATE_NAME), shipped / robot / GATE_NAME):
        reason = _why_not(report, robot, digest)
        if not reason:
            return report
        reasons.append(f"{report}: {reason}")
    raise GateRefusedError(
        f"{policy}: no passing gate report names this file (SHA-256 {digest[:12]}...), so nothing "
        f"says that it walks; run the sim2sim stage. " + "; ".join(dict.fromkeys(reasons))
    )


def waive_gate(policy: Path, robot: str, ask: Ask = input) -> None:
    """Let the operator take the gate's place, by typing the robot's name.

    Raises:
        GateRefusedError: If something else is typed, or nothing can be.
    """
    try:
        typed = ask(
            f"No gate vouches for {policy}. It may throw {robot} to the floor. To run it all the "
            "same, type the robot's name: "
        )
    except EOFError:
        typed = ""
    if typed.strip() != robot:
        raise GateRefusedError(f"--unsafe-no-gate: {typed.strip()!r} was typed, want {robot!r}")


def _why_not(report: Path, robot: str, digest: str) -> str:
    """Why a report does not vouch for a policy; empty where it does."""
    try:
        raw: Any = json.loads(report.read_text())
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, ValueError, RecursionError) as error:
        return f"is unreadable ({error})"
    if not isinstance(raw, dict):
        return "is no JSON object"
    said = cast("dict[str, Any]", raw)
    if said.get("policy_sha256") != digest:
        return f"is of another file ({str(said.get('policy_sha256'))[:12]}...)"
    if said.get("robot") != robot:
        return f"is for robot {said.get('robot')!r}, want {robot!r}"
    if said.get("passed") is not True:
        return "the policy did not pass"
    return ""
