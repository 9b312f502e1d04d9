"""Side-by-side measurements, each printing ratios taken in one run."""

import argparse


def no_arguments(module: str, description: str | None) -> None:
    """Answer `--help`, and refuse any other argument.

    Args:
        module: What is run: `bench.tick`.
        description: What it measures.
    """
    argparse.ArgumentParser(prog=f"python -m {module}", description=description).parse_args()
