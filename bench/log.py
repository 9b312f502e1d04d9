"""`python -m bench.log`: what logging a tick costs, a part of the robot's control period."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench import no_arguments
from deploy.log import LogHeader, LogWriter, Tick
from deploy.observations import Inputs
from deploy.policy import Policy

TICKS = 10_000


def main() -> None:
    """Log ticks of G1's size, as fast as it goes, with a new file every minute of the run."""
    no_arguments("bench.log", __doc__)
    policy = Policy("policies/g1/policy.onnx")
    with TemporaryDirectory() as folder:
        header = LogHeader(policy.contract, "0" * 64, "bench")
        took_us: list[float] = []
        with LogWriter(Path(folder) / "run.mcap", header, rotate_s=60.0) as log:
            for tick in _ticks(policy):
                started = time.perf_counter()
                log.write(tick)
                took_us.append((time.perf_counter() - started) * 1e6)
        size = sum(file.stat().st_size for file in log.files)
    p50, p99, most = np.percentile(took_us, [50, 99, 100])
    print(f"one tick: median {p50:.0f} us, 99 % {p99:.0f} us, longest {most:.0f} us")
    print(f"one minute at 50 Hz: {size / TICKS * 3000 / 1e6:.1f} MB")


def _ticks(policy: Policy) -> list[Tick]:
    rng, contract = np.random.default_rng(0), policy.contract

    def some(size: int) -> np.ndarray:
        return rng.normal(size=size).astype(np.float32)

    n, held = contract.action_size, len(contract.held_joints)
    return [
        Tick(
            step=step,
            time_s=step * contract.ctrl_dt,
            state="policy",
            imu_quat=some(4),
            imu_gyro=some(3),
            inputs=Inputs(some(3), some(3), some(3), some(n), some(n), some(n), some(1)[0]),
            sent_targets=some(n),
            observation=some(contract.observation_size),
            action=some(n),
            joint_targets=some(n),
            held_pos=some(held),
            held_vel=some(held),
            motor_torque=some(n + held),
            motor_temperature=np.full(n + held, 40, np.float32),
            robot_tick=20 * step,
            mode_machine=5,
            remote=rng.bytes(40).hex(),
            timings_s={"policy": 1e-5, "sensors": 1e-4},
        )
        for step in range(TICKS)
    ]


if __name__ == "__main__":
    main()
