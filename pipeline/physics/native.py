"""MuJoCo's C engine on CPU threads (`mujoco.batch`), called from inside jitted JAX code."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from mujoco.batch import SimulationError

from pipeline.physics.engine import diverged, foot_columns, make_batch
from pipeline.physics.protocol import ModelFields, PhysicsState
from robots import RobotSpec


class NativePhysics:
    """The `native` backend.

    State travels as float32 rows between JAX and the batch, so a step is a pure function of its
    arguments: results are the same at any thread count, and a checkpoint of the rows is complete.

    Args:
        model: Compiled model; the actuators are position servos in joint order.
        robot: The robot, for the names of its feet.
        num_envs: Number of simulations.
        n_substeps: Physics steps per control period.
        threads: CPU threads; 0 takes one per core.
        fields: Per-environment model fields (domain randomization).
    """

    name = "native"
    bodies: Mapping[str, jax.Array] = MappingProxyType({})

    def __init__(
        self,
        model: mujoco.MjModel,
        robot: RobotSpec,
        *,
        num_envs: int,
        n_substeps: int,
        threads: int = 0,
        fields: ModelFields | None = None,
    ) -> None:
        self.model, self.num_envs, self.n_substeps = model, num_envs, n_substeps
        self._batch = make_batch(model, num_envs, threads, fields)
        self._qpos = self._batch.bind("qpos")
        self._qvel = self._batch.bind("qvel")
        self._warmstart = self._batch.bind("qacc_warmstart")
        self._seen: dict[str, Any] = {
            "sensordata": np.empty((num_envs, n_substeps, model.nsensordata)),
            "actuator_force": np.empty((num_envs, n_substeps, model.nu)),
        }
        self._columns = foot_columns(model, robot)
        shapes = {
            "qpos": (model.nq,),
            "qvel": (model.nv,),
            "qacc_warmstart": (model.nv,),
            "joint_torque": (model.nu,),
            "foot_pos": (len(robot.feet), 3),
            "foot_vel": (len(robot.feet), 3),
            "foot_force": (len(robot.feet),),
        }
        results: dict[str, Any] = {
            name: jax.ShapeDtypeStruct((num_envs, *shape), jnp.float32)
            for name, shape in shapes.items()
        }
        self._result = PhysicsState(**results)

    def step(self, state: PhysicsState, targets: jax.Array) -> PhysicsState:
        """Advance one control period; see `Physics.step`."""
        return jax.pure_callback(
            self._step, self._result, state.qpos, state.qvel, state.qacc_warmstart, targets
        )

    def _step(
        self, qpos: jax.Array, qvel: jax.Array, warmstart: jax.Array, targets: jax.Array
    ) -> PhysicsState:
        self._qpos[:] = np.asarray(qpos)
        self._qvel[:] = np.asarray(qvel)
        self._warmstart[:] = np.asarray(warmstart)
        failed = np.zeros(self.num_envs, bool)
        try:
            self._batch.rollout(
                self.n_substeps, np.asarray(targets), record=tuple(self._seen), out=self._seen
            )
        except SimulationError:
            failed = np.asarray(self._batch.status) != 0
        failed |= diverged(self._qpos, self._qvel)
        sensors, torque = (seen[:, -1] for seen in self._seen.values())
        with np.errstate(over="ignore"):  # of the diverged ones
            pos, vel, force = (sensors[:, columns].astype(np.float32) for columns in self._columns)
            result = PhysicsState(
                qpos=self._qpos.astype(np.float32),
                qvel=self._qvel.astype(np.float32),
                qacc_warmstart=self._warmstart.astype(np.float32),
                joint_torque=torque.astype(np.float32),
                foot_pos=pos,
                foot_vel=vel,
                foot_force=force[:, :, 0],
            )
        if failed.any():
            result.qpos[failed] = np.nan
            result.qvel[failed] = np.nan
        return result
