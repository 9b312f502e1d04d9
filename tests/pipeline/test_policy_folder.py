"""A policy folder comes back as it was saved, or not at all."""

import errno
import json
import os
import shutil
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline import policy_folder
from pipeline.command_map import CommandMap, nodes, remap
from pipeline.env import contract_of
from pipeline.policy_folder import PolicyFolderError, PolicySpec, load_policy, save_policy
from pipeline.ppo.networks import act, init_params, make_networks

SIZES = {"state": 47, "privileged_state": 60}


@pytest.fixture(scope="module")
def policy(make_config, go2):
    """A policy that was not trained: parameters and spec."""
    config = make_config(
        {
            "ppo.policy_hidden_layer_sizes": [16, 8],
            "ppo.value_hidden_layer_sizes": [8],
            "ppo.learning_rate": 0.1 + 0.2,
        }
    )
    networks = make_networks(config.ppo, SIZES, 12)
    params = init_params(networks, SIZES, jax.random.PRNGKey(0), config.ppo.init_noise_std)
    mean = {name: jnp.linspace(-1, 1, size) for name, size in SIZES.items()}
    params = params.replace(normalizer=params.normalizer.replace(mean=mean))
    contract = contract_of(config.task, go2)
    spec = PolicySpec(
        contract=contract,
        ppo=config.ppo,
        obs_sizes=SIZES,
        timesteps=12345,
        backend="native",
        device="cpu",
        params_hash="a" * 64,
        code_hash="b" * 64,
        command_map=CommandMap(tuple((0.01 * i, 0.0, 0.1) for i in range(len(nodes(contract))))),
    )
    return params, spec


@pytest.fixture(scope="module")
def saved(policy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "policy"
    save_policy(folder, *policy)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "policy")


def bits(params):
    return [np.asarray(x).tobytes() for x in jax.tree.leaves(params)]


def refused(folder, robot="go2"):
    with pytest.raises(PolicyFolderError) as caught:
        load_policy(folder, robot)
    said = str(caught.value)
    assert said.startswith(str(folder))
    return said


# Round trip


def test_round_trip(saved, policy):
    params, spec = policy
    read = load_policy(saved, "go2")
    assert read.spec == spec
    assert bits(read.params) == bits(params)
    assert jax.tree.structure(read.params) == jax.tree.structure(params)


def test_what_is_read_acts_as_what_was_saved(saved, policy):
    params, spec = policy
    networks = make_networks(spec.ppo, SIZES, 12)
    obs = jax.random.normal(jax.random.PRNGKey(1), (20, 47))
    action = load_policy(saved, "go2").act(obs)
    told = remap(spec.command_map, spec.contract, obs)
    assert np.array_equal(action, act(networks, params, told))
    assert not np.allclose(action, act(networks, params, obs), atol=1e-5)
    assert np.ptp(np.asarray(action)) > 0.01


def test_a_relative_folder(policy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_policy(policy_folder.Path("new/policy"), *policy)
    assert load_policy(policy_folder.Path("new/policy"), "go2").spec == policy[1]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["policy"]


def test_replaces_an_older_folder_whole(folder, policy):
    (folder / "stale").write_text("of the last training")
    params, spec = policy
    save_policy(folder, params, replace(spec, timesteps=999))
    assert load_policy(folder, "go2").spec.timesteps == 999
    assert not (folder / "stale").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["policy"]


def test_a_leftover_of_a_killed_save_is_no_obstacle(policy, tmp_path):
    leftover = tmp_path / "policy.partial"
    leftover.mkdir()
    (leftover / "junk").write_text("")
    save_policy(tmp_path / "policy", *policy)
    assert load_policy(tmp_path / "policy", "go2").spec == policy[1]
    assert not leftover.exists()


# What is refused


def test_a_policy_of_another_robot(folder):
    said = refused(folder, robot="g1")
    assert "is a policy for 'go2', but params.yaml asks for 'g1'" in said


@pytest.mark.parametrize("missing", ["folder", "spec"])
def test_no_policy_yet(folder, missing):
    shutil.rmtree(folder) if missing == "folder" else (folder / "policy.json").unlink()
    said = refused(folder)
    assert said == f"{folder / 'policy.json'}: no such file; run the train stage first"


def test_a_command_map_of_another_version(folder):
    spec = json.loads((folder / "policy.json").read_text())
    added = spec["command_map"]["added"]
    spec["command_map"] = {"added": added[:-1]}
    (folder / "policy.json").write_text(json.dumps(spec))
    said = refused(folder)
    count = len(added)
    wanted = f"command_map.added: ({count - 1}, 3) numbers, want ({count}, 3)"
    assert f"damaged ({wanted}); train again" in said
    spec["command_map"] = {"vx": [0.1], "vy": [0.1], "yaw_rate": [0.1]}
    (folder / "policy.json").write_text(json.dumps(spec))
    assert "policy.json: damaged (" in refused(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"contract": {}}', "\x00"])
def test_a_damaged_spec(folder, content):
    (folder / "policy.json").write_text(content)
    said = refused(folder)
    assert "policy.json: damaged (" in said and said.endswith("train again")


@pytest.mark.parametrize("key", ["contract", "ppo", "obs_sizes", "timesteps", "code_hash"])
def test_a_spec_that_lacks_a_key(folder, key):
    path = folder / "policy.json"
    raw = json.loads(path.read_text())
    del raw[key]
    path.write_text(json.dumps(raw))
    assert "damaged (" in refused(folder)


def test_a_contract_of_another_schema_version(folder):
    path = folder / "policy.json"
    raw = json.loads(path.read_text())
    raw["contract"]["schema_version"] = 99
    path.write_text(json.dumps(raw))
    assert "schema_version is 99" in refused(folder)


def test_an_edited_spec(folder):
    path = folder / "policy.json"
    path.write_text(path.read_text().replace('"timesteps": 12345', '"timesteps": 12346'))
    assert "train again" in refused(folder)


def params_files(folder):
    return sorted(path for path in (folder / "params").rglob("*") if path.is_file())


@pytest.mark.parametrize("how", ["cut", "empty", "one bit", "gone"])
def test_damaged_parameters(folder, capfd, how):
    path = max(params_files(folder), key=lambda path: path.stat().st_size)
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:middle],
        "empty": b"",
        "one bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
    }
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(damaged[how])
    said = refused(folder)
    assert "cut short or damaged; train again" in said and "\n" not in said
    assert capfd.readouterr().err == ""


def test_parameters_that_are_not_there(folder):
    shutil.rmtree(folder / "params")
    assert "train again" in refused(folder)


def test_loading_destroys_nothing(folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    load_policy(folder, "go2")
    refused(folder, robot="g1")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


# A save that fails


class FullDisk:
    """Orbax on a full disk."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def save(self, *_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_disk(*_):
    FullDisk().save()


@pytest.mark.parametrize("step", ["arrays", "spec", "seal"])
def test_the_old_folder_survives_a_failed_save(folder, policy, monkeypatch, step):
    params, spec = policy
    owner, name, broken = {
        "arrays": (policy_folder.ocp, "StandardCheckpointer", FullDisk),
        "spec": (policy_folder, "write_atomically", full_disk),
        "seal": (policy_folder, "seal", full_disk),
    }[step]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, broken)
        with pytest.raises(PolicyFolderError) as caught:
            save_policy(folder, params, replace(spec, timesteps=999))
    said = str(caught.value)
    assert said.startswith(f"{folder}: cannot write the policy: the disk is full; ")
    assert load_policy(folder, "go2").spec.timesteps == 12345
    assert [path.name for path in folder.parent.iterdir()] == ["policy"]
