"""What a log says: one header per file, one tick per control period."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import orjson

from deploy.contract import ContractError, PolicyContract
from deploy.observations import Inputs
from robots.errors import UserError

FORMAT_VERSION = 1
"""Raised when a field is dropped or changes meaning; an optional one may be added without."""
METADATA_NAME = "surefoot_log"
"""MCAP metadata record that holds the header."""
TOPIC, SCHEMA_NAME = "/tick", "surefoot.Tick"

Vector = Any
"""A float32 array, or anything NumPy makes one of."""


class LogError(UserError):
    """A log cannot be written, or is none of this project, or contradicts itself."""


@dataclass(frozen=True)
class LogHeader:
    """What holds for a whole run; every file of a run carries it.

    Args:
        contract: The policy's contract.
        policy_sha256: Hex digest of the ONNX file.
        source: What was driven, for people: a robot's name, a simulator.
        timing_names: Keys of the ticks' `timings_s`.
        epoch_s: What makes Unix time of a tick's `time_s`; 0 where a simulator keeps the time.
    """

    contract: PolicyContract
    policy_sha256: str
    source: str
    timing_names: tuple[str, ...] = ()
    epoch_s: float = 0.0

    def to_metadata(self) -> dict[str, str]:
        """Write the header as MCAP metadata."""
        return {
            "format_version": str(FORMAT_VERSION),
            "robot": self.contract.robot,
            "contract": self.contract.to_json(),
            "policy_sha256": self.policy_sha256,
            "source": self.source,
            "timing_names": " ".join(self.timing_names),
            "epoch_s": repr(self.epoch_s),
        }

    @classmethod
    def from_metadata(cls, metadata: dict[str, str]) -> "LogHeader":
        """Read a header written by `to_metadata`.

        Raises:
            LogError: If it is of another version, or a field is missing or malformed.
        """
        version = metadata.get("format_version")
        if version != str(FORMAT_VERSION):
            raise LogError(
                f"format_version is {version!r}, this code reads {FORMAT_VERSION}; use the version "
                "of Surefoot that wrote it"
            )
        try:
            return cls(
                PolicyContract.from_json(metadata["contract"]),
                metadata["policy_sha256"],
                metadata["source"],
                tuple(metadata["timing_names"].split()),
                float(metadata["epoch_s"]),
            )
        except KeyError as error:
            raise LogError(f"the header lacks {error.args[0]}") from error
        except (ContractError, ValueError) as error:
            raise LogError(f"the header is malformed: {error}") from error


class Tick(NamedTuple):
    """One control period, as it was measured, decided and sent; the file has float32 throughout.

    `inputs` is what the policy looked at, or would have: already in the base frame and, of the
    command, after the dead zone. What is None is left out of the file.

    Args:
        step: Counts every tick of a run, from 0.
        time_s: Monotonic time at which the sensors were read, s.
        state: Name of the controller's state.
        imu_quat: (4,) orientation of the IMU's link in the world, wxyz, as measured.
        imu_gyro: (3,) its angular velocity in its own frame, rad/s, as measured.
        inputs: Inputs of `deploy.observations.observe`.
        sent_targets: (num_joints,) rad, joint targets sent, after safety.
        observation: (observation_size,) the policy's input; None where it did not run.
        action: (num_joints,) its output; None where it did not run.
        joint_targets: (num_joints,) rad, what it wanted; None where it did not run.
        sent_kp: (num_joints,) N m / rad sent; None where it is the contract's.
        sent_kd: (num_joints,) N m s / rad sent; None where it is the contract's.
        torso_pos: Angle of the torso against the base, rad; where the torso has the IMU.
        torso_vel: Its rate, rad/s; where the torso has the IMU.
        held_pos: (num_held,) rad, joints the policy does not drive, the contract's order.
        held_vel: (num_held,) their rates, rad/s.
        motor_torque: (num_joints + num_held,) N m, as the drivers estimate it; held joints last.
        motor_temperature: (num_joints + num_held,) deg C, the hottest of each motor's sensors.
        motor_error: Flags of the same motors' drivers; None where none has any.
        robot_tick: The robot's own counter of milliseconds.
        mode_machine: What the robot says that it is.
        remote: The remote control's 40 bytes, in hexadecimal.
        timings_s: How long parts of the tick took, s.
        note: What happened, for people: a change of state, a fault.
    """

    step: int
    time_s: float
    state: str
    imu_quat: Vector
    imu_gyro: Vector
    inputs: Inputs
    sent_targets: Vector
    observation: Vector | None = None
    action: Vector | None = None
    joint_targets: Vector | None = None
    sent_kp: Vector | None = None
    sent_kd: Vector | None = None
    torso_pos: float | None = None
    torso_vel: float | None = None
    held_pos: Vector | None = None
    held_vel: Vector | None = None
    motor_torque: Vector | None = None
    motor_temperature: Vector | None = None
    motor_error: list[int] | None = None
    robot_tick: int | None = None
    mode_machine: int | None = None
    remote: str | None = None
    timings_s: dict[str, float] | None = None
    note: str | None = None


PLAIN = {
    "step": {"type": "integer"},
    "time_s": {"type": "number"},
    "state": {"type": "string"},
    "motor_error": {"type": "array", "items": {"type": "number"}},
    "robot_tick": {"type": "integer"},
    "mode_machine": {"type": "integer"},
    "remote": {"type": "string"},
    "timings_s": {"type": "object"},
    "note": {"type": "string"},
}
"""Fields that are no float32, and what they are, as JSON Schema has it."""
SCALARS = ("phase", "torso_pos", "torso_vel")
OPTIONAL = frozenset(Tick._field_defaults)
POLICY_FIELDS = ("observation", "action", "joint_targets")
"""There where the policy ran: all or none."""


def fields_of(tick: Tick) -> dict[str, Any]:
    """A tick as it stands in the file: one level, without what is None."""
    fields = {**tick._asdict(), **tick.inputs._asdict()}
    del fields["inputs"]
    return {name: value for name, value in fields.items() if value is not None}


def elements(contract: PolicyContract) -> dict[str, tuple[str, ...]]:
    """Name the elements of every array in a tick, by field; of `observation` as `term.element`."""
    joints, xyz = contract.joint_names, tuple("xyz")
    held = tuple(joint.name for joint in contract.held_joints)
    inputs = {
        "gyro": xyz,
        "projected_gravity": xyz,
        "command": ("vx", "vy", "yaw_rate"),
        "joint_pos": joints,
        "joint_vel": joints,
        "last_action": joints,
    }
    terms = {**inputs, "phase": ("sin", "cos")}
    observation: list[str] = []
    for term in contract.observation:
        names = terms.get(term.name, ())
        if len(names) != term.size:  # a term this version does not know
            names = tuple(map(str, range(term.size)))
        observation += [f"{term.name}.{name}" for name in names]
    per_joint = ("sent_targets", "action", "joint_targets", "sent_kp", "sent_kd")
    return {
        "imu_quat": tuple("wxyz"),
        "imu_gyro": xyz,
        **inputs,
        "observation": tuple(observation),
        **dict.fromkeys(per_joint, joints),
        **dict.fromkeys(("held_pos", "held_vel"), held),
        **dict.fromkeys(("motor_torque", "motor_temperature"), (*joints, *held)),
    }


def encode(tick: Tick) -> bytes:
    """Write a tick as JSON; float32 to the last bit, and null for what is not finite."""
    return orjson.dumps(fields_of(tick), default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(value: Any) -> Any:
    """What orjson cannot write by itself: arrays that are no contiguous row."""
    return np.asarray(value, np.float32).tolist()


def decode(data: bytes, sizes: dict[str, int]) -> Tick:
    """Read a tick written by `encode`; null becomes NaN.

    Args:
        data: The JSON text.
        sizes: How many values each array has.

    Raises:
        LogError: If a field is missing or of another size; names step and field.
    """
    try:
        raw = dict[str, Any](orjson.loads(data))
    except (TypeError, ValueError) as error:
        raise LogError("a tick is no JSON object") from error
    where = f"step {raw.get('step')}"
    present = [name for name in POLICY_FIELDS if name in raw]
    if present and len(present) < len(POLICY_FIELDS):
        lacking = next(name for name in POLICY_FIELDS if name not in raw)
        raise LogError(f"{where}: has {present[0]} but lacks {lacking}")
    read: dict[str, Any] = {}
    for name in (*Tick._fields, *Inputs._fields):
        if name in raw:
            read[name] = raw[name] if name in PLAIN else _floats(where, name, raw[name], sizes)
        elif name != "inputs" and name not in OPTIONAL:
            raise LogError(f"{where}: lacks {name}")
    if not isinstance(read["step"], int):
        raise LogError(f"{where}: is no whole number")
    if not isinstance(read["time_s"], float | int) or not math.isfinite(read["time_s"]):
        raise LogError(f"{where}: time_s is {read['time_s']!r}, want a number")
    inputs = Inputs(**{name: read.pop(name) for name in Inputs._fields})
    return Tick(inputs=inputs, **read)


def _floats(where: str, name: str, value: Any, sizes: dict[str, int]) -> np.ndarray:
    try:
        floats = np.asarray(value, np.float32)
    except (TypeError, ValueError) as error:
        raise LogError(f"{where}: {name} is not made of numbers") from error
    wanted = () if name in SCALARS else (sizes[name],)
    if floats.shape != wanted:
        raise LogError(
            f"{where}: {name} has shape {floats.shape}, but the log's contract wants {wanted}"
        )
    return floats
