"""The supervisor's rules about machine, operator and this process itself."""

import numpy as np

from deploy.contract import PolicyContract
from deploy.link import motors_used
from deploy.runtime.limits import Limits
from deploy.runtime.rules import Rule, Situation

REMOTE_HEAD = slice(0, 2)
"""Bytes of the remote control that are never zero while it is there."""


def motor_error(contract: PolicyContract) -> Rule:
    """A motor driver says that something is wrong with it."""
    used = np.asarray(motors_used(contract))

    def rule(seen: Situation) -> str:
        if seen.robot is None:
            return ""
        errors = seen.robot.motor_error[used]
        if errors.any():
            place = int(np.argmax(errors != 0))
            return f"motor {used[place]} reports error {int(errors[place]):#x}"
        return ""

    return rule


def too_hot(contract: PolicyContract, limits: Limits) -> Rule:
    """A motor is too hot."""
    used = np.asarray(motors_used(contract))

    def rule(seen: Situation) -> str:
        if seen.robot is None:
            return ""
        temperature = seen.robot.temperature[used]
        place = int(np.argmax(temperature))
        if temperature[place] > limits.temperature:
            return (
                f"motor {used[place]} has {temperature[place]} deg C, allowed are "
                f"{limits.temperature:g}"
            )
        return ""

    return rule


class ModeMachine:
    """The robot is not the one expected, or says so no more.

    Args:
        expected: What it should say; None for whatever it says first.
    """

    def __init__(self, expected: int | None) -> None:
        self._expected = expected

    def __call__(self, seen: Situation) -> str:
        """Compare with what is expected."""
        if seen.robot is None:
            return ""
        if self._expected is None:
            self._expected = seen.robot.mode_machine
        if seen.robot.mode_machine != self._expected:
            return f"mode_machine is {seen.robot.mode_machine}, want {self._expected}"
        return ""


class RemoteLost:
    """The remote control was there and is gone.

    It sends no heartbeat, and sticks at rest give the same bytes for ever, so bytes that do not
    change say nothing. But all of them, head included, are zero where there is no remote. One that
    never had a head (some simulators) cannot be told from one at rest and is not judged.
    """

    def __init__(self, limits: Limits) -> None:
        self._limit_s = limits.remote_lost_s
        self._there, self._gone_s = False, np.inf

    def __call__(self, seen: Situation) -> str:
        """Look whether any byte is not zero."""
        if seen.robot is None:
            return ""
        remote = seen.robot.remote
        self._there = self._there or any(remote[REMOTE_HEAD])
        self._gone_s = np.inf if any(remote) else min(self._gone_s, seen.now)
        if self._there and seen.now - self._gone_s >= self._limit_s:
            return (
                f"the remote control is lost: its bytes are zero for {1e3 * self._limit_s:.0f} ms"
            )
        return ""


def operator_lost(seen: Situation) -> str:
    """Nobody is at the controls."""
    return seen.operator


def commanded_by_another(seen: Situation) -> str:
    """Somebody else commands the robot, too."""
    return f"somebody else commands the robot: {seen.intruder}" if seen.intruder else ""


def policy_late(limits: Limits) -> Rule:
    """The policy missed its deadline too often."""

    def rule(seen: Situation) -> str:
        if seen.missed >= limits.missed:
            return f"the policy missed too many deadlines: {seen.missed:.2g}, less those it met"
        return ""

    return rule


def policy_crashed(seen: Situation) -> str:
    """The policy's thread is dead."""
    return f"the policy crashed: {seen.crash}" if seen.crash else ""


def stream_late(limits: Limits) -> Rule:
    """The command stream itself stood still: process stopped, machine overloaded."""

    def rule(seen: Situation) -> str:
        if seen.gap_s > limits.stream_gap_s:
            return f"no command was sent for {1e3 * seen.gap_s:.0f} ms"
        return ""

    return rule


def clamped_too_long(limits: Limits) -> Rule:
    """What the policy wants of a joint has been out of bounds for too long."""

    def rule(seen: Situation) -> str:
        if seen.clamped_s >= limits.clamped_s:
            return f"targets of {seen.clamped} have been clamped for {seen.clamped_s:.2g} s"
        return ""

    return rule
