"""Choose and make the physics backend that params.yaml asks for."""

import mujoco

from pipeline.config import Config
from pipeline.physics.native import INTEGRATORS, NativePhysics
from pipeline.physics.protocol import ModelFields, Physics
from robots import RobotSpec
from robots.model import build_model

DISABLED = mujoco.mjtDisableBit.mjDSBL_ISLAND | mujoco.mjtDisableBit.mjDSBL_MIDPHASE
"""Searches that pay in scenes of many bodies and cost a single robot about 7 % of its physics."""


def make_model(config: Config, robot: RobotSpec) -> mujoco.MjModel:
    """Compile the model that training steps."""
    physics = config.physics
    model = build_model(robot, sim_dt=physics.sim_dt, self_collision=physics.self_collision)
    model.opt.integrator = INTEGRATORS[physics.integrator]
    model.opt.iterations = physics.iterations
    model.opt.ls_iterations = physics.ls_iterations
    model.opt.disableflags |= DISABLED
    return model


def make_physics(
    config: Config,
    robot: RobotSpec,
    model: mujoco.MjModel,
    *,
    num_envs: int,
    fields: ModelFields | None = None,
) -> Physics:
    """Make the backend `physics.backend` names; `auto` takes native.

    Args:
        config: The configuration.
        robot: The robot.
        model: What `make_model` gave.
        num_envs: Number of environments.
        fields: Per-environment model fields.
    """
    n_substeps = round(config.task.control.ctrl_dt / config.physics.sim_dt)
    return NativePhysics(
        model,
        robot,
        num_envs=num_envs,
        n_substeps=n_substeps,
        threads=config.physics.threads,
        fields=fields,
    )
