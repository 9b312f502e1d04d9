"""Hashes of everything that decides a training run's result."""

import ast
import importlib.metadata
import json
import platform
from pathlib import Path

import jax

from pipeline.config import Config
from pipeline.files import hash_files, sha256
from robots import RobotSpec

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder."""
PACKAGES = ("robots", "deploy", "pipeline", "stages")
"""First-party packages."""
LIBRARIES = ("brax", "flax", "jax", "jaxlib", "mujoco", "numpy", "optax")
"""Libraries whose version may change the result of training."""
OF_BACKEND = {"mjx": ("mujoco-mjx",), "warp": ("mujoco-mjx", "warp-lang")}
"""What else is a backend's."""
NOT_DECISIVE = {"physics": {"threads"}, "ppo": {"checkpoint_interval_s"}}
"""Training parameters that change how a run goes, not where it ends."""


def imported_files(entry: Path) -> set[Path]:
    """First-party files that a file imports, itself included, followed to the end.

    A package's `__init__.py` counts where any of its modules does.
    """
    found: set[Path] = set()
    package = entry.resolve().with_name("__init__.py")
    queue = [entry.resolve(), *([package] if package.is_file() else [])]
    while queue:
        path = queue.pop()
        if path in found:
            continue
        found.add(path)
        queue += _direct_imports(path)
    return found


def _direct_imports(path: Path) -> list[Path]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    files: list[Path] = []
    for name in names:
        parts = name.split(".")
        if parts[0] not in PACKAGES:
            continue
        for depth in range(1, len(parts) + 1):
            base = ROOT.joinpath(*parts[:depth])
            files += [p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()]
    return files


def robot_files(robot: RobotSpec) -> set[Path]:
    """Files of a robot's folder that say what it is."""
    folder = robot.model_path.parent
    return {*folder.glob("*.py"), *folder.glob("*.xml")}


def training_code_hash(robot: RobotSpec) -> str:
    """Hash of the files that training imports, the robot's included."""
    files = imported_files(ROOT / "pipeline" / "train.py") | robot_files(robot)
    return hash_files(ROOT, files)


def training_params_hash(config: Config) -> str:
    """Hash of the parameters that decide a run's result, as JSON with sorted keys."""
    sections = config.model_dump(include={"robot", "seed", "physics", "task", "ppo"})
    for section, keys in NOT_DECISIVE.items():
        for key in keys:
            del sections[section][key]
    return sha256(json.dumps(sections, sort_keys=True).encode())


def run_key(config: Config, robot: RobotSpec) -> str:
    """Name the folder of a run's checkpoints; runs share it where they would end alike."""
    device = jax.devices()[0]
    libraries = (*LIBRARIES, *OF_BACKEND.get(config.physics.backend, ()))
    parts = [
        training_params_hash(config),
        training_code_hash(robot),
        *(f"{name} {importlib.metadata.version(name)}" for name in libraries),
        f"{device.platform} {device.device_kind} x{jax.device_count()} {platform.machine()}",
    ]
    return sha256("\n".join(parts).encode())[:16]
