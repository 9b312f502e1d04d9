"""MuJoCo's C engine for many simulations at once, for training and gate alike; knows no JAX."""

from collections.abc import Mapping

import mujoco
import numpy as np
from mujoco.batch import Batch

from robots import RobotSpec

DISABLED = mujoco.mjtDisableBit.mjDSBL_ISLAND | mujoco.mjtDisableBit.mjDSBL_MIDPHASE
"""Searches that pay in scenes of many bodies and cost a single robot about 7 % of its physics."""
INTEGRATORS = {
    "Euler": mujoco.mjtIntegrator.mjINT_EULER,
    "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
    "RK4": mujoco.mjtIntegrator.mjINT_RK4,
}
"""MuJoCo's integrators by the names params.yaml uses."""


def diverged(qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
    """(n,) bool: not finite, or larger than what MuJoCo itself takes for an instability."""
    state = np.concatenate([qpos, qvel], axis=1)
    return ~np.all(np.abs(state) < mujoco.mjMAXVAL, axis=1)


def make_batch(
    model: mujoco.MjModel,
    num_envs: int,
    threads: int = 0,
    fields: Mapping[str, np.ndarray] | None = None,
) -> Batch:
    """Make a batch whose simulations differ in the given model fields.

    A diverging simulation is reported, not silently reset (MuJoCo's default).

    Args:
        model: The model; its autoreset is turned off.
        num_envs: Number of simulations.
        threads: CPU threads; 0 takes one per core.
        fields: Per-simulation `MjModel` fields, (num_envs, ...) each.
    """
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    batch = Batch(model, nsim=num_envs, nthread=threads)
    for name, values in (fields or {}).items():
        batch.expand(name)[:] = values
    if fields:
        batch.set_const()
    return batch


def foot_columns(model: mujoco.MjModel, robot: RobotSpec) -> tuple[np.ndarray, ...]:
    """Columns of sensordata with the position, velocity and force of each foot: (num_feet, dim)."""

    def columns(quantity: str) -> np.ndarray:
        sensors = [model.sensor(f"{foot.site}_{quantity}") for foot in robot.feet]
        return np.stack([s.adr[0] + np.arange(s.dim[0], dtype=np.int64) for s in sensors])

    return columns("pos"), columns("vel"), columns("force")
