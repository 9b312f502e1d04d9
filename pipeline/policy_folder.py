"""A trained policy on disk: Orbax parameters, and beside them what is needed to use them."""

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp

from deploy.contract import ContractError, PolicyContract
from pipeline.command_map import CommandMap, remap
from pipeline.config_sections import Ppo
from pipeline.files import (
    POLICY_JSON,
    is_disk_full,
    is_sealed,
    seal,
    without_logging,
    write_atomically,
)
from pipeline.ppo.networks import PolicyParams, PPONetworks, act, init_params, make_networks
from robots.errors import UserError

PARAMS = "params"


class PolicyFolderError(UserError):
    """A policy folder is missing, incomplete, damaged, or of another robot."""


@dataclass(frozen=True)
class PolicySpec:
    """What is stored beside the parameters.

    Args:
        contract: The policy's contract.
        ppo: Hyperparameters, for the networks' sizes.
        obs_sizes: Sizes of the actor's and critic's observations.
        timesteps: Environment steps of training.
        backend: Physics that trained it: native, mjx, warp.
        device: What JAX ran on.
        params_hash: Hash of the parameters in params.yaml that decided the result.
        code_hash: Hash of the training code's files.
        command_map: What the networks are told instead of the command.
    """

    contract: PolicyContract
    ppo: Ppo
    obs_sizes: dict[str, int]
    timesteps: int
    backend: str
    device: str
    params_hash: str
    code_hash: str
    command_map: CommandMap


@dataclass(frozen=True)
class TrainedPolicy:
    """A policy read back: networks, their parameters, and the spec."""

    networks: PPONetworks
    params: PolicyParams
    spec: PolicySpec

    def act(self, obs: jax.Array) -> jax.Array:
        """The deterministic action: (n, observation_size) -> (n, num_joints), in [-1, 1]."""
        told = remap(self.spec.command_map, self.spec.contract, obs)
        return act(self.networks, self.params, told)


def save_policy(folder: Path, params: PolicyParams, spec: PolicySpec) -> None:
    """Write a policy folder whole, replacing an older one.

    Args:
        folder: Where; its parent is made when missing.
        params: Trained parameters.
        spec: What is needed to use them.

    Raises:
        PolicyFolderError: If the disk is full or not writable; an older folder is kept.
    """
    partial = folder.absolute().with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _write(partial, params, spec)
    except Exception as error:  # Orbax wraps a full disk in errors of its own
        shutil.rmtree(partial, ignore_errors=True)
        reason = "the disk is full" if is_disk_full(error) else repr(error)
        raise PolicyFolderError(
            f"{folder}: cannot write the policy: {reason}; make room and run again, training "
            "continues from its last checkpoint"
        ) from error
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _write(folder: Path, params: PolicyParams, spec: PolicySpec) -> None:
    folder.mkdir(parents=True)
    with without_logging(), ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder / PARAMS, jax.tree.map(np.asarray, params))
    raw = {
        **dataclasses.asdict(spec),
        "contract": json.loads(spec.contract.to_json()),
        "ppo": spec.ppo.model_dump(mode="json"),
    }
    write_atomically(folder / POLICY_JSON, json.dumps(raw, indent=1, sort_keys=True))
    seal(folder)


def load_policy(folder: Path, robot: str) -> TrainedPolicy:
    """Read a policy folder.

    Args:
        folder: What `save_policy` wrote.
        robot: The robot it has to be for.

    Raises:
        PolicyFolderError: If it is missing, damaged, or of another robot.
    """
    path = folder / POLICY_JSON
    if not path.is_file():
        raise PolicyFolderError(f"{path}: no such file; run the train stage first")
    try:
        raw = json.loads(path.read_text())
        contract = PolicyContract.from_json(json.dumps(raw["contract"]))
        ppo = Ppo.model_validate(raw["ppo"])
        command_map = CommandMap(tuple((x, y, z) for x, y, z in raw["command_map"]["added"]))
        command_map.table(contract)  # says what does not fit
        spec = PolicySpec(**{**raw, "contract": contract, "ppo": ppo, "command_map": command_map})
    except (ValueError, TypeError, KeyError, AttributeError, ContractError) as error:
        raise PolicyFolderError(f"{path}: damaged ({error}); train again") from error
    if contract.robot != robot:
        raise PolicyFolderError(
            f"{folder}: is a policy for {contract.robot!r}, but params.yaml asks for {robot!r}"
        )
    if not is_sealed(folder):
        raise PolicyFolderError(
            f"{folder}: its files are not what was written, so it is cut short or damaged; "
            "train again"
        )
    networks = make_networks(spec.ppo, spec.obs_sizes, contract.action_size)
    like = init_params(networks, spec.obs_sizes, jax.random.PRNGKey(0), spec.ppo.init_noise_std)
    shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, jax.tree.map(np.asarray, like))
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            params = checkpointer.restore((folder / PARAMS).absolute(), shapes)
    except Exception as error:  # Orbax raises many types
        raise PolicyFolderError(
            f"{folder / PARAMS}: cannot be read; train again "
            f"({type(error).__name__}: {str(error).partition(chr(10))[0]})"
        ) from error
    return TrainedPolicy(networks, params, spec)
