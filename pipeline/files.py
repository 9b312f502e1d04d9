"""Files that are either whole or not there."""

import hashlib
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


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


def without_nan(node: Any) -> Any:
    """Replace NaN by None throughout: JSON has no NaN."""
    if isinstance(node, dict):
        return {key: without_nan(value) for key, value in node.items()}
    if isinstance(node, list):
        return [without_nan(value) for value in node]
    if isinstance(node, float) and math.isnan(node):
        return None
    return node
