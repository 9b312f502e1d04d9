"""What all stages share: find the configuration, run, and turn expected errors into one line."""

import argparse
import contextlib
import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline import config
from pipeline.config import Config
from pipeline.files import write_atomically
from robots.errors import UserError

ARTIFACTS = Path("artifacts")
"""Holds one folder per robot with what the stages write."""


class StageError(UserError):
    """A stage did its work and the result is not acceptable."""


def run_stage(stage: Callable[[Config, Path], None], description: str | None) -> None:
    """Run a stage from the command line; expected errors become one message and exit status 1.

    Args:
        stage: Called with the configuration and the robot's artifact folder.
        description: For `--help`.
    """
    parser = argparse.ArgumentParser(
        description=description,
        epilog="Parameters come from params.yaml; `dvc repro` runs the stages in order.",
    )
    parser.add_argument("--params", default="params.yaml", help="parameter file [params.yaml]")
    arguments = parser.parse_args()
    with expected_errors():
        settings = config.load(arguments.params)
        stage(settings, ARTIFACTS / settings.robot)


@contextlib.contextmanager
def expected_errors() -> Iterator[None]:
    """Turn errors that a user can act on into one message and exit status 1.

    With SUREFOOT_TRACE set in the environment the stack trace is shown too.
    """
    try:
        yield
    except UserError as error:
        if os.environ.get("SUREFOOT_TRACE"):
            raise
        sys.exit(f"error: {error}")
    except OSError as error:
        if os.environ.get("SUREFOOT_TRACE"):
            raise
        sys.exit(f"error: {_describe(error)}")
    except KeyboardInterrupt:
        sys.exit("stopped; run again to continue")


def _describe(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{where}the disk is full; free some space and run again, nothing is lost"
    return f"{where}{error.strerror or error}"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON for people and for DVC: indented, keys in the order given, no NaN."""
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
