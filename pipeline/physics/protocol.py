"""What a physics backend offers the environment."""

from typing import Any, Protocol

import flax.struct
import jax
import mujoco

ModelFields = dict[str, Any]
"""Per-environment values of `MjModel` fields: name -> (num_envs, ...) NumPy array."""


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
    """

    qpos: jax.Array
    qvel: jax.Array
    qacc_warmstart: jax.Array
    joint_torque: jax.Array
    foot_pos: jax.Array
    foot_vel: jax.Array
    foot_force: jax.Array


class Physics(Protocol):
    """A batch of environments of one robot, stepped as a pure function of their state."""

    name: str
    model: mujoco.MjModel
    num_envs: int
    n_substeps: int

    def step(self, state: PhysicsState, targets: jax.Array) -> PhysicsState:
        """Advance one control period.

        Where a simulation diverges, its qpos and qvel come back as NaN.

        Args:
            state: State of all environments.
            targets: (num_envs, n_substeps, num_joints) rad, joint targets of each substep.
        """
        ...
