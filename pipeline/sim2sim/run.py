"""From an ONNX file to gate.json and report.html: what the stage and `make gate` do."""

from pathlib import Path
from typing import Any

import numpy as np

import robots
from deploy.policy import Policy
from pipeline.cli import StageError, write_json
from pipeline.config import Config
from pipeline.memory import memory_limit
from pipeline.onnx_tensors import MAX_TOTAL_BYTES, check_policy_file
from pipeline.sim2sim.criteria import failures, lines
from pipeline.sim2sim.gate import run_gate
from pipeline.sim2sim.reporting import report
from pipeline.sim2sim.scorecard import write_scorecard


def judge_file(
    path: Path,
    config: Config,
    out: Path,
    *,
    against: dict[str, Any] | None = None,
    scorecard: Path | None = None,
) -> None:
    """Judge a policy; gate.json and report.html are written whether or not it passes.

    Args:
        path: The ONNX file.
        config: The configuration, for the policy's robot.
        out: Folder to write to.
        against: Another gate.json, shown beside in the report.
        scorecard: Folder for what DVC compares, if it is wanted.

    Raises:
        OnnxFileError: If it asks for huge tensors, or keeps weights in other files.
        PolicyError: If it cannot be loaded or run, or takes too much memory when it is run.
        StageError: If the gate says no.
    """
    check_policy_file(path)
    with memory_limit(MAX_TOTAL_BYTES):  # sizes that a graph computes only running it tells
        policy = Policy(path)
        policy(np.zeros((1, policy.contract.observation_size), np.float32))
    robot = robots.load(config.robot)
    verdict = run_gate(policy, robot, config)
    write_json(out / "gate.json", verdict.gate)
    if scorecard:
        write_scorecard(scorecard, verdict.gate)
    report(out / "report.html", verdict, robot, policy.contract, against)
    print("\n".join(lines(verdict.gate)))
    if not verdict.gate["passed"] and config.sim2sim.enabled:
        raise StageError(
            "the gate says no, see report.html:\n  " + "\n  ".join(failures(verdict.gate))
        )
