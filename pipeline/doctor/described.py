"""What a policy is said to see and do: the three dialects of metadata in one form."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from deploy.contract import CommandRanges
from pipeline.doctor.layout import columns
from robots import HeldJoint

Values = tuple[float, ...]
Clip = tuple[float, float]
"""Lower and upper bound; either may be infinite."""
FREE: Clip = (-math.inf, math.inf)
"""A clip that cuts nothing."""
CTRL_DT = 0.02
"""Control period where none is stated, s: that of unitree_rl_gym, unitree_rl_lab and mjlab."""
SHORTEST_S, LONGEST_S = 0.002, 0.1
"""Control periods that a walking policy may have, s: the motors' own, and a slow one."""
PER_JOINT = (
    "joint_names",
    "motor_indices",
    "default_joint_pos",
    "kp",
    "kd",
    "action_scale",
    "action_offset",
    "joint_lower",
    "joint_upper",
    "effort_limit",
    "velocity_limit",
    "action_clip",
)
"""Fields with one entry per joint."""
MAX_INPUTS = 2**13
"""Numbers in an observation: what a blind policy with a long history has, and then some."""
ALIASES = {
    "gyro": ("gyro", "base_ang_vel", "ang_vel", "angular_velocity", "imu_ang_vel"),
    "projected_gravity": ("projected_gravity", "gravity", "gravity_vec", "proj_gravity"),
    "command": ("command", "commands", "velocity_commands", "velocity_command", "twist", "cmd"),
    "joint_pos": ("joint_pos", "joint_pos_rel", "dof_pos"),
    "joint_vel": ("joint_vel", "joint_vel_rel", "dof_vel"),
    "last_action": ("last_action", "actions", "action", "last_actions", "prev_actions"),
    "phase": ("phase", "gait_phase"),
    "base_lin_vel": ("base_lin_vel", "lin_vel", "linear_velocity", "base_linear_velocity"),
}
"""One kind of observation under the names that trainers give it."""
SIZES = {
    "gyro": 3,
    "projected_gravity": 3,
    "command": 3,
    "phase": 2,
    "base_lin_vel": 3,
}
"""Numbers that a kind has; joint terms have one per joint."""
JOINT_KINDS = ("joint_pos", "joint_vel", "last_action")
"""Kinds with one number per joint, in joint order."""


@dataclass(frozen=True)
class Term:
    """One block of the observation.

    Args:
        name: As the statement has it.
        size: Numbers of one reading, or None where nothing says so.
        scale: Factor of each, or None where nothing says so.
        history: How many readings the block holds, oldest first.
        clip: Bounds of every reading; None where nothing says so.
        clip_scaled: Whether the clip comes after the scale, and not before it.
    """

    name: str
    size: int | None
    scale: Values | None = None
    history: int = 1
    clip: Clip | None = None
    clip_scaled: bool = False

    @property
    def kind(self) -> str | None:
        """What it is, whatever it is called; None where that is unknown."""
        return next((kind for kind, names in ALIASES.items() if self.name in names), None)

    @property
    def width(self) -> int | None:
        """Numbers it takes up in the observation."""
        return None if self.size is None else self.size * self.history

    @property
    def bounds(self) -> tuple[Clip, ...] | None:
        """The clip of each number of a reading, before the scale; None where there is none."""
        if self.clip is None or self.size is None:
            return None
        if self.scale is None or not self.clip_scaled:
            return (self.clip,) * self.size
        lower, upper = self.clip
        ends = [sorted((lower / x, upper / x)) if x else FREE for x in self.scale]
        return tuple((low, high) for low, high in ends)


@dataclass(frozen=True)
class Described:
    """One statement about a policy; whatever it leaves out is None. Joints are in action order.

    Args:
        source: Where it stands: a metadata key, a file.
        keys: What the statement calls a field.
        places: Where a field stands that another statement has filled in.
        robot: Name of the robot.
        joint_names: Driven joints.
        motor_indices: Motor slot of each.
        default_joint_pos: Pose that joint readings are relative to, rad.
        kp: Position gains, N m / rad.
        kd: Velocity gains, N m s / rad.
        action_scale: rad per unit of action.
        action_offset: Target of a zero action, rad.
        joint_lower: Lower joint limits, rad.
        joint_upper: Upper joint limits, rad.
        effort_limit: Torque limits, N m.
        velocity_limit: No-load speeds, rad/s.
        action_clip: Bounds of the joint targets that an action is made into, rad.
        observation: Terms, in order.
        frame_major: Whether the oldest readings of all terms come first, then the next; else, or
            where nothing says so, each term has all of its readings together.
        ctrl_dt: Control period, s.
        gait_period_s: Period of the gait clock, s.
        command_ranges: Commands it was trained for.
        command_dead_zone: Speed and rate below which it knows zero only.
        imu_frame: Link that carries the IMU.
        held_joints: Joints the policy does not drive.
        by_motor: Fields as written, where they are written in motor order.
        rounding: How the writer rounds: to three decimals, to three significant digits, not at all.
        exact: Fields that the writer does not round all the same.
    """

    source: str
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    places: Mapping[str, str] = field(default_factory=dict[str, str])
    robot: str | None = None
    joint_names: tuple[str, ...] | None = None
    motor_indices: tuple[int, ...] | None = None
    default_joint_pos: Values | None = None
    kp: Values | None = None
    kd: Values | None = None
    action_scale: Values | None = None
    action_offset: Values | None = None
    joint_lower: Values | None = None
    joint_upper: Values | None = None
    effort_limit: Values | None = None
    velocity_limit: Values | None = None
    action_clip: tuple[Clip, ...] | None = None
    observation: tuple[Term, ...] | None = None
    frame_major: bool | None = None
    ctrl_dt: float | None = None
    gait_period_s: float | None = None
    command_ranges: CommandRanges | None = None
    command_dead_zone: float | None = None
    imu_frame: Literal["base", "torso"] | None = None
    held_joints: tuple[HeldJoint, ...] | None = None
    by_motor: Mapping[str, Values] = field(default_factory=dict[str, Values])
    rounding: Literal["decimals", "significant"] | None = None
    exact: frozenset[str] = frozenset()

    @property
    def num_joints(self) -> int | None:
        """How many joints the statement speaks of, or None."""
        return next((len(v) for name in PER_JOINT if (v := getattr(self, name)) is not None), None)

    @cached_property
    def columns(self) -> list[np.ndarray]:
        """Inputs that each term takes: (history, size) each, up to where nothing says any more."""
        terms = self.observation or ()
        if sum(term.width or 0 for term in terms) > MAX_INPUTS:
            return []
        history = [term.history for term in terms]
        sizes: list[int] = []
        for term in terms:
            if term.size is None:
                break
            sizes.append(term.size)
        if self.frame_major and (len(sizes) < len(terms) or len(set(history)) > 1):
            return []
        return columns(sizes, history[: len(sizes)], frame_major=bool(self.frame_major))

    def where(self, name: str, index: int | None = None) -> str:
        """Where a field stands, for a finding; with an index, of which joint."""
        place = self.places.get(name, f"{self.source}: {self.keys.get(name, name)}")
        return place if index is None else f"{place}[{index}] ({self.joint(index)})"

    def joint(self, index: int) -> str:
        """Name of a joint, or its number where it has none."""
        names = self.joint_names or ()
        return names[index] if index < len(names) else f"joint {index}"
