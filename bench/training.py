"""Training throughput, learning included, against raw physics; and what it takes in memory."""

import json
import resource
import time

import jax
import numpy as np

import robots
from bench import no_arguments
from bench.physics import native_steps_per_s
from pipeline import config
from pipeline.env import make_env
from pipeline.physics.engine import make_batch
from pipeline.physics.make import make_model
from pipeline.train import make_learner

ITERATIONS, ROUNDS = 6, 5


def main() -> None:
    """Measure training and raw physics in turns, so that both see the same machine."""
    no_arguments("bench.training", __doc__)
    settings = config.load()
    robot = robots.load(settings.robot)
    env = make_env(settings, robot, num_envs=settings.ppo.num_envs, randomized=True)
    learner, state = make_learner(settings, env)
    raw_batch = make_batch(make_model(settings, robot), settings.ppo.num_envs)
    steps = ITERATIONS * settings.ppo.num_envs * settings.ppo.unroll_length
    for _ in range(3):  # compile, and leave the start behind
        state, _ = learner.iterate(state)
    trained, raw = [], []
    for _ in range(ROUNDS):
        jax.block_until_ready(state)
        began = time.perf_counter()
        for _ in range(ITERATIONS):
            state, _ = learner.iterate(state)
        jax.block_until_ready(state)
        trained.append(steps / (time.perf_counter() - began))
        raw.append(native_steps_per_s(raw_batch, seconds=2.0))
    ratio = np.multiply(trained, env.physics.n_substeps) / raw
    result = {
        "train_env_steps_per_s": float(np.median(trained)),
        "raw_physics_steps_per_s": float(np.median(raw)),
        "train_over_raw_physics": float(np.median(ratio)),
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
