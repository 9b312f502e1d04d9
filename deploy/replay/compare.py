"""One step of a log computed again, part by part, from what the log says went in."""

from typing import Any, NamedTuple

import numpy as np

from deploy.commands import apply_dead_zone
from deploy.contract import PolicyContract
from deploy.log import LogError, LogHeader, Tick
from deploy.log.format import elements
from deploy.observations import advance_phase, joint_targets, observe, term_slice
from deploy.policy import Policy
from deploy.sensors import Sensors, has_torso_imu, policy_inputs

FROM_IMU, FROM_BEFORE, OBSERVATION = ", from the IMU", ", from the step before", "observation "
AFTER_ZONE = ", after the dead zone"
ZONE_EDGE = 1e-6
"""Share of the dead zone at its edge where rounding decides whether a command is inside."""
SENT = "sent_targets, of joint_targets"
"""What safety changed: never a fault of the log."""


class Pair(NamedTuple):
    """What the log says and what was computed, element by element."""

    logged: np.ndarray
    computed: np.ndarray


def check_joints(log: PolicyContract, policy: PolicyContract) -> None:
    """Refuse a log of another robot, or with joints in another order.

    Raises:
        LogError: Names the first joint that stands elsewhere, and both places.
    """
    if log.robot != policy.robot:
        raise LogError(f"robot is {log.robot!r} in the log and {policy.robot!r} in the policy")
    for place, name in enumerate(log.joint_names):
        if name not in policy.joint_names:
            raise LogError(f"joint_names: {name} is at place {place} in the log, not in the policy")
        other = policy.joint_names.index(name)
        if other != place:
            raise LogError(
                f"joint_names: {name} is at place {place} in the log and at place {other} in the "
                "policy; numbers of one joint would be taken for another's"
            )
    if missing := policy.joint_names[len(log.joint_names) :]:
        raise LogError(f"joint_names: {missing[0]} is in the policy, not in the log")


class Comparer:
    """Computes steps again with a policy.

    Args:
        policy: The policy.
        header: The log's.
        same: Whether the log was made by this policy; otherwise what follows from the policy's
            output, or from what its contract says differently, is expected to differ.

    Raises:
        LogError: If the log is of another robot or has another joint order.
    """

    layout: dict[str, tuple[str, ...]]
    """What is compared, in the order in which one thing leads to the next, and its elements."""
    expected: frozenset[str]
    """What may differ without being a fault."""

    def __init__(self, policy: Policy, header: LogHeader, *, same: bool) -> None:
        check_joints(header.contract, policy.contract)
        self._policy, self._same = policy, same
        self._contract, self._log = policy.contract, header.contract
        self._terms = {
            term: (_place(self._contract, term), _place(self._log, term))
            for term in _common_terms(self._log, self._contract)
        }
        changed = set[str]() if same else changed_terms(self._log, self._contract)
        # What another policy was fed is of use to this one only where both would see it alike.
        self._feed_logged = not changed and self._log.observation == self._contract.observation
        self.layout = self._layout()
        follows = () if same else ("action", "joint_targets")
        self.expected = frozenset([SENT, *follows, *(OBSERVATION + term for term in changed)])

    def _layout(self) -> dict[str, tuple[str, ...]]:
        names = elements(self._contract)
        layout = {
            "gyro" + FROM_IMU: names["gyro"],
            "projected_gravity" + FROM_IMU: names["projected_gravity"],
            "command" + AFTER_ZONE: names["command"],
            "last_action" + FROM_BEFORE: names["last_action"],
            "phase" + FROM_BEFORE: ("phase",),
        }
        for term, (mine, _) in self._terms.items():
            layout[OBSERVATION + term] = tuple(
                name.partition(".")[2] for name in names["observation"][mine]
            )
        for name in ("action", "joint_targets", SENT):
            layout[name] = names["action"]
        return layout

    def __call__(self, before: Tick | None, tick: Tick) -> dict[str, Pair]:
        """Compute one step again.

        Args:
            before: The step before, if the policy ran there.
            tick: A step in which it ran.

        Returns:
            What there is of `layout`.

        Raises:
            LogError: If the tick lacks the torso's angle and the IMU is there.
        """
        pairs = self._frames(tick) | self._command(tick)
        if before is not None:
            pairs |= self._memory(before, tick)
        observation = observe(self._contract, tick.inputs)
        for term, (mine, logged) in self._terms.items():
            pairs[OBSERVATION + term] = Pair(_rows(tick.observation)[logged], observation[mine])
        fed = _rows(tick.observation) if self._feed_logged else observation
        action = self._policy(fed[None])[0]
        pairs["action"] = Pair(_rows(tick.action), action)
        wanted = joint_targets(self._contract, _rows(tick.action) if self._same else action)
        pairs["joint_targets"] = Pair(_rows(tick.joint_targets), wanted)
        pairs[SENT] = Pair(_rows(tick.sent_targets), _rows(tick.joint_targets))
        return pairs

    def _frames(self, tick: Tick) -> dict[str, Pair]:
        if has_torso_imu(self._log):
            for field in ("torso_pos", "torso_vel"):
                if getattr(tick, field) is None:
                    raise LogError(f"step {tick.step}: lacks {field}, and the torso has the IMU")
        kept = tick.inputs._asdict()
        del kept["projected_gravity"]
        read = kept | {
            "gyro": tick.imu_gyro,
            "quat": tick.imu_quat,
            "torso_pos": tick.torso_pos,
            "torso_vel": tick.torso_vel,
        }
        computed = policy_inputs(self._log, Sensors(**read))
        return {
            "gyro" + FROM_IMU: Pair(tick.inputs.gyro, computed.gyro),
            "projected_gravity" + FROM_IMU: Pair(
                tick.inputs.projected_gravity, computed.projected_gravity
            ),
        }

    def _command(self, tick: Tick) -> dict[str, Pair]:
        """What is logged comes after the dead zone: applied once more, it changes nothing."""
        logged = tick.inputs.command
        zone = self._log.command_dead_zone * (1 - ZONE_EDGE)
        return {"command" + AFTER_ZONE: Pair(logged, apply_dead_zone(logged, zone))}

    def _memory(self, before: Tick, tick: Tick) -> dict[str, Pair]:
        logged = np.atleast_1d(tick.inputs.phase)
        phase = _rows(advance_phase(self._log, np.atleast_1d(before.inputs.phase)))
        # Just short of 1 and just over 0 are neighbours.
        phase = phase + np.round(logged - phase)
        return {
            "last_action" + FROM_BEFORE: Pair(tick.inputs.last_action, _rows(before.action)),
            "phase" + FROM_BEFORE: Pair(logged, phase),
        }


def _rows(value: Any) -> np.ndarray:
    return np.asarray(value, np.float32)


def _place(contract: PolicyContract, term: str) -> slice:
    at = term_slice(contract, term)
    return slice(at.start, at.stop)


def _common_terms(log: PolicyContract, policy: PolicyContract) -> list[str]:
    """Names of the terms that both have, of equal size."""
    sizes = {term.name: term.size for term in log.observation}
    return [term.name for term in policy.observation if sizes.get(term.name) == term.size]


def changed_terms(log: PolicyContract, policy: PolicyContract) -> set[str]:
    """Names of the observation terms that the two contracts make differently of one reading."""
    scales = {term.name: term.scale for term in log.observation}
    changed = {term.name for term in policy.observation if scales.get(term.name) != term.scale}
    if log.default_joint_pos != policy.default_joint_pos:
        changed.add("joint_pos")
    return changed
