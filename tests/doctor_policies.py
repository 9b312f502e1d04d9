"""Policies for the doctor: the shipped ones, spoilt on purpose."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from deploy.contract import PolicyContract
from deploy.policy import CONTRACT_KEY
from pipeline.doctor import checks
from pipeline.doctor.checks.walk import check_walk
from pipeline.provenance import ROOT

PER_JOINT = (
    "joint_names",
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
UNITREE_NAMES = {
    "gyro": "base_ang_vel",
    "projected_gravity": "projected_gravity",
    "command": "velocity_commands",
    "joint_pos": "joint_pos_rel",
    "joint_vel": "joint_vel_rel",
    "last_action": "last_action",
    "phase": "gait_phase",
}


def leave_out_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the check that takes seconds."""
    kept = tuple(check for check in checks.CHECKS if check is not check_walk)
    assert len(kept) == len(checks.CHECKS) - 1
    monkeypatch.setattr(checks, "CHECKS", kept)


def shipped(robot: str) -> Path:
    return ROOT / "policies" / robot / "policy.onnx"


def contract_of(robot: str) -> dict[str, Any]:
    """The shipped policy's contract as its JSON object."""
    metadata = {p.key: p.value for p in onnx.load(shipped(robot)).metadata_props}
    return json.loads(metadata[CONTRACT_KEY])


def write(
    folder: Path,
    robot: str = "go2",
    *,
    graph: Callable[[onnx.ModelProto], None] | None = None,
    contract: Callable[[dict[str, Any]], None] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a shipped policy anew.

    Args:
        folder: Where to.
        robot: Whose.
        graph: Changes the model in place.
        contract: Changes the contract's JSON object in place.
        metadata: Replaces all metadata; by default there is the contract alone.
    """
    model = onnx.load(shipped(robot))
    raw = contract_of(robot)
    if contract:
        contract(raw)
    if graph:
        graph(model)
    del model.metadata_props[:]
    wanted = {CONTRACT_KEY: json.dumps(raw)} if metadata is None else metadata
    for key, value in wanted.items():
        model.metadata_props.add(key=key, value=value)
    path = folder / "policy.onnx"
    onnx.save(model, path)
    return path


def mjlab(robot: str, **changes: str) -> dict[str, str]:
    """Metadata as mjlab writes it, with three decimals."""
    raw = contract_of(robot)

    def csv(values: list[float]) -> str:
        return ",".join(f"{value:.3f}" for value in values)

    found = {
        "run_path": "somewhere/walk",
        "joint_names": ",".join(raw["joint_names"]),
        "joint_stiffness": csv(raw["kp"]),
        "joint_damping": csv(raw["kd"]),
        "default_joint_pos": csv(raw["default_joint_pos"]),
        "action_scale": csv(raw["action_scale"]),
        "command_names": "twist",
        "observation_names": ",".join(term["name"] for term in raw["observation"]),
    }
    return {**found, **changes}


def deploy_yaml(
    folder: Path,
    robot: str,
    edit: Callable[[dict[str, Any]], None] | None = None,
    order: Sequence[int] | None = None,
) -> Path:
    """Write a shipped policy's contract in Unitree's format: gains in motor order.

    Args:
        folder: Where to.
        robot: Whose.
        edit: Changes the content in place.
        order: Places in the contract, in the order that is written.
    """
    stated = contract_of(robot)
    for name in PER_JOINT if order else ():
        stated[name] = [stated[name][place] for place in order or ()]
    contract = PolicyContract.from_json(json.dumps(stated))
    motors, ranges = contract.motor_indices, contract.command_ranges
    size = max(motors) + 1
    by_motor = {name: [0.0] * size for name in ("kp", "kd")}
    for name, values in by_motor.items():
        for motor, value in zip(motors, getattr(contract, name), strict=True):
            values[motor] = value
    raw: dict[str, Any] = {
        "joint_ids_map": list(motors),
        "step_dt": contract.ctrl_dt,
        "stiffness": by_motor["kp"],
        "damping": by_motor["kd"],
        "default_joint_pos": list(contract.default_joint_pos),
        "commands": {
            "base_velocity": {
                "ranges": {
                    "lin_vel_x": list(ranges.vx),
                    "lin_vel_y": list(ranges.vy),
                    "ang_vel_z": list(ranges.yaw_rate),
                    "heading": None,
                }
            }
        },
        "actions": {
            "JointPositionAction": {
                "clip": None,
                "joint_names": [".*"],
                "scale": list(contract.action_scale),
                "offset": list(contract.default_joint_pos),
                "joint_ids": None,
            }
        },
        "observations": {
            UNITREE_NAMES[term.name]: {
                "params": {"period": contract.gait_period_s} if term.name == "phase" else {},
                "clip": None,
                "scale": list(term.scale),
                "history_length": 1,
            }
            for term in contract.observation
        },
    }
    if edit:
        edit(raw)
    path = folder / "deploy.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    return path


def a_huge_weight(model: onnx.ModelProto) -> None:
    """State a tensor of 16 GB, without its numbers."""
    model.graph.initializer.append(
        TensorProto(name="z", dims=[10**9, 4], data_type=TensorProto.FLOAT)
    )


def before_input(model: onnx.ModelProto, operator: str, values: np.ndarray | None = None) -> None:
    """Put a node between the observation and all that uses it; without values, feed it twice."""
    second = "obs" if values is None else _constant(model, "planted_in", values)
    for node in model.graph.node:
        node.input[:] = ["changed_obs" if name == "obs" else name for name in node.input]
    model.graph.node.insert(0, helper.make_node(operator, ["obs", second], ["changed_obs"]))


def after_output(
    model: onnx.ModelProto, operator: str, *values: np.ndarray, domain: str = ""
) -> None:
    """Put a node between what makes the action and the action."""
    for node in model.graph.node:
        node.output[:] = ["own_action" if name == "action" else name for name in node.output]
    inputs = ["own_action", *(_constant(model, f"planted_{i}", v) for i, v in enumerate(values))]
    model.graph.node.append(helper.make_node(operator, inputs, ["action"], domain=domain))


def before_tanh(model: onnx.ModelProto, factor: float) -> None:
    """Make everything that the last layer squashes larger."""
    last = model.graph.node[-1]
    assert last.op_type == "Tanh"
    name = _constant(model, "planted_gain", np.float32(factor))
    loud = helper.make_node("Mul", [last.input[0], name], ["loud"])
    last.input[0] = "loud"
    model.graph.node.insert(len(model.graph.node) - 1, loud)


def _constant(model: onnx.ModelProto, name: str, values: Any) -> str:
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
    return name
