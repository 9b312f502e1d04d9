"""The C++ example gives what the code in `deploy` gives; built where there is what it needs."""

import ctypes.util
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from deploy.observations import joint_targets, observe
from deploy.policy import Policy
from deploy.sensors import Sensors, policy_inputs, shapes
from pipeline.provenance import ROOT

HEADER = "onnxruntime_cxx_api.h"
STEPS = 40


def headers():
    """Folder with ONNX Runtime's C++ headers, or None."""
    roots = [Path(os.environ.get("ONNXRUNTIME_ROOT") or "/usr"), Path("/usr"), Path("/usr/local")]
    places = ("include", "include/onnxruntime", "include/onnxruntime/core/session")
    found = (root / place for root in roots for place in places)
    return next((folder for folder in found if (folder / HEADER).is_file()), None)


def library(folder):
    """Options that name the wheel's own library, where CMake will find no other."""
    if os.environ.get("ONNXRUNTIME_ROOT") or ctypes.util.find_library("onnxruntime"):
        return []
    wheel = Path(onnxruntime.__file__).parent / "capi"
    shared = next(iter(sorted(wheel.glob("libonnxruntime.so.*"))), None)
    if shared is None:
        pytest.skip("no ONNX Runtime library: set ONNXRUNTIME_ROOT to an unpacked release")
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):  # linked, and looked for when run
        (folder / name).symlink_to(shared)
    return [f"-DONNXRUNTIME_LIBRARY={folder / 'libonnxruntime.so'}"]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The example, built."""
    if shutil.which("cmake") is None or shutil.which("c++") is None:
        pytest.skip("no C++ compiler with CMake on the PATH")
    include = headers()
    if include is None:
        pytest.skip(f"no {HEADER}: install libonnxruntime-dev or set ONNXRUNTIME_ROOT")
    build = tmp_path_factory.mktemp("cpp")
    options = [
        f"-DONNXRUNTIME_INCLUDE_DIR={include}",
        "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror",
        *library(build),
    ]
    for arguments in (["-S", ROOT / "deploy" / "cpp", "-B", build, *options], ["--build", build]):
        done = subprocess.run(["cmake", *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return build / "controller"


def walk(policy, drawn):
    """Joint targets of each step by the code in `deploy`; the last action goes round."""
    contract = policy.contract
    last_action, targets = np.zeros((1, contract.action_size), np.float32), []
    for step in range(STEPS):
        phase = np.float32([step * contract.ctrl_dt / contract.gait_period_s % 1])
        said = {name: value[step : step + 1] for name, value in drawn.items()}
        sensors = Sensors(**said, last_action=last_action, phase=phase)
        last_action = policy(observe(contract, policy_inputs(contract, sensors)))
        targets.append(joint_targets(contract, last_action))
    return np.concatenate(targets)


@pytest.mark.parametrize("robot", ["go2", "h1"])
def test_it_prints_the_targets_that_the_code_gives(program, robot):
    policy, rng = Policy(ROOT / "policies" / robot / "policy.onnx"), np.random.default_rng(0)
    drawn = {
        name: rng.normal(size=(STEPS, *shape)).astype(np.float32)
        for name, shape in shapes(policy.contract).items()
        if name not in ("last_action", "phase")
    }
    drawn["quat"] /= np.linalg.norm(drawn["quat"], axis=1, keepdims=True)
    lines = np.concatenate([value.reshape(STEPS, -1) for value in drawn.values()], axis=1)
    text = "\n".join(" ".join(f"{number:.9g}" for number in line) for line in lines)
    path = ROOT / "policies" / robot / "controller.onnx"
    done = subprocess.run([program, path], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = np.array([line.split() for line in done.stdout.splitlines()], np.float64)
    expected = walk(policy, drawn)
    assert printed.shape == expected.shape == (STEPS, policy.contract.action_size)
    assert np.ptp(expected, axis=0).min() > 0.1  # it is driven about
    np.testing.assert_allclose(printed, expected, atol=1e-5, rtol=0)


def test_it_says_what_is_wrong(program, tmp_path):
    done = subprocess.run([program, tmp_path / "no.onnx"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "no.onnx" in done.stderr
    path = ROOT / "policies" / "go2" / "controller.onnx"
    done = subprocess.run([program, path], input="0 0 zero", capture_output=True, text=True)
    assert done.returncode == 1
