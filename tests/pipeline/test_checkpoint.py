"""Checkpoints are complete, survive damage, and never destroy one another."""

import errno
import os
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.files import SEAL
from pipeline.ppo import checkpoint
from pipeline.ppo.checkpoint import HISTORY, CheckpointError, Checkpoints
from pipeline.provenance import ROOT


def make_state(step):
    """A state of all types, told apart by its step; half of it does not compress."""
    rng = np.random.default_rng(step)
    state = {
        "weights": {"kernel": rng.standard_normal((200, 100)).astype(np.float32)},
        "odd": np.float32([-0.0, np.inf, np.nan, 1e-45, 3.4e38]),
        "key": np.array([1, 2**32 - 1], np.uint32),
        "steps": np.int32(step),
        "flags": np.array([True, False]),
        "empty": (),
    }
    return jax.tree.map(jnp.asarray, state)


def history(step):
    return [{"steps": float(step), "reward": 0.1 + step}]


def bits(state):
    return [(x.dtype, x.shape, np.asarray(x).tobytes()) for x in jax.tree.leaves(state)]


@pytest.fixture
def opened():
    """Open checkpoints, and close them at the end."""
    open_ones = []

    def opened(folder, **options):
        for other in open_ones:  # one process at a time holds a run's folder
            other.close()
        open_ones[:] = [Checkpoints(folder, **options)]
        return open_ones[0]

    yield opened
    for other in open_ones:
        other.close()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with the checkpoints of steps 1 and 2."""
    folder = tmp_path_factory.mktemp("saved") / "run"
    checkpoints = Checkpoints(folder)
    for step in (1, 2):
        checkpoints.save(step, make_state(step), history(step))
    checkpoints.close()
    return folder


@pytest.fixture
def run(saved, tmp_path):
    """A copy of it."""
    return shutil.copytree(saved, tmp_path / "run")


# What is written is what is read


def test_round_trip_is_bit_for_bit(run, opened):
    state, past = opened(run).restore(make_state(0))
    assert bits(state) == bits(make_state(2))
    assert past == history(2)


def test_history_keeps_every_digit(tmp_path, opened):
    past = [{"reward": 0.1 + 0.2, "error": float(np.float32(1) / 3), "lost": float("nan")}]
    checkpoints = opened(tmp_path / "run")
    checkpoints.save(1, make_state(1), past)
    read = opened(tmp_path / "run").restore(make_state(0))[1]
    assert repr(read) == repr(past)


def test_no_checkpoint_yet(tmp_path, opened):
    checkpoints = opened(tmp_path / "a" / "run")
    assert checkpoints.restore(make_state(0)) is None
    assert checkpoints.steps() == []


def test_keeps_the_last_two(run, opened):
    checkpoints = opened(run)
    assert checkpoints.steps() == [1, 2]
    checkpoints.save(10, make_state(10), history(10))  # 10 is after 9 and after 2
    assert checkpoints.steps() == [2, 10]
    checkpoints.save(9, make_state(9), history(9))
    assert checkpoints.steps() == [9, 10]
    assert bits(opened(run).restore(make_state(0))[0]) == bits(make_state(10))


def test_saving_a_step_again_replaces_it(run, opened):
    opened(run).save(2, make_state(5), history(5))
    state, past = opened(run).restore(make_state(0))
    assert bits(state) == bits(make_state(5)) and past == history(5)
    assert opened(run).steps() == [1, 2]


def test_an_older_checkpoint_is_not_touched_by_saving(run, opened):
    before = {path: path.read_bytes() for path in (run / "2").rglob("*") if path.is_file()}
    opened(run).save(3, make_state(3), history(3))
    assert {path: path.read_bytes() for path in before} == before


# Kills


def test_the_leftover_of_a_kill_is_ignored_and_removed(run, opened):
    shutil.copytree(run / "2", run / "3.partial")
    checkpoints = opened(run)
    assert not (run / "3.partial").exists()
    assert checkpoints.steps() == [1, 2]
    assert bits(checkpoints.restore(make_state(0))[0]) == bits(make_state(2))


# Damage


def all_files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def cut(path, how):
    content = path.read_bytes()
    if how == "half":
        path.write_bytes(content[: len(content) // 2])
    elif how == "last byte":
        path.write_bytes(content[:-1])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "one bit":
        middle = len(content) // 2
        flipped = bytes([content[middle] ^ 1])
        path.write_bytes(content[:middle] + flipped + content[middle + 1 :])
    else:
        path.unlink()


def biggest(folder):
    return max(all_files(folder), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("how", ["half", "last byte", "empty", "one bit", "gone"])
@pytest.mark.parametrize("which", ["biggest", HISTORY, SEAL, "manifest.ocdbt", "_METADATA"])
def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(run, opened, capfd, which, how):
    newest = run / "2"
    path = biggest(newest) if which == "biggest" else sorted(newest.rglob(which))[0]
    cut(path, how)
    state, past = opened(run).restore(make_state(0))
    assert bits(state) == bits(make_state(1))
    assert past == history(1)
    said = capfd.readouterr()
    assert said.out.startswith("checkpoint 2 cannot be read (")
    assert said.out.endswith("); trying the one before\n")
    assert said.out.count("\n") == 1 and said.err == ""


def test_every_file_of_a_checkpoint_is_watched(saved, tmp_path, opened):
    files = [path.relative_to(saved) for path in all_files(saved / "2")]
    assert len(files) > 5
    for index, name in enumerate(files):
        run = shutil.copytree(saved, tmp_path / str(index))
        cut(run / name, "half")
        assert opened(run).restore(make_state(0))[1] == history(1), name


def test_a_checkpoint_without_its_folder_of_arrays(run, opened, capsys):
    shutil.rmtree(run / "2" / "state")
    assert bits(opened(run).restore(make_state(0))[0]) == bits(make_state(1))
    assert "checkpoint 2 cannot be read" in capsys.readouterr().out


def test_training_goes_on_after_damage(run, opened):
    cut(biggest(run / "2"), "half")
    checkpoints = opened(run)
    checkpoints.restore(make_state(0))
    checkpoints.save(2, make_state(2), history(2))  # over the damaged one
    assert bits(opened(run).restore(make_state(0))[0]) == bits(make_state(2))


def test_all_damaged_is_an_error_that_says_what_to_do(run, opened, capsys):
    for step in (1, 2):
        cut(biggest(run / str(step)), "half")
    checkpoints = opened(run)
    with pytest.raises(CheckpointError) as caught:
        checkpoints.restore(make_state(0))
    said = str(caught.value)
    assert said.startswith(f"{run}: none of the checkpoints [1, 2] can be read")
    assert "delete the folder to train from the start" in said
    assert "\n" not in said
    assert checkpoints.steps() == [1, 2]  # nothing is destroyed
    assert capsys.readouterr().out.count("cannot be read") == 2


# Full disks


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def assert_intact(run, opened):
    assert sorted(path.name for path in run.iterdir() if path.is_dir()) == ["1", "2"]
    assert bits(opened(run).restore(make_state(0))[0]) == bits(make_state(2))


@pytest.mark.parametrize("step", ["mkdir", "arrays", "history", "seal", "rename"])
def test_a_full_disk_is_named_and_nothing_is_lost(run, opened, monkeypatch, step):
    checkpoints = opened(run)
    owner, name = {
        "mkdir": (checkpoint.Path, "mkdir"),
        "arrays": (checkpoints._checkpointer, "save"),
        "history": (checkpoint, "write_atomically"),
        "seal": (checkpoint, "seal"),
        "rename": (checkpoint.Path, "rename"),
    }[step]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full_disk)
        with pytest.raises(CheckpointError) as caught:
            checkpoints.save(3, make_state(3), history(3))
    assert str(caught.value) == (
        f"{run}: the disk is full; free some space and run again, nothing is lost"
    )
    assert_intact(run, opened)


def test_another_failure_is_told_as_it_is(run, opened, monkeypatch):
    checkpoints = opened(run)

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_atomically", refuse)
        with pytest.raises(CheckpointError, match=r"cannot write a checkpoint \(PermissionError: "):
            checkpoints.save(3, make_state(3), history(3))
    assert_intact(run, opened)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 300 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount on this machine")
    if done.returncode:
        pytest.skip("may not mount a file system on this machine")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


FILL = """
import sys
from pathlib import Path
import jax.numpy as jnp, numpy as np
from pipeline.ppo.checkpoint import CheckpointError, Checkpoints

checkpoints = Checkpoints(Path(sys.argv[1]), keep=100)
rng = np.random.default_rng(0)
for step in range(1, 100):
    values = rng.standard_normal((100, 100)).astype(np.float32)
    try:
        checkpoints.save(step, {"values": jnp.asarray(values), "step": jnp.int32(step)}, [])
    except CheckpointError as error:
        sys.exit(f"error: {error}")
"""


def test_a_disk_that_is_really_full(small_disk, opened):
    run = small_disk / "run"
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(run)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1
    assert f"error: {run}: the disk is full; free some space and run again" in done.stderr
    checkpoints = opened(run)
    assert len(checkpoints.steps()) >= 2
    assert not list(run.glob("*.partial"))
    like = {"values": jnp.zeros((100, 100)), "step": jnp.int32(0)}
    assert int(checkpoints.restore(like)[0]["step"]) == checkpoints.steps()[-1]
