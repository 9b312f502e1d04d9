"""`make ship`: copy a proven policy from artifacts/<robot> to policies/<robot>, with its card."""

import argparse
import json
from pathlib import Path

from pipeline import config
from pipeline.bake import CONTROLLER, bake_beside, is_baked_from
from pipeline.cli import ARTIFACTS, expected_errors
from pipeline.files import sha256, write_atomically
from pipeline.model_card import CARD, model_card
from robots.errors import UserError

POLICIES = Path("policies")
"""Holds one folder per robot with what a visitor may look at before running anything."""
SHIPPED = ("policy.onnx", CONTROLLER, "gate.json", "report.html", "metrics.json", "parity.json")
"""Files that are copied."""
PICTURES = ("preview.png", "preview.webp")
"""Copied too, where this machine could draw them."""


class ShipError(UserError):
    """What is to be shipped is not there, or not proven."""


def ship(source: Path, target: Path) -> list[Path]:
    """Copy the files of a policy whose gate passed.

    Args:
        source: A robot's artifact folder.
        target: Where to copy to.

    Returns:
        The files written.

    Raises:
        ShipError: If the gate did not pass, or judged another file.
    """
    if not (source / "gate.json").is_file() or not (source / "policy.onnx").is_file():
        raise ShipError(f"{source}: has no policy.onnx with a gate.json; run `dvc repro` first")
    gate = json.loads((source / "gate.json").read_text())
    if not gate["passed"]:
        raise ShipError(f"{source / 'gate.json'}: the gate did not pass; see report.html beside it")
    found = sha256((source / "policy.onnx").read_bytes())
    if gate["policy_sha256"] != found:
        raise ShipError(
            f"{source}: gate.json judged {gate['policy_sha256'][:12]}, but policy.onnx is "
            f"{found[:12]}; run `dvc repro` again"
        )
    parity = source / "parity.json"
    if parity.is_file() and json.loads(parity.read_text())["policy_sha256"] != found:
        raise ShipError(f"{parity}: is of another policy.onnx; run `dvc repro` again")
    written: list[Path] = []
    for name in (*SHIPPED, *PICTURES):
        if (source / name).is_file():
            write_atomically(target / name, (source / name).read_bytes())
            written.append(target / name)
    return written


def main() -> None:
    """Ship the robot asked for."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.ship", description=__doc__)
    parser.add_argument(
        "--robot", help="a folder of artifacts/; default: the one params.yaml names"
    )
    asked = parser.parse_args().robot
    with expected_errors():
        settings = config.load()
        robot = asked or settings.robot
        written = ship(ARTIFACTS / robot, POLICIES / robot)
        policy = POLICIES / robot / "policy.onnx"
        if not is_baked_from(policy.with_name(CONTROLLER), policy):
            written.append(bake_beside(policy, settings))
        card = POLICIES / robot / CARD
        write_atomically(card, model_card(ARTIFACTS / robot))
        for path in (*written, card):
            print(path)
        print(f"next: make gate ROBOT={robot} PROFILE=full  # adds the margins")


if __name__ == "__main__":
    main()
