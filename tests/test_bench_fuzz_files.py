"""bench.fuzz_files: no broken file is more than refused, and a reader that crashes is told."""

import numpy as np
import pytest

from bench import fuzz_files
from deploy.contract import ContractError, PolicyContract
from deploy.runtime.gatecheck import GateRefusedError, check_gate
from pipeline.config import ConfigError, load
from pipeline.sim2sim.schema import GateFileError, read_gate
from tests.deploy.runtime.fakes import ROOT

DEEP = "[" * 5000


@pytest.fixture(autouse=True)
def in_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("kind", fuzz_files.KINDS, ids=lambda kind: kind.name)
def test_sound_files_are_read_and_broken_ones_refused(kind, tmp_path):
    path = tmp_path / kind.name
    path.write_bytes(kind.sound())
    assert fuzz_files.outcome(kind, path) != "refused"
    counts = fuzz_files.break_all(kind, 40, tmp_path)
    assert counts.total() == 40
    assert counts["refused"] > 10


def test_every_way_to_break_a_file_is_taken():
    sound, rng = b"a: 1\nb: [2, 3]\n" * 20, np.random.default_rng(0)
    mutants = [fuzz_files.broken(sound, True, rng) for _ in range(200)]
    assert sum(mutant != sound for mutant in mutants) > 195
    assert any(len(mutant) < len(sound) / 2 for mutant in mutants)
    assert any(b"!!python" in mutant for mutant in mutants)
    assert all(isinstance(fuzz_files.broken(b"", True, rng), bytes) for _ in range(50))


def test_a_reader_that_crashes_is_not_a_refusal(tmp_path):
    def crash(path):
        raise KeyError("planted")

    kind = fuzz_files.Kind("commands.csv", bytes, True, crash)
    with pytest.raises(KeyError, match="planted"):
        fuzz_files.break_all(kind, 1, tmp_path)


def test_a_process_that_dies_leaves_its_file(capfd, monkeypatch):
    monkeypatch.setattr(fuzz_files.sys, "executable", "/bin/false")
    assert fuzz_files.main(["1", "--kind", "commands.csv"]) == 1
    assert "commands.csv: status 1" in capfd.readouterr().err


def test_what_is_nested_too_deep_is_refused(tmp_path):
    path = tmp_path / "gate.json"
    path.write_text(DEEP)
    with pytest.raises(GateFileError, match="is no JSON"):
        read_gate(path)
    with pytest.raises(ConfigError, match="not valid YAML"):
        load(path)
    with pytest.raises(ContractError, match="not JSON"):
        PolicyContract.from_json(DEEP)
    (tmp_path / "policy.onnx").write_bytes(b"")
    with pytest.raises(GateRefusedError, match="is unreadable"):
        check_gate(tmp_path / "policy.onnx", "g1", tmp_path)
