"""Collected only where `tests/test_own_process.py` runs it."""

import os

collect_ignore_glob = [] if os.environ.get("SUREFOOT_OWN_PROCESS") else ["test_*.py"]
