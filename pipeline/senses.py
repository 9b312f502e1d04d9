"""What rewards, actor and critic get to see of the environments."""

import jax
import jax.numpy as jnp
import numpy as np

from deploy.contract import PolicyContract
from deploy.frames import projected_gravity, rotate_inverse
from deploy.observations import Inputs, observe
from pipeline.config_task import Task
from pipeline.episode import EnvState
from pipeline.moment import Moment
from pipeline.randomize import Bodies, symmetric_noise
from robots import RobotSpec

CONTACT_FORCE = 1.0
"""Normal force above which a foot counts as on the ground, N."""
SOON_S = 0.4
"""Time constant in which the critic sees things come, s: about as long as advantages reach back."""


class Senses:
    """Measures the state of all environments.

    Args:
        contract: What the actor observes.
        task: Noise and timing.
        robot: The robot.
        bodies: The bodies that are simulated.
        randomized: Whether readings are noisy.
    """

    def __init__(
        self,
        contract: PolicyContract,
        task: Task,
        robot: RobotSpec,
        bodies: Bodies,
        *,
        randomized: bool,
    ) -> None:
        self._contract, self._randomized = contract, randomized
        self._noise, self._ctrl_dt = task.randomization.noise, task.control.ctrl_dt
        self._privileged, self._nominal = bodies.privileged, bodies.nominal[:, None]
        self._pushed = bodies.pushed & randomized
        self._effort = np.asarray([[j.effort_limit for j in robot.joints]], np.float32)
        self._gait_offsets = np.asarray([[f.gait_offset for f in robot.feet]], np.float32)
        self._foot_radius = np.asarray([[f.radius for f in robot.feet]], np.float32)

    def moment(self, state: EnvState, before: EnvState, last_action: jax.Array) -> Moment:
        """Measure the quantities that rewards and terminations are made of."""
        physics = state.physics
        quat = physics.qpos[:, 3:7]
        joint_vel = physics.qvel[:, 6:]
        feet = np.arange(self._foot_radius.shape[1])
        return Moment(
            command=before.command.value,
            lin_vel_b=rotate_inverse(quat, physics.qvel[:, :3], jnp),
            ang_vel_b=physics.qvel[:, 3:6],
            projected_gravity=projected_gravity(quat, jnp),
            base_height=physics.qpos[:, 2],
            joint_pos=physics.qpos[:, 7:],
            joint_vel=joint_vel,
            joint_acc=(joint_vel - before.physics.qvel[:, 6:]) / self._ctrl_dt,
            joint_torque=physics.joint_torque,
            action=state.action,
            last_action=last_action,
            foot_height=physics.foot_pos[:, feet, 2] - self._foot_radius,
            foot_vel_w=physics.foot_vel,
            foot_contact=physics.foot_force > CONTACT_FORCE,
            foot_phase=(state.phase[:, None] + self._gait_offsets) % 1.0,
        )

    def observe(self, key: jax.Array, state: EnvState, moment: Moment) -> dict[str, jax.Array]:
        """What the actor measures, with noise, and what the critic knows besides."""
        clean = self._inputs(state)
        exact = measured = observe(self._contract, clean, jnp)
        if self._randomized:
            noisy = observe(self._contract, self._measure(key, clean, state), jnp)
            measured = jnp.where(self._nominal, exact, noisy)
        privileged = jnp.concatenate(
            [
                exact,
                rotate_inverse(state.physics.qpos[:, 3:7], state.physics.qvel[:, :3], jnp) * 2.0,
                state.physics.qpos[:, 2:3] * 4.0,
                moment.foot_contact.astype(jnp.float32),
                moment.foot_height * 10.0,
                moment.joint_torque / self._effort,
                self._to_come(state),
                self._privileged,
            ],
            axis=-1,
        )
        return {"state": measured, "privileged_state": privileged}

    def _to_come(self, state: EnvState) -> jax.Array:
        """(num_envs, 8) the level of pushes; the next push and the next command, and how soon.

        Chance that a robot cannot act on: a push that nothing foretold is a loss that is blamed on
        what was done before it.
        """
        push = jnp.pad(state.push_level[:, None] * state.push, ((0, 0), (0, 1)))
        push = rotate_inverse(state.physics.qpos[:, 3:7], push, jnp)[:, :2]
        push_soon = jnp.where(self._pushed, self._soon(state.steps_to_push), 0.0)[:, None]
        command_soon = self._soon(state.command.steps_left)[:, None]
        change = state.command.upcoming - state.command.value
        return jnp.concatenate(
            [
                state.push_level[:, None],
                push_soon,
                push_soon * push,
                command_soon,
                command_soon * change,
            ],
            axis=-1,
        )

    def _soon(self, steps: jax.Array) -> jax.Array:
        return jnp.exp(-steps.astype(jnp.float32) * (self._ctrl_dt / SOON_S))

    def _inputs(self, state: EnvState) -> Inputs:
        physics = state.physics
        return Inputs(
            gyro=physics.qvel[:, 3:6],
            projected_gravity=projected_gravity(physics.qpos[:, 3:7], jnp),
            command=state.command.value,
            joint_pos=physics.qpos[:, 7:],
            joint_vel=physics.qvel[:, 6:],
            last_action=state.action,
            phase=state.phase,
        )

    def _measure(self, key: jax.Array, clean: Inputs, state: EnvState) -> Inputs:
        noise = self._noise
        keys = jax.random.split(key, 4)
        return clean._replace(
            gyro=symmetric_noise(keys[0], noise.gyro, clean.gyro),
            projected_gravity=symmetric_noise(
                keys[1], noise.projected_gravity, clean.projected_gravity
            ),
            joint_pos=symmetric_noise(
                keys[2], noise.joint_pos, clean.joint_pos + state.encoder_offset
            ),
            joint_vel=symmetric_noise(keys[3], noise.joint_vel, clean.joint_vel),
        )
