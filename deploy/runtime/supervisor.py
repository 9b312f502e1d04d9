"""The supervisor: a table of rules in front of every command. Whatever is wrong ends in damping."""

from typing import NamedTuple

from deploy.contract import PolicyContract
from deploy.runtime.joint_rules import held_away, joint_rules
from deploy.runtime.limits import Limits
from deploy.runtime.machine_rules import (
    ModeMachine,
    RemoteLost,
    clamped_too_long,
    commanded_by_another,
    motor_error,
    operator_lost,
    policy_crashed,
    policy_late,
    stream_late,
    too_hot,
)
from deploy.runtime.message_rules import BadMessages, Delayed, Frozen, stale
from deploy.runtime.rules import Rule, Situation, finite_action, finite_sensors, tilted
from deploy.runtime.states import MOVING, State

DRIVEN = MOVING
"""Where motors are driven."""
BEFORE_THE_END = MOVING | {State.ZERO_TORQUE}
"""Where something can still be stopped."""


class Guard(NamedTuple):
    """One line of the table: a rule and the states in which it can end the run."""

    name: str
    rule: Rule
    states: frozenset[State]


class Fault(NamedTuple):
    """What was wrong: the rule's name, and its words."""

    name: str
    text: str


def guards(
    contract: PolicyContract, limits: Limits, mode_machine: int | None = None
) -> tuple[Guard, ...]:
    """Make the table, in the order in which it is gone through.

    Args:
        contract: The policy's contract.
        limits: The figures.
        mode_machine: What the robot should say that it is; None for whatever it says first.
    """
    always: dict[str, Rule] = {
        "stale state": stale(limits),
        "bad messages": BadMessages(limits),
        "frozen robot": Frozen(limits),
        "delayed states": Delayed(limits),
        "sensors": finite_sensors(contract),
        "motor error": motor_error(contract),
        "temperature": too_hot(contract, limits),
        "mode_machine": ModeMachine(mode_machine),
        "remote": RemoteLost(limits),
        "operator": operator_lost,
        "other commander": commanded_by_another,
        "policy crash": policy_crashed,
    }
    # A limp robot hangs and lies as it likes, and joints rest at their stops.
    driven: dict[str, Rule] = {
        "tilt": tilted(limits),
        **joint_rules(contract, limits),
        "action": finite_action(contract),
        "command stream": stream_late(limits),  # by which deadlines are missed, too
        "policy overrun": policy_late(limits),
        "clamped": clamped_too_long(limits),
    }
    # While it moves to the default pose, a held joint may still be anywhere.
    posed = Guard("held joint", held_away(contract, limits), frozenset({State.HOLD, State.POLICY}))
    return (
        *(Guard(name, rule, BEFORE_THE_END) for name, rule in always.items()),
        *(Guard(name, rule, DRIVEN) for name, rule in driven.items()),
        posed,
    )


class Supervisor:
    """Goes through the rules.

    Args:
        table: The rules.
    """

    def __init__(self, table: tuple[Guard, ...]) -> None:
        self._table = table

    def check(self, state: State, seen: Situation) -> Fault | None:
        """The first thing that is wrong; None where nothing is.

        A rule that itself fails is a fault too.
        """
        for name, rule, states in self._table:
            if state not in states:
                continue
            try:
                text = rule(seen)
            except Exception as error:  # fail closed, whatever the rule stumbled on
                text = f"the rule failed: {type(error).__name__}: {error}"
            if text:
                return Fault(name, text)
        return None
