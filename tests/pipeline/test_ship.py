"""Only a proven policy ships."""

import json

import pytest

from pipeline.files import sha256
from pipeline.ship import ShipError, ship

ONNX = b"the policy"


def artifacts(folder, **gate):
    folder.mkdir()
    (folder / "policy.onnx").write_bytes(ONNX)
    (folder / "metrics.json").write_text("{}")
    content = {"passed": True, "policy_sha256": sha256(ONNX), **gate}
    (folder / "gate.json").write_text(json.dumps(content))
    return folder


def test_a_proven_policy_is_copied(tmp_path):
    written = ship(artifacts(tmp_path / "a"), tmp_path / "policies" / "go2")
    assert {path.name for path in written} == {"policy.onnx", "gate.json", "metrics.json"}
    assert (tmp_path / "policies" / "go2" / "policy.onnx").read_bytes() == ONNX


@pytest.mark.parametrize(
    ("gate", "message"),
    [({"passed": False}, "did not pass"), ({"policy_sha256": "0" * 64}, "judged 000000000000")],
)
def test_an_unproven_policy_is_not(tmp_path, gate, message):
    with pytest.raises(ShipError, match=message):
        ship(artifacts(tmp_path / "a", **gate), tmp_path / "policies")
    assert not (tmp_path / "policies").exists()


def test_missing_artifacts_say_what_to_run(tmp_path):
    with pytest.raises(ShipError, match="dvc repro"):
        ship(tmp_path, tmp_path / "policies")
