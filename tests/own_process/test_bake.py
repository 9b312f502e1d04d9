"""controller.onnx: policy.onnx untouched inside, and around it what the code in `deploy` does."""

import json
from dataclasses import replace

import jax
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.utils import Extractor

import robots
from deploy.contract import PolicyContract
from deploy.observations import advance_phase
from deploy.policy import POLICY_HASH_KEY, Policy, PolicyError
from deploy.sensors import shapes
from pipeline import bake as bake_module
from pipeline.bake import bake, bake_beside, is_baked_from
from pipeline.cli import StageError
from pipeline.command_map import CommandMap, nodes
from pipeline.controller_parity import by_code, controller_errors, extreme, recorded
from pipeline.env import contract_of
from pipeline.files import sha256
from pipeline.onnx_export import export
from pipeline.policy_folder import PolicySpec, TrainedPolicy
from pipeline.ppo.networks import init_params, make_networks

OPS = {
    *("Abs", "Add", "Cast", "Concat", "Cos", "Div", "Gemm", "Less", "MatMul", "Max", "Min", "Mod"),
    *("Mul", "Not", "ReduceSum", "Relu", "Reshape", "Sigmoid", "Sin", "Slice", "Sqrt", "Sub"),
    *("Tanh",),
}
"""Operators that ONNX Runtime 1.12 was seen to run; of double precision are Mod, Div and Cast."""


def noisy(params, rng):
    """Weights, biases and a normalizer of which none is zero or one."""

    def blur(leaf):
        value = np.asarray(leaf)
        if value.dtype != np.float32 or value.ndim == 0:
            return leaf
        return value + rng.normal(0, 0.2, value.shape).astype(np.float32)

    return jax.tree.map(blur, params)


@pytest.fixture(scope="module", params=["go2", "h1"])
def config(request, make_config):
    small = {
        "robot": request.param,
        "ppo.policy_hidden_layer_sizes": [32, 16],
        "export.on_distribution": 500,
        "export.extreme": 80,
    }
    return make_config(small)


@pytest.fixture(scope="module")
def path(config, tmp_path_factory):
    """The policy.onnx of networks drawn at random."""
    contract, rng = contract_of(config.task, robots.load(config.robot)), np.random.default_rng(0)
    sizes = {"state": contract.observation_size, "privileged_state": 60}
    networks = make_networks(config.ppo, sizes, contract.action_size)
    params = init_params(networks, sizes, jax.random.PRNGKey(0), config.ppo.init_noise_std)
    added = rng.normal(0, 0.1, nodes(contract).shape)
    spec = PolicySpec(
        contract=contract,
        ppo=config.ppo,
        obs_sizes=sizes,
        timesteps=1,
        backend="native",
        device="cpu",
        params_hash="a" * 64,
        code_hash="b" * 64,
        command_map=CommandMap(tuple((x, y, z) for x, y, z in added.tolist())),
    )
    path = tmp_path_factory.mktemp("baked") / "policy.onnx"
    path.write_bytes(export(TrainedPolicy(networks, noisy(params, rng), spec), 17))
    return path


@pytest.fixture(scope="module")
def baked(path):
    return bake(path)


def test_it_does_what_the_code_does(config, path, baked):
    errors = controller_errors(config, Policy(path), baked)
    assert set(errors) == {
        f"controller_{name}"
        for name in (
            "recorded_batch_1",
            "recorded_batch_500",
            "extreme_batch_1",
            "extreme_batch_80",
        )
    }
    assert max(errors.values()) <= 1e-5


def test_readings_to_compare_on_are_varied(config, path):
    policy = Policy(path)
    dead_zone = policy.contract.command_dead_zone
    for samples in (recorded(config, policy, 500), extreme(config, policy, 80)):
        feeds = samples.feeds()
        assert list(feeds) == ["time", *(n for n in shapes(policy.contract) if n != "phase")]
        assert all(np.ptp(value, axis=0).min() > 0 for value in feeds.values())
        slow = np.linalg.norm(feeds["command"][:, :2], axis=1) < dead_zone
        assert 0 < slow.sum() < len(slow)
        assert feeds["time"].max() > 7 * 3600
        assert np.ptp(by_code(policy, samples.sensors), axis=0).min() > 0.02


def test_a_controller_of_another_contract_is_found_out(config, path, baked, tmp_path):
    model = onnx.load(path)
    for entry in model.metadata_props:
        if entry.key == "surefoot_contract":
            contract = PolicyContract.from_json(entry.value)
            swapped = (*contract.default_joint_pos[1:], contract.default_joint_pos[0])
            entry.value = replace(contract, default_joint_pos=swapped).to_json()
    onnx.save(model, tmp_path / "policy.onnx")
    errors = controller_errors(config, Policy(tmp_path / "policy.onnx"), baked)
    assert min(errors.values()) > 0.01


def test_one_that_disagrees_is_not_written(config, path, monkeypatch, tmp_path):
    copy = tmp_path / "policy.onnx"
    copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(
        bake_module, "controller_errors", lambda *_: {"good": 1e-7, "bad": float("inf")}
    )
    with pytest.raises(StageError, match=r"disagree: bad is inf, allowed 1e-05"):
        bake_beside(copy, config)
    assert [file.name for file in tmp_path.iterdir()] == ["policy.onnx"]
    monkeypatch.setattr(bake_module, "controller_errors", lambda *_: {"good": 1e-7})
    assert bake_beside(copy, config) == tmp_path / "controller.onnx"
    assert is_baked_from(tmp_path / "controller.onnx", copy)


def test_the_same_policy_gives_the_same_bytes(path, baked):
    assert bake(path) == baked


def test_the_network_inside_is_the_policy_bit_for_bit(path, baked):
    policy, controller = onnx.load(path).graph, onnx.load_from_string(baked).graph
    inside = {node.name: node for node in controller.node}
    constants = {tensor.name: tensor for tensor in controller.initializer}
    assert len(inside) == len(controller.node) > len(policy.node)
    for node in policy.node:
        assert inside[node.name] == node
    for tensor in policy.initializer:
        assert constants[tensor.name] == tensor


def test_ends_are_the_sensors_of_the_robot_with_a_free_batch(path, baked):
    contract = Policy(path).contract
    session = onnxruntime.InferenceSession(baked)
    found = {tensor.name: (tensor.shape, tensor.type) for tensor in session.get_inputs()}
    wanted = {
        ("time" if name == "phase" else name): (
            ["batch", *shape],
            "tensor(double)" if name == "phase" else "tensor(float)",
        )
        for name, shape in shapes(contract).items()
    }
    assert list(found.items()) == list(wanted.items())
    assert ("torso_pos" in found) == (contract.robot == "h1")
    assert [(tensor.name, tensor.shape) for tensor in session.get_outputs()] == [
        ("joint_targets", ["batch", contract.action_size]),
        ("action", ["batch", contract.action_size]),
    ]


def test_an_old_onnx_runtime_can_run_it(baked):
    """1.12 reads IR version 8 and opset 17."""
    model = onnx.load_from_string(baked)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 8
    assert {entry.domain: entry.version for entry in model.opset_import}[""] <= 17
    assert {node.op_type for node in model.graph.node} <= OPS
    assert {node.domain for node in model.graph.node} == {""}
    double = onnx.TensorProto.DOUBLE
    of_double = [t for t in model.graph.initializer if t.data_type == double]
    assert [tensor.name for tensor in of_double] == ["clock/period"]


def test_it_carries_the_contract_and_says_which_policy_it_is(path, baked, tmp_path):
    metadata = {e.key: e.value for e in onnx.load_from_string(baked).metadata_props}
    policy = Policy(path)
    for key, value in policy.metadata.items():
        assert metadata[key] == value
    assert metadata[POLICY_HASH_KEY] == sha256(path.read_bytes())
    assert float(metadata["ctrl_dt"]) == policy.contract.ctrl_dt
    motors = json.loads(f"[{metadata['motor_indices']}]")
    assert tuple(motors) == policy.contract.motor_indices
    controller = tmp_path / "controller.onnx"
    assert not is_baked_from(controller, path)
    controller.write_bytes(baked)
    assert is_baked_from(controller, path)
    assert not is_baked_from(controller, controller)
    controller.write_bytes(baked[: len(baked) // 2])
    assert not is_baked_from(controller, path)


@pytest.fixture(scope="module")
def clock(baked):
    """Phase of times, as the graph has it."""
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(baked))
    part = Extractor(model).extract_model(["time"], ["phase"])
    session = onnxruntime.InferenceSession(part.SerializeToString())
    return lambda time: session.run(["phase"], {"time": np.asarray(time, np.float64)})[0]


def apart(phase, other):
    """Distance on the circle, shares of a stride."""
    return np.abs((np.asarray(phase, np.float64) - other + 0.5) % 1 - 0.5).max()


def test_the_clock_is_what_the_code_counts(clock, path):
    """Counting in single precision strays: by 1.4e-6 of a stride in these 3 s, on a G1 or an H1."""
    contract, counted = Policy(path).contract, [np.float32(0)]
    for _ in range(150):
        counted.append(advance_phase(contract, counted[-1]))
    assert apart(clock(np.arange(151) * contract.ctrl_dt), counted) < 3e-6


def test_the_clock_is_as_exact_after_a_month(clock, path):
    period = Policy(path).contract.gait_period_s
    shares = np.linspace(0, 1, 33)
    for strides in (0, 4500, 5_000_000):
        assert apart(clock((strides + shares) * period), shares) < 2e-7


def test_a_file_that_is_no_policy_is_refused(tmp_path, baked):
    with pytest.raises(PolicyError, match="no such file"):
        bake(tmp_path / "policy.onnx")
    (tmp_path / "controller.onnx").write_bytes(baked)
    with pytest.raises(PolicyError, match="want one named 'obs'"):
        bake(tmp_path / "controller.onnx")
