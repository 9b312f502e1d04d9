"""MuJoCo XLA: `mjx` (MJX-JAX, any accelerator) and `warp` (MJX-Warp, NVIDIA), as pure JAX."""

import contextlib
import copy
import importlib
import importlib.util
import io
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import mujoco.batch
import numpy as np

from pipeline.physics.engine import DISABLED, foot_columns, make_batch
from pipeline.physics.protocol import BackendError, ModelFields, PhysicsState
from robots import RobotSpec

with contextlib.redirect_stdout(io.StringIO()):  # it prints that Warp is not installed
    from mujoco import mjx

NATIVES_OWN = DISABLED | mujoco.mjtDisableBit.mjDSBL_AUTORESET
"""Flags that native sets, and that Warp refuses to be told."""
IMPLEMENTATIONS = {"mjx": "jax", "warp": "warp"}
"""What MJX calls a backend."""
CONTACTS, CONSTRAINTS = 48, 256
"""Per environment, room that Warp sets aside: no robot here comes near."""


class AcceleratedPhysics:
    """The `mjx` and `warp` backends: the same steps as `native`, in float32 on the device.

    Args:
        model: Compiled model; the actuators are position servos in joint order.
        robot: The robot, for the names of its feet.
        name: Which of the two.
        num_envs: Number of simulations.
        n_substeps: Physics steps per control period.
        fields: Per-environment model fields (domain randomization).

    Raises:
        BackendError: If the backend is not installed, or the model has what it cannot step.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        robot: RobotSpec,
        *,
        name: str,
        num_envs: int,
        n_substeps: int,
        fields: ModelFields | None = None,
    ) -> None:
        self.name, self.model, self.num_envs, self.n_substeps = name, model, num_envs, n_substeps
        self._shared: Any = _on_device(model, robot, name)
        # Warp shares one pool of contacts among all environments.
        room: Any = (
            {"naconmax": CONTACTS * num_envs, "njmax": CONSTRAINTS} if name == "warp" else {}
        )
        self._data = mjx.make_data(model, impl=IMPLEMENTATIONS[name], **room)
        self.bodies: Mapping[str, jax.Array] = {
            key: jnp.asarray(value, getattr(self._shared, key).dtype)
            for key, value in with_constants(model, fields or {}).items()
            if key in mjx.Model.__dataclass_fields__  # the others only draw, or put to sleep
        }
        self._columns = foot_columns(model, robot)

    def step(self, state: PhysicsState, targets: jax.Array) -> PhysicsState:
        """Advance one control period; see `Physics.step`."""
        return jax.vmap(self._step_one)(state, targets)

    def _step_one(self, state: PhysicsState, targets: jax.Array) -> PhysicsState:
        model = self._shared.tree_replace(dict(state.bodies))
        # As on native the state is float32 between control periods, and precise within one: with
        # JAX's float64 (JAX_ENABLE_X64) in that.
        state = _as(self._data.qpos.dtype, state)

        step = mjx.step if self.name == "warp" else step_mjx

        def substep(before: PhysicsState, ctrl: jax.Array) -> tuple[PhysicsState, None]:
            data: Any = self._data.replace(
                qpos=before.qpos, qvel=before.qvel, qacc_warmstart=before.qacc_warmstart, ctrl=ctrl
            )
            data = step(model, data)
            pos, vel, force = (data.sensordata[columns] for columns in self._columns)
            after = PhysicsState(
                qpos=data.qpos,
                qvel=data.qvel,
                qacc_warmstart=data.qacc_warmstart,
                joint_torque=data.actuator_force,
                foot_pos=pos,
                foot_vel=vel,
                foot_force=force[:, 0],
                bodies=state.bodies,
            )
            return after, None

        after, _ = jax.lax.scan(substep, state, targets.astype(self._data.qpos.dtype))
        moving = jnp.concatenate([after.qpos, after.qvel])
        sane = jnp.all(jnp.abs(moving) < mujoco.mjMAXVAL)  # false for NaN too
        qpos, qvel = (jnp.where(sane, x, jnp.nan) for x in (after.qpos, after.qvel))
        return _as(jnp.float32, replace(after, qpos=qpos, qvel=qvel))


def step_mjx(model: Any, data: Any) -> Any:
    """`mjx.step`, but implicitfast has no damping of a motor at its limit, whose torque stays.

    So have MuJoCo and Warp. MJX-JAX 3.17 damps on: in 5 ms a joint whose motor gives all it has
    then changes its speed by some 0.1 rad/s too little.

    Args:
        model: An `mjx.Model` of the JAX implementation.
        data: Its `mjx.Data`.
    """
    if model.opt.integrator != mujoco.mjtIntegrator.mjINT_IMPLICITFAST:
        return mjx.step(model, data)
    data = mjx.forward(model, data)
    lower, upper = model.actuator_forcerange.T
    at_limit = (data.actuator_force <= lower) | (data.actuator_force >= upper)
    damps = ~(at_limit & (np.asarray(model.actuator_forcelimited) > 0))
    damping = {
        name: getattr(model, name).at[:, 2].multiply(damps)
        for name in ("actuator_gainprm", "actuator_biasprm")
    }
    return mjx.implicit(model.tree_replace(damping), data)


def _as(dtype: Any, state: PhysicsState) -> PhysicsState:
    """The state in another precision; the bodies stay as they are."""
    return replace(jax.tree.map(lambda x: x.astype(dtype), state), bodies=state.bodies)


def _on_device(model: mujoco.MjModel, robot: RobotSpec, name: str) -> Any:
    """The model as the backend has it; refuses what it cannot step."""
    if name == "warp":
        _start_warp()
    model = copy.copy(model)
    model.opt.disableflags &= ~int(NATIVES_OWN)
    found = _put(model, name)
    if not isinstance(found, str):
        return _quiet(found) if name == "warp" else found
    others = [
        other
        for other in IMPLEMENTATIONS
        if other != name and not isinstance(_put(model, other), str)
    ]
    raise BackendError(
        f"physics.backend: {name} cannot step {robot.name}: {found}; these can: "
        + ", ".join(["native", *others])
    )


def _quiet(found: Any) -> Any:
    """Have Warp not warn when the solver stops at `physics.iterations`: training means it to."""
    from mujoco.mjx.third_party.mujoco_warp import OverflowType

    own = found.opt._impl
    warned = own.warn_overflow & ~int(OverflowType.ITERATIONS | OverflowType.LS_ITERATIONS)
    return found.replace(opt=found.opt.replace(_impl=own.replace(warn_overflow=warned)))


def _start_warp() -> None:
    """Import Warp, and say what is worth knowing instead of all it says of itself."""
    if importlib.util.find_spec("warp") is None:
        raise BackendError(
            "physics.backend: warp needs warp-lang, which is not installed: run make repro GPU=1 "
            "(or pip install 'surefoot[warp]'), or take mjx, native or auto"
        )
    importlib.import_module("warp").config.quiet = True
    here = "" if jax.default_backend() == "gpu" else "; it runs on the CPU here, which is slow"
    print(f"note: Warp compiles its kernels at the first run, for minutes{here}", file=sys.stderr)


def _put(model: mujoco.MjModel, name: str) -> Any:
    """The model as a backend has it, or what the backend says against it."""
    try:
        return mjx.put_model(model, impl=IMPLEMENTATIONS[name])
    except jax.errors.JaxRuntimeError:  # a RuntimeError too, and no fault of the model
        raise
    except (NotImplementedError, ValueError, RuntimeError) as error:  # the last: Warp is missing
        return str(error).strip().rstrip(".")


def with_constants(model: mujoco.MjModel, fields: ModelFields) -> ModelFields:
    """The fields, and all constants that MuJoCo derives from them, as `native` has them.

    Args:
        model: The nominal model.
        fields: Per-environment model fields.
    """
    if not fields:
        return {}
    batch = make_batch(model, len(next(iter(fields.values()))), fields=fields)
    expanded = {name: batch.expanded(name) for name in mujoco.batch.MODEL_FIELDS}
    return {name: np.array(values) for name, values in expanded.items() if values is not None}
