"""Checkpoints of a run: atomic and complete, so that a kill leaves no mark on the result."""

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import IO, Any

import jax
import orbax.checkpoint as ocp

from pipeline.files import is_disk_full, is_sealed, seal, without_logging, write_atomically
from robots.errors import UserError

HISTORY = "history.json"
"""Progress reports up to the checkpoint, kept beside it."""


class CheckpointError(UserError):
    """A checkpoint cannot be written or read."""


class Checkpoints:
    """The checkpoints of one run.

    Each is written whole to a temporary folder and renamed, so that a kill at any moment leaves
    the one before. A checkpoint that cannot be read is passed over for the one before it.

    Args:
        folder: Folder of the run, made when missing.
        keep: How many checkpoints to keep.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.folder / "lock")
        for leftover in self.folder.glob("*.partial"):
            shutil.rmtree(leftover)
        self._keep = keep
        self._checkpointer = ocp.StandardCheckpointer()

    def steps(self) -> list[int]:
        """Step counts of the checkpoints there are, oldest first."""
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdigit())

    def save(self, step: int, state: Any, history: list[dict[str, float]]) -> None:
        """Write one checkpoint, then drop the oldest beyond `keep`.

        Args:
            step: Environment steps so far.
            state: Pytree of arrays.
            history: Progress reports so far.

        Raises:
            CheckpointError: If the disk is full or not writable; earlier checkpoints are kept.
        """
        partial = self.folder / f"{step}.partial"
        try:
            partial.mkdir(parents=True)
            with without_logging():
                self._checkpointer.save(partial / "state", state)
                self._checkpointer.wait_until_finished()
            write_atomically(partial / HISTORY, json.dumps(history))
            seal(partial)
            final = self.folder / str(step)
            if final.exists():
                shutil.rmtree(final)
            partial.rename(final)
        except Exception as error:  # Orbax wraps a full disk in errors of its own
            shutil.rmtree(partial, ignore_errors=True)
            raise CheckpointError(_explain(error, self.folder)) from error
        for old in self.steps()[: -self._keep]:
            shutil.rmtree(self.folder / str(old))

    def restore(self, like: Any) -> tuple[Any, list[dict[str, float]]] | None:
        """Read the newest checkpoint that is whole.

        Args:
            like: Pytree of the shapes and dtypes to restore.

        Returns:
            The state and the progress reports, or None if there is no checkpoint yet.

        Raises:
            CheckpointError: If there are checkpoints but none can be read.
        """
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        steps = self.steps()
        problem: Exception | None = None
        for step in reversed(steps):
            folder = self.folder / str(step)
            try:
                if not is_sealed(folder):  # Orbax does not see every wrong bit
                    raise ValueError("its files are not what was written")
                history = json.loads((folder / HISTORY).read_text())
                return self._checkpointer.restore(folder / "state", shapes), history
            except Exception as error:  # a cut file surfaces as many types
                problem = error
                print(
                    f"checkpoint {folder.name} cannot be read ({_first_line(error)}); "
                    "trying the one before"
                )
        if problem is not None:
            raise CheckpointError(
                f"{self.folder}: none of the checkpoints {steps} can be read; delete the folder "
                f"to train from the start ({_first_line(problem)})"
            ) from problem
        return None

    def close(self) -> None:
        """Stop Orbax's background threads, and let other processes have the folder."""
        self._checkpointer.close()
        self._lock.close()


def _lock(path: Path) -> IO[str]:
    """Hold a file lock until closed or killed; wait for another holder.

    A killed `dvc repro` may leave its training running: the next one takes over when it is done.
    """
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        print(f"process {file.read() or '?'} is training this very run; waiting for it", flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _explain(error: BaseException, folder: Path) -> str:
    if is_disk_full(error):
        return f"{folder}: the disk is full; free some space and run again, nothing is lost"
    return f"{folder}: cannot write a checkpoint ({_first_line(error)})"
