"""bench.gpu: measures, small, on a CPU; and fills the tables of docs/gpu.md."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from bench import gpu, gpu_tables
from pipeline.provenance import ROOT
from tests.two_backends import COMPILE_QUICKLY


def bench_gpu(output, *args):
    done = subprocess.run(
        [sys.executable, "-m", "bench.gpu", *args, "--output", str(output)],
        cwd=ROOT,
        env={**os.environ, "XLA_FLAGS": COMPILE_QUICKLY, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(output.read_text()), done.stdout


def test_throughput_of_each_backend_here(tmp_path):
    sizes = ["--num-envs", "16", "--num-minibatches", "2", "--seconds", "0.2"]
    found, said = bench_gpu(
        tmp_path / "gpu.json",
        "--robots",
        "go2",
        "--walk",
        "--backends",
        "native",
        "mjx",
        *sizes,
        "--at-once",
        "2",
    )
    rows = found["throughput"]
    assert [(r["robot"], r["backend"], r["num_envs"]) for r in rows] == [
        ("go2", "native", 16),
        ("go2", "mjx", 16),
    ]
    for row in rows:
        assert row["env_steps_per_s"] > 1 and row["kib_per_env"] > 1 and row["compile_s"] > 0
        assert f"{row['env_steps_per_s']:,.0f} steps/s" in said
    assert found["walk"] == []
    assert found["devices"]["mjx"] == {"platform": "cpu", "devices": ["cpu"]}


@pytest.mark.skipif(importlib.util.find_spec("warp") is not None, reason="warp-lang is installed")
def test_without_any_backend_it_says_why(tmp_path):
    with pytest.raises(AssertionError) as caught:
        bench_gpu(tmp_path / "gpu.json", "--backends", "warp")
    assert "none of these backends can step a robot here" in str(caught.value)
    assert not (tmp_path / "gpu.json").exists()


def test_a_measurement_that_dies_is_refused_by_its_error(capfd):
    asked = {"robot": "nobody", "backend": "native", "num_envs": 2, "seconds": 0.1}
    assert gpu.Measurement("throughput", **asked).figures() == {"refused": "KeyError: 'nobody'"}
    assert "Traceback" in capfd.readouterr().err  # all of it, for who wants to know


@pytest.mark.slow
def test_a_walk_is_trained_and_judged(tmp_path):
    found, said = bench_gpu(
        tmp_path / "gpu.json",
        *("--robots", "--walk", "go2", "--backends", "native", "--num-timesteps", "200000"),
    )
    budgets = [row["steps"] for row in found["walk"]]
    assert budgets == sorted(budgets) and len(budgets) == 3  # none walks so soon
    for row in found["walk"]:
        assert row["passed"] is False
        assert 0 < row["training_s"] < row["wall_s"]
    assert said.count("does not pass yet") == 3


ONLY_TRAIN = """
import sys
for name in ("tensorflow", "tf2onnx", "dvc", "dvclive", "onnx", "onnxruntime", "matplotlib", "PIL",
             "imageio", "jinja2"):
    sys.modules[name] = None  # as if it were not installed
import bench.gpu, bench.gpu_measure
"""


def test_the_train_extra_is_enough():
    done = subprocess.run(
        [sys.executable, "-c", ONLY_TRAIN], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


# Tables


RESULTS = {
    "when": "2026-01-02",
    "machine": "x86_64, 16 CPU cores",
    "compiled_at_once": 3,
    "devices": {"warp": {"platform": "gpu", "devices": ["NVIDIA X"]}, "mjx": {"refused": "no"}},
    "throughput": [
        {
            "robot": "g1",
            "backend": "warp",
            "num_envs": 8192,
            "env_steps_per_s": 123456.7,
            "compile_s": 61.4,
            "kib_per_env": 99.6,
        },
        {"robot": "g1", "backend": "mjx", "num_envs": 32768, "refused": "X ran out of memory"},
    ],
    "walk": [
        {
            "robot": "g1",
            "backend": "warp",
            "steps": 14000000,
            "training_s": 55.2,
            "wall_s": 130.1,
            "passed": True,
            "falls": 0,
            "planar_rmse": 0.0304,
            "yaw_rmse": 0.0213,
        },
        {"robot": "go2", "backend": "warp", "refused": "no device"},
    ],
}


def test_docs_get_the_tables_and_keep_the_rest(tmp_path):
    path = tmp_path / "gpu.md"
    shutil.copy(ROOT / "docs" / "gpu.md", path)
    gpu_tables.fill(path, RESULTS)
    text = path.read_text()
    assert "\nNVIDIA X; x86_64, 16 CPU cores; 2026-01-02.\n" in text
    assert "\nCompiled 3 at the same time, measured one by one.\n" in text
    assert "| g1 | warp | 8,192 | 123,457 | 61 | 100 |" in text
    assert "| g1 | mjx | 32,768 | does not fit | does not fit | does not fit |" in text
    assert "| g1 | warp | 14.0 | 55 | 130 | passes: 0 falls, 0.030 m/s, 0.021 rad/s |" in text
    assert "| go2 | warp | not measured |" in text

    def rest(text):
        return re.sub(
            r"<!-- (machine|throughput|walk) -->.*?<!-- /\1 -->", "", text, flags=re.DOTALL
        )

    assert rest(text) == rest((ROOT / "docs" / "gpu.md").read_text())
    gpu_tables.fill(path, RESULTS)
    assert path.read_text() == text  # again, nothing new


def test_docs_without_a_marker_are_refused_and_stay(tmp_path):
    path = tmp_path / "gpu.md"
    path.write_text("<!-- machine -->\n<!-- /machine -->\n")
    with pytest.raises(ValueError, match="0 places marked <!-- throughput -->"):
        gpu_tables.fill(path, RESULTS)
    assert path.read_text() == "<!-- machine -->\n<!-- /machine -->\n"


# What `make GPU=1` does


@pytest.fixture
def fresh(tmp_path):
    """What make would do in a clone, with some stamps already in its .venv."""
    for name in ("Makefile", "setup"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    for lock in ROOT.glob("requirements*.lock"):
        shutil.copy(lock, tmp_path)
    outer = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "GPU", "PYTHON")
    own = {name: value for name, value in os.environ.items() if name not in outer}

    def make(*goals, stamps=()):
        if stamps:
            (tmp_path / ".venv/bin").mkdir(parents=True)
            (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
            for stamp in ("ready", *stamps):
                (tmp_path / ".venv" / stamp).touch()
        return subprocess.run(
            ["make", "-n", *goals], cwd=tmp_path, env=own, capture_output=True, text=True
        )

    return make


def synced(said):
    """Lockfiles that make would install from."""
    return re.findall(r"--build-constraints (\S+) \1", said.stdout)


@pytest.mark.parametrize(("asked", "cuda"), [("1", "cuda13"), ("13", "cuda13"), ("12", "cuda12")])
def test_make_with_a_gpu_installs_its_lock_and_trains_on_it(fresh, asked, cuda):
    said = fresh("repro", f"GPU={asked}")
    assert synced(said) == [f"requirements-{cuda}.lock"]
    assert "-m dvc repro" in said.stdout
    lock = (ROOT / f"requirements-{cuda}.lock").read_text()
    names = re.findall(r"^(jax-cuda1\d-plugin|warp-lang)==", lock, re.MULTILINE)
    assert sorted(names) == [f"jax-{cuda}-plugin", "warp-lang"]


def test_all_tests_test_warp_too(fresh):
    assert synced(fresh("test-all")) == ["requirements-warp.lock"]
    assert "warp-lang==" in (ROOT / "requirements-warp.lock").read_text()


@pytest.mark.parametrize("goal", ["repro", "test", "test-all"])
def test_cuda_stays_once_it_is_there(fresh, goal):
    assert synced(fresh(goal, stamps=("synced", "synced-cuda12"))) == []


def test_other_gpus_are_refused(fresh):
    said = fresh("repro", "GPU=0")
    assert said.returncode != 0
    assert "GPU=0 is not allowed: 1 or 13 for CUDA 13, 12 for CUDA 12" in said.stderr


def test_the_locks_agree_on_what_they_share():
    def pins(name):
        text = (ROOT / name).read_text()
        return dict(re.findall(r"^([a-z0-9_.-]+)==([^ \\]+)", text, re.MULTILINE))

    base = pins("requirements.lock")
    assert len(base) > 50
    for name in ("requirements-warp.lock", "requirements-cuda12.lock", "requirements-cuda13.lock"):
        other = pins(name)
        assert {key: other.get(key) for key in base} == base, name
