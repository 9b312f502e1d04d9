"""Unitree's `deploy.yaml`, as unitree_rl_lab's `utils/export_deploy_cfg.py` writes it.

The trap of the format: `stiffness` and `damping` are in the order of the motors, everything else is
in the simulator's, and `joint_ids_map` leads from the second to the first.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.contract import CommandRanges
from pipeline.doctor.described import Described, Values
from pipeline.doctor.findings import Finding, error
from pipeline.doctor.readers.deploy_terms import read_observations
from pipeline.doctor.readers.numbers import Numbers, as_mapping, as_number, shown
from pipeline.doctor.readers.yaml_data import read_yaml
from pipeline.words import listed

KEYS = {
    "motor_indices": "joint_ids_map",
    "joint_names": "joint_ids_map",
    "kp": "stiffness",
    "kd": "damping",
    "action_scale": "actions.JointPositionAction.scale",
    "action_offset": "actions.JointPositionAction.offset",
    "action_clip": "actions.JointPositionAction.clip",
    "observation": "observations",
    "ctrl_dt": "step_dt",
}
"""Our fields by Unitree's names."""
ACTION = "JointPositionAction"
AXES = {"vx": "lin_vel_x", "vy": "lin_vel_y", "yaw_rate": "ang_vel_z"}
FIX = "export the policy again, or correct the entry"


def read_deploy(
    path: Path, motor_names: Mapping[int, str], input_name: str = ""
) -> tuple[Described | None, list[Finding]]:
    """Read a deploy.yaml.

    Args:
        path: The file.
        motor_names: Joint of each motor, as the file names no joints; empty where unknown.
        input_name: Input of the network, by whose name there may be a group of terms.

    Returns:
        What it says, in the order of the action, and what is wrong with it.

    Raises:
        DoctorError: If the file is no YAML mapping.
    """
    raw, findings = read_yaml(path)
    numbers = Numbers(str(path), FIX)
    motors = numbers.whole("joint_ids_map", raw.get("joint_ids_map"))
    action = as_mapping(as_mapping(raw.get("actions")).get(ACTION))
    num_joints = len(motors) if motors else 0
    driven = _driven(action, num_joints)
    by_motor = {name: numbers.read(KEYS[name], raw.get(KEYS[name])) for name in ("kp", "kd")}
    mapped = {
        name: _by_joint(KEYS[name], values, motors, numbers) for name, values in by_motor.items()
    }
    default = numbers.read("default_joint_pos", raw.get("default_joint_pos"))
    per_joint = {"motor_indices": motors, "default_joint_pos": default, **mapped}
    fields: dict[str, Any] = {
        name: _pick(values, driven, num_joints) for name, values in per_joint.items()
    }
    for name in ("scale", "offset"):
        fields[f"action_{name}"] = _broadcast(
            numbers.read(KEYS[f"action_{name}"], _as_list(action.get(name))),
            len(driven) if driven else num_joints,
        )
    fields["action_clip"] = numbers.bounds_of_each(KEYS["action_clip"], action.get("clip"))
    observed = read_observations(raw.get("observations"), input_name, numbers)
    names = tuple(motor_names.get(motor, "") for motor in fields["motor_indices"] or ())
    described = Described(
        str(path),
        keys=KEYS,
        joint_names=names if names and all(names) else None,
        observation=observed.terms,
        frame_major=observed.frame_major,
        ctrl_dt=_step(raw.get("step_dt"), numbers),
        gait_period_s=observed.gait_period_s,
        command_ranges=_ranges(raw, numbers),
        by_motor={name: values for name, values in by_motor.items() if values},
        rounding="significant",
        **fields,
    )
    missing = [key for key in ("joint_ids_map", "actions", "observations") if key not in raw]
    if missing:
        findings.append(error("metadata", f"lacks {', '.join(missing)}", str(path), FIX))
    return described, [*findings, *numbers.findings]


def _as_list(node: object) -> object:
    return [node] if isinstance(node, (int, float)) else node


def _driven(action: Mapping[str, Any], num_joints: int) -> tuple[int, ...] | None:
    """Which of the joints the action drives, as `joint_ids` lists them; None: all, in order."""
    ids = action.get("joint_ids")
    if not isinstance(ids, list) or ids == list(range(num_joints)):
        return None
    chosen = [i for i in ids if isinstance(i, int) and 0 <= i < num_joints]
    return tuple(chosen) if chosen and len(chosen) == len(ids) else None


def _pick(
    values: tuple[Any, ...] | None, driven: tuple[int, ...] | None, num_joints: int
) -> tuple[Any, ...] | None:
    if values is None or driven is None or len(values) != num_joints:
        return values
    return tuple(values[index] for index in driven)


def _broadcast(values: Values | None, size: int) -> Values | None:
    return values * size if values and len(values) == 1 and size else values


def _by_joint(
    key: str, values: Values | None, motors: tuple[int, ...] | None, numbers: Numbers
) -> Values | None:
    """From motor order to the action's."""
    if values is None or motors is None:
        return None
    beyond = [str(motor) for motor in motors if motor >= len(values)]
    if beyond:
        what = (
            f"has {len(values)} values, one per motor, but joint_ids_map reaches motors "
            f"{listed(beyond)}: they would get none"
        )
        numbers.findings.append(error("gains", what, f"{numbers.source}: {key}", FIX))
        return None
    return tuple(values[motor] for motor in motors)


def _step(node: object, numbers: Numbers) -> float | None:
    value = as_number(node)
    if node is not None and (value is None or value <= 0):
        numbers.refuse("step_dt", f"{shown(node)} is no duration")
        return None
    return value


def _ranges(raw: Mapping[str, Any], numbers: Numbers) -> CommandRanges | None:
    ranges = as_mapping(
        as_mapping(as_mapping(raw.get("commands")).get("base_velocity")).get("ranges")
    )
    found: dict[str, tuple[float, float]] = {}
    for axis, theirs in AXES.items():
        key = f"commands.base_velocity.ranges.{theirs}"
        limits = numbers.read(key, ranges.get(theirs))
        if limits is None:
            return None
        if len(limits) != 2 or limits[0] > limits[1]:
            numbers.refuse(key, f"{list(limits)} is no range: want a lower and an upper end")
            return None
        found[axis] = (limits[0], limits[1])
    return CommandRanges(**found)
