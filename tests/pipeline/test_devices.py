"""Devices: set up before JAX starts, and one message when they are missing or too small."""

import json
import os
import subprocess
import sys

import jax
import pytest

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


def test_a_platform_that_cannot_start_comes_with_the_fix():
    done = in_a_process_of_its_own(
        "from pipeline.devices import DeviceError, platform\n"
        "try:\n    print(platform())\nexcept DeviceError as error:\n    print('refused:', error)",
        JAX_PLATFORMS="cuda",
    )
    if done.stdout.strip() == "cuda":
        pytest.skip("there is a GPU here")
    assert done.stdout.startswith("refused: JAX_PLATFORMS=cuda: ")
    for word in ("driver", "580", "525", "GPU=12", "unset"):
        assert word in done.stdout


# Out of memory


def test_out_of_memory_says_how_many_environments_fit():
    huge = 2**46
    with pytest.raises(DeviceError) as caught, explained(4096):
        jax.numpy.zeros(huge, jax.numpy.uint8).block_until_ready()
    message = str(caught.value)
    assert "ran out of memory with ppo.num_envs 4,096" in message
    assert "environments would fit" in message and "docs/gpu.md" in message


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
    with pytest.raises(ZeroDivisionError), explained(8):
        raise ZeroDivisionError
