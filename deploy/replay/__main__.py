"""`python -m deploy.replay LOG --policy P.onnx`: feed a recorded run to its policy again.

Exit status: 0 the same, 1 something differs that should not, 2 the log cannot be replayed.
"""

import argparse
import math
import os
import sys
from pathlib import Path

from deploy.log import LogError
from deploy.policy import Policy
from deploy.replay.compare import Comparer
from deploy.replay.report import introduction, step_table, summary
from deploy.replay.run import TOLERANCE, open_logs, policy_sha256, replay
from robots.errors import UserError

SAME, DIVERGES, IMPOSSIBLE = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Replay, print what was found, and return the exit status.

    Args:
        arguments: Those of the command line by default.
    """
    asked = _parser().parse_args(arguments)
    try:
        return _replay(asked)
    except UserError as error:
        if os.environ.get("SUREFOOT_TRACE"):
            raise
        print(f"error: {error}", file=sys.stderr)
        return IMPOSSIBLE


def _replay(asked: argparse.Namespace) -> int:
    policy, readers = Policy(asked.policy), open_logs(asked.log)
    header, sha256 = readers[0].header, policy_sha256(policy)
    try:
        comparer = Comparer(policy, header, same=sha256 == header.policy_sha256)
    except LogError as error:
        raise LogError(f"{readers[0].path}: {error}") from error
    print("\n".join(introduction(header, policy.contract, sha256)), flush=True)
    with step_table(asked.csv, comparer.layout) as watch:
        found = replay(
            readers,
            comparer,
            tolerance=asked.tolerance,
            allow_gaps=asked.allow_gaps,
            watch=watch,
        )
    print("\n".join(summary(found)))
    return DIVERGES if found.diverged else SAME


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.replay",
        description="Feed a recorded run to a policy again and name the first step that differs.",
        epilog="Exit status: 0 the same, 1 something differs, 2 the log cannot be replayed. "
        "docs/replay.md says how to read the output.",
    )
    add = parser.add_argument
    add("log", nargs="+", type=Path, help="the log; of a run in several files all, in order")
    add("--policy", required=True, type=Path, help="the ONNX file")
    add("--allow-gaps", action="store_true", help="compare what lies between gaps")
    add("--csv", type=Path, metavar="FILE", help="write the differences of every step")
    words = f"largest difference [{TOLERANCE:g}]"
    add("--tolerance", type=_tolerance, default=TOLERANCE, help=words)
    return parser


def _tolerance(text: str) -> float:
    """A difference: nothing is larger than NaN, and all would be the same."""
    value = float(text)
    if not 0.0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not allowed: a finite difference, 0 or more")
    return value


if __name__ == "__main__":
    sys.exit(main())
