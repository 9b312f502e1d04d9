"""What is refused before ONNX Runtime sees it: files too large, and weights in other files."""

from pathlib import Path

import onnx
import pytest

import robots
from deploy import policy as module
from deploy.policy import MAX_BYTES, Policy, PolicyError

ROOT = Path(__file__).resolve().parents[2]


def shipped(robot):
    return ROOT / "policies" / robot / "policy.onnx"


@pytest.mark.parametrize("robot", robots.names())
def test_what_ships_is_far_from_the_limit(robot):
    assert Policy(shipped(robot)).contract.robot == robot
    assert shipped(robot).stat().st_size < MAX_BYTES / 100


def test_a_file_too_large_is_not_even_read(tmp_path):
    path = tmp_path / "policy.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # a hole: it takes no disk
    with pytest.raises(PolicyError) as refusal:
        Policy(path)
    assert str(refusal.value) == f"{path}: has 67,108,865 bytes, want at most 67,108,864"


def test_a_file_of_the_limit_is_read(monkeypatch):
    path = shipped("go2")
    monkeypatch.setattr(module, "MAX_BYTES", path.stat().st_size)
    Policy(path)
    monkeypatch.setattr(module, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(PolicyError, match="want at most"):
        Policy(path)


def test_weights_in_the_working_directory_are_not_taken(tmp_path, monkeypatch):
    """Where ONNX Runtime would find them: the gate has vouched for the .onnx alone."""
    path = tmp_path / "policy.onnx"
    model = onnx.load(shipped("go2"))
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=256)
    assert (tmp_path / "w.bin").stat().st_size > 10_000
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError, match="has weights in another file, which its hash does not"):
        Policy(path)
