"""One core's MJX-JAX: step the training model when told to, and say how fast.

XLA's thread pool has one thread here (`NPROC=1`, set by bench.physics), and one such process per
core uses the whole machine. With a pool of two, the first step hung in one run of five (jaxlib
0.10.2): both threads wait in LAPACK's batched Cholesky for work that only they could do.
"""

import sys
import time

import jax
import jax.numpy as jnp
import mujoco
from mujoco import mjx

import robots
from pipeline import config
from pipeline.physics.make import make_model
from robots.model import SPAWN_KEY

ENVS, SECONDS = 256, 2.0


def main() -> None:
    """Answer every line on stdin with a line of physics steps per second."""
    settings = config.load()
    model = make_model(settings, robots.load(settings.robot))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key(SPAWN_KEY).id)
    on_device, start = mjx.put_model(model), mjx.put_data(model, data)
    states = jax.tree.map(lambda x: jnp.repeat(x[None], ENVS, axis=0), start)
    step = jax.jit(jax.vmap(lambda state: mjx.step(on_device, state)))
    states = jax.block_until_ready(step(states))
    print("ready", flush=True)
    for _ in sys.stdin:
        steps, began = 0, time.perf_counter()
        while time.perf_counter() - began < SECONDS:
            states = jax.block_until_ready(step(states))
            steps += ENVS
        print(steps / (time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
