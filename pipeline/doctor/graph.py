"""An ONNX file read without running it, and refused where it asks for more memory than it may."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import external_data_helper, numpy_helper

from pipeline.doctor.findings import DoctorError
from pipeline.onnx_tensors import (
    MAX_FILE_BYTES,
    check_stored,
    check_tensors,
    is_external,
    parse_onnx,
    tensors,
)


@dataclass(frozen=True)
class Tensor:
    """One input or output: a dimension is a number, a name, or empty where nothing is said."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Graph:
    """What an ONNX file holds.

    Args:
        path: The file.
        model: Its content, external weights read in where they are there.
        inputs: Inputs, without those that are only weights.
        outputs: Outputs.
        metadata: Its metadata.
        external: File that each external tensor is in.
        missing: Those files that are not there, or not in the file's folder.
    """

    path: Path
    model: onnx.ModelProto
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    metadata: Mapping[str, str]
    external: Mapping[str, str]
    missing: tuple[str, ...]

    def weights(self) -> Iterator[tuple[str, np.ndarray]]:
        """Every stored tensor of numbers, by name."""
        for tensor in tensors(self.model):
            if not is_external(tensor):
                yield tensor.name, numpy_helper.to_array(tensor)


def read_graph(path: Path) -> Graph:
    """Read an ONNX file.

    Raises:
        OnnxFileError: If it is missing, no ONNX file, or asks for a huge tensor. One line.
        DoctorError: If its weights in other files cannot be read. One line.
    """
    model = parse_onnx(path)
    check_tensors(path, model)
    external = {tensor.name: _location(tensor) for tensor in tensors(model) if is_external(tensor)}
    missing = tuple(sorted({file for file in external.values() if not _is_beside(path, file)}))
    if external and not missing:
        _load_external(path, model, set(external.values()))
    weights = {tensor.name for tensor in model.graph.initializer}
    return Graph(
        path=path,
        model=model,
        inputs=tuple(_tensor(value) for value in model.graph.input if value.name not in weights),
        outputs=tuple(_tensor(value) for value in model.graph.output),
        metadata={entry.key: entry.value for entry in model.metadata_props},
        external=external,
        missing=missing,
    )


def _location(tensor: onnx.TensorProto) -> str:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    return entries.get("location", "")


def _is_beside(path: Path, file: str) -> bool:
    """Whether a file is there, and in the folder of the ONNX file or below."""
    folder = path.resolve().parent
    target = (folder / file).resolve()
    return bool(file) and target.is_file() and target.is_relative_to(folder)


def _load_external(path: Path, model: onnx.ModelProto, files: set[str]) -> None:
    folder = path.resolve().parent
    for file in files:
        if (size := (folder / file).stat().st_size) > MAX_FILE_BYTES:
            raise DoctorError(
                f"{folder / file}: has {size:,} bytes, want at most {MAX_FILE_BYTES:,}"
            )
    try:
        external_data_helper.load_external_data_for_model(model, os.fspath(folder))
    except Exception as problem:  # onnx raises many types
        reason = " ".join(str(problem).split())
        raise DoctorError(f"{path}: external data cannot be read: {reason}") from problem
    for tensor in tensors(model):
        check_stored(path, tensor)


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    tensor = value.type.tensor_type
    shape = tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in tensor.shape.dim
    )
    try:
        dtype = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    except ValueError:
        dtype = "unknown"
    return Tensor(value.name, dtype, shape)
