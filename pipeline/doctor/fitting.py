"""A described policy on a robot of ours: its contract in the robot's order of joints."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from deploy.contract import ObservationTerm, PolicyContract
from deploy.observations import TERMS
from pipeline.doctor.described import (
    CTRL_DT,
    JOINT_KINDS,
    LONGEST_S,
    SHORTEST_S,
    Clip,
    Described,
    Term,
)
from pipeline.doctor.samples import USUAL
from robots import RobotSpec

PER_ROBOT = ("kp", "kd", "default_joint_pos", "action_scale")


class CannotWalkError(Exception):
    """A policy cannot be put on a robot of ours; the message says why."""


@dataclass(frozen=True)
class Order:
    """A guess at which joints the network means.

    Args:
        joints: Joint of each action.
        by_place: Whether gains, scale and pose belong to the places, so that they move along with
            the network's order; else they belong to the names.
    """

    joints: tuple[str, ...]
    by_place: bool = False


@dataclass(frozen=True)
class Fitted:
    """A policy on a robot of ours; joints are in the robot's order.

    Args:
        contract: What it sees and does.
        history: Readings that each term holds.
        frame_major: Whether the oldest readings of all terms come first.
        term_clips: Bounds of each number of a term, before the scale; None where it has none.
        target_clip: Bounds of each joint's target, rad; None where there are none.
    """

    contract: PolicyContract
    history: tuple[int, ...]
    frame_major: bool
    term_clips: tuple[tuple[Clip, ...] | None, ...]
    target_clip: tuple[Clip, ...] | None


def in_order_of(said: Described, joints: tuple[str, ...]) -> list[Order]:
    """An order, with gains and pose by name and, where that differs, by place."""
    by_name = Order(joints)
    names = said.joint_names or ()
    moved = dataclasses.replace(by_name, by_place=True)
    for field in (*PER_ROBOT, "action_clip"):
        values = getattr(said, field) or ()
        if len(values) == len(names) and any(
            values[names.index(joint)] != values[place] for place, joint in enumerate(joints)
        ):
            return [by_name, moved]
    return [by_name]


def fit(said: Described, spec: RobotSpec, order: Order, gait_period_s: float) -> Fitted:
    """Put what was described into the robot's own order of joints.

    Args:
        said: The description.
        spec: The robot.
        order: Which joints the network is taken to mean.
        gait_period_s: Period of the gait clock where none is stated, s.

    Raises:
        CannotWalkError: If something is missing, or is not what our robots have.
    """
    names = said.joint_names
    if names is None or sorted(names) != sorted(spec.joint_names):
        count = f"{len(names)} joints" if names else "joints it does not name"
        raise CannotWalkError(
            f"it drives {count}, and our {spec.title} has {len(spec.joint_names)}: "
            "another set of joints"
        )
    if not SHORTEST_S <= (said.ctrl_dt or CTRL_DT) <= LONGEST_S:
        raise CannotWalkError(f"nobody asks it every {said.ctrl_dt:g} s")
    owners = order.joints if order.by_place else names
    fields: dict[str, Any] = {}
    for field in PER_ROBOT:
        values = _for_all(said, field, len(names))
        if values is None:
            raise CannotWalkError(f"nothing says its {field}")
        fields[field] = tuple(values[owners.index(joint)] for joint in spec.joint_names)
    offset = _for_all(said, "action_offset", len(names))
    if offset is not None and not np.allclose(offset, said.default_joint_pos or 0):
        raise CannotWalkError("its zero action is not its default pose")
    history = tuple(term.history for term in said.observation or ())
    if said.frame_major and len(set(history)) > 1:
        raise CannotWalkError("its readings come frame by frame, and not as many of each term")
    clip = _for_all(said, "action_clip", len(names))
    contract = PolicyContract(
        robot=spec.name,
        joint_names=spec.joint_names,
        motor_indices=tuple(joint.motor_index for joint in spec.joints),
        joint_lower=tuple(joint.lower for joint in spec.joints),
        joint_upper=tuple(joint.upper for joint in spec.joints),
        effort_limit=tuple(joint.effort_limit for joint in spec.joints),
        velocity_limit=tuple(joint.velocity_limit for joint in spec.joints),
        observation=_terms(said, spec, owners),
        ctrl_dt=said.ctrl_dt or CTRL_DT,
        gait_period_s=said.gait_period_s or gait_period_s,
        command_ranges=said.command_ranges or USUAL,
        command_dead_zone=said.command_dead_zone or 0.0,
        imu_frame=spec.imu_frame,
        **fields,
    )
    return Fitted(
        contract,
        history=history,
        frame_major=bool(said.frame_major),
        term_clips=tuple(
            term.bounds and _in_order(term, term.bounds, spec, owners)
            for term in said.observation or ()
        ),
        target_clip=clip and tuple(clip[owners.index(joint)] for joint in spec.joint_names),
    )


def _for_all(said: Described, field: str, joints: int) -> tuple[Any, ...] | None:
    """A field with an entry for each joint; None where nothing states it."""
    values = getattr(said, field)
    if values is not None and len(values) != joints:
        name = said.keys.get(field, field)
        raise CannotWalkError(f"{name} has {len(values)} entries for {joints} joints")
    return values


def _terms(
    said: Described, spec: RobotSpec, owners: tuple[str, ...]
) -> tuple[ObservationTerm, ...]:
    terms: list[ObservationTerm] = []
    for term in said.observation or ():
        if term.kind not in TERMS or term.size is None:
            raise CannotWalkError(f"the simulated robot has no sensor for {term.name!r}")
        scale = _in_order(term, term.scale or (1.0,) * term.size, spec, owners)
        terms.append(ObservationTerm(term.kind, scale))
    if not terms:
        raise CannotWalkError("nothing says what it observes")
    return tuple(terms)


def _in_order(
    term: Term, values: tuple[Any, ...], spec: RobotSpec, owners: tuple[str, ...]
) -> tuple[Any, ...]:
    """One value per number of a term: where these are joints, in the robot's order."""
    if term.kind not in JOINT_KINDS:
        return values
    if len(values) != len(owners):
        raise CannotWalkError(f"{term.name} has {len(values)} numbers")
    return tuple(values[owners.index(joint)] for joint in spec.joint_names)
