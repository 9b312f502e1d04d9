"""Raw physics of the training model: `mujoco.batch` against MJX-JAX, each on every core."""

import json
import os
import subprocess
import sys
import time

import mujoco
import numpy as np

import robots
from bench import no_arguments
from pipeline import config
from pipeline.physics.engine import make_batch
from pipeline.physics.make import make_model
from robots.model import SPAWN_KEY

ROUNDS = 5


def main() -> None:
    """Measure in turns, so that both see the same machine."""
    no_arguments("bench.physics", __doc__)
    settings = config.load()
    model = make_model(settings, robots.load(settings.robot))
    batch = make_batch(model, settings.ppo.num_envs)
    workers = [_start_mjx() for _ in range(os.cpu_count() or 1)]
    for worker in workers:
        _read(worker)
    native, other = [], []
    for _ in range(ROUNDS):
        native.append(native_steps_per_s(batch, seconds=2.0))
        for worker in workers:
            print("go", file=worker.stdin, flush=True)
        other.append(sum(float(_read(worker)) for worker in workers))
    for worker in workers:
        worker.communicate()
    result = {
        "native_physics_steps_per_s": float(np.median(native)),
        "mjx_physics_steps_per_s": float(np.median(other)),
        "native_over_mjx": float(np.median(np.divide(native, other))),
    }
    print(json.dumps(result))


def _start_mjx() -> subprocess.Popen[str]:
    """A process that steps MJX on one core; see bench.mjx."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench.mjx"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"NPROC": "1"},
    )


def _read(worker: subprocess.Popen[str]) -> str:
    """The worker's next line, past what libraries print on import."""
    assert worker.stdout is not None
    for line in worker.stdout:
        if not line.startswith("Failed to import"):
            return line
    raise RuntimeError(f"bench.mjx ended with status {worker.wait()} (its words above)")


def native_steps_per_s(batch: mujoco.batch.Batch, seconds: float) -> float:  # pyright: ignore
    """Physics steps per second of robots that stand and fidget as an untrained policy does.

    Args:
        batch: The simulations.
        seconds: How long to measure.
    """
    rng = np.random.default_rng(0)
    batch.reset(keyframe=batch.model.key(SPAWN_KEY).id)
    qpos, ctrl = batch.bind("qpos"), batch.bind("ctrl")
    centre, steps, spent = ctrl.copy(), 0, 0.0
    while spent < seconds:
        ctrl[:] = centre + 0.15 * rng.normal(size=ctrl.shape)
        began = time.perf_counter()
        batch.step(nstep=4)
        spent += time.perf_counter() - began
        steps += 4 * len(qpos)
        fallen = np.flatnonzero(qpos[:, 2] < 0.15)
        if fallen.size:
            batch.reset(ids=fallen, keyframe=batch.model.key(SPAWN_KEY).id)
    return steps / spent


if __name__ == "__main__":
    main()
