"""Bake controller.onnx around policy.onnx: raw sensors in, joint targets out, the contract inside.

    python -m pipeline.bake policies/g1/policy.onnx

The network inside is policy.onnx, node by node. What stands around it on a robot is traced from
`deploy`; only the clock is laid by hand, because it wants double precision.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from deploy.contract import PolicyContract
from deploy.observations import joint_targets, observe
from deploy.policy import POLICY_HASH_KEY, Policy
from deploy.sensors import Sensors, policy_inputs, shapes
from pipeline import config
from pipeline.cli import StageError, expected_errors
from pipeline.config import Config
from pipeline.controller_parity import controller_errors
from pipeline.files import sha256, write_atomically
from pipeline.onnx_convert import BATCH, convert

if TYPE_CHECKING:
    import jax
    import onnx

CONTROLLER = "controller.onnx"
"""What it is called, beside its policy.onnx."""


def bake(path: Path) -> bytes:
    """Put a policy's whole contract into a graph around it; the same policy gives the same bytes.

    Args:
        path: A policy.onnx.

    Returns:
        The content of controller.onnx.

    Raises:
        PolicyError: If the file is no policy with a contract.
    """
    import onnx
    from onnx.compose import merge_models

    contract = Policy(path).contract
    policy = onnx.load(path)
    own = {entry.key: entry.value for entry in policy.metadata_props}
    opset = next(entry.version for entry in policy.opset_import if not entry.domain)
    controller = merge_models(
        _clock(contract, policy), _senses(contract, opset), io_map=[("phase", "phase")]
    )
    controller = merge_models(controller, policy, io_map=[("obs", "obs")])
    controller = merge_models(controller, _targets(contract, opset), io_map=[("action", "action")])
    _order_ends(controller.graph, contract)
    del controller.metadata_props[:], controller.opset_import[:]
    controller.opset_import.extend(policy.opset_import)
    for key, value in sorted((own | _plain_keys(contract, path)).items()):
        controller.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(controller, full_check=True)
    return controller.SerializeToString(deterministic=True)


def _clock(contract: PolicyContract, policy: "onnx.ModelProto") -> "onnx.ModelProto":
    """Time -> phase, in double precision: after a day, single precision has steps of 8 ms."""
    from onnx import TensorProto, helper, numpy_helper

    period = numpy_helper.from_array(np.asarray(contract.gait_period_s), "clock/period")
    nodes = [
        helper.make_node("Mod", ["time", period.name], ["clock/mod"], "clock/mod", fmod=1),
        helper.make_node("Div", ["clock/mod", period.name], ["clock/div"], "clock/div"),
        helper.make_node("Cast", ["clock/div"], ["phase"], "clock/cast", to=TensorProto.FLOAT),
    ]
    ends = (("time", TensorProto.DOUBLE), ("phase", TensorProto.FLOAT))
    time, phase = (helper.make_tensor_value_info(name, kind, [BATCH]) for name, kind in ends)
    graph = helper.make_graph(nodes, "clock", [time], [phase], [period])
    return helper.make_model(graph, opset_imports=policy.opset_import, ir_version=policy.ir_version)


def _senses(contract: PolicyContract, opset: int) -> "onnx.ModelProto":
    """Sensors -> observation."""

    def read(*readings: "jax.Array") -> "jax.Array":
        sensors = Sensors(**dict(zip(shapes(contract), readings, strict=True)))
        return observe(contract, policy_inputs(contract, sensors, jnp), jnp)

    return convert(read, shapes(contract), "obs", opset, name="senses", prefix="senses/")


def _targets(contract: PolicyContract, opset: int) -> "onnx.ModelProto":
    """Action -> joint targets."""
    return convert(
        lambda action: joint_targets(contract, action),
        {"action": (contract.action_size,)},
        "joint_targets",
        opset,
        name="targets",
        prefix="targets/",
    )


def _order_ends(graph: "onnx.GraphProto", contract: PolicyContract) -> None:
    """Let the inputs stand in the order of `Sensors`, and give the action out as well."""
    from onnx import TensorProto, helper

    inputs = {tensor.name: tensor for tensor in graph.input}
    ordered = [inputs["time" if name == "phase" else name] for name in shapes(contract)]
    del graph.input[:], graph.value_info[:]
    graph.input.extend(ordered)
    graph.name, graph.doc_string = "controller", ""
    size = [BATCH, contract.action_size]
    graph.output.append(helper.make_tensor_value_info("action", TensorProto.FLOAT, size))


def _plain_keys(contract: PolicyContract, path: Path) -> dict[str, str]:
    """Which policy it is, and of the contract what a user needs who reads no JSON."""
    return {
        POLICY_HASH_KEY: sha256(path.read_bytes()),
        "ctrl_dt": str(contract.ctrl_dt),
        "motor_indices": ",".join(map(str, contract.motor_indices)),
    }


def is_baked_from(controller: Path, policy: Path) -> bool:
    """Whether a controller.onnx is there and has this policy.onnx inside."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        metadata = {entry.key: entry.value for entry in onnx.load(controller).metadata_props}
    except (FileNotFoundError, DecodeError):
        return False
    return metadata.get(POLICY_HASH_KEY) == sha256(policy.read_bytes())


def bake_beside(path: Path, settings: Config) -> Path:
    """Bake the controller of a policy.onnx and put it beside it, if it does what it should.

    Args:
        path: A policy.onnx.
        settings: `export` says how closely it has to agree with the code it stands for.

    Raises:
        StageError: If it does not agree; nothing is written.
    """
    content = bake(path)
    errors = controller_errors(settings, Policy(path), content)
    worst = max(errors, key=errors.__getitem__)
    if errors[worst] > settings.export.max_abs_error:
        raise StageError(
            f"{path}: its controller.onnx and the code in deploy/ disagree: {worst} is "
            f"{errors[worst]:.3g}, allowed {settings.export.max_abs_error:g}"
        )
    target = path.with_name(CONTROLLER)
    write_atomically(target, content)
    return target


def main() -> None:
    """Bake the files asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bake", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("policy", type=Path, nargs="+", help="a policy.onnx; written beside it")
    with expected_errors():
        for path in parser.parse_args().policy:
            print(bake_beside(path, config.load()))


if __name__ == "__main__":
    main()
