"""Every measurement says what it is when asked, before it measures anything."""

import importlib
import pkgutil
import sys

import pytest

import bench

INNER = {
    "faults_planted",
    "faults_walk",
    "fuzz_kinds",
    "gpu_measure",
    "gpu_tables",
    "mjx",
    "__main__",
}
"""Parts that others run in a process of their own, or import; and `make bench`."""
MEASUREMENTS = sorted(m.name for m in pkgutil.iter_modules(bench.__path__) if m.name not in INNER)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_help_and_a_wrong_argument(name, monkeypatch, capsys):
    module = importlib.import_module(f"bench.{name}")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as left:
        module.main()
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m bench.{name} ")
    monkeypatch.setattr(sys, "argv", [name, "--no-such-thing"])
    with pytest.raises(SystemExit) as left:
        module.main()
    assert left.value.code == 2
