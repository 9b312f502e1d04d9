"""Tests that load TensorFlow, in a process of their own.

TensorFlow and Mesa's software renderer each bring an LLVM; whichever is loaded second crashes. The
pipeline's stages are processes of their own, and so are these tests.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "own_process"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("test_*.py")))
def test_what_loads_tensorflow(name):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{FOLDER / name}.py"],
        cwd=FOLDER.parents[1],
        env={**os.environ, "SUREFOOT_OWN_PROCESS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
