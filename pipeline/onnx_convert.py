"""JAX function -> ONNX: the same function gives the same bytes, and its graph takes any batch.

The chain is jax2tf -> TFLite -> tf2onnx: since JAX 0.7, jax2tf wraps its graphs in XlaCallModule,
which tf2onnx cannot read but TFLite's converter lowers.
"""

import contextlib
import copy
import logging
import os
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import jax
    import onnx

BATCH = "batch"
"""Name of the batch axis, the first of every input and output."""
TO_THE_END = np.iinfo(np.int64).max


def convert(
    function: "Callable[..., jax.Array]",
    inputs: "Mapping[str, Sequence[int]]",
    output: str,
    opset: int,
    *,
    name: str,
    prefix: str = "",
) -> "onnx.ModelProto":
    """Convert a function of float32 arrays; it may not mix the rows of a batch.

    Args:
        function: Takes one array per input, in order, each with a leading batch axis.
        inputs: Name and shape, less the batch axis, of each input.
        output: Name of the output.
        opset: ONNX opset.
        name: Name of the graph.
        prefix: Begins the name of every node and every constant.

    Returns:
        The graph with a symbolic batch axis, no metadata, and names that say nothing of what was
        converted before it.
    """
    with _quiet():
        model = _traced(function, inputs, opset, name)
    if len(inputs) > 1:
        _sort_nodes(model.graph)
    _name_tensors(model, inputs, output, prefix)
    _free_batch(model)
    _symbolic_ends(model, inputs, output)
    model.graph.name, model.doc_string = name, ""
    return model


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


def _traced(
    function: "Callable[..., jax.Array]",
    inputs: "Mapping[str, Sequence[int]]",
    opset: int,
    name: str,
) -> "onnx.ModelProto":
    """The graph at batch 1, with the converters' names."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow is slow to import, and only conversion needs it.
    import onnx
    import tensorflow as tf
    import tf2onnx
    from jax.experimental import jax2tf

    for chatty in ("tensorflow", "tf2onnx", "absl"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    traced = tf.function(
        jax2tf.convert(function),
        input_signature=[
            tf.TensorSpec([1, *shape], tf.float32, name=key) for key, shape in inputs.items()
        ],
        autograph=False,
    )
    module: Any = tf.Module()
    module.forward = traced
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [traced.get_concrete_function()], module
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.tflite"
        path.write_bytes(converter.convert())
        with warnings.catch_warnings():
            # TensorFlow announces that its TFLite interpreter moves to another package.
            warnings.filterwarnings("ignore", message="(?s).*tf.lite.Interpreter is deprecated")
            model, _ = tf2onnx.convert.from_tflite(str(path), opset=opset)
    onnx.checker.check_model(model)
    return model


def _sort_nodes(graph: "onnx.GraphProto") -> None:
    """Put every node after what it needs, in an order that the wiring alone decides.

    With several inputs tf2onnx's own order hangs on Python's hash seed.
    """
    makers = {name: node for node in graph.node for name in node.output}
    ordered: dict[str, onnx.NodeProto] = {}

    def visit(tensor: str) -> None:
        node = makers.get(tensor)
        if node is None or node.output[0] in ordered:
            return
        for name in node.input:
            visit(name)
        ordered[node.output[0]] = node

    for tensor in graph.output:
        visit(tensor.name)
    nodes = [copy.deepcopy(node) for node in ordered.values()]
    del graph.node[:]
    graph.node.extend(nodes)


def _name_tensors(
    model: "onnx.ModelProto", inputs: "Mapping[str, Sequence[int]]", output: str, prefix: str
) -> None:
    """Name every tensor by its place.

    The converters number names by a counter that runs on within a process; without this the bytes
    would depend on what was exported before.
    """
    graph = model.graph
    names = {f"serving_default_{name}:0": name for name in inputs}
    names[graph.output[0].name] = output
    constants = {tensor.name for tensor in graph.initializer}
    for index, node in enumerate(graph.node):
        node.name = f"{prefix}{node.op_type.lower()}_{index}"
        for place, name in enumerate(node.input):
            if name in constants:
                names.setdefault(name, f"{node.name}_constant_{place}")
        for name in node.output:
            names.setdefault(name, node.name)
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
    del graph.value_info[:]


def _free_batch(model: "onnx.ModelProto") -> None:
    """Let slices and reshapes keep every row: traced at batch 1, they keep the first alone."""
    from onnx import numpy_helper

    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type not in ("Reshape", "Slice"):
            continue
        place, whole = (1, -1) if node.op_type == "Reshape" else (2, TO_THE_END)
        rows = constants[node.input[place]].copy()
        if rows[0] != 1:
            raise ValueError(f"{node.name}: mixes the rows of a batch ({rows.tolist()})")
        rows[0] = whole
        node.input[place] = f"{node.name}_rows_{place}"  # its own: the converters share equal ones
        graph.initializer.append(numpy_helper.from_array(rows, node.input[place]))
    used = {name for node in graph.node for name in node.input}
    kept = sorted((t for t in graph.initializer if t.name in used), key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _symbolic_ends(
    model: "onnx.ModelProto", inputs: "Mapping[str, Sequence[int]]", output: str
) -> None:
    """State the inputs in the order given, used or not, and the batch axis by name."""
    from onnx import TensorProto, helper

    graph = model.graph
    sizes = [dim.dim_value for dim in graph.output[0].type.tensor_type.shape.dim[1:]]
    del graph.input[:], graph.output[:]
    for name, shape in inputs.items():
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape]))
    graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, [BATCH, *sizes]))
