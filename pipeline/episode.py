"""The state of an episode, and how one starts."""

from dataclasses import dataclass

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from pipeline.commands import CommandState
from pipeline.config_task import Task
from pipeline.moment import Moment
from pipeline.physics.protocol import PhysicsState
from pipeline.randomize import uniform
from robots import RobotSpec


@flax.struct.dataclass
class EnvState:
    """All environments between two control steps.

    Args:
        key: Random key of the batch.
        physics: Simulator state.
        obs: `state` (num_envs, observation_size) for the actor, `privileged_state` for the critic.
        reward: (num_envs,) of the last step.
        done: (num_envs,) float, 1 where the last step ended an episode, by a fall or by time.
        truncation: (num_envs,) float, 1 where it ended by time.
        command: Current command.
        phase: (num_envs,) gait phase, in [0, 1).
        action: (num_envs, num_joints) last action.
        targets: (num_envs, num_joints) rad, last joint targets.
        step_count: (num_envs,) control steps in this episode.
        encoder_offset: (num_envs, num_joints) rad.
        delay: (num_envs, 1) substeps from observation to motor.
        steps_to_push: (num_envs,) control steps until the next push.
        push: (num_envs, 2) how the base's velocity jumps then at full level, m/s, world frame.
        push_level: (num_envs,) in [0, 1], how hard pushes are; outlives episodes: a push survived
            raises it, a fall lowers it.
        episode_length: (num_envs,) control steps of the episode so far, before any reset.
        moment: What rewards saw at the last step, before any reset.
    """

    key: jax.Array
    physics: PhysicsState
    obs: dict[str, jax.Array]
    reward: jax.Array
    done: jax.Array
    truncation: jax.Array
    command: CommandState
    phase: jax.Array
    action: jax.Array
    targets: jax.Array
    step_count: jax.Array
    encoder_offset: jax.Array
    delay: jax.Array
    steps_to_push: jax.Array
    push: jax.Array
    push_level: jax.Array
    episode_length: jax.Array
    moment: Moment


@dataclass(frozen=True)
class Spawner:
    """Starts episodes in the spawn pose.

    Args:
        robot: The robot.
        task: Ranges of what differs from episode to episode.
        sim_dt: Physics step, s.
        nominal: (num_envs,) bool, whose encoders and motors are without error and delay.
        randomized: Whether anything differs at all.
    """

    robot: RobotSpec
    task: Task
    sim_dt: float
    nominal: np.ndarray
    randomized: bool

    @property
    def num_envs(self) -> int:
        """Number of environments."""
        return len(self.nominal)

    def spawn(self, key: jax.Array) -> EnvState:
        """A first state of every environment, without command, observation and moment."""
        n, num_joints = self.num_envs, len(self.robot.joints)
        keys = jax.random.split(key, 6)
        default = jnp.broadcast_to(
            np.asarray([self.robot.default_joint_pos], np.float32), (n, num_joints)
        )
        offset, delay, phase = jnp.zeros((n, num_joints)), jnp.zeros((n, 1)), jnp.zeros((n,))
        if self.randomized:
            ranges, exact = self.task.randomization, self.nominal[:, None]
            offset = uniform(keys[0], ranges.encoder_offset, (n, num_joints))
            offset = jnp.where(exact, 0.0, offset)
            delay = jnp.where(exact, 0.0, uniform(keys[1], ranges.action_delay_s, (n, 1)))
            phase = uniform(keys[2], (0.0, 1.0), (n,))
        zeros = jnp.zeros((n,))
        return EnvState(
            key=key,
            physics=self._physics(keys[3], default),
            obs={},
            reward=zeros,
            done=zeros,
            truncation=zeros,
            command=CommandState(jnp.zeros((n, 3)), jnp.zeros((n, 3)), jnp.zeros((n,), jnp.int32)),
            phase=phase,
            action=jnp.zeros((n, num_joints)),
            targets=default,
            step_count=jnp.zeros((n,), jnp.int32),
            encoder_offset=offset,
            delay=jnp.round(delay / self.sim_dt).astype(jnp.int32),
            steps_to_push=self.push_wait(keys[4], zeros),
            push=self.draw_push(keys[5]),
            push_level=zeros,
            episode_length=zeros,
            moment=None,  # pyright: ignore[reportArgumentType]
        )

    def push_wait(self, key: jax.Array, level: jax.Array) -> jax.Array:
        """(num_envs,) control steps until the next push: the harder, the sooner, up to twice."""
        seconds = uniform(key, self.task.randomization.push_interval_s, (self.num_envs,))
        seconds /= jnp.maximum(level, 0.5)
        return (seconds / self.task.control.ctrl_dt).astype(jnp.int32)

    def draw_push(self, key: jax.Array) -> jax.Array:
        """(num_envs, 2) m/s at full level, from any side, world frame."""
        speed_key, angle_key = jax.random.split(key)
        speed = uniform(speed_key, self.task.randomization.push_speed, (self.num_envs,))
        angle = uniform(angle_key, (0.0, 2 * np.pi), (self.num_envs,))
        return jnp.stack([speed * jnp.cos(angle), speed * jnp.sin(angle)], axis=-1)

    def _physics(self, key: jax.Array, joint_pos: jax.Array) -> PhysicsState:
        """The spawn pose with random heading and, when randomized, random errors."""
        n, num_joints, num_feet = self.num_envs, len(self.robot.joints), len(self.robot.feet)
        yaw, lin_vel = jnp.zeros((n,)), jnp.zeros((n, 3))
        if self.randomized:
            ranges, keys = self.task.randomization, jax.random.split(key, 3)
            yaw = uniform(keys[0], (-np.pi, np.pi), (n,))
            joint_pos += uniform(keys[1], ranges.initial_joint_pos, (n, num_joints))
            lin_vel = uniform(keys[2], ranges.initial_lin_vel, (n, 3))
        return PhysicsState(
            qpos=jnp.concatenate([self._base(yaw), joint_pos], axis=-1),
            qvel=jnp.concatenate([lin_vel, jnp.zeros((n, 3 + num_joints))], axis=-1),
            qacc_warmstart=jnp.zeros((n, 6 + num_joints)),
            joint_torque=jnp.zeros((n, num_joints)),
            foot_pos=jnp.zeros((n, num_feet, 3)),
            foot_vel=jnp.zeros((n, num_feet, 3)),
            foot_force=jnp.zeros((n, num_feet)),
        )

    def _base(self, yaw: jax.Array) -> jax.Array:
        """(num_envs, 7) base position and orientation, turned by `yaw`."""
        w, _, y, _ = self.robot.spawn_quat
        cos, sin = jnp.cos(yaw / 2), jnp.sin(yaw / 2)
        zero = jnp.zeros_like(yaw)
        height = zero + self.robot.spawn_height
        quat = [cos * w, -sin * y, cos * y, sin * w]  # about z, then the spawn pitch
        return jnp.stack([zero, zero, height, *quat], axis=-1)
