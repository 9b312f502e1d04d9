"""Files and folders are whole or not there, and damage is seen."""

import errno
import hashlib
import json
import logging
import os
from pathlib import Path

import pytest

from pipeline import files
from pipeline.files import (
    hash_files,
    is_disk_full,
    is_sealed,
    seal,
    sha256,
    without_logging,
    without_nan,
    write_atomically,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Atomic writing


@pytest.mark.parametrize(
    ("content", "wanted"), [("Grüße\n", "Grüße\n".encode()), (b"\x00\xff", b"\x00\xff")]
)
def test_writes_text_and_bytes(tmp_path, content, wanted):
    path = tmp_path / "new" / "folder" / "file"
    write_atomically(path, content)
    assert path.read_bytes() == wanted
    assert names(path.parent) == ["file"]


def test_replaces_an_older_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old and longer")
    write_atomically(path, "new")
    assert path.read_text() == "new"


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("owner", "step"), [(Path, "write_bytes"), (files.os, "replace")])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, owner, step):
    path = tmp_path / "file"
    path.write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, full_disk)
        with pytest.raises(OSError, match="No space left"):
            write_atomically(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_half_written_file_is_never_seen(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")

    def half(self, content):
        with self.open("wb") as stream:
            stream.write(content[: len(content) // 2])
        full_disk()

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(OSError, match="No space left"):
            write_atomically(path, "new content")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_leftover_of_a_killed_write_is_no_obstacle(tmp_path):
    (tmp_path / "file.partial").write_text("half")
    write_atomically(tmp_path / "file", "whole")
    assert names(tmp_path) == ["file"]


# Hashes


def test_sha256():
    assert sha256(b"abc") == hashlib.sha256(b"abc").hexdigest()


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    write_atomically(root / "a.txt", "1")
    write_atomically(root / "b" / "c.txt", "2")
    return root


def all_files(root):
    return [path for path in root.rglob("*") if path.is_file()]


def test_hash_depends_on_names_and_contents_and_not_on_order_or_place(tree, tmp_path):
    found = all_files(tree)
    first = hash_files(tree, found)
    assert hash_files(tree, found[::-1]) == first
    moved = tree.rename(tmp_path / "elsewhere")
    assert hash_files(moved, all_files(moved)) == first
    (moved / "a.txt").write_text("3")
    changed = hash_files(moved, all_files(moved))
    (moved / "a.txt").write_text("1")
    (moved / "a.txt").rename(moved / "z.txt")
    renamed = hash_files(moved, all_files(moved))
    assert len({first, changed, renamed}) == 3


# Sealed folders


def test_a_sealed_folder_is_sealed(tree):
    assert not is_sealed(tree)
    seal(tree)
    assert is_sealed(tree)


@pytest.mark.parametrize("name", ["a.txt", "b/c.txt", files.SEAL])
@pytest.mark.parametrize("how", ["cut", "flipped", "gone"])
def test_every_damage_breaks_the_seal(tree, name, how):
    seal(tree)
    path = tree / name
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[:-1])
    elif how == "flipped":
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    else:
        path.unlink()
    assert not is_sealed(tree)


def test_a_file_more_breaks_the_seal(tree):
    seal(tree)
    (tree / "b" / "new").write_text("")
    assert not is_sealed(tree)


# Full disks


def test_a_full_disk_is_seen_behind_other_errors():
    for full in (OSError(errno.ENOSPC, "full"), ValueError("RESOURCE_EXHAUSTED: Error writing")):
        assert is_disk_full(full)
        try:
            try:
                raise full
            except Exception as error:
                raise RuntimeError("commit failed") from error
        except RuntimeError as wrapped:
            assert is_disk_full(wrapped)
    assert not is_disk_full(OSError(errno.EACCES, "Permission denied"))
    assert not is_disk_full(ValueError("no"))


def test_without_logging_is_silent_inside_and_not_after(caplog):
    level = logging.getLogger("asyncio").level
    with pytest.raises(ValueError, match="seen"), without_logging():
        logging.getLogger("absl").error("not shown")
        raise ValueError("seen")
    logging.getLogger("absl").error("shown")
    logging.getLogger("asyncio").setLevel(level)
    assert [record.message for record in caplog.records] == ["shown"]


# JSON


def test_without_nan():
    node = {"a": float("nan"), "b": [1.5, float("nan"), {"c": float("nan")}], "d": "nan", "e": 0}
    clean = without_nan(node)
    assert clean == {"a": None, "b": [1.5, None, {"c": None}], "d": "nan", "e": 0}
    json.dumps(clean, allow_nan=False)
