"""What does not begin says why, in one line."""

import socket
import sys

import pytest

from deploy.cockpit.__main__ import main


@pytest.fixture(autouse=True)
def signals_stay_the_tests_own(monkeypatch):
    from deploy.runtime.stopping import Stopping

    monkeypatch.setattr(Stopping, "install", lambda self: None)


def refused(capsys, *arguments):
    assert main(list(arguments)) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ") and said.err.count("\n") == 1
    assert "cockpit: http" not in said.out
    return said.err


def test_a_robot_that_is_not_there(capsys):
    said = refused(capsys, "--robot", "go3")
    assert "robot: 'go3' is unknown; there are g1, go2, h1, h1_2" in said or "go3: there is" in said


def test_a_policy_that_is_not_there_or_of_another_robot(capsys, tmp_path):
    assert "no such file" in refused(capsys, "--policy", str(tmp_path / "none.onnx"))
    said = refused(capsys, "--robot", "g1", "--policy", "policies/go2/policy.onnx")
    assert "is for robot 'go2', want 'g1'" in said


def test_a_policy_that_no_gate_vouches_for(capsys, tmp_path):
    import onnx

    model = onnx.load("policies/go2/policy.onnx")
    model.doc_string = "not the bytes that walked"
    onnx.save(model, tmp_path / "policy.onnx")
    said = refused(capsys, "--policy", str(tmp_path / "policy.onnx"))
    assert "no passing gate report names this file" in said


def test_others_on_the_network_without_a_token(capsys):
    said = refused(capsys, "--host", "0.0.0.0")
    assert "--host: 0.0.0.0 lets others on the network drive the robot; give --token new" in said
    assert "--token: want at least 16" in refused(capsys, "--host", "0.0.0.0", "--token", "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--domain", "1"), "--domain: only with --transport dds"),
        (("--interface", "lo"), "--interface: only with --transport dds"),
        (("--mode-machine", "5"), "--mode-machine: only with --transport dds"),
        (("--pace", "0.5"), "--pace: only with --transport dds"),
        (("--port", "70000"), "--port: 70000 is not allowed, want 0 to 65535"),
        (("--rate", "333"), "--rate: 333 is not allowed: want a multiple of 50"),
    ],
)
def test_what_goes_together_with_nothing(capsys, arguments, message):
    assert message in refused(capsys, *arguments)


def test_a_port_in_use(capsys):
    pytest.importorskip("viser")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"--port: {port} on 127.0.0.1 cannot be had" in refused(capsys, "--port", port)


@pytest.mark.parametrize("missing", ["viser", "mujoco", "websockets"])
def test_a_library_that_is_missing(capsys, monkeypatch, missing):
    if missing != "viser":
        pytest.importorskip("viser")  # else that is what is missing
    for name in [n for n in sys.modules if n.startswith(("deploy.cockpit.", missing))]:
        if name not in ("deploy.cockpit.access", "deploy.cockpit.arguments"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    said = refused(capsys)
    assert missing in said and "pip install '.[cockpit]'" in said
