"""`python -m bench.peers [ROBOT ...]`: the shipped policies by the protocol that Unitree's own met.

The protocol: 13 commands of 10 s on flat floor, body velocity averaged from 3 s on, RMSE over the
commands; then 0.5 m/s forward for 12 s while the base's horizontal velocity jumps in a random
direction every 2.5 s. Unitree's own pretrained policies (`unitree_rl_gym`, LSTM) were run like that
on Unitree's own MJCFs, 10 runs per push; ours run on the models of this project.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import robots
from deploy.policy import Policy
from pipeline import config
from pipeline.cli import expected_errors
from pipeline.quality import Episodes, rms, tracking_errors
from pipeline.sim2sim.scenarios import NOMINAL, Scenario, along, episodes_of
from pipeline.sim2sim.simulator import GateSimulator

COMMANDS = (
    (0.0, 0.0, 0.0),
    *((vx, 0.0, 0.0) for vx in (-0.5, -0.3, 0.3, 0.5, 0.8, 1.0)),
    *((0.0, vy, 0.0) for vy in (0.3, -0.3)),
    *((0.0, 0.0, yaw_rate) for yaw_rate in (0.5, -0.5)),
    (0.5, 0.0, 0.5),
    (0.5, 0.2, -0.3),
)
PUSHES = (0.5, 1.0, 1.5)
PUSHED = (0.5, 0.0, 0.0)
"""The command while pushes come."""
INTERVAL_S = 2.5
RUNS, PUSHED_RUNS = 4, 40
"""Runs of each command, and of each push."""
UNITREE = {
    "g1": "0 of 13 | 0.049 | 0.023 | 0 % / 0 % / 20 %",
    "h1": "0 of 13 | 0.075 | 0.036 | 0 % / 0 % / 90 %",
    "h1_2": "0 of 13 | 0.041 | 0.064 | 0 % / 80 % / 100 %",
}
"""What Unitree's own policies did."""


def measure(folder: Path) -> str:
    """Falls, planar RMSE in m/s, yaw RMSE in rad/s, and the share that fell of each push."""
    policy = Policy(folder / "policy.onnx")
    robot, settings = robots.load(policy.contract.robot), config.load().sim2sim
    settings = settings.model_copy(update={"push_interval_s": INTERVAL_S})

    def run(case: Scenario, command: Any, seconds: float) -> Episodes:
        steps = round(seconds / policy.contract.ctrl_dt)
        episodes = episodes_of(case, len(command))
        simulator = GateSimulator(policy.contract, robot, settings, episodes, seed=1)
        commands = np.broadcast_to(np.asarray(command, np.float32), (steps, len(command), 3))
        return simulator.run(policy, commands).episodes

    walked = run(NOMINAL, np.repeat(COMMANDS, RUNS, axis=0), 10.0)
    settle = round(3.0 / policy.contract.ctrl_dt)
    planar, yaw = (rms(error) for error in tracking_errors(walked, settle))
    fallen = [
        run(along("push_speed", speed), [PUSHED] * PUSHED_RUNS, 12.0).fell.mean()
        for speed in PUSHES
    ]
    falls = f"{walked.fell.sum()} of {len(walked.fell)}"
    return f"{falls} | {planar:.3f} | {yaw:.3f} | " + " / ".join(f"{x:.0%}" for x in fallen)


def main() -> None:
    """Print one row per policy, Unitree's own beneath."""
    shipped = [name for name in robots.names() if Path("policies", name, "policy.onnx").is_file()]
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("robots", nargs="*", default=shipped, help=f"of {', '.join(shipped)}")
    parser.add_argument("--folder", default="policies", help="holds a folder per robot")
    asked = parser.parse_args()
    with expected_errors():
        _table(asked.robots, Path(asked.folder))


def _table(names: list[str], folder: Path) -> None:
    print("| | falls | planar RMSE, m/s | yaw RMSE, rad/s | fell at 0.5 / 1.0 / 1.5 m/s pushes |")
    print("|---|---|---|---|---|")
    for name in names:
        title = robots.load(name).title
        print(f"| {title} | {measure(folder / name).replace('%', ' %')} |", flush=True)
        if name in UNITREE:
            print(f"| Unitree's own | {UNITREE[name]} |")


if __name__ == "__main__":
    main()
