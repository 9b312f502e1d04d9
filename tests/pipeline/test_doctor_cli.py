"""The doctor's command line: verdicts, exit statuses, refusals in one line."""

import json
import os
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from deploy.policy import Policy
from pipeline.doctor import environment
from pipeline.doctor.__main__ import main
from pipeline.files import sha256
from pipeline.provenance import ROOT
from robots.errors import UserError
from tests import doctor_policies as plant


@pytest.fixture(autouse=True)
def _without_walk(monkeypatch):
    plant.leave_out_walk(monkeypatch)


def undamped(raw):
    raw["kd"] = [0.0] * 12


def misnamed(raw):
    raw["joint_names"][0] = "FL_hipp_joint"


# Verdicts


def test_a_sound_policy(tmp_path, capsys):
    path = plant.shipped("go2")
    assert main([str(path), "--strict", "--json", str(tmp_path / "said.json")]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == f"{path}: sound, no finding"
    assert "47 inputs, 12 actions; metadata surefoot_contract and mjlab metadata" in second
    assert "Unitree Go2" in second
    assert third == "  a unit action asks for up to 1.27 times a motor's torque: FL_hip_joint"
    said = json.loads((tmp_path / "said.json").read_text())
    torques = {row["joint"]: row["share_of_limit"] for row in said.pop("unit_action_torque")}
    go2 = Policy(path).contract
    assert torques == {
        name: pytest.approx(kp * scale / effort)
        for name, kp, scale, effort in zip(
            go2.joint_names, go2.kp, go2.action_scale, go2.effort_limit, strict=True
        )
    }
    assert said == {
        "schema_version": 1,
        "policy": str(path),
        "policy_sha256": sha256(path.read_bytes()),
        "verdict": "sound, no finding",
        "errors": 0,
        "warnings": 0,
        "notes": 0,
        "findings": [],
    }


def absurd(raw):
    raw["kp"], raw["action_scale"] = [1e300] * 12, [1e10] * 12


def test_torques_beyond_all_numbers_are_still_json(tmp_path, capsys):
    path = plant.write(tmp_path, contract=absurd)
    assert main([str(path), "--json", str(tmp_path / "said.json")]) == 1
    said = json.loads((tmp_path / "said.json").read_text())
    assert "torque" in {finding["check"] for finding in said["findings"]}
    assert said["unit_action_torque"][0]["share_of_limit"] == 1e6


def test_a_warning_fails_only_when_strict(tmp_path, capsys):
    path = plant.write(tmp_path, contract=undamped)
    assert main([str(path)]) == 0
    assert f"{path}: 1 warning" in capsys.readouterr().out
    assert main([str(path), "--strict"]) == 1


def test_an_error_fails_and_is_told(tmp_path, capsys):
    path = plant.write(tmp_path, contract=misnamed)
    assert main([str(path), "--json", str(tmp_path / "said.json")]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{path}: 1 error\n")
    for part in ("error    joints: FL_hipp_joint", "where: ", "fix:   "):
        assert part in out
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["errors"] == 1
    assert said["findings"][0]["check"] == "joints"
    assert "\033" not in out


def test_colours_on_a_terminal_only_and_not_against_wishes(tmp_path, capsys, monkeypatch):
    path = plant.write(tmp_path, contract=misnamed)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    main([str(path)])
    assert "\033[31merror" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    main([str(path)])
    assert "\033" not in capsys.readouterr().out


def test_the_worst_comes_first(tmp_path, capsys):
    def spoil(raw):
        undamped(raw)
        raw["kp"] = [-1.0] * 12

    main([str(plant.write(tmp_path, contract=spoil))])
    severities = re.findall(r"^(error|warning|note)", capsys.readouterr().out, re.MULTILINE)
    assert severities == ["error", "warning"]


def test_without_a_file_the_robots_own_policy_is_taken(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["--robot", "h1"]) == 0
    assert capsys.readouterr().out.startswith("policies/h1/policy.onnx: sound")


def test_help_says_what_it_is_for(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    for part in ("--model", "--deploy", "--robot", "--json", "--strict", "--env", "exit status"):
        assert part in out


# Refusals: status 2, one line that names the file and the field


def refused(capsys, *arguments):
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("error: ") and err.count("\n") == 1
    return err


def a_graph(folder, nodes, *constants, inputs=4):
    """A file of one matrix product, with more."""
    weights = numpy_helper.from_array(np.ones((4, 2), np.float32), "w")
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["obs", "w"], ["m"]), *nodes],
        "g",
        [info("obs", TensorProto.FLOAT, ["batch", inputs])],
        [info("action", TensorProto.FLOAT, ["batch", 2])],
        [weights, *constants],
    )
    opsets = [helper.make_opsetid("", 17)]
    path = folder / "policy.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    )
    return path


def a_constant(name, values, kind=np.int64):
    return numpy_helper.from_array(np.asarray(values, kind), name)


SUM_UP = (
    helper.make_node("ReduceSum", ["z"], ["s"], keepdims=0),
    helper.make_node("Add", ["m", "s"], ["action"]),
)


def test_a_weight_that_claims_to_be_huge(tmp_path, capsys):
    claim = TensorProto(name="w2", dims=[10**9, 4], data_type=TensorProto.FLOAT)
    add = helper.make_node("Add", ["m", "w2"], ["action"])
    path = a_graph(tmp_path, [add], claim)
    assert "tensor 'w2' of shape [1000000000, 4] asks for" in refused(capsys, path)


def test_a_weight_that_is_not_what_it_claims(tmp_path, capsys):
    claim = TensorProto(name="w2", dims=[3, 4], data_type=TensorProto.FLOAT, raw_data=b"1234")
    path = a_graph(tmp_path, [helper.make_node("Add", ["m", "w2"], ["action"])], claim)
    assert "tensor 'w2' says [3, 4] and holds something else" in refused(capsys, path)


def test_a_node_that_would_make_something_huge(tmp_path, capsys):
    filled = helper.make_node("ConstantOfShape", ["n"], ["z"])
    path = a_graph(tmp_path, [filled, *SUM_UP], a_constant("n", [10**10]))
    assert "tensor 'z' of shape [10000000000]" in refused(capsys, path)
    spread = helper.make_node("Expand", ["one", "n"], ["z"])
    one = a_constant("one", [1.0], np.float32)
    path = a_graph(tmp_path, [spread, *SUM_UP], one, a_constant("n", [10**5, 10**5]))
    assert "tensor 'z' of shape [100000, 100000]" in refused(capsys, path)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the limit is Linux's")
def test_a_size_that_only_running_would_tell(tmp_path, capsys):
    cast = helper.make_node("Cast", ["k"], ["n"], to=TensorProto.INT64)
    filled = helper.make_node("ConstantOfShape", ["n"], ["z"])
    path = a_graph(tmp_path, [cast, filled, *SUM_UP], a_constant("k", [1e10], np.float32))
    assert "to run it takes more than 2,147,483,648 bytes of memory" in refused(capsys, path)


def test_an_impossible_number_of_inputs(tmp_path, capsys):
    path = a_graph(tmp_path, [helper.make_node("Identity", ["m"], ["action"])], inputs=10**6)
    assert "input 'obs' has 1,000,000 numbers, want at most 8,192" in refused(capsys, path)


def test_a_baked_controller_is_called_what_it_is(capsys):
    assert main([str(ROOT / "policies" / "g1" / "controller.onnx")]) == 2
    said = capsys.readouterr().err
    assert "is a baked controller" in said and "examine the policy.onnx it was made of" in said


def test_a_step_without_end(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pipeline.doctor.network.TIME_LIMIT_S", 0.3)
    info = helper.make_tensor_value_info
    ends = [info("i", TensorProto.INT64, []), info("c", TensorProto.BOOL, [])]
    outs = [info("c_out", TensorProto.BOOL, []), info("x_out", TensorProto.FLOAT, None)]
    nodes = [helper.make_node("Identity", [n], [f"{n}_out"]) for n in ("c", "x")]
    body = helper.make_graph(nodes, "body", [*ends, info("x", TensorProto.FLOAT, None)], outs)
    loop = helper.make_node("Loop", ["", "yes", "m"], ["action"], body=body)
    assert main([str(a_graph(tmp_path, [loop], a_constant("yes", True, bool)))]) == 1
    assert "it took more than 0.3 s" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"hello\n" * 9, bytes(range(256)) * 9])
def test_no_onnx_file(tmp_path, capsys, content):
    path = tmp_path / "policy.onnx"
    path.write_bytes(content)
    assert f"{path}: is no ONNX file" in refused(capsys, path)


def test_half_a_file_and_none(tmp_path, capsys):
    path = tmp_path / "policy.onnx"
    whole = plant.shipped("go2").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "is no ONNX file, or cut short" in refused(capsys, path)
    assert "no such file" in refused(capsys, tmp_path / "none.onnx")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<mujoco><worldbody><body", "MuJoCo cannot read this model"),
        ("<mujoco/>", "has no joint"),
        ("no xml", "MuJoCo cannot read this model"),
    ],
)
def test_an_unreadable_model(tmp_path, capsys, content, said):
    path = tmp_path / "robot.xml"
    path.write_text(content)
    err = refused(capsys, plant.shipped("go2"), "--model", path)
    assert str(path) in err and said in err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [1, 2", "not valid YAML"),
        ("- 1\n- 2\n", "want a mapping of keys, got list"),
        ("", "is empty"),
        ("a: &a {b: 1}\nc: {<<: *a}\n", "c.<<: merge keys"),
        ("[" * 1000, "nested too deep"),
        ("a: \x00", "not valid YAML"),
        ("x: " + "y" * 2**18, "bytes, want at most"),
    ],
)
def test_an_unreadable_deploy_yaml(tmp_path, capsys, content, said):
    path = tmp_path / "deploy.yaml"
    path.write_text(content)
    assert said in refused(capsys, plant.shipped("go2"), "--deploy", path)


def test_files_that_are_not_there(tmp_path, capsys):
    for option in ("--model", "--deploy"):
        assert "none" in refused(capsys, plant.shipped("go2"), option, tmp_path / "none")
    assert "--robot spot: unknown; there are g1" in refused(
        capsys, plant.shipped("go2"), "--robot", "spot"
    )


def test_a_refusal_is_in_the_json_too(tmp_path, capsys):
    said = tmp_path / "said.json"
    refused(capsys, tmp_path / "none.onnx", "--json", said)
    assert "no such file" in json.loads(said.read_text())["refused"]


def test_the_stack_is_shown_to_those_who_ask(tmp_path, monkeypatch):
    monkeypatch.setenv("SUREFOOT_TRACE", "1")
    with pytest.raises(UserError):
        main([str(tmp_path / "none.onnx")])


def test_python_objects_are_not_obeyed(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deploy = plant.deploy_yaml(tmp_path, "go2")
    text = deploy.read_text()
    deploy.write_text(text + "extra: !!python/object/apply:os.mkdir [planted]\n")
    assert main([str(plant.shipped("go2")), "--deploy", str(deploy)]) == 1
    assert "extra is !!python/object/apply:os.mkdir" in capsys.readouterr().out
    assert not (tmp_path / "planted").exists()


def test_aliases_that_multiply_are_no_trouble(tmp_path, capsys):
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 60)
    )
    deploy = plant.deploy_yaml(tmp_path, "go2")
    deploy.write_text(bomb + deploy.read_text() + "self: &s [*s]\n")
    assert main([str(plant.shipped("go2")), "--deploy", str(deploy)]) == 0
    assert onnx.load(plant.shipped("go2"))  # untouched


# The machine


def probes_of(monkeypatch, **probes):
    monkeypatch.setattr(environment, "PROBES", {n: (p, f"mend {n}") for n, p in probes.items()})


def test_a_machine_where_all_works(monkeypatch, capsys, tmp_path):
    probes_of(
        monkeypatch,
        one=lambda: environment.Probe("one", True, "1.0"),
        two=lambda: environment.Probe("two", None, "none", "make one"),
    )
    assert main(["--env", "--json", str(tmp_path / "said.json")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "this machine: all works",
        "works  one: 1.0",
        "note   two: none",
        "       fix: make one",
    ]
    (first, _) = json.loads((tmp_path / "said.json").read_text())["probes"]
    assert first == {"name": "one", "works": True, "says": "1.0", "fix": ""}


def test_a_probe_that_raises_stops_no_other(monkeypatch, capsys):
    def broken():
        raise ImportError("libEGL.so.1:\ncannot open")

    probes_of(monkeypatch, gl=broken, two=lambda: environment.Probe("two", True, "2.0"))
    assert main(["--env"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "this machine: does not have gl",
        "fails  gl: libEGL.so.1: cannot open",
        "       fix: mend gl",
        "works  two: 2.0",
    ]


@pytest.mark.parametrize(
    "probe", ["JAX", "precision", "MuJoCo", "ONNX Runtime", "export", "ffmpeg"]
)
def test_what_tests_need_works(probe, monkeypatch):
    monkeypatch.chdir(ROOT)
    said = environment.PROBES[probe][0]()
    assert said.works, said
    assert said.name == probe
    assert re.search(r"\d", said.says)


def test_gl_that_is_not_there(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.setattr(environment, "DRAW", "raise SystemExit('cannot draw: no library')")
    said = environment.probe_gl()
    assert said.works is False
    assert said.says == "MUJOCO_GL=osmesa; cannot draw: no library"
    assert "libegl1" in said.fix


def test_dvc_without_and_with_a_remote(tmp_path, monkeypatch):
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    with Repo.init(no_scm=True) as repo, repo.config.edit() as config:
        config["core"]["analytics"] = False
    said = environment.probe_dvc()
    assert said.works is None and "no remote" in said.says and "dvc remote add" in said.fix
    with Repo() as repo, repo.config.edit() as config:
        config["remote"] = {"shelf": {"url": str(tmp_path / "shelf")}}
        config["core"]["remote"] = "shelf"
    said = environment.probe_dvc()
    assert said.works is False and "is not there" in said.says
    (tmp_path / "shelf").mkdir()
    said = environment.probe_dvc()
    assert said.works and "remote shelf" in said.says
