"""Devices: set up before JAX starts, and one message when they are missing or too small."""

import json
import os
import subprocess
import sys

import jax
import pytest

from pipeline import devices
from pipeline.devices import DeviceError, environments_that_fit, explained, prepare

GIB = 2**30


def in_a_process_of_its_own(code, **environment):
    """What a fresh Python prints, as JAX reads its settings once."""
    own = {k: v for k, v in os.environ.items() if k not in ("NPROC", "JAX_PLATFORMS")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**own, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


PREPARED = """
import json, os, yaml
from pipeline.config import parse
from pipeline.devices import prepare
raw = yaml.safe_load(open("params.yaml"))
raw["physics"].update({CHANGES})
prepare(parse(raw).physics)
import jax
print(json.dumps([jax.config.jax_default_matmul_precision, os.environ.get("NPROC")]))
"""


@pytest.mark.parametrize(
    ("changes", "precision", "threads"),
    [
        ({}, "float32", None),
        ({"matmul_precision": "tensorfloat32"}, "tensorfloat32", None),
        ({"backend": "mjx"}, "float32", "1"),
        ({"backend": "warp"}, "float32", "1"),
    ],
)
def test_precision_is_fixed_and_mjx_on_a_cpu_gets_one_thread(changes, precision, threads):
    code = PREPARED.replace("{CHANGES}", repr(changes))
    done = in_a_process_of_its_own(code, JAX_PLATFORMS="cpu")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [precision, threads]


def test_a_users_thread_count_stays(make_config, monkeypatch):
    monkeypatch.setenv("NPROC", "3")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    with jax.default_matmul_precision("float32"):
        prepare(make_config({"physics.backend": "mjx"}).physics)
    assert os.environ["NPROC"] == "3"


PLATFORM = "from pipeline.devices import platform; print(platform())"


def test_the_platform_is_the_default_devices():
    done = in_a_process_of_its_own(PLATFORM, JAX_PLATFORMS="cpu")
    assert done.stdout.strip() == "cpu"
    assert done.stderr == ""


REFUSED = """
from pipeline import devices
from pipeline.devices import DeviceError, platform
try:
    print(platform())
except DeviceError as error:
    print("refused:", error)
"""


@pytest.mark.parametrize("asked", ["cuda", "cuda,cpu"])  # `make GPU=1` says the second
def test_a_platform_that_is_not_there_comes_with_the_fix(asked):
    done = in_a_process_of_its_own(REFUSED, JAX_PLATFORMS=asked)
    if done.stdout.strip() == "cuda":
        pytest.skip("there is a GPU here")
    assert done.stdout.startswith(f"refused: JAX_PLATFORMS={asked}: ")
    for word in ("driver", "580", "525", "GPU=12", "--gpus all", "JAX_PLATFORMS=cpu"):
        assert word in done.stdout


def test_jaxs_reason_comes_first(monkeypatch):
    def refuse():
        raise RuntimeError("Unable to initialize backend 'cuda': driver too old")

    monkeypatch.setattr(devices, "get_backend", refuse)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    with pytest.raises(DeviceError) as caught:
        devices.platform()
    assert str(caught.value).startswith("Unable to initialize backend 'cuda': driver too old\nIf ")


def test_a_plugin_without_a_device_is_worth_a_note(monkeypatch, capsys):
    monkeypatch.setattr(devices, "_plugins", lambda: ["cuda13"])
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    if devices.platform() != "cpu":
        pytest.skip("there is a device here")
    assert "note: JAX has cuda13 and no device for it" in capsys.readouterr().err


@pytest.mark.parametrize("seen", [False, True])
def test_a_plugin_alone_is_no_accelerator(make_config, monkeypatch, tmp_path, seen):
    monkeypatch.setattr(devices, "_plugins", lambda: ["cuda13"])
    monkeypatch.setattr(devices, "DEVICE_FILES", (str(tmp_path / "nvidia[0-9]*"),))
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("NPROC", "")  # so that it is as it was afterwards
    monkeypatch.delenv("NPROC")
    if seen:
        (tmp_path / "nvidia0").touch()
    with jax.default_matmul_precision("float32"):
        prepare(make_config({"physics.backend": "mjx"}).physics)
    assert os.environ.get("NPROC") == (None if seen else "1")


def test_the_cpu_is_always_there_for_callbacks():
    code = PREPARED.replace("{CHANGES}", "{}").replace(
        "jax.config.jax_default_matmul_precision", "jax.config.jax_platforms"
    )
    for asked, wanted in (("cuda", "cuda,cpu"), ("cpu", "cpu"), ("cuda,cpu", "cuda,cpu")):
        done = in_a_process_of_its_own(code, JAX_PLATFORMS=asked)
        assert json.loads(done.stdout)[0] == wanted


# Out of memory


@pytest.mark.parametrize(
    "said",
    [
        "RESOURCE_EXHAUSTED: Out of memory allocating 1000 bytes.",  # XLA
        "UNKNOWN: FFI callback error: Failed to allocate 1000 bytes on device 'cuda:0'",  # Warp
    ],
)
def test_out_of_memory_says_how_many_environments_fit(monkeypatch, said):
    monkeypatch.setattr(devices, "memory_bytes", lambda device: 500)
    with pytest.raises(DeviceError) as caught, explained("ppo.on_accelerator", 4096):
        raise jax.errors.JaxRuntimeError(said)
    message = str(caught.value)
    assert "ran out of memory with ppo.on_accelerator.num_envs 4,096" in message
    assert "about 1,024 environments would fit" in message and "docs/gpu.md" in message


def test_jax_says_what_is_looked_for_when_memory_runs_out():
    with pytest.raises(DeviceError), explained("ppo", 4096):
        jax.numpy.zeros(2**50, jax.numpy.uint8).block_until_ready()  # beyond any address space


@pytest.mark.parametrize(
    ("message", "num_envs", "in_use", "fit"),
    [
        # 100 GiB wanted where 80 are: 32768 x 0.9 x 0.8 = 23593.
        ("Out of memory while trying to allocate 90.00GiB.", 32768, 10 * GIB, 16384),
        ("Out of memory allocating 107374182400 bytes.", 32768, 0, 16384),
        ("Failed to allocate 79.99GiB", 8192, 0, 4096),
        ("Out of memory allocating 900TiB.", 8, 0, None),
        ("Out of luck.", 8192, 0, None),
    ],
)
def test_the_count_that_fits_is_in_proportion_and_less_than_what_was_tried(
    message, num_envs, in_use, fit
):
    assert environments_that_fit(message, num_envs, in_use=in_use, limit=80 * GIB) == fit


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), explained("ppo", 8):
        raise ZeroDivisionError
