"""`python -m deploy.cockpit`: a web page that drives a robot, simulated or real."""

import argparse
import os
import sys

from deploy.cockpit import CockpitError
from deploy.cockpit.access import choose_token
from deploy.cockpit.arguments import check, parser
from deploy.cockpit.choice import Choices, get_ready
from deploy.runtime.loop import commands_per_period
from robots.errors import UserError

REFUSED = 2


def main(arguments: list[str] | None = None) -> int:
    """Open the cockpit, and return the exit status when it is closed.

    Args:
        arguments: Those of the command line by default.
    """
    asked = parser().parse_args(arguments)
    try:
        return _run(asked)
    except UserError as error:
        if os.environ.get("SUREFOOT_TRACE"):
            raise
        print(f"error: {error}", file=sys.stderr)
        return REFUSED


def _run(asked: argparse.Namespace) -> int:
    check(asked)
    token = choose_token(asked.host, asked.token)
    choices = Choices((asked.robot, asked.policy) if asked.policy else None)
    ready = get_ready(asked.robot, asked.policy or choices.find(asked.robot))
    commands_per_period(ready.policy.contract, asked.rate)  # before anything is opened
    print(f"gate: passed, says {ready.gate}")
    try:
        from deploy.cockpit.house import serve
    except ImportError as error:
        raise CockpitError(
            f"the cockpit needs what is not installed ({error}): pip install '.[cockpit]'"
        ) from error
    return serve(asked, token, choices, ready)


if __name__ == "__main__":
    sys.exit(main())
