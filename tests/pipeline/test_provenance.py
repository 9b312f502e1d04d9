"""A run's key changes with what decides its result, and with nothing else."""

import pytest

from pipeline import provenance
from pipeline.provenance import (
    ROOT,
    imported_files,
    robot_files,
    run_key,
    training_code_hash,
    training_params_hash,
)

TRAIN = ROOT / "pipeline" / "train.py"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of four packages in a folder of its own."""
    sources = {
        "pipeline/__init__.py": "from pipeline import constants\n",
        "pipeline/constants.py": "",
        "pipeline/entry.py": "import pipeline.first\nfrom deploy import contract\nimport os\n",
        "pipeline/first.py": "def f():\n    from pipeline.second import thing\n",
        "pipeline/second.py": "from pipeline import entry, third\nimport robots\n",
        "pipeline/third.py": "from numpy import array\nthing = 1\n",
        "pipeline/unused.py": "",
        "deploy/__init__.py": "",
        "deploy/contract.py": "import robots.go2.robot\n",
        "deploy/other.py": "",
        "robots/__init__.py": "",
        "robots/go2/__init__.py": "",
        "robots/go2/robot.py": "",
        "elsewhere/__init__.py": "",
    }
    for name, text in sources.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    return tmp_path


def relative(root, paths):
    return {path.relative_to(root).as_posix() for path in paths}


def test_imports_are_followed_to_the_end(project):
    assert relative(project, imported_files(project / "pipeline" / "entry.py")) == {
        "pipeline/__init__.py",  # of the modules below
        "pipeline/constants.py",  # imported by it
        "pipeline/entry.py",
        "pipeline/first.py",
        "pipeline/second.py",  # imported inside a function
        "pipeline/third.py",  # imported as a name of its package
        "deploy/__init__.py",
        "deploy/contract.py",
        "robots/__init__.py",
        "robots/go2/__init__.py",
        "robots/go2/robot.py",
    }


def test_training_needs_what_it_imports_and_no_more():
    files = relative(ROOT, imported_files(TRAIN))
    assert {
        "pipeline/train.py",
        "pipeline/__init__.py",
        "pipeline/rewards.py",
        "pipeline/physics/native.py",
        "pipeline/physics/__init__.py",
        "pipeline/ppo/learner.py",
        "deploy/observations.py",
        "deploy/__init__.py",
        "robots/spec.py",
    } <= files
    assert not {name for name in files if "sim2sim" in name or "film" in name or "report" in name}
    assert not {name for name in files if name.startswith(("stages", "tests"))}


def test_a_robots_files_say_what_it_is(go2):
    names = {path.name for path in robot_files(go2)}
    assert {"robot.py", "model.xml"} <= names
    assert "README.md" not in names


def test_code_hash_changes_with_a_file_of_training(go2, tmp_path, monkeypatch):
    before = training_code_hash(go2)
    assert training_code_hash(go2) == before
    copy = tmp_path / "project"
    for path in imported_files(TRAIN) | robot_files(go2):
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    monkeypatch.setattr(provenance, "ROOT", copy)
    monkeypatch.setattr(
        provenance, "robot_files", lambda robot: set((copy / "robots" / robot.name).glob("*.[px]*"))
    )
    assert training_code_hash(go2) == before  # the place does not matter
    rewards = copy / "pipeline" / "rewards.py"
    rewards.write_text(rewards.read_text() + "\n")
    changed = training_code_hash(go2)
    (copy / "robots" / "go2" / "model.xml").write_text("<mujoco/>")
    assert len({before, changed, training_code_hash(go2)}) == 3


DECISIVE = {
    "seed": 7,
    "ppo.learning_rate": 0.5,
    "ppo.num_epochs": 3,
    "ppo.num_timesteps": 12345,
    "physics.sim_dt": 0.004,
    "physics.iterations": 9,
    "task.control.action_scale": 0.1,
    "task.rewards.weights.tilt": -3.0,
    "task.randomization.friction": [0.5, 0.6],
    "task.terminations.max_tilt": 0.5,
}
NOT_DECISIVE = {
    "physics.threads": 3,
    "ppo.checkpoint_interval_s": 1.5,
    "sim2sim.thresholds.planar_rmse": 0.01,
    "sim2sim.enabled": False,
    "sim2sim.sim_dt": 0.001,
    "evaluate.num_envs": 4,
    "render.width": 320,
    "export.max_abs_error": 1.0,
}


@pytest.mark.parametrize("key", DECISIVE)
def test_key_changes_with(make_config, go2, key):
    plain, changed = make_config(), make_config({key: DECISIVE[key]})
    assert training_params_hash(plain) != training_params_hash(changed)
    assert run_key(plain, go2) != run_key(changed, go2)


@pytest.mark.parametrize("key", NOT_DECISIVE)
def test_key_does_not_change_with(make_config, go2, key):
    plain, changed = make_config(), make_config({key: NOT_DECISIVE[key]})
    assert plain != changed
    assert training_params_hash(plain) == training_params_hash(changed)
    assert run_key(plain, go2) == run_key(changed, go2)


def test_key_follows_overrides(raw_params, go2):
    from pipeline.config import parse

    plain = run_key(parse(raw_params), go2)
    raw_params["overrides"]["go2"] = {"ppo": {"learning_rate": 0.5}}
    overridden = run_key(parse(raw_params), go2)
    raw_params["overrides"]["go2"] = {}
    raw_params["ppo"]["learning_rate"] = 0.5
    assert plain != overridden == run_key(parse(raw_params), go2)


def test_key_changes_with_a_library(make_config, go2, monkeypatch):
    plain = run_key(make_config(), go2)
    monkeypatch.setattr(provenance.importlib.metadata, "version", lambda name: "0.0")
    assert run_key(make_config(), go2) != plain


def test_key_names_a_folder(make_config, go2):
    key = run_key(make_config(), go2)
    assert len(key) == 16 and set(key) <= set("0123456789abcdef")
