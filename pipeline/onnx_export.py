"""Flax -> ONNX: normalizer, actor and squashing in one graph, with the contract in the metadata."""

from typing import TYPE_CHECKING

from deploy.contract import PolicyContract
from deploy.policy import CONTRACT_KEY
from pipeline.command_map import remap
from pipeline.onnx_convert import convert
from pipeline.policy_folder import TrainedPolicy
from pipeline.ppo.networks import export_view

if TYPE_CHECKING:
    from collections.abc import Callable

    import jax

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
    inputs = {"obs": (policy.spec.contract.observation_size,)}
    model = convert(actor_of(policy), inputs, "action", opset, name="policy")
    for key, value in sorted(metadata(policy).items()):
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString(deterministic=True)


def actor_of(policy: TrainedPolicy) -> "Callable[[jax.Array], jax.Array]":
    """The function that is exported: observation to deterministic action."""
    spec = policy.spec
    actor = export_view(policy.params, spec.ppo, spec.contract.action_size)
    return lambda obs: actor(remap(spec.command_map, spec.contract, obs))


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
