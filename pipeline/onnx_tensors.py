"""The tensors of an ONNX file, and the refusal of those that would take too much memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from pipeline.memory import memory_limit
from robots.errors import UserError

MAX_FILE_BYTES = 2**29
"""A walking policy has a few MB."""
MAX_TENSOR_BYTES = 2**28
"""Of one tensor: 67 million floats."""
MAX_TOTAL_BYTES = 2**30
"""Of all tensors of a file together, each at batch 1 where its size is open."""


class OnnxFileError(UserError):
    """An ONNX file is unreadable, or asks for more memory than it may."""


def check_policy_file(path: Path) -> None:
    """Refuse a file before ONNX Runtime, which would allocate whatever it asks for, loads it.

    Raises:
        OnnxFileError: If it is no ONNX file, states or computes a huge tensor, or keeps weights in
            other files, which its hash does not cover. One line that names the tensor.
    """
    model = parse_onnx(path)
    check_tensors(path, model)
    for tensor in tensors(model):
        if is_external(tensor):
            raise OnnxFileError(
                f"{path}: tensor {tensor.name!r} is in another file, which the policy's hash does "
                "not cover; save all weights in the .onnx itself"
            )


def parse_onnx(path: Path) -> onnx.ModelProto:
    """Read a file without what it keeps in other files.

    Raises:
        OnnxFileError: If it is missing, too large or no ONNX file. One line.
    """
    if not path.is_file():
        raise OnnxFileError(f"{path}: no such file")
    if (size := path.stat().st_size) > MAX_FILE_BYTES:
        raise OnnxFileError(f"{path}: has {size:,} bytes, want at most {MAX_FILE_BYTES:,}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as problem:
        raise OnnxFileError(f"{path}: is no ONNX file, or cut short ({problem})") from problem
    except OSError as problem:
        raise OnnxFileError(f"{path}: cannot be read ({problem.strerror})") from problem
    if not model.ir_version or not model.graph.output:
        lacks = "graph.output" if model.ir_version else "ir_version"
        raise OnnxFileError(f"{path}: is no ONNX file: it has no {lacks}")
    return model


def graphs(model: onnx.ModelProto) -> Iterator[Any]:
    """The main graph, the model's functions, and every graph inside their nodes."""
    queue: list[Any] = [model.graph, *model.functions]
    while queue:
        graph = queue.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    queue.append(attribute.g)
                queue += attribute.graphs


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor that the file states: weights, and constants inside nodes."""
    for graph in graphs(model):
        if isinstance(graph, onnx.GraphProto):
            yield from graph.initializer
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.TENSOR:
                    tensor = onnx.TensorProto()
                    tensor.CopyFrom(attribute.t)
                    tensor.name = tensor.name or f"{node.name or node.op_type}.{attribute.name}"
                    yield tensor
                yield from attribute.tensors
    for sparse in _sparse_tensors(model):
        yield from (sparse.values, sparse.indices)


def _sparse_tensors(model: onnx.ModelProto) -> Iterator[onnx.SparseTensorProto]:
    """A few numbers in the file, which ONNX Runtime spreads over their whole shape."""
    for graph in graphs(model):
        if isinstance(graph, onnx.GraphProto):
            yield from graph.sparse_initializer
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.SPARSE_TENSOR:
                    yield attribute.sparse_tensor
                yield from attribute.sparse_tensors


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether its numbers are in another file."""
    return tensor.data_location == onnx.TensorProto.EXTERNAL


def check_tensors(path: Path, model: onnx.ModelProto) -> None:
    """Refuse tensors that are too large, stated or computed, alone or together.

    Raises:
        OnnxFileError: One line that names the tensor, or the largest of too many.
    """
    sizes = [(check_stored(path, tensor), tensor.name) for tensor in tensors(model)]
    for sparse in _sparse_tensors(model):
        values = sparse.values
        size = _size_of(path, values.name, sparse.dims, values.data_type)
        sizes.append((size, values.name))
    sizes += _inferred(path, model)
    total = sum(size for size, _ in sizes)
    if total > MAX_TOTAL_BYTES:
        most, name = max(sizes)
        raise OnnxFileError(
            f"{path}: its {len(sizes):,} tensors together ask for {total:,} bytes, want at most "
            f"{MAX_TOTAL_BYTES:,}; the largest, {name!r}, asks for {most:,}"
        )


def check_stored(path: Path, tensor: onnx.TensorProto) -> int:
    """Refuse a tensor that is too large, or that is not what it says it is.

    Returns:
        Its size in bytes.
    """
    size = _size_of(path, tensor.name, tensor.dims, tensor.data_type)
    if is_external(tensor):
        return size
    try:
        numpy_helper.to_array(tensor)
    except Exception as problem:  # onnx and NumPy raise many types
        shape = list(tensor.dims)
        raise OnnxFileError(
            f"{path}: tensor {tensor.name!r} says {shape} and holds something else; the file is "
            "damaged"
        ) from problem
    return size


def _inferred(path: Path, model: onnx.ModelProto) -> list[tuple[int, str]]:
    """Size and name of what the graph computes, as far as that follows from its shapes.

    A huge one is refused.
    """
    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    try:
        with memory_limit(MAX_TOTAL_BYTES):
            inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        values += [*inferred.value_info, *inferred.output]
    except MemoryError as problem:
        raise OnnxFileError(
            f"{path}: to work out the shapes of its tensors alone takes more than "
            f"{MAX_TOTAL_BYTES:,} bytes of memory"
        ) from problem
    except Exception as problem:  # what is wrong with it ONNX Runtime says better
        del problem
    sizes: dict[str, int] = {}
    for value in values:
        if value.type.HasField("tensor_type"):
            tensor = value.type.tensor_type
            dims = [dim.dim_value for dim in tensor.shape.dim if dim.HasField("dim_value")]
            size = _size_of(path, value.name, dims, tensor.elem_type)
            sizes[value.name] = max(size, sizes.get(value.name, 0))
    return [(size, name) for name, size in sizes.items()]


def _size_of(path: Path, name: str, dims: Any, data_type: int) -> int:
    """In bytes.

    Raises:
        OnnxFileError: If the shape is impossible or asks for too much.
    """
    size = _bytes_of(data_type)
    for dim in dims:
        if dim < 0:
            raise OnnxFileError(f"{path}: tensor {name!r} has the impossible shape {list(dims)}")
        size *= max(dim, 1)
    if size > MAX_TENSOR_BYTES:
        raise OnnxFileError(
            f"{path}: tensor {name!r} of shape {list(dims)} asks for {size:,} bytes, want at most "
            f"{MAX_TENSOR_BYTES:,}"
        )
    return size


def _bytes_of(data_type: int) -> int:
    try:
        return onnx.helper.tensor_dtype_to_np_dtype(data_type).itemsize or 1
    except (KeyError, ValueError, TypeError):
        return 1
