"""A copy of the project small enough to train in seconds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from pipeline.provenance import ROOT

COPIED = ("deploy", "pipeline", "robots", "stages", "dvc.yaml", ".dvcignore")
CHANGES = {
    "physics": {"backend": "native"},
    "ppo": {
        "num_envs": 16,
        "num_timesteps": 16 * 10 * 40,
        "num_minibatches": 2,
        "num_epochs": 2,
        "policy_hidden_layer_sizes": [32, 32],
        "value_hidden_layer_sizes": [32],
        "calibration_rounds": 1,
        "checkpoint_interval_s": 0.001,
    },
    "evaluate": {"num_envs": 13, "duration_s": 2.0, "settle_s": 0.5},
    "render": {
        "width": 160,
        "height": 90,
        "fps": 10,
        "preview_s": 0.5,
        "script": [[0.5, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]],
    },
    "sim2sim": {
        "enabled": False,
        "episode_s": 2.0,
        "push_interval_s": 1.0,
        "settle_s": 0.5,
        "profiles": {
            "quick": {"nominal": 13, "sweep": 2, "scenario": 2, "margin": 0},
            "full": {"nominal": 13, "sweep": 2, "scenario": 2, "margin": 2},
        },
    },
}
"""Parameters of the miniature, over params.yaml; gate thresholds are off."""


def make_miniature(folder: Path, **more: dict[str, object]) -> Path:
    """Copy the project into a folder, with small parameters and a DVC of its own.

    Args:
        folder: Where; made when missing.
        **more: Further changes, section by section.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for changes in (CHANGES, more):
        for section, values in changes.items():
            params[section].update(values)
    write_params(folder, params)
    run(folder, "dvc", "init", "-q", "--no-scm").check_returncode()
    run(folder, "dvc", "config", "core.analytics", "false").check_returncode()
    return folder


def read_params(folder: Path) -> dict:
    """The miniature's params.yaml."""
    return yaml.safe_load((folder / "params.yaml").read_text())


def write_params(folder: Path, params: dict) -> None:
    """Write the miniature's params.yaml."""
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def environment(folder: Path) -> dict[str, str]:
    """Environment in which `python` is this one, and imports come from the folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    site = str(folder / ".dvc-site")
    return {**os.environ, "PATH": path, "PYTHONPATH": str(folder), "DVC_SITE_CACHE_DIR": site}


def run(folder: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module in the miniature to its end."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
