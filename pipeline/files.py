"""Files that are either whole or not there."""

import csv
import errno
import hashlib
import io
import logging
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SEAL = "files.sha256"
"""File in a sealed folder with the hash of all others."""
POLICY_JSON = "policy.json"
"""What a folder with trained parameters says of them: contract, sizes, origin."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file through a temporary one in the same folder, then rename it.

    Args:
        path: Where to write; its folder is made when missing.
        content: Text (UTF-8) or bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table that `dvc plots` reads; numbers get six digits, what is None stays empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row])
    write_atomically(path, buffer.getvalue())


def sha256(content: bytes) -> str:
    """Hex digest of some bytes."""
    return hashlib.sha256(content).hexdigest()


def hash_files(root: Path, files: Iterable[Path]) -> str:
    """Hex digest of names (relative to `root`) and contents of files, in sorted order."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def seal(folder: Path) -> None:
    """Write down what a folder's files are, for `is_sealed` to check."""
    write_atomically(folder / SEAL, hash_files(folder, _sealed_files(folder)))


def is_sealed(folder: Path) -> bool:
    """Whether a folder's files are, bit for bit, what they were when it was sealed."""
    seal_file = folder / SEAL
    if not seal_file.is_file():
        return False
    return seal_file.read_bytes() == hash_files(folder, _sealed_files(folder)).encode()


def _sealed_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path != folder / SEAL]


def is_disk_full(error: BaseException) -> bool:
    """Whether a full disk is behind an error; Orbax wraps it in errors of its own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
            return True
        if "No space left" in str(cause) or "RESOURCE_EXHAUSTED" in str(cause):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


@contextmanager
def without_logging() -> Iterator[None]:
    """Keep libraries from logging stack traces of errors that they raise as well."""
    logging.disable(logging.ERROR)
    try:
        yield
    except Exception:
        # What is left of a failed write complains once more when it is collected.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        raise
    finally:
        logging.disable(logging.NOTSET)


def without_nan(node: Any) -> Any:
    """Replace NaN by None throughout: JSON has no NaN."""
    if isinstance(node, dict):
        return {key: without_nan(value) for key, value in node.items()}
    if isinstance(node, list):
        return [without_nan(value) for value in node]
    if isinstance(node, float) and math.isnan(node):
        return None
    return node
