"""Latency of the shipped policy on ONNX Runtime: one observation, one thread."""

import json
import time
from pathlib import Path

import numpy as np

from bench import no_arguments
from deploy.policy import Policy
from pipeline import config

WARM_UP, CALLS = 2_000, 20_000


def main() -> None:
    """Measure `Policy.__call__`, Python included: what a control loop pays."""
    no_arguments("bench.inference", __doc__)
    robot = config.load().robot
    found = [Path(f"{folder}/{robot}/policy.onnx") for folder in ("artifacts", "policies")]
    policy = Policy(next(path for path in found if path.is_file()))
    obs = np.random.default_rng(0).normal(size=(1, policy.contract.observation_size))
    obs = obs.astype(np.float32)
    took = np.empty(CALLS)
    for _ in range(WARM_UP):
        policy(obs)
    for call in range(CALLS):
        began = time.perf_counter()
        policy(obs)
        took[call] = time.perf_counter() - began
    p50, p99 = np.percentile(took * 1e6, [50, 99])
    print(json.dumps({"onnx_latency_us_p50": float(p50), "onnx_latency_us_p99": float(p99)}))


if __name__ == "__main__":
    main()
