"""The model a gate's robots share, and the fields of it in which they differ."""

import mujoco
import numpy as np

from pipeline.config import ConfigError
from pipeline.config_gate import Conditions, Sim2Sim
from pipeline.physics.engine import INTEGRATORS
from pipeline.sim2sim.floor import Floor, slope_quat
from robots import RobotSpec
from robots.model import build_model

SELF_CONTACT = "self_contact"
"""Sensor that counts the contacts of the robot with itself."""
FOUND = 0
"""Bit of a contact sensor that counts (MuJoCo's mjCONDATA_FOUND)."""
CONES = {
    "elliptic": mujoco.mjtCone.mjCONE_ELLIPTIC,
    "pyramidal": mujoco.mjtCone.mjCONE_PYRAMIDAL,
}


def gate_model(robot: RobotSpec, settings: Sim2Sim, floor: Floor) -> mujoco.MjModel:
    """Compile the robot on a floor, driven by torque, with a sensor for self-collision."""

    def edit(mjcf: mujoco.MjSpec) -> None:
        floor.lay(mjcf)
        base = mujoco.mjtObj.mjOBJ_XBODY
        mjcf.add_sensor(
            name=SELF_CONTACT,
            type=mujoco.mjtSensor.mjSENS_CONTACT,
            objtype=base,
            objname=robot.base_body,
            reftype=base,
            refname=robot.base_body,
            intprm=[1 << FOUND, 0, 1],
        )

    model = build_model(
        robot, sim_dt=settings.sim_dt, actuation="torque", self_collision=True, edit=edit
    )
    # `Motors` limits what a motor gives, and a strong one gives more than the figures say.
    model.actuator_forcelimited[:] = False
    model.opt.integrator = INTEGRATORS[settings.integrator]
    model.opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    return model


def check_payloads(robot: RobotSpec, settings: Sim2Sim) -> None:
    """Refuse a payload that leaves nothing of the robot's base, before anything has run.

    Raises:
        ConfigError: Names the key.
    """
    mass = float(build_model(robot, sim_dt=settings.sim_dt).body(robot.base_body).mass[0])
    for key, payload in settings.asked("payload_kg").items():
        if mass + payload <= 0:
            raise ConfigError(
                f"params.yaml: {key}: {payload} is not allowed: the base of {robot.name} has "
                f"{mass:g} kg"
            )


def body_fields(
    model: mujoco.MjModel, robot: RobotSpec, conditions: list[Conditions]
) -> dict[str, np.ndarray]:
    """Model fields of each simulation, for those that differ from the model's own.

    Args:
        model: The model.
        robot: The robot.
        conditions: Of each simulation.

    Raises:
        ConfigError: If a payload leaves nothing of the robot's base.
    """
    n, base = len(conditions), model.body(robot.base_body).id

    def column(axis: str) -> np.ndarray:
        return np.asarray([getattr(c, axis) for c in conditions])

    def repeated(values: np.ndarray) -> np.ndarray:
        return np.repeat(values[None], n, axis=0)

    fields = {"geom_friction": repeated(model.geom_friction)}
    fields["geom_friction"][:, :, 0] = column("friction")[:, None]
    fields["body_mass"] = repeated(model.body_mass)
    fields["body_mass"][:, base] += column("payload_kg")
    if fields["body_mass"][:, base].min() <= 0:
        raise ConfigError(
            f"payload_kg: {column('payload_kg').min()} is not allowed: the base of {robot.name} "
            f"has {model.body_mass[base]:g} kg"
        )
    fields["body_ipos"] = repeated(model.body_ipos)
    fields["body_ipos"][:, base] += np.stack([column(f"com_{axis}") for axis in "xyz"], axis=-1)
    fields["geom_solref"] = repeated(model.geom_solref)
    fields["geom_solref"][:, :, 0] = column("floor_softness_s")[:, None]
    fields["geom_quat"] = repeated(model.geom_quat)
    fields["geom_quat"][:, model.geom("floor").id] = slope_quat(column("slope"))
    fields["opt.timestep"] = np.asarray([c.sim_dt or model.opt.timestep for c in conditions])
    fields["opt.integrator"] = np.asarray(
        [INTEGRATORS[c.integrator] if c.integrator else model.opt.integrator for c in conditions]
    )
    fields["opt.cone"] = np.asarray([CONES[c.cone] for c in conditions])
    return {name: values for name, values in fields.items() if _differs(model, name, values)}


def _differs(model: mujoco.MjModel, name: str, values: np.ndarray) -> bool:
    own = getattr(model.opt, name[4:]) if name.startswith("opt.") else getattr(model, name)
    return not np.all(values == own)
