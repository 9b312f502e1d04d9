"""What goes on the robot loads nothing of the trainer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"jax", "jaxlib", "flax", "brax", "optax", "orbax", "tensorflow", "dvc", "dvclive"}
MODULES = [
    "robots",
    "robots.model",
    "deploy",
    "deploy.contract",
    "deploy.log",
    "deploy.observations",
    "deploy.policy",
    "deploy.cockpit.__main__",
    "deploy.cockpit.house",
    "deploy.cockpit.session",
    "deploy.replay.__main__",
    "deploy.sim_robot.__main__",
    "deploy.wire.dds",
    "deploy.runtime.cli",
    "deploy.runtime.inputs.gamepad",
    "deploy.runtime.inputs.keyboard",
]


def loaded_by(code):
    """Top-level packages and modules that a fresh interpreter holds after running `code`."""
    report = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(result.stdout.splitlines()[-1]))


def packages(modules):
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("module", MODULES)
def test_importing_it_loads_nothing_heavy(module):
    modules = loaded_by(f"import {module}")
    assert module in modules
    assert not packages(modules) & HEAVY


def test_the_command_line_loads_no_simulator_no_plotter_and_no_network():
    modules = packages(loaded_by("import deploy.runtime.cli"))
    assert not modules & {"mujoco", "matplotlib", "cyclonedds"}


def test_loading_every_robot_loads_nothing_heavy():
    modules = loaded_by("import robots; [robots.load(name) for name in robots.names()]")
    assert "robots.go2.robot" in modules
    assert not packages(modules) & HEAVY


def test_a_heavy_import_would_be_seen():
    assert packages(loaded_by("import deploy.policy, optax")) & HEAVY
