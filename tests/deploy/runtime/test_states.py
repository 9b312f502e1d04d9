"""The state machine: every state with every event."""

import itertools
import re

import pytest

from deploy.runtime.states import MOVING, TRANSITIONS, Event, State, next_state
from tests.deploy.runtime.fakes import ROOT

Z, M, H, P, D, E = (
    State.ZERO_TORQUE,
    State.MOVE,
    State.HOLD,
    State.POLICY,
    State.DAMPING,
    State.ENDED,
)
TABLE = {
    #                START ARRIVED A  SELECT FAULT LEAVE
    Z: dict(zip(Event, (M, Z, Z, D, D, E), strict=True)),
    M: dict(zip(Event, (M, H, M, D, D, D), strict=True)),
    H: dict(zip(Event, (H, H, P, D, D, D), strict=True)),
    P: dict(zip(Event, (P, P, P, D, D, D), strict=True)),
    D: dict(zip(Event, (D, D, D, D, D, E), strict=True)),
    E: dict(zip(Event, (E, E, E, E, E, E), strict=True)),
}
"""Written out by hand, in the order in which `Event` lists them."""


def test_the_table_names_every_state_and_the_events_in_order():
    assert set(TABLE) == set(State)
    order = (Event.START, Event.ARRIVED, Event.A, Event.SELECT, Event.FAULT, Event.LEAVE)
    assert tuple(Event) == order


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_state_with_every_event(state, event):
    assert next_state(state, event) is TABLE[state][event]


@pytest.mark.parametrize("state", sorted(MOVING | {State.ZERO_TORQUE}))
def test_a_fault_always_damps(state):
    assert next_state(state, Event.FAULT) is State.DAMPING


def test_nothing_leads_from_damping_to_a_robot_that_moves():
    reached = {State.DAMPING}
    for _ in State:
        reached |= {next_state(state, event) for state in reached for event in Event}
    assert reached == {State.DAMPING, State.ENDED}


def test_the_policy_runs_only_after_start_arrived_and_a():
    ways = {(before, event) for (before, event), after in TRANSITIONS.items() if after is P}
    assert ways == {(H, Event.A)}
    assert {key for key, after in TRANSITIONS.items() if after is H} == {(M, Event.ARRIVED)}


def test_the_drawing_in_the_docs_is_the_table():
    text = (ROOT / "docs/deploy.md").read_text()
    drawn = {
        (State(before), Event(event)): State(after)
        for before, after, events in re.findall(r"^ +(\w+) --> (\w+): ([\w, ]+)$", text, re.M)
        for event in events.split(", ")
    }
    assert drawn == TRANSITIONS
