"""What pages are told ten times a second."""

import math
from typing import Any

import numpy as np

from deploy.cockpit.controls import Controls
from deploy.cockpit.reading import Reading
from deploy.cockpit.session import Session
from deploy.runtime.states import State

FAULT = f"-> {State.DAMPING} ("
"""In a note: why the robot is damped."""


def make_status(session: Session, controls: Controls, reading: Reading | None) -> dict[str, Any]:
    """Put the status together.

    Args:
        session: The runs.
        controls: The seat at the controls.
        reading: Of the run that is on; None as long as the robot has said nothing.
    """
    run = session.run
    contract, board = run.ready.policy.contract, run.board
    ranges = contract.command_ranges
    status: dict[str, Any] = {
        "run": run.number,
        "robot": run.ready.robot.name,
        "policy": str(run.ready.policy.path),
        "gate": str(run.ready.gate),
        "simulated": session.is_simulated,
        "state": str(board.state),
        "why": why_damped(board.notes),
        "notes": board.notes,
        "pilot": controls.pilot,
        "ranges": [ranges.vx, ranges.vy, ranges.yaw_rate],
        "joints": contract.joint_names,
        "limits": contract.effort_limit,
        "conditions": _nominal(session) | session.conditions,
        "nominal": _nominal(session),
        "failure": controls.failure,
    }
    return status | (_numbers(reading) if reading else {})


def why_damped(notes: tuple[str, ...]) -> str:
    """Why the robot was damped, in the words of who did it; empty if it was not."""
    for note in reversed(notes):
        before, found, why = note.partition(FAULT)
        if before and found:
            return why.removesuffix(")")
    return ""


def _nominal(session: Session) -> dict[str, float]:
    """Conditions as they are by themselves; none of a real robot."""
    if session.run.simulation is None:
        return {}
    return {"friction": session.run.simulation.friction, "payload": 0.0, "latency": 0.0}


def _numbers(reading: Reading) -> dict[str, Any]:
    place = None if np.isnan(reading.qpos[2]) else reading.qpos[:3].tolist()
    return {
        "time_s": reading.time_s,
        "place": place,
        "tilt_deg": math.degrees(reading.tilt),
        "command": reading.command.tolist(),
        "velocity": [None if math.isnan(v) else v for v in reading.velocity.tolist()],
        "torque": reading.torque.tolist(),
        "hottest": reading.hottest,
        "hangs": reading.hangs,
        "speed": reading.speed,
    }
