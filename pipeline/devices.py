"""What JAX runs on: set up before the first computation, and explained when it fails."""

import contextlib
import glob
import importlib.metadata
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import jax
from jax.extend.backend import get_backend

from pipeline.config_sections import Physics
from robots.errors import UserError

HEADROOM = 0.9
"""Share of the device's memory that a suggestion fills."""
ADVICE = (
    "If nvidia-smi names a GPU, its driver is too old for the CUDA that is installed: update it "
    "(CUDA 13 needs 580 or newer), or install CUDA 12 (525 or newer) with make repro GPU=12. If it "
    "names none, none is visible here (a container needs --gpus all). To do without: leave GPU= "
    "out, and set JAX_PLATFORMS=cpu."
)
"""What to do where a GPU is wanted and not found."""
DEVICE_FILES = ("/dev/nvidia[0-9]*", "/dev/kfd", "/dev/accel*", "/dev/vfio/*")
"""Of NVIDIA's, AMD's and Google's accelerators."""
FULL = ("RESOURCE_EXHAUSTED", "CUDA_ERROR_OUT_OF_MEMORY", "Failed to allocate")
"""What XLA, CUDA and Warp say when memory has run out."""
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class DeviceError(UserError):
    """The device is missing, or too small."""


def prepare(settings: Physics) -> None:
    """Set JAX up for a run; call it before anything asks JAX for a device.

    Args:
        settings: `backend` and `matmul_precision` count.
    """
    # TF32, the default of NVIDIA GPUs since Ampere, has ten bits: physics and PPO feel it.
    jax.config.update("jax_default_matmul_precision", settings.matmul_precision)
    asked = _asked()
    if asked and "cpu" not in asked:  # native physics is called back on the CPU
        jax.config.update("jax_platforms", ",".join([*asked, "cpu"]))
    if settings.backend in ("mjx", "warp") and not _accelerator_in_sight():
        # With more threads, two of XLA's can wait in LAPACK's batched Cholesky for work that only
        # they could do (jaxlib 0.10.2).
        os.environ.setdefault("NPROC", "1")


def _asked() -> list[str]:
    """Platforms that JAX_PLATFORMS asks for, the preferred one first."""
    return [name for name in os.environ.get("JAX_PLATFORMS", "").split(",") if name]


def _plugins() -> list[str]:
    """Names of JAX's plugins for accelerators that are installed."""
    return [entry.name for entry in importlib.metadata.entry_points(group="jax_plugins")]


def _accelerator_in_sight() -> bool:
    """Whether JAX will find an accelerator, as far as can be said without starting it."""
    if _asked()[:1] == ["cpu"] or not _plugins():
        return False
    return any(glob.glob(pattern) for pattern in DEVICE_FILES)


def platform() -> str:
    """Of the default device: cpu, cuda, rocm, tpu.

    Says so where a plugin for an accelerator is installed and yet the CPU is what is left.

    Raises:
        DeviceError: If there is no device of the platform that JAX_PLATFORMS prefers, or JAX cannot
            start.
    """
    asked = ",".join(_asked())
    where = f"JAX_PLATFORMS={asked}: " if asked else ""
    try:
        found = get_backend()
    except (RuntimeError, AssertionError) as error:  # JAX 0.10 asserts where nothing can start
        reason = " ".join(str(error).split()) or "no such platform"
        raise DeviceError(f"{where}{reason}\n{ADVICE}") from error
    version = found.platform_version.lower()
    names = [name for name in ("cuda", "rocm") if name in version]
    name = names[0] if found.platform == "gpu" and names else found.platform
    if _asked()[:1] not in ([], [name], [found.platform]):
        raise DeviceError(f"{where}no such device is visible, only {name}\n{ADVICE}")
    if name == "cpu" and not asked and _plugins():
        print(
            f"note: JAX has {', '.join(_plugins())} and no device for it: going on on the CPU. "
            f"{ADVICE}",
            file=sys.stderr,
        )
    return name


@contextlib.contextmanager
def explained(key: str, num_envs: int) -> Iterator[None]:
    """Turn running out of device memory into a count of environments that would fit.

    Args:
        key: Section of params.yaml that the count is from.
        num_envs: The count that was tried.
    """
    try:
        yield
    except RuntimeError as error:  # JAX's is one, Warp's too
        if not any(sign in str(error) for sign in FULL):
            raise
        device = jax.devices()[0]
        stats = device.memory_stats() or {}
        fit = environments_that_fit(
            str(error), num_envs, in_use=stats.get("bytes_in_use", 0), limit=memory_bytes(device)
        )
        advice = f"about {fit:,} environments would fit" if fit else "take fewer environments"
        raise DeviceError(
            f"{device.device_kind} ran out of memory with {key}.num_envs {num_envs:,}: {advice}; "
            "docs/gpu.md says what else helps"
        ) from error


def memory_bytes(device: Any) -> int:
    """How much memory JAX may take on a device, one of `jax.devices()`, bytes."""
    stats = device.memory_stats()
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def environments_that_fit(message: str, num_envs: int, *, in_use: int, limit: int) -> int | None:
    """How many environments fit, as memory grows with their number: a power of two.

    Args:
        message: What XLA says when it runs out, with the bytes it could not get.
        num_envs: How many did not fit.
        in_use: Bytes in use at that time.
        limit: Bytes that there are.

    Returns:
        None where the message names no number.
    """
    asked = re.search(r"allocat\w*\s+([\d.]+)\s*([KMGT]?)i?(?:B|bytes)", message)
    if asked is None:
        return None
    needed = in_use + float(asked[1]) * UNITS[asked[2]]
    fit = int(num_envs * HEADROOM * limit / needed)
    return 2 ** (min(fit, num_envs - 1).bit_length() - 1) if fit else None
