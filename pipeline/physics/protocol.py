"""What a physics backend offers the environment."""

from collections.abc import Mapping
from typing import Any, Protocol

import flax.struct
import jax
import mujoco

from robots.errors import UserError

ModelFields = dict[str, Any]
"""Per-environment values of `MjModel` fields: name -> (num_envs, ...) NumPy array."""


class BackendError(UserError):
    """A physics backend is not there, or cannot step the model."""


@flax.struct.dataclass
class PhysicsState:
    """Simulator state of all environments, and what one control period of stepping showed.

    Torque and feet are as the last substep found them: one substep older than qpos and qvel,
    because to compute them anew would cost a tenth of the physics.

    Args:
        qpos: (num_envs, nq) m, quaternion wxyz, rad.
        qvel: (num_envs, nv) base linear velocity in the world frame, base angular velocity in the
            base frame, joint velocities: m/s, rad/s.
        qacc_warmstart: (num_envs, nv) where the constraint solver starts.
        joint_torque: (num_envs, num_joints) N m, motor torque.
        foot_pos: (num_envs, num_feet, 3) m, world frame.
        foot_vel: (num_envs, num_feet, 3) m/s, world frame.
        foot_force: (num_envs, num_feet) N, normal force.
        bodies: `Physics.bodies`, for its `step` alone.
    """

    qpos: jax.Array
    qvel: jax.Array
    qacc_warmstart: jax.Array
    joint_torque: jax.Array
    foot_pos: jax.Array
    foot_vel: jax.Array
    foot_force: jax.Array
    bodies: Mapping[str, jax.Array] = flax.struct.field(default_factory=dict)


class Physics(Protocol):
    """A batch of environments of one robot, stepped as a pure function of their state.

    Args:
        name: As in params.yaml.
        model: The nominal model.
        num_envs: Number of environments.
        n_substeps: Physics steps per control period.
        bodies: (num_envs, ...) each, what JAX has to know of the drawn robots. It travels in the
            state: as a constant of compiled code it would be compiled in.
    """

    name: str
    model: mujoco.MjModel
    num_envs: int
    n_substeps: int
    bodies: Mapping[str, jax.Array]

    def step(self, state: PhysicsState, targets: jax.Array) -> PhysicsState:
        """Advance one control period.

        Where a simulation diverges, its qpos and qvel come back as NaN.

        Args:
            state: State of all environments.
            targets: (num_envs, n_substeps, num_joints) rad, joint targets of each substep.
        """
        ...
