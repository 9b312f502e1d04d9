"""Flax -> ONNX: normalizer, actor and squashing in one graph, with the contract in the metadata.

The chain is jax2tf -> TFLite -> tf2onnx: since JAX 0.7, jax2tf wraps its graphs in XlaCallModule,
which tf2onnx cannot read but TFLite's converter lowers.
"""

import contextlib
import logging
import os
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, Any

from deploy.contract import PolicyContract
from deploy.policy import CONTRACT_KEY
from pipeline.command_map import remap
from pipeline.policy_folder import TrainedPolicy
from pipeline.ppo.networks import export_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import jax
    import onnx

PARAMS_HASH_KEY, CODE_HASH_KEY = "surefoot_params_sha256", "surefoot_code_sha256"
"""ONNX metadata keys of the training parameters' and the training code's hash."""


def export(policy: TrainedPolicy, opset: int) -> bytes:
    """Convert a policy; the same policy gives the same bytes.

    Args:
        policy: A trained policy.
        opset: ONNX opset.

    Returns:
        The ONNX file's content.
    """
    with _quiet():
        model = _convert(actor_of(policy), policy.spec.contract.observation_size, opset)
    _name_tensors(model)
    model.doc_string = ""
    del model.metadata_props[:]
    for key, value in sorted(metadata(policy).items()):
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString(deterministic=True)


@contextlib.contextmanager
def _quiet() -> "Iterator[None]":
    """Hold back what TensorFlow's C++ side says on standard error; show it if conversion fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def actor_of(policy: TrainedPolicy) -> "Callable[[jax.Array], jax.Array]":
    """The function that is exported: observation to deterministic action."""
    spec = policy.spec
    actor = export_view(policy.params, spec.ppo, spec.contract.action_size)
    return lambda obs: actor(remap(spec.command_map, spec.contract, obs))


def _convert(
    forward: "Callable[[jax.Array], jax.Array]", obs_size: int, opset: int
) -> "onnx.ModelProto":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow is slow to import, and only this stage needs it.
    import onnx
    import tensorflow as tf
    import tf2onnx
    from jax.experimental import jax2tf

    for name in ("tensorflow", "tf2onnx", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    function = tf.function(
        jax2tf.convert(forward),
        input_signature=[tf.TensorSpec([1, obs_size], tf.float32, name="obs")],
        autograph=False,
    )
    module: Any = tf.Module()
    module.forward = function
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], module
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "policy.tflite"
        path.write_bytes(converter.convert())
        with warnings.catch_warnings():
            # TensorFlow announces that its TFLite interpreter moves to another package.
            warnings.filterwarnings("ignore", message="(?s).*tf.lite.Interpreter is deprecated")
            model, _ = tf2onnx.convert.from_tflite(str(path), opset=opset)
    onnx.checker.check_model(model)
    return model


def _name_tensors(model: "onnx.ModelProto") -> None:
    """Name every tensor by its place, and make the batch symbolic.

    The converters number names by a counter that runs on within a process; without this the bytes
    would depend on what was exported before.
    """
    graph = model.graph
    names = {graph.input[0].name: "obs", graph.output[0].name: "action"}
    constants = {tensor.name for tensor in graph.initializer}
    for index, node in enumerate(graph.node):
        node.name = f"{node.op_type.lower()}_{index}"
        for place, name in enumerate(node.input):
            if name in constants:
                names.setdefault(name, f"{node.name}_constant_{place}")
        for name in node.output:
            names.setdefault(name, node.name)
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
    graph.initializer.sort(key=lambda tensor: tensor.name)
    for tensor in (graph.input[0], graph.output[0]):
        tensor.name = names[tensor.name]
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.value_info[:]
    graph.name = "policy"


def metadata(policy: TrainedPolicy) -> dict[str, str]:
    """The contract at full precision, the keys mjlab's exporter writes, and provenance."""
    contract = policy.spec.contract
    return {
        CONTRACT_KEY: contract.to_json(),
        **_mjlab_keys(contract),
        PARAMS_HASH_KEY: policy.spec.params_hash,
        CODE_HASH_KEY: policy.spec.code_hash,
    }


def _mjlab_keys(contract: PolicyContract) -> dict[str, str]:
    """Comma-separated values, as mjlab's `exporter_utils.py` names them, without its rounding."""

    def csv(values: tuple[object, ...]) -> str:
        return ",".join(str(value) for value in values)

    return {
        "joint_names": csv(contract.joint_names),
        "joint_stiffness": csv(contract.kp),
        "joint_damping": csv(contract.kd),
        "default_joint_pos": csv(contract.default_joint_pos),
        "action_scale": csv(contract.action_scale),
        "observation_names": csv(tuple(term.name for term in contract.observation)),
        "command_names": "vx,vy,yaw_rate",
    }
