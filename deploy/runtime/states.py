"""The controller's states and what leads from one to the next: a table, and nothing else.

docs/deploy.md draws it.
"""

from enum import StrEnum


class State(StrEnum):
    """What the motors are told; the values are the names in logs."""

    ZERO_TORQUE = "zero_torque"
    """Nothing: joints hang limp."""
    MOVE = "move_to_default"
    """From where the joints are to the default pose, in a straight line."""
    HOLD = "hold"
    """The default pose."""
    POLICY = "policy"
    """What the policy says."""
    DAMPING = "damping"
    """Resist motion, whatever happens: the end of every run."""
    ENDED = "ended"
    """Nothing more is sent after a last damping command."""


class Event(StrEnum):
    """What can lead out of a state; the values are the words of a command file."""

    START = "start"
    """The operator lets the robot move to its default pose."""
    ARRIVED = "arrived"
    """The move is complete."""
    A = "a"
    """The operator hands over to the policy."""
    SELECT = "select"
    """The operator ends the run."""
    FAULT = "fault"
    """The supervisor found something wrong."""
    LEAVE = "leave"
    """The process is told to end."""


MOVING = frozenset({State.MOVE, State.HOLD, State.POLICY})
"""States in which motors are driven."""

_FORWARD = {
    (State.ZERO_TORQUE, Event.START): State.MOVE,
    (State.MOVE, Event.ARRIVED): State.HOLD,
    (State.HOLD, Event.A): State.POLICY,
    # Who told a robot that stands or walks to end wants it damped first; who says so again, or of
    # a limp one, wants the process to end.
    (State.ZERO_TORQUE, Event.LEAVE): State.ENDED,
    (State.DAMPING, Event.LEAVE): State.ENDED,
}
_TO_DAMPING = {
    (state, event): State.DAMPING
    for state in (State.ZERO_TORQUE, *MOVING)
    for event in (Event.SELECT, Event.FAULT, Event.LEAVE)
}
TRANSITIONS = _TO_DAMPING | _FORWARD
"""Every pair that leads elsewhere. There is no way from damping back to a moving robot."""


def next_state(state: State, event: Event) -> State:
    """Where an event leads; an event that means nothing in a state leaves it."""
    return TRANSITIONS.get((state, event), state)
