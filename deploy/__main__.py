"""`python -m deploy COMMAND`: what there is to run on a robot's computer."""

import importlib
import sys

COMMANDS = {
    "run": "deploy.runtime.cli",
    "replay": "deploy.replay.__main__",
    "plot": "deploy.runtime.plot",
}
"""Modules with a `main` that takes the arguments and gives the exit status."""


def main(arguments: list[str]) -> int:
    """Run a command.

    Args:
        arguments: Its name, and what it is given.
    """
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        print(f"usage: python -m deploy {{{','.join(COMMANDS)}}} ...", file=sys.stderr)
        return 2
    return importlib.import_module(COMMANDS[name]).main(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
