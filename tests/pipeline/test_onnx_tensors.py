"""Files that ask for more memory than a policy may, before anybody allocates it."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import robots
from pipeline.onnx_tensors import (
    MAX_TENSOR_BYTES,
    MAX_TOTAL_BYTES,
    OnnxFileError,
    check_policy_file,
)
from pipeline.provenance import ROOT
from robots.errors import UserError
from tests import doctor_policies as plant


@pytest.mark.parametrize("robot", robots.names())
@pytest.mark.parametrize("name", ["policy.onnx", "controller.onnx"])
def test_what_ships_is_let_through(robot, name):
    check_policy_file(ROOT / "policies" / robot / name)


def in_a_node(model):
    tensor = TensorProto(name="z", dims=[10**9, 4], data_type=TensorProto.FLOAT)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["unused"], value=tensor))


def computed(model):
    model.graph.initializer.append(numpy_helper.from_array(np.array([10**9, 4]), "n"))
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["n"], ["z"]))


def one_number_of_many(dims):
    one = helper.make_tensor("z", TensorProto.FLOAT, [1], [1.0])
    place = helper.make_tensor("places", TensorProto.INT64, [1], [7])
    return helper.make_sparse_tensor(one, place, dims)


def sparse(model):
    model.graph.sparse_initializer.append(one_number_of_many([10**9, 4]))


def sparse_in_a_node(model):
    node = helper.make_node("Constant", [], ["y"], sparse_value=one_number_of_many([10**9, 4]))
    model.graph.node.insert(0, node)


@pytest.mark.parametrize(
    "spoil", [plant.a_huge_weight, in_a_node, computed, sparse, sparse_in_a_node]
)
def test_a_huge_tensor_is_refused_with_its_name(tmp_path, spoil):
    path = plant.write(tmp_path, graph=spoil)
    with pytest.raises(OnnxFileError) as refusal:
        check_policy_file(path)
    said = str(refusal.value)
    assert said.startswith(f"{path}: tensor 'z' of shape [1000000000, 4] asks for 16,000,000,000 ")
    assert said.endswith("bytes, want at most 268,435,456")
    assert isinstance(refusal.value, UserError)


def test_the_largest_tensor_that_is_let_through(tmp_path):
    def of(numbers):
        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [numbers])
        return plant.write(tmp_path, graph=lambda model: model.graph.value_info.append(value))

    check_policy_file(of(MAX_TENSOR_BYTES // 4))
    with pytest.raises(OnnxFileError, match="tensor 'x'"):
        check_policy_file(of(MAX_TENSOR_BYTES // 4 + 1))


def test_many_tensors_that_are_too_large_together(tmp_path):
    each, names = MAX_TENSOR_BYTES, ("a", "b", "c", "d")

    def computing(numbers):
        def spoil(model):
            size = numpy_helper.from_array(np.array([numbers]), "n")
            model.graph.initializer.append(size)
            for name in names:
                model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["n"], [name]))

        return plant.write(tmp_path, graph=spoil)

    assert each * len(names) == MAX_TOTAL_BYTES
    check_policy_file(computing(each // 4 * 9 // 10))
    with pytest.raises(OnnxFileError) as refusal:
        check_policy_file(computing(each // 4))  # and the weights of the policy itself
    said = str(refusal.value)
    assert "tensors together ask for 1,07" in said
    assert "want at most 1,073,741,824; the largest, " in said
    assert said.endswith("asks for 268,435,456")


def test_weights_in_another_file_are_refused(tmp_path):
    path = tmp_path / "policy.onnx"
    model = onnx.load(plant.shipped("go2"))
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=256)
    moved = onnx.load(path, load_external_data=False).graph.initializer
    name = next(tensor.name for tensor in moved if tensor.external_data)
    with pytest.raises(OnnxFileError, match=f"tensor '{name}' is in another file.*save all wei"):
        check_policy_file(path)


def test_no_file_and_no_onnx_file(tmp_path):
    path = tmp_path / "policy.onnx"
    with pytest.raises(OnnxFileError, match=r"policy\.onnx: no such file"):
        check_policy_file(path)
    path.write_text("no graph")
    with pytest.raises(OnnxFileError, match=r"policy\.onnx: is no ONNX file"):
        check_policy_file(path)


def test_shapes_that_take_all_memory_to_work_out(tmp_path):
    """A value known beforehand that doubles 36 times: nothing in the file is large."""

    def doubled(model):
        model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "x0"))
        for k in range(36):
            node = helper.make_node("Concat", [f"x{k}", f"x{k}"], [f"x{k + 1}"], axis=0)
            model.graph.node.insert(k, node)

    path = plant.write(tmp_path, graph=doubled)
    with pytest.raises(OnnxFileError, match="to work out the shapes of its tensors alone takes"):
        check_policy_file(path)
