"""What of this machine works: JAX, MuJoCo, ONNX Runtime, export, GL, ffmpeg, DVC."""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

TIMEOUT_S = 120
"""After which a probe in a process of its own has failed."""
GL_PACKAGES = "libegl1 libopengl0 libgl1-mesa-dri"
DRAW = """
import robots
from pipeline.film_studio import Studio
Studio(robots.load(robots.names()[0]), 64, 64)
"""
"""Draws nothing, but makes all that drawing takes; may die without a word, so in a process."""
TF32_ERROR = 1e-4
"""Relative error of a product above which it was not made of float32s."""


@dataclass(frozen=True)
class Probe:
    """What was found of one thing.

    Args:
        name: What.
        works: Whether; None where nothing needs it.
        says: Version and figures, or what is wrong.
        fix: What to install or set; empty where it works.
    """

    name: str
    works: bool | None
    says: str
    fix: str = ""


def probe_all() -> list[Probe]:
    """Try everything; a probe that fails says so and stops no other."""
    return [_guarded(name, probe, fix) for name, (probe, fix) in PROBES.items()]


def _guarded(name: str, probe: Callable[[], Probe], fix: str) -> Probe:
    try:
        return probe()
    except Exception as error:  # whatever a library raises that is not whole
        said = " ".join(str(error).split()) or type(error).__name__
        return Probe(name, False, said, fix)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def probe_jax() -> Probe:
    """Which device JAX runs on, by computing something there."""
    import jax

    from pipeline import devices

    kind = devices.platform()
    found = jax.devices()
    total = float(jax.numpy.ones(8).sum())
    says = f"{jax.__version__} on {kind}: {len(found)} x {found[0].device_kind}"
    return Probe("JAX", total == 8.0, says)


def probe_precision() -> Probe:
    """Whether products of float32s are made of float32s, as params.yaml asks for."""
    import jax
    import numpy as np

    from pipeline import config, devices

    asked = config.load().physics
    devices.prepare(asked)
    a = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    exact = a.astype(np.float64) @ a
    off = float(np.abs(np.asarray(jax.numpy.asarray(a) @ a) - exact).max() / np.abs(exact).max())
    coarse = off > TF32_ERROR
    says = f"physics.matmul_precision {asked.matmul_precision}: products are off by {off:.0e}"
    if coarse and asked.matmul_precision == "float32":
        fix = "unset NVIDIA_TF32_OVERRIDE and XLA_FLAGS; physics and PPO feel ten-bit products"
        return Probe("precision", False, says, fix)
    return Probe("precision", True, says)


def probe_mujoco() -> Probe:
    """Step a ball on a plane."""
    import mujoco

    model = mujoco.MjModel.from_xml_string(
        "<mujoco><worldbody><geom type='plane' size='1 1 1'/><body pos='0 0 1'><freejoint/>"
        "<geom size='0.1'/></body></worldbody></mujoco>"
    )
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, 1000)
    others = [f"{name} {_version(name) or 'not installed'}" for name in ("mujoco-mjx", "warp-lang")]
    works = abs(data.qpos[2] - 0.1) < 0.01
    return Probe(
        "MuJoCo", works, f"{mujoco.__version__}, {os.cpu_count()} CPUs; {'; '.join(others)}"
    )


def probe_onnx_runtime() -> Probe:
    """Which ONNX Runtime runs policies here."""
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    works = "CPUExecutionProvider" in providers
    return Probe("ONNX Runtime", works, f"{onnxruntime.__version__}, {', '.join(providers)}")


def probe_export() -> Probe:
    """Whether what the export stage needs is installed; importing TensorFlow takes long."""
    names = ("onnx", "tf2onnx")
    tensorflow = next(
        (n for n in ("tensorflow-cpu", "tensorflow") if _version(n)), "tensorflow-cpu"
    )
    versions = {name: _version(name) for name in (*names, tensorflow)}
    says = ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
    works = all(versions.values())
    return Probe("export", works, says, "" if works else "make sync, or pip install '.[pipeline]'")


def probe_gl() -> Probe:
    """Whether films can be drawn without a display."""
    asked = os.environ.get("MUJOCO_GL", "")
    done = subprocess.run(
        [sys.executable, "-c", DRAW], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    says = f"MUJOCO_GL={asked}" if asked else "MUJOCO_GL is not set: chosen by itself"
    if done.returncode == 0:
        return Probe("GL", True, f"draws off-screen; {says}")
    reason = (done.stderr.strip().splitlines() or ["died without a word"])[-1]
    fix = f"install {GL_PACKAGES} (`make gl` does), or libosmesa6 and set MUJOCO_GL=osmesa"
    return Probe("GL", False, f"{says}; {reason}", fix)


def probe_ffmpeg() -> Probe:
    """Whether films can be encoded."""
    import imageio_ffmpeg

    program = imageio_ffmpeg.get_ffmpeg_exe()
    said = subprocess.run(
        [program, "-hide_banner", "-encoders"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    ).stdout
    version = imageio_ffmpeg.get_ffmpeg_version()
    if "libx264" in said:
        return Probe("ffmpeg", True, f"{version} with libx264")
    fix = "unset IMAGEIO_FFMPEG_EXE: imageio-ffmpeg's own has it"
    return Probe("ffmpeg", False, f"{version} has no libx264", fix)


def probe_dvc() -> Probe:
    """Which remote DVC shares results through."""
    from dvc.config import NoRemoteError
    from dvc.repo import Repo

    version = _version("dvc")
    with Repo() as repo:
        try:
            remote = repo.cloud.get_remote()
        except NoRemoteError:
            fix = "to share results: dvc remote add -d NAME URL"
            return Probe("DVC", None, f"{version}, no remote: results stay on this machine", fix)
        says = f"{version}, remote {remote.name}: {remote.fs.unstrip_protocol(remote.path)}"
        if not remote.fs.exists(remote.path):
            fix = "make it, or correct its URL or its access: dvc remote list"
            return Probe("DVC", False, f"{says} is not there", fix)
        return Probe("DVC", True, says)


SYNC = "make sync, or pip install '.[pipeline]'"
PROBES: dict[str, tuple[Callable[[], Probe], str]] = {
    "JAX": (probe_jax, "docs/gpu.md says what a GPU needs; JAX_PLATFORMS=cpu does without"),
    "precision": (probe_precision, f"{SYNC}; or correct params.yaml"),
    "MuJoCo": (probe_mujoco, f"{SYNC}; where MUJOCO_GL names a library that is missing, unset it"),
    "ONNX Runtime": (probe_onnx_runtime, SYNC),
    "export": (probe_export, SYNC),
    "GL": (probe_gl, f"install {GL_PACKAGES}"),
    "ffmpeg": (probe_ffmpeg, SYNC),
    "DVC": (
        probe_dvc,
        f"{SYNC}; in a folder without one, dvc init; for a remote's URL, the extra "
        "that the message names",
    ),
}
"""What is tried, and what to do where it raises."""


def as_text(probes: Sequence[Probe], coloured: bool) -> str:
    """A verdict, then one line for each, and what to install."""
    broken = [probe.name for probe in probes if probe.works is False]
    lines = [f"this machine: {'does not have ' + ', '.join(broken) if broken else 'all works'}"]
    marks = {True: ("works", "32"), False: ("fails", "31"), None: ("note", "36")}
    for probe in probes:
        word, colour = marks[probe.works]
        label = f"\033[{colour}m{word:<5}\033[0m" if coloured else f"{word:<5}"
        lines.append(f"{label}  {probe.name}: {probe.says}")
        if probe.fix:
            lines.append(f"{'':7}fix: {probe.fix}")
    return "\n".join(lines)


def as_json(probes: Sequence[Probe]) -> dict[str, Any]:
    """What `--json` writes."""
    return {"schema_version": 1, "probes": [asdict(probe) for probe in probes]}
