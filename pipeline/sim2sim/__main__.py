"""Judge any policy of ours by the gate, outside the pipeline; see also `make gate`."""

import argparse
from pathlib import Path

from pipeline import config
from pipeline.cli import ARTIFACTS, StageError, expected_errors
from pipeline.files import write_atomically
from pipeline.model_card import CARD, with_gate
from pipeline.sim2sim.run import judge_file
from pipeline.sim2sim.schema import read_gate, read_gate_of


def main() -> None:
    """Parse, judge, write."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.sim2sim",
        description=__doc__,
        epilog="Scenarios, margins and thresholds come from sim2sim in params.yaml. Exit status "
        "1: the gate says no.",
    )
    parser.add_argument("--robot", help="whose policy; default: the robot params.yaml names")
    parser.add_argument("--policy", type=Path, help="default: policies/<robot>/policy.onnx")
    parser.add_argument(
        "--profile", choices=("quick", "full"), help="full searches the margins; default: params"
    )
    parser.add_argument(
        "--baseline",
        help="a gate.json with margins: what it stood, this must",
    )
    parser.add_argument("--against", type=Path, help="a gate.json to show beside in the report")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder to write to; default: beside the policy with the full profile, whose card "
        "follows; else artifacts/<robot>/gate",
    )
    parser.add_argument("--params", default="params.yaml", help="parameter file [params.yaml]")
    asked = parser.parse_args()
    with expected_errors():
        settings = config.load(asked.params, asked.robot)
        changes = {
            name: value
            for name in ("profile", "baseline")
            if (value := getattr(asked, name)) is not None
        }
        gate = settings.sim2sim.model_copy(update=changes)
        policy = asked.policy or Path("policies", settings.robot, "policy.onnx")
        beside = policy.parent if gate.profile == "full" else ARTIFACTS / settings.robot / "gate"
        out = asked.out or beside
        against = None
        if asked.against:
            against = read_gate_of(asked.against, settings.robot, "--against")
        judged = settings.model_copy(update={"sim2sim": gate})
        try:
            judge_file(policy, judged, out, against=against)
        except StageError:  # it says no, and has written why
            _follow(out)
            raise
        _follow(out)


def _follow(folder: Path) -> None:
    """Let the model card in a folder, if there is one, say what the gate.json there says."""
    card, gate = folder / CARD, folder / "gate.json"
    if card.is_file() and gate.is_file():
        write_atomically(card, with_gate(card.read_text(), read_gate(gate)))


if __name__ == "__main__":
    main()
