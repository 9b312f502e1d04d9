"""Choose and make the physics backend that params.yaml asks for."""

import mujoco

from pipeline.config import Config
from pipeline.devices import platform
from pipeline.physics.engine import DISABLED, INTEGRATORS
from pipeline.physics.native import NativePhysics
from pipeline.physics.protocol import ModelFields, Physics
from robots import RobotSpec
from robots.model import build_model

MJX_CONTACTS = 16
"""Contacts that MJX-JAX solves for, of each robot the deepest: a humanoid on both feet has eight.

It sets aside equations for all parts that can touch: of Go2, eleven times what these take."""


def make_model(config: Config, robot: RobotSpec) -> mujoco.MjModel:
    """Compile the model that training steps."""
    physics = config.physics
    model = build_model(
        robot,
        sim_dt=physics.sim_dt,
        self_collision=physics.self_collision,
        edit=lambda mjcf: mjcf.add_numeric(name="max_contact_points", data=[MJX_CONTACTS]),
    )
    model.opt.integrator = INTEGRATORS[physics.integrator]
    model.opt.iterations = physics.iterations
    model.opt.ls_iterations = physics.ls_iterations
    model.opt.disableflags |= DISABLED
    return model


def for_training(config: Config) -> Config:
    """The configuration as this machine trains: backend, number of environments and of steps.

    `auto` becomes MJX on an accelerator and native on a CPU. Where an accelerator steps physics,
    `ppo.on_accelerator` counts. Only training asks: an evaluation is over on the CPU before MJX has
    compiled, so there `auto` is native.
    """
    backend, ppo, here = config.physics.backend, config.ppo, platform()
    physics = config.physics.model_copy(
        update={"backend": fastest(here) if backend == "auto" else backend}
    )
    if sizes_key(physics.backend, here) != "ppo":
        sizes = ppo.on_accelerator.model_dump()
        total = round(sizes.pop("num_timesteps_scale") * ppo.num_timesteps)
        ppo = ppo.model_copy(update={**sizes, "num_timesteps": total})
    return config.model_copy(update={"physics": physics, "ppo": ppo})


def sizes_key(backend: str, platform: str) -> str:
    """Where params.yaml says how many environments a backend trains on a JAX platform."""
    return "ppo" if backend == "native" or platform == "cpu" else "ppo.on_accelerator"


def on_cpu(config: Config) -> Config:
    """The configuration with native physics: for a few robots, done before MJX has compiled."""
    physics = config.physics.model_copy(update={"backend": "native"})
    return config.model_copy(update={"physics": physics})


def fastest(platform: str) -> str:
    """The backend that trains fastest on a JAX platform: cpu, cuda, rocm, tpu.

    Never Warp, which has to be named: on an H200 it reads where it must not (docs/gpu.md).
    """
    return "native" if platform == "cpu" else "mjx"


def make_physics(
    config: Config,
    robot: RobotSpec,
    model: mujoco.MjModel,
    *,
    num_envs: int,
    fields: ModelFields | None = None,
) -> Physics:
    """Make the backend `physics.backend` names; `auto` is native, see `for_training`.

    Args:
        config: The configuration.
        robot: The robot.
        model: What `make_model` gave.
        num_envs: Number of environments.
        fields: Per-environment model fields.

    Raises:
        BackendError: If the backend is not there or cannot step the model.
    """
    settings = config.physics
    n_substeps = round(config.task.control.ctrl_dt / settings.sim_dt)
    if settings.backend in ("auto", "native"):
        return NativePhysics(
            model,
            robot,
            num_envs=num_envs,
            n_substeps=n_substeps,
            threads=settings.threads,
            fields=fields,
        )
    # Imported here: MJX takes a second to import, and native needs none of it.
    from pipeline.physics.accelerated import AcceleratedPhysics

    return AcceleratedPhysics(
        model,
        robot,
        name=settings.backend,
        num_envs=num_envs,
        n_substeps=n_substeps,
        fields=fields,
    )
