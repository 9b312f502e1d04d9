"""Flax -> ONNX: normalizer, actor and squashing in one graph, with the contract in the metadata.

The chain is jax2tf -> TFLite -> tf2onnx: since JAX 0.7, jax2tf wraps its graphs in XlaCallModule,
which tf2onnx cannot read but TFLite's converter lowers.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from brax.training.networks import MLP
from flax import linen

from deploy.contract import PolicyContract
from deploy.policy import CONTRACT_KEY
from pipeline.policy_folder import TrainedPolicy
from pipeline.ppo.networks import ACTOR

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

PARAMS_HASH_KEY, CODE_HASH_KEY = "surefoot_params_sha256", "surefoot_code_sha256"
"""ONNX metadata keys of the training parameters' and the training code's hash."""


def actor(policy: TrainedPolicy) -> "Callable[[jax.Array], jax.Array]":
    """The deterministic action as a graph that never looks at the batch axis.

    Brax's distribution splits mean and deviation of the last layer by a slice over all axes, which
    would pin the batch to the traced size; here the last layer has the mean's half only.

    Args:
        policy: A trained policy.
    """
    size = policy.spec.contract.action_size
    layers = {name: dict(layer) for name, layer in policy.params.networks.policy["params"].items()}
    last = f"hidden_{len(layers) - 1}"
    layers[last] = {
        "kernel": np.asarray(layers[last]["kernel"])[:, :size],
        "bias": np.asarray(layers[last]["bias"])[:size],
    }
    mean = np.asarray(policy.params.normalizer.mean[ACTOR])[None]
    std = np.asarray(policy.params.normalizer.std[ACTOR])[None]
    network = MLP([*policy.spec.ppo.policy_hidden_layer_sizes, size], activation=linen.swish)

    def forward(obs: jax.Array) -> jax.Array:
        return jnp.tanh(network.apply({"params": layers}, (obs - mean) / std))

    return forward


def export(policy: TrainedPolicy, opset: int) -> bytes:
    """Convert a policy; the same policy gives the same bytes.

    Args:
        policy: A trained policy.
        opset: ONNX opset.

    Returns:
        The ONNX file's content.
    """
    model = _convert(actor(policy), policy.spec.contract.observation_size, opset)
    _name_tensors(model)
    model.doc_string = ""
    del model.metadata_props[:]
    for key, value in sorted(metadata(policy).items()):
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString(deterministic=True)


def _convert(
    forward: "Callable[[jax.Array], jax.Array]", obs_size: int, opset: int
) -> "onnx.ModelProto":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow is slow to import, and only this stage needs it.
    import onnx
    import tensorflow as tf
    import tf2onnx
    from jax.experimental import jax2tf

    tf.get_logger().setLevel("ERROR")
    function = tf.function(
        jax2tf.convert(forward),
        input_signature=[tf.TensorSpec([1, obs_size], tf.float32, name="obs")],
        autograph=False,
    )
    module = tf.Module()
    module.forward = function
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], module
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "policy.tflite"
        path.write_bytes(converter.convert())
        model, _ = tf2onnx.convert.from_tflite(str(path), opset=opset)
    onnx.checker.check_model(model)
    return model


def _name_tensors(model: "onnx.ModelProto") -> None:
    """Name input and output, and make the batch symbolic."""
    graph = model.graph
    names = {graph.input[0].name: "obs", graph.output[0].name: "action"}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
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
