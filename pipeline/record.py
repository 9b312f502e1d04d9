"""`python -m pipeline.record POLICY`: walk a policy in the gate's simulator and log every step.

The log is what a robot's would be, by the same writer: something to replay, and to look at.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import yaml

import robots
from deploy.commands import apply_dead_zone
from deploy.log import LogHeader, LogWriter, Tick
from deploy.observations import Inputs, joint_targets
from deploy.policy import Policy
from pipeline import config
from pipeline.cli import expected_errors
from pipeline.command_grid import command_grid
from pipeline.config_gate import Sim2Sim
from pipeline.files import sha256
from pipeline.onnx_tensors import check_policy_file
from pipeline.quality import Episodes
from pipeline.sim2sim.scenarios import NOMINAL, episodes_of
from pipeline.sim2sim.simulator import GateSimulator

SOURCE = "the gate's simulator"
TIMINGS = ("policy",)
"""Parts of a step that are timed."""
STATE = "policy"
"""The only controller state that the simulator knows."""


def record(
    policy: Policy, settings: Sim2Sim, commands: np.ndarray, log: LogWriter, seed: int = 0
) -> Episodes:
    """Walk one robot through its commands and log every step.

    Args:
        policy: The policy.
        settings: The gate's settings.
        commands: (T, 3) m/s, m/s, rad/s, asked for.
        log: Where to.
        seed: Seed of the initial errors.

    Returns:
        How it walked.
    """
    contract = policy.contract
    simulator = GateSimulator(
        contract, robots.load(contract.robot), settings, episodes_of(NOMINAL, 1), seed
    )
    seen: Inputs | None = None
    quat = np.zeros(4, np.float32)
    # The simulated torso does not turn against the base.
    torso = 0.0 if contract.imu_frame == "torso" else None
    step = 0

    def watch(inputs: Inputs, quats: np.ndarray) -> None:
        nonlocal seen, quat
        seen, quat = Inputs(*(value[0] for value in inputs)), quats[0]

    def logged(obs: np.ndarray) -> np.ndarray:
        nonlocal step
        assert seen is not None  # the simulator shows what it is about to ask
        started_s = time.perf_counter()
        action = policy(obs)
        took_s = time.perf_counter() - started_s
        targets = joint_targets(contract, action)[0]
        log.write(
            Tick(
                step=step,
                time_s=step * contract.ctrl_dt,
                state=STATE,
                imu_quat=quat,
                imu_gyro=seen.gyro,
                inputs=seen,
                sent_targets=targets,
                observation=obs[0],
                action=action[0],
                joint_targets=targets,
                torso_pos=torso,
                torso_vel=torso,
                timings_s=dict(zip(TIMINGS, (took_s,), strict=True)),
            )
        )
        step += 1
        return action

    used = apply_dead_zone(commands.astype(np.float32), contract.command_dead_zone)
    return simulator.run(logged, used[:, None], watch).episodes


def header_of(policy: Policy) -> LogHeader:
    """Header of a log of the simulator."""
    digest = sha256(policy.path.read_bytes())
    return LogHeader(policy.contract, digest, SOURCE, timing_names=TIMINGS)


def settings_for(robot: str, path: Path) -> config.Config:
    """Read params.yaml for a robot, whichever it names."""
    config.load(path)  # says what is wrong with the file
    return config.parse({**yaml.safe_load(path.read_text()), "robot": robot})


def main() -> None:
    """Record the run asked for."""
    asked = _parser().parse_args()
    with expected_errors():
        check_policy_file(asked.policy)
        policy = Policy(asked.policy)
        contract = policy.contract
        settings = settings_for(contract.robot, asked.params).sim2sim
        steps = max(1, round(asked.seconds / contract.ctrl_dt))
        grid = command_grid(contract.command_ranges)
        shown = grid if asked.command is None else np.asarray([asked.command])
        commands = shown[np.arange(steps) * len(shown) // steps]
        with LogWriter(asked.out, header_of(policy)) as log:
            episodes = record(policy, settings, commands, log, asked.seed)
        fall = f", fell at step {episodes.fell_at[0]}" if episodes.fell[0] else ", no fall"
        print(f"{asked.out}: {steps} steps{fall}")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not allowed: want > 0")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.record",
        description="Walk a policy in the gate's simulator and log every step.",
        epilog="`python -m deploy.replay LOG --policy POLICY` then computes every step again.",
    )
    add = parser.add_argument
    add("policy", type=Path, help="the ONNX file")
    add("--out", type=Path, default=Path("run.mcap"), help="the log [run.mcap]; must not exist")
    add("--seconds", type=_seconds, default=10.0, help="how long [10]")
    add(
        "--command",
        type=float,
        nargs=3,
        metavar=("VX", "VY", "YAW"),
        help="m/s, m/s, rad/s; default: the gate's commands, one after the other",
    )
    add("--seed", type=int, default=0, help="of the initial joint errors [0]")
    add("--params", type=Path, default=Path("params.yaml"), help="parameter file [params.yaml]")
    return parser


if __name__ == "__main__":
    main()
