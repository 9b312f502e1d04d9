"""Export a trained policy: artifacts/<robot>/policy -> policy.onnx and parity.json."""

from pathlib import Path

from deploy.policy import Policy
from pipeline import parity
from pipeline.cli import StageError, run_stage, write_json
from pipeline.config import Config
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
        result = parity.check(config, trained, Policy(candidate))
        write_json(out / "parity.json", result)
        if not result["passed"]:
            raise StageError(
                "ONNX Runtime and Flax disagree: " + "; ".join(parity.failures(result))
            )
        candidate.rename(out / "policy.onnx")
    finally:
        candidate.unlink(missing_ok=True)


if __name__ == "__main__":
    run_stage(main, __doc__)
