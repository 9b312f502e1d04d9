"""PolicyContract: what a policy sees and does, stated once and carried inside the ONNX file."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, Literal, cast

from robots.errors import UserError
from robots.spec import HeldJoint, RobotSpec

SCHEMA_VERSION = 2
"""Raised whenever a field is added, dropped or changes meaning."""

_PER_JOINT = (
    "motor_indices",
    "default_joint_pos",
    "kp",
    "kd",
    "action_scale",
    "joint_lower",
    "joint_upper",
    "effort_limit",
    "velocity_limit",
)


class ContractError(UserError):
    """A contract is malformed, of another version, or contradicts what it is used with."""


@dataclass(frozen=True)
class ObservationTerm:
    """One block of the observation vector: the raw reading times `scale`, element by element."""

    name: str
    scale: tuple[float, ...]

    @property
    def size(self) -> int:
        """How many numbers the term contributes."""
        return len(self.scale)


@dataclass(frozen=True)
class CommandRanges:
    """Velocity commands the policy was trained for: m/s, m/s, rad/s, in the base frame."""

    vx: tuple[float, float]
    vy: tuple[float, float]
    yaw_rate: tuple[float, float]


@dataclass(frozen=True)
class PolicyContract:
    """Everything that has to be equal in training, in the gate and on the robot.

    Args:
        robot: Name of the robot.
        joint_names: Driven joints, in the order of observation and action.
        motor_indices: Motor slot of each driven joint.
        default_joint_pos: Target of a zero action, rad.
        kp: Position gains, N m / rad.
        kd: Velocity gains, N m s / rad.
        action_scale: rad per unit of action, per joint.
        joint_lower: Lower joint limits, rad.
        joint_upper: Upper joint limits, rad.
        effort_limit: Torque limits, N m.
        velocity_limit: No-load speeds, rad/s.
        observation: Terms of the observation, in order.
        ctrl_dt: Control period, s.
        gait_period_s: Period of the gait clock, s.
        command_ranges: Commands the policy was trained for.
        command_dead_zone: Speed (m/s) and turning rate (rad/s) below which it knows zero only: see
            `deploy.commands.apply_dead_zone`.
        imu_frame: Link that carries the IMU.
        held_joints: Joints the policy does not drive.
        schema_version: Version of this class's layout.
    """

    robot: str
    joint_names: tuple[str, ...]
    motor_indices: tuple[int, ...]
    default_joint_pos: tuple[float, ...]
    kp: tuple[float, ...]
    kd: tuple[float, ...]
    action_scale: tuple[float, ...]
    joint_lower: tuple[float, ...]
    joint_upper: tuple[float, ...]
    effort_limit: tuple[float, ...]
    velocity_limit: tuple[float, ...]
    observation: tuple[ObservationTerm, ...]
    ctrl_dt: float
    gait_period_s: float
    command_ranges: CommandRanges
    command_dead_zone: float
    imu_frame: Literal["base", "torso"]
    held_joints: tuple[HeldJoint, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        for field in _PER_JOINT:
            values = getattr(self, field)
            if len(values) != self.action_size:
                raise ContractError(
                    f"contract: {field} has {len(values)} values, want one for each of the "
                    f"{self.action_size} joints"
                )
            _refuse_non_finite(field, values)
        for field in ("joint_names", "motor_indices"):
            _refuse_repeats(field, getattr(self, field))
        for term in self.observation:
            _refuse_non_finite(f"scale of {term.name}", term.scale)
        for axis, limits in dataclasses.asdict(self.command_ranges).items():
            _refuse_non_finite(f"command range {axis}", limits)
            if len(limits) != 2 or limits[0] > limits[1]:
                raise ContractError(
                    f"contract: command range {axis} is {limits}, want a lower and an upper end"
                )
        if not (math.isfinite(self.command_dead_zone) and self.command_dead_zone >= 0):
            raise ContractError(
                f"contract: command_dead_zone is {self.command_dead_zone}, want >= 0"
            )
        for field in ("ctrl_dt", "gait_period_s"):
            if not (math.isfinite(getattr(self, field)) and getattr(self, field) > 0):
                raise ContractError(f"contract: {field} is {getattr(self, field)}, want > 0")

    @property
    def action_size(self) -> int:
        """Numbers in an action."""
        return len(self.joint_names)

    @property
    def observation_size(self) -> int:
        """Numbers in an observation."""
        return sum(term.size for term in self.observation)

    def to_json(self) -> str:
        """Write the contract as JSON, every float at full precision."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "PolicyContract":
        """Read a contract written by `to_json`.

        Raises:
            ContractError: If the text is no contract, or one of another schema version.
        """
        try:
            raw: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ContractError(f"contract: not JSON ({error})") from error
        if not isinstance(raw, dict):
            raise ContractError("contract: want a JSON object")
        fields = cast("dict[str, Any]", raw)
        version = fields.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ContractError(
                f"contract: schema_version is {version!r}, this code reads {SCHEMA_VERSION}; "
                "export the policy again, or use the version of Surefoot that wrote it"
            )
        _check_keys(fields)
        return _parse(fields)


def _refuse_repeats(field: str, values: tuple[object, ...]) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ContractError(f"contract: {field} has {value!r} twice")


def _refuse_non_finite(what: str, values: tuple[float, ...]) -> None:
    if not all(math.isfinite(value) for value in values):
        raise ContractError(f"contract: {what} has a value that is not finite: {values}")


def _check_keys(raw: dict[str, Any]) -> None:
    wanted = {field.name for field in dataclasses.fields(PolicyContract)}
    if missing := sorted(wanted - raw.keys()):
        raise ContractError(f"contract: lacks {', '.join(missing)}")
    if unknown := sorted(raw.keys() - wanted):
        raise ContractError(f"contract: has unknown keys {', '.join(unknown)}")


def _parse(raw: dict[str, Any]) -> PolicyContract:
    fields: dict[str, Any] = {
        key: tuple(cast("list[Any]", value)) if isinstance(value, list) else value
        for key, value in raw.items()
    }
    try:
        fields["observation"] = tuple(
            ObservationTerm(term["name"], tuple(term["scale"])) for term in raw["observation"]
        )
        fields["command_ranges"] = CommandRanges(
            **{axis: tuple(limits) for axis, limits in raw["command_ranges"].items()}
        )
        fields["held_joints"] = tuple(HeldJoint(**joint) for joint in raw["held_joints"])
        return PolicyContract(**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ContractError(f"contract: malformed ({error!r})") from error


def make_contract(
    robot: RobotSpec,
    *,
    ctrl_dt: float,
    action_scale: float,
    gait_period_s: float,
    command_ranges: CommandRanges,
    command_dead_zone: float,
) -> PolicyContract:
    """State the contract of a policy for `robot`.

    The observation is that of the vendor's own deployment (unitree_rl_gym, `deploy_real.py`):
    its terms, order and scales.

    Args:
        robot: The robot.
        ctrl_dt: Control period, s.
        action_scale: rad per unit of action, for every joint.
        gait_period_s: Period of the gait clock, s.
        command_ranges: Commands the policy is trained for.
        command_dead_zone: Speed (m/s) and turning rate (rad/s) below which it is trained on zero
            only.
    """
    num_joints = len(robot.joints)
    return PolicyContract(
        robot=robot.name,
        joint_names=robot.joint_names,
        motor_indices=tuple(j.motor_index for j in robot.joints),
        default_joint_pos=robot.default_joint_pos,
        kp=tuple(j.kp for j in robot.joints),
        kd=tuple(j.kd for j in robot.joints),
        action_scale=(action_scale,) * num_joints,
        joint_lower=tuple(j.lower for j in robot.joints),
        joint_upper=tuple(j.upper for j in robot.joints),
        effort_limit=tuple(j.effort_limit for j in robot.joints),
        velocity_limit=tuple(j.velocity_limit for j in robot.joints),
        observation=(
            ObservationTerm("gyro", (0.25,) * 3),
            ObservationTerm("projected_gravity", (1.0,) * 3),
            ObservationTerm("command", (2.0, 2.0, 0.25)),
            ObservationTerm("joint_pos", (1.0,) * num_joints),
            ObservationTerm("joint_vel", (0.05,) * num_joints),
            ObservationTerm("last_action", (1.0,) * num_joints),
            ObservationTerm("phase", (1.0,) * 2),
        ),
        ctrl_dt=ctrl_dt,
        gait_period_s=gait_period_s,
        command_ranges=command_ranges,
        command_dead_zone=command_dead_zone,
        imu_frame=robot.imu_frame,
        held_joints=robot.held_joints,
    )
