"""A trained policy on ONNX Runtime, checked against the contract it carries."""

from pathlib import Path

import numpy as np
import onnxruntime

from deploy.contract import ContractError, PolicyContract
from robots.errors import UserError

CONTRACT_KEY = "surefoot_contract"
"""ONNX metadata key of the contract."""
POLICY_HASH_KEY = "surefoot_policy_sha256"
"""ONNX metadata key of a controller.onnx: hash of the policy.onnx inside."""
MAX_BYTES = 2**26
"""Of a file: a walking policy has less than 1 MB."""
ELSEWHERE = b"\x0a\x08location"
"""How protobuf writes the key that says in which other file a tensor's numbers are."""


class PolicyError(UserError):
    """An ONNX file is unreadable, or is no policy of this project."""


class Policy:
    """A policy loaded from one ONNX file.

    Args:
        path: The ONNX file.

    Raises:
        PolicyError: If the file is missing, too large, truncated, without all its weights or a
            contract, or of shapes that disagree with its contract. Nothing is written.
    """

    contract: PolicyContract

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        content = _read(self.path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                content,
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # it would print the error and try the same again
            )
            self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        except Exception as error:  # ONNX Runtime raises many unrelated types
            raise PolicyError(
                f"{self.path}: ONNX Runtime cannot load it, so it is truncated or no ONNX file; "
                f"export it again ({str(error).splitlines()[0]})"
            ) from error
        if CONTRACT_KEY not in self.metadata:
            raise PolicyError(
                f"{self.path}: has no {CONTRACT_KEY} in its metadata, so nothing says what it "
                "expects; export it with this project"
            )
        try:
            self.contract = PolicyContract.from_json(self.metadata[CONTRACT_KEY])
        except ContractError as error:
            raise PolicyError(f"{self.path}: {error}") from error
        self._check_shapes()

    def _check_shapes(self) -> None:
        wanted = {
            "obs": (self._session.get_inputs(), self.contract.observation_size),
            "action": (self._session.get_outputs(), self.contract.action_size),
        }
        for name, (tensors, size) in wanted.items():
            found = [(tensor.name, tensor.shape) for tensor in tensors]
            if len(found) != 1 or found[0][0] != name:
                raise PolicyError(f"{self.path}: has tensors {found}, want one named {name!r}")
            shape = found[0][1]
            if len(shape) != 2 or isinstance(shape[0], int) or shape[1] != size:
                raise PolicyError(
                    f"{self.path}: {name} has shape {shape}, but its contract wants "
                    f"['batch', {size}]"
                )

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Run the network.

        Args:
            obs: (batch, observation_size) float32.

        Returns:
            (batch, action_size) float32, in [-1, 1].

        Raises:
            PolicyError: If ONNX Runtime cannot run it.
        """
        try:
            return self._session.run(["action"], {"obs": obs})[0]
        except Exception as error:  # ONNX Runtime raises many unrelated types
            reason = " ".join(str(error).split())
            raise PolicyError(f"{self.path}: ONNX Runtime cannot run it: {reason}") from error


def _read(path: Path) -> bytes:
    """Read a file, if it is of a size that a policy may have and is all there is.

    ONNX Runtime would look for weights in other files in the working directory, and whoever vouches
    for a policy vouches for the bytes of this file alone.
    """
    if not path.is_file():
        raise PolicyError(f"{path}: no such file; run the export stage first")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise PolicyError(f"{path}: has {size:,} bytes, want at most {MAX_BYTES:,}")
    content = path.read_bytes()
    if ELSEWHERE in content:
        raise PolicyError(
            f"{path}: has weights in another file, which its hash does not cover; save them in the "
            ".onnx itself"
        )
    return content
