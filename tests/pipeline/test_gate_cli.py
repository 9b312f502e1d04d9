"""`python -m pipeline.sim2sim`: arguments, what it writes where, and its exit status."""

import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import yaml
from onnx import helper, numpy_helper

from deploy.policy import Policy
from pipeline.provenance import ROOT
from pipeline.sim2sim import __main__ as cli
from pipeline.sim2sim import run, trial
from pipeline.sim2sim.gate import run_gate
from pipeline.sim2sim.schema import read_gate
from tests import doctor_policies
from tests.conftest import read_params, set_key

SHIPPED = ROOT / "policies" / "go2" / "policy.onnx"
TINY = {
    "sim2sim.episode_s": 1.0,
    "sim2sim.push_interval_s": 0.5,
    "sim2sim.settle_s": 0.5,
    "sim2sim.profiles.quick": {"nominal": 13, "sweep": 1, "scenario": 1, "margin": 0},
    "sim2sim.profiles.full": {"nominal": 13, "sweep": 1, "scenario": 1, "margin": 24},
    "sim2sim.sweeps": {"friction": [0.8]},
    "sim2sim.scenarios": {"drop": {"drop_height": 0.05}},
    "sim2sim.margins.rounds": 1,
    "sim2sim.margins.search": {"stumble": [0.1]},
    # One second is too short to follow a command well.
    "sim2sim.thresholds.planar_rmse": 2.0,
    "sim2sim.thresholds.yaw_rmse": 2.0,
}


@pytest.fixture
def judge(tmp_path, monkeypatch):
    """Run the command in a folder with tiny settings and a Go2's policy; no films."""
    raw = read_params()
    for key, value in TINY.items():
        set_key(raw, key, value)
    raw["overrides"]["go2"]["sim2sim"] = {}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw))
    folder = tmp_path / "policies" / "go2"
    folder.mkdir(parents=True)
    shutil.copy(SHIPPED, folder)
    monkeypatch.chdir(tmp_path)
    told = {}

    def no_film(path, verdict, robot, contract, against=None):
        told["against"] = against
        path.write_text("report")

    monkeypatch.setattr(run, "report", no_film)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["sim2sim", *map(str, arguments)])
        cli.main()
        return told

    return call


def test_the_full_profile_writes_beside_the_policy_and_quick_among_the_artifacts(judge, tmp_path):
    judge("--robot", "go2", "--profile", "full")
    beside = read_gate(tmp_path / "policies/go2/gate.json")
    assert beside["profile"] == "full" and [m["axis"] for m in beside["margins"]] == ["stumble"]
    judge("--robot", "go2")
    assert read_gate(tmp_path / "artifacts/go2/gate/gate.json")["profile"] == "quick"
    assert read_gate(tmp_path / "policies/go2/gate.json") == beside
    judge("--robot", "go2", "--out", tmp_path / "here", "--policy", SHIPPED)
    assert read_gate(tmp_path / "here/gate.json")["policy_sha256"] == beside["policy_sha256"]


def test_the_gate_of_another_is_shown_beside(judge, tmp_path):
    first = tmp_path / "first"
    judge("--robot", "go2", "--out", first)
    assert judge("--robot", "go2")["against"] is None
    assert judge("--robot", "go2", "--against", first / "gate.json")["against"] == read_gate(
        first / "gate.json"
    )


def test_a_gate_that_does_not_fit_is_refused_before_anything_runs(judge, tmp_path, capsys):
    with pytest.raises(SystemExit, match=r"error: --against: .*gate\.json is of 'g1', want 'go2'"):
        judge("--robot", "go2", "--against", ROOT / "policies/g1/gate.json")
    with pytest.raises(SystemExit, match=r"none\.json: no such file"):
        judge("--robot", "go2", "--against", tmp_path / "none.json")
    assert not (tmp_path / "artifacts").exists()


def test_a_policy_that_asks_for_huge_tensors_never_reaches_onnx_runtime(
    judge, tmp_path, monkeypatch
):
    path = doctor_policies.write(tmp_path, graph=doctor_policies.a_huge_weight)
    monkeypatch.setattr(run, "Policy", lambda path: pytest.fail("was loaded"))
    with pytest.raises(
        SystemExit, match=r"error: .*policy\.onnx: tensor 'z' of shape \[1000000000"
    ):
        judge("--robot", "go2", "--policy", path)
    assert not (tmp_path / "artifacts").exists()


def sized_by_what_it_sees(model):
    """A tensor of 256 GiB, which its shapes do not tell: the size is computed from the input."""
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.float32(0), "nothing"))
    graph.initializer.append(numpy_helper.from_array(np.float32(2**36), "many"))
    nodes = [
        helper.make_node("ReduceMax", ["obs"], ["one"], keepdims=0),
        helper.make_node("Mul", ["one", "nothing"], ["zero"]),
        helper.make_node("Add", ["zero", "many"], ["size"]),
        helper.make_node("Cast", ["size"], ["whole"], to=onnx.TensorProto.INT64),
        helper.make_node("Reshape", ["whole", "shape"], ["dims"]),
        helper.make_node("ConstantOfShape", ["dims"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["none"], keepdims=0),
    ]
    graph.initializer.append(numpy_helper.from_array(np.array([1]), "shape"))
    for at, node in enumerate(nodes):
        graph.node.insert(at, node)
    last = graph.node[-1]
    last.output[0] = "own"
    graph.node.append(helper.make_node("Add", ["own", "none"], ["action"]))


def test_a_size_that_only_running_tells_is_refused_before_anything_runs(judge, tmp_path):
    path = doctor_policies.write(tmp_path, graph=sized_by_what_it_sees)
    with pytest.raises(SystemExit, match=r"error: .*policy\.onnx: ONNX Runtime cannot run it: "):
        judge("--robot", "go2", "--policy", path)
    assert not (tmp_path / "artifacts").exists()


def superhuman(tmp_path):
    """The baseline of a policy that got up from lying, which this one does not."""
    path = tmp_path / "policies/go2/gate.json"
    gate = json.loads(path.read_text())
    sure = {"value": 1.4, "survival": 1.0, "survival_low": 0.9}
    gate["margins"][0] |= sure
    gate["margins"][0]["tried"] = [gate["margins"][0]["tried"][0] | sure]
    baseline = tmp_path / "baseline.json"
    baseline.write_text(json.dumps(gate))
    return baseline


def test_a_lost_margin_ends_in_a_no(judge, tmp_path, capsys):
    judge("--robot", "go2", "--profile", "full")
    judge("--robot", "go2", "--baseline", tmp_path / "policies/go2/gate.json")
    out = tmp_path / "artifacts/go2/gate/gate.json"
    kept = read_gate(out)
    assert kept["passed"] and not kept["regressions"][0]["regressed"]
    with pytest.raises(SystemExit, match=r"(?s)the gate says no.*regressions: .*stumble"):
        judge("--robot", "go2", "--baseline", superhuman(tmp_path))
    lost = read_gate(out)
    assert not lost["passed"] and lost["regressions"][0]["regressed"]
    assert lost["criteria"][-1]["measured"] == 1


def test_a_baseline_made_with_other_settings_is_refused(judge, tmp_path):
    judge("--robot", "go2", "--profile", "full")
    path = tmp_path / "policies/go2/gate.json"
    gate = json.loads(path.read_text())
    gate["settings"]["sim_dt"] = 0.001
    path.write_text(json.dumps(gate))
    with pytest.raises(SystemExit, match=r"gate\.json was made with sim_dt 0\.001, this gate has"):
        judge("--robot", "go2", "--baseline", path)
    gate["settings"] |= {"sim_dt": 0.002, "settle_s": 0.1}  # which decides nothing of who falls
    path.write_text(json.dumps(gate))
    judge("--robot", "go2", "--baseline", path)


@pytest.mark.parametrize("threads", [2, 3])
def test_numbers_do_not_depend_on_the_cores(judge, make_config, go2, monkeypatch, threads):
    def found(cores):
        monkeypatch.setattr(trial.os, "cpu_count", lambda: cores)
        return run_gate(Policy(SHIPPED), go2, make_config({**TINY, "sim2sim.profile": "full"}))

    one, many = found(1), found(threads)
    assert one.gate == many.gate
    assert np.array_equal(one.nominal.velocity, many.nominal.velocity)


def test_the_gate_starts_without_jax():
    """Which takes seconds to load, and is of no use to it."""
    code = "import sys, pipeline.sim2sim.__main__; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    modules = set(found.stdout.decode().split())
    assert "pipeline.sim2sim.world" in modules
    assert modules.isdisjoint({"jax", "flax", "brax", "pipeline.physics.native"})
