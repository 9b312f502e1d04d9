"""Export artifacts/<robot>/policy: policy.onnx, controller.onnx and parity.json."""

from pathlib import Path

from deploy.policy import Policy
from pipeline import parity
from pipeline.bake import CONTROLLER, bake
from pipeline.cli import StageError, run_stage, write_json
from pipeline.config import Config
from pipeline.controller_parity import controller_errors
from pipeline.devices import prepare
from pipeline.files import write_atomically
from pipeline.onnx_export import export
from pipeline.policy_folder import load_policy


def main(config: Config, out: Path) -> None:
    """Run the stage; a policy that fails the parity check is not left behind."""
    prepare(config.physics)
    trained = load_policy(out / "policy", config.robot)
    candidate = out / "policy.unproven.onnx"
    write_atomically(candidate, export(trained, config.export.opset))
    try:
        exported, controller = Policy(candidate), bake(candidate)
        errors = controller_errors(config, exported, controller)
        result = parity.check(config, trained, exported, errors)
        write_json(out / "parity.json", result)
        if not result["passed"]:
            raise StageError(
                "the ONNX files and what they were made from disagree: "
                + "; ".join(parity.failures(result))
            )
        candidate.rename(out / "policy.onnx")
        write_atomically(out / CONTROLLER, controller)
    finally:
        candidate.unlink(missing_ok=True)


if __name__ == "__main__":
    run_stage(main, __doc__)
