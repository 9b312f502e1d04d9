"""Raw physics of the training model: `mujoco.batch` against MJX-JAX on the same CPU."""

import json
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from mujoco import mjx

import robots
from pipeline import config
from pipeline.physics.make import make_model
from pipeline.physics.native import make_batch
from robots.model import SPAWN_KEY

MJX_ENVS, MJX_STEPS, ROUNDS = 256, 8, 5


def main() -> None:
    """Measure in turns, so that both see the same machine."""
    settings = config.load()
    model = make_model(settings, robots.load(settings.robot))
    batch = make_batch(model, settings.ppo.num_envs)
    step_mjx = _mjx_stepper(model)
    native, other = [], []
    for _ in range(ROUNDS):
        native.append(native_steps_per_s(batch, seconds=2.0))
        began = time.perf_counter()
        step_mjx()
        other.append(MJX_ENVS * MJX_STEPS / (time.perf_counter() - began))
    result = {
        "native_physics_steps_per_s": float(np.median(native)),
        "mjx_physics_steps_per_s": float(np.median(other)),
        "native_over_mjx": float(np.median(np.divide(native, other))),
    }
    print(json.dumps(result))


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


def _mjx_stepper(model: mujoco.MjModel) -> Callable[[], None]:
    """A compiled function that steps MJX_ENVS robots MJX_STEPS times."""
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key(SPAWN_KEY).id)
    on_device, start = mjx.put_model(model), mjx.put_data(model, data)
    states = jax.tree.map(lambda x: jnp.repeat(x[None], MJX_ENVS, axis=0), start)
    step = jax.jit(jax.vmap(lambda state: mjx.step(on_device, state)))

    def run() -> None:
        moved = states
        for _ in range(MJX_STEPS):
            moved = jax.block_until_ready(step(moved))

    run()
    return run


if __name__ == "__main__":
    main()
