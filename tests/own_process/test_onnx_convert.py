"""JAX functions as ONNX: any batch, no mixing of its rows, names and order that never change."""

import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest

from pipeline import onnx_convert
from pipeline.onnx_convert import convert

INPUTS = {"left": (4,), "unused": (2,), "angle": ()}


def tangled(left, unused, angle):
    """Slices, stacks and reductions, as changes of frame have them."""
    turned = jnp.stack([jnp.cos(angle) * left[..., 0], jnp.sin(angle) * left[..., 3]], axis=-1)
    length = jnp.linalg.norm(left[..., 1:3], axis=-1, keepdims=True)
    return jnp.concatenate([turned, length, jnp.abs(left[..., 2:])], axis=-1)


@pytest.fixture(scope="module")
def model():
    return convert(tangled, INPUTS, "right", 17, name="tangle", prefix="tangle/")


def feeds(n):
    rng = np.random.default_rng(n)
    return {name: rng.normal(size=(n, *shape)).astype(np.float32) for name, shape in INPUTS.items()}


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_every_row_comes_through_at_any_batch(model, batch):
    given = feeds(batch)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(["right"], given)
    expected = tangled(**given)
    assert found.shape == expected.shape == (batch, 5)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_inputs_are_those_asked_for_in_their_order_used_or_not(model):
    assert [tensor.name for tensor in model.graph.input] == list(INPUTS)
    assert [tensor.name for tensor in model.graph.output] == ["right"]
    for tensor in (*model.graph.input, *model.graph.output):
        assert tensor.type.tensor_type.shape.dim[0].dim_param == "batch"
    named = [*model.graph.node, *model.graph.initializer]
    assert all(item.name.startswith("tangle/") for item in named)
    assert model.graph.name == "tangle"


def test_the_order_that_the_converter_happens_to_choose_does_not_matter(model, monkeypatch):
    """tf2onnx sorts by sets of names, whose order hangs on Python's hash seed."""
    traced = onnx_convert._traced
    expected = model.SerializeToString(deterministic=True)
    orders = set()

    def shuffled(*arguments):
        raw = traced(*arguments)
        nodes, known = list(raw.graph.node), {tensor.name for tensor in raw.graph.input}
        known |= {tensor.name for tensor in raw.graph.initializer}
        del raw.graph.node[:]
        while nodes:  # any node whose inputs are there may come next
            ready = [node for node in nodes if known.issuperset(node.input)]
            chosen = ready[rng.integers(len(ready))]
            raw.graph.node.append(chosen)
            known |= set(chosen.output)
            nodes.remove(chosen)
        orders.add(tuple(node.output[0] for node in raw.graph.node))
        return raw

    monkeypatch.setattr(onnx_convert, "_traced", shuffled)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        again = convert(tangled, INPUTS, "right", 17, name="tangle", prefix="tangle/")
        assert again.SerializeToString(deterministic=True) == expected
    assert len(orders) == 3


def test_a_function_that_mixes_rows_is_refused():
    with pytest.raises(ValueError, match="mixes the rows"):
        convert(lambda x: jnp.sin(x.reshape(3, 2)), {"x": (6,)}, "y", 17, name="mixing")
