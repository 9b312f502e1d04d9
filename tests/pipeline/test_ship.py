"""Only a proven policy ships."""

import json

import pytest

from pipeline.files import sha256
from pipeline.ship import ShipError, main, ship

ONNX = b"the policy"


def artifacts(folder, **gate):
    folder.mkdir(parents=True)
    (folder / "policy.onnx").write_bytes(ONNX)
    (folder / "metrics.json").write_text("{}")
    content = {"passed": True, "policy_sha256": sha256(ONNX), **gate}
    (folder / "gate.json").write_text(json.dumps(content))
    return folder


def test_a_proven_policy_is_copied(tmp_path):
    written = ship(artifacts(tmp_path / "a"), tmp_path / "policies" / "go2")
    assert {path.name for path in written} == {"policy.onnx", "gate.json", "metrics.json"}
    assert (tmp_path / "policies" / "go2" / "policy.onnx").read_bytes() == ONNX


def test_a_parity_of_another_policy_is_refused(tmp_path):
    source = artifacts(tmp_path / "a")
    parity = source / "parity.json"
    parity.write_text(json.dumps({"policy_sha256": sha256(ONNX)}))
    assert tmp_path / "p" / "parity.json" in ship(source, tmp_path / "p")
    parity.write_text(json.dumps({"policy_sha256": sha256(b"another")}))
    with pytest.raises(ShipError, match=r"parity\.json: is of another policy\.onnx"):
        ship(source, tmp_path / "q")


def test_its_controller_goes_with_it(tmp_path):
    source = artifacts(tmp_path / "a")
    (source / "controller.onnx").write_bytes(b"the controller")
    assert tmp_path / "p" / "controller.onnx" in ship(source, tmp_path / "p")
    assert (tmp_path / "p" / "controller.onnx").read_bytes() == b"the controller"


@pytest.mark.parametrize("there", [None, "another policy's", "its own"])
def test_a_controller_that_is_missing_or_of_another_policy_is_baked(
    tmp_path, monkeypatch, capsys, there
):
    """`make ship`, whose baking is tested elsewhere."""
    baked = []

    def bake_beside(policy, settings):
        baked.append(policy)
        return policy.with_name("controller.onnx")

    source = artifacts(tmp_path / "artifacts" / "go2")
    if there:
        (source / "controller.onnx").write_text(there)
    monkeypatch.setattr("sys.argv", ["ship", "--robot", "go2"])
    for name, value in {
        "ARTIFACTS": tmp_path / "artifacts",
        "POLICIES": tmp_path / "policies",
        "bake_beside": bake_beside,
        "is_baked_from": lambda path, _: path.is_file() and path.read_text() == "its own",
        "model_card": lambda _: "card",
    }.items():
        monkeypatch.setattr(f"pipeline.ship.{name}", value)
    main()
    policy = tmp_path / "policies" / "go2" / "policy.onnx"
    assert baked == ([] if there == "its own" else [policy])
    assert str(policy.with_name("controller.onnx")) in capsys.readouterr().out


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
