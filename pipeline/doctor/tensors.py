"""The tensors of an ONNX file, and the refusal of those that would take too much memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper

from pipeline.doctor.findings import DoctorError

MAX_TENSOR_BYTES = 2**28
"""Of one tensor: 67 million floats."""


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
            yield from (sparse.values for sparse in graph.sparse_initializer)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.TENSOR:
                    tensor = onnx.TensorProto()
                    tensor.CopyFrom(attribute.t)
                    tensor.name = tensor.name or f"{node.name or node.op_type}.{attribute.name}"
                    yield tensor
                yield from attribute.tensors


def check_stored(path: Path, tensor: onnx.TensorProto) -> None:
    """Refuse a tensor that is too large, or that is not what it says it is."""
    _check_size(path, tensor.name, tensor.dims, tensor.data_type)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return
    try:
        numpy_helper.to_array(tensor)
    except Exception as problem:  # onnx and NumPy raise many types
        shape = list(tensor.dims)
        raise DoctorError(
            f"{path}: tensor {tensor.name!r} says {shape} and holds something else; the file is "
            "damaged"
        ) from problem


def check_inferred(path: Path, model: onnx.ModelProto) -> None:
    """Refuse a graph that would compute a huge tensor, as far as that follows from its shapes."""
    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        values += [*inferred.value_info, *inferred.output]
    except Exception as problem:  # what is wrong with it ONNX Runtime says better
        del problem
    for value in values:
        if value.type.HasField("tensor_type"):
            tensor = value.type.tensor_type
            dims = [dim.dim_value for dim in tensor.shape.dim if dim.HasField("dim_value")]
            _check_size(path, value.name, dims, tensor.elem_type)


def _check_size(path: Path, name: str, dims: Any, data_type: int) -> None:
    size = _bytes_of(data_type)
    for dim in dims:
        if dim < 0:
            raise DoctorError(f"{path}: tensor {name!r} has the impossible shape {list(dims)}")
        size *= max(dim, 1)
    if size > MAX_TENSOR_BYTES:
        raise DoctorError(
            f"{path}: tensor {name!r} of shape {list(dims)} asks for {size:,} bytes, want at most "
            f"{MAX_TENSOR_BYTES:,}"
        )


def _bytes_of(data_type: int) -> int:
    try:
        return onnx.helper.tensor_dtype_to_np_dtype(data_type).itemsize or 1
    except (KeyError, ValueError, TypeError):
        return 1
