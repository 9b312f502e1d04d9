"""The environment: a robot that follows velocity commands. Batched, pure, one for every physics."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from deploy.contract import CommandRanges, PolicyContract, make_contract
from deploy.observations import advance_phase, joint_targets
from pipeline import commands, rewards
from pipeline.commands import CommandState
from pipeline.config import Config
from pipeline.config_task import Task
from pipeline.episode import EnvState, Spawner
from pipeline.moment import make_reference
from pipeline.physics.make import make_model, make_physics
from pipeline.physics.protocol import Physics
from pipeline.randomize import (
    Bodies,
    draw_bodies,
    nominal_bodies,
)
from pipeline.senses import Senses
from pipeline.terminations import fell
from robots import RobotSpec


def contract_of(task: Task, robot: RobotSpec) -> PolicyContract:
    """State the contract that a task's policy will carry."""
    return make_contract(
        robot,
        ctrl_dt=task.control.ctrl_dt,
        action_scale=task.control.action_scale,
        gait_period_s=task.control.gait_period_s,
        command_ranges=CommandRanges(task.commands.vx, task.commands.vy, task.commands.yaw_rate),
        command_dead_zone=task.commands.dead_zone,
    )


def make_env(config: Config, robot: RobotSpec, *, num_envs: int, randomized: bool) -> "Env":
    """Make the environment on the backend the configuration asks for.

    Args:
        config: The configuration.
        robot: The robot.
        num_envs: Number of environments.
        randomized: False for the nominal robot, without noise, latency or pushes.
    """
    model = make_model(config, robot)
    if randomized:
        ranges = config.task.randomization
        bodies = draw_bodies(model, robot, ranges, num_envs, config.seed)
    else:
        bodies = nominal_bodies(model, robot, num_envs)
    physics = make_physics(config, robot, model, num_envs=num_envs, fields=bodies.fields)
    return Env(config.task, robot, physics, bodies, randomized=randomized)


class Env:
    """Velocity tracking on flat ground.

    Args:
        task: Rewards, commands, terminations, randomization.
        robot: The robot.
        physics: The backend that steps it.
        bodies: The bodies the backend simulates.
        randomized: Whether episodes have noise, latency, offsets and pushes.
    """

    def __init__(
        self, task: Task, robot: RobotSpec, physics: Physics, bodies: Bodies, *, randomized: bool
    ) -> None:
        self.task, self.robot, self.physics, self.randomized = task, robot, physics, randomized
        self.num_envs = physics.num_envs
        self.contract = contract_of(task, robot)
        self.reference = make_reference(robot, task.rewards, task.control.stance_ratio)
        self._bodies = bodies
        self._senses = Senses(self.contract, task, robot, bodies, randomized=randomized)
        self.max_steps = round(task.control.episode_length_s / task.control.ctrl_dt)
        sim_dt = float(physics.model.opt.timestep)
        self._spawner = Spawner(robot, task, sim_dt, bodies.nominal, randomized)

    # ------------------------------------------------------------------ reset

    def reset(self, key: jax.Array) -> EnvState:
        """Start an episode in every environment."""
        key, spawn_key, command_key, obs_key, age_key = jax.random.split(key, 5)
        state = self._spawner.spawn(spawn_key)
        # Ages are staggered, so that time limits do not fall on all environments at once.
        age = jax.random.randint(age_key, (self.num_envs,), 0, self.max_steps)
        state = replace(
            state,
            key=key,
            physics=replace(state.physics, bodies=dict(self.physics.bodies)),
            command=self._sample_command(command_key),
            step_count=age if self.randomized else jnp.zeros_like(age),
        )
        moment = self._senses.moment(state, state, jnp.zeros_like(state.action))
        return replace(state, moment=moment, obs=self._senses.observe(obs_key, state, moment))

    def _sample_command(self, key: jax.Array) -> CommandState:
        control = self.task.control
        return commands.sample(key, self.task.commands, self.num_envs, control.ctrl_dt)

    # ------------------------------------------------------------------- step

    def step(self, state: EnvState, action: jax.Array) -> EnvState:
        """Apply an action for one control period; ended episodes start anew at once.

        Args:
            state: All environments.
            action: (num_envs, num_joints) in [-1, 1].
        """
        key, push_key, spawn_key, command_key, obs_key = jax.random.split(state.key, 5)
        before = self._push(push_key, state) if self.randomized else state
        targets = joint_targets(self.contract, action)
        after = replace(
            before,
            physics=self.physics.step(before.physics, self._by_substep(before, targets)),
            phase=advance_phase(self.contract, before.phase),
            step_count=before.step_count + 1,
            targets=targets,
            action=action,
        )
        moment = self._senses.moment(after, before, before.action)
        reward, _ = rewards.total(moment, self.reference, self.task.rewards)
        fallen = fell(self.task.terminations, moment.projected_gravity, moment.base_height)
        step_down = jnp.where(fallen, self.task.randomization.push_level_step, 0.0)
        price = jnp.where(fallen, self.task.terminations.fall_price * before.push_level, 0.0)
        out_of_time = after.step_count >= self.max_steps
        done = fallen | out_of_time
        length = after.step_count.astype(jnp.float32)
        after = self._restart(spawn_key, command_key, after, done)
        return replace(
            after,
            key=key,
            obs=self._senses.observe(obs_key, after, moment),
            reward=reward * self.task.control.ctrl_dt - price,
            done=done.astype(jnp.float32),
            truncation=(out_of_time & ~fallen).astype(jnp.float32),
            episode_length=length,
            push_level=jnp.maximum(after.push_level - step_down, 0.0),
            moment=moment,
        )

    def _by_substep(self, state: EnvState, targets: jax.Array) -> jax.Array:
        """(num_envs, n_substeps, num_joints): the old targets until the delay has passed.

        The motor closes its loop on what its encoder says, so an encoder that reads high by
        `offset` moves the joint by -offset.
        """
        substep = np.arange(self.physics.n_substeps, dtype=np.int32)[None, :]
        late = (substep < state.delay)[:, :, None]
        old, new = state.targets[:, None, :], targets[:, None, :]
        return jnp.where(late, old, new) - state.encoder_offset[:, None, :]

    def _push(self, key: jax.Array, state: EnvState) -> EnvState:
        """Let the base's horizontal velocity jump where a push is due; the next one is harder."""
        push_key, wait_key = jax.random.split(key)
        due = (state.steps_to_push <= 0) & self._bodies.pushed
        jump = jnp.where(due[:, None], state.push_level[:, None] * state.push, 0.0)
        step_up = jnp.where(due, self.task.randomization.push_level_step, 0.0)
        wait = self._spawner.push_wait(wait_key, state.push_level)
        qvel = state.physics.qvel.at[:, :2].add(jump)
        return replace(
            state,
            physics=replace(state.physics, qvel=qvel),
            steps_to_push=jnp.where(due, wait, state.steps_to_push - 1),
            push=jnp.where(due[:, None], self._spawner.draw_push(push_key), state.push),
            push_level=jnp.minimum(state.push_level + step_up, 1.0),
        )

    def _restart(
        self, spawn_key: jax.Array, command_key: jax.Array, state: EnvState, done: jax.Array
    ) -> EnvState:
        """Put a fresh episode where one is done, and a fresh command where one is due."""
        fresh = self._spawner.spawn(spawn_key)
        same = replace(fresh.physics, bodies=state.physics.bodies)
        fresh = replace(fresh, physics=same)
        command = self._sample_command(command_key)

        def choose(new: jax.Array, old: jax.Array) -> jax.Array:
            return jnp.where(done.reshape((-1,) + (1,) * (old.ndim - 1)), new, old)

        kept = ("physics", "phase", "action", "targets", "step_count")
        episode = ("encoder_offset", "delay", "steps_to_push", "push")
        restarted = {
            name: jax.tree.map(choose, getattr(fresh, name), getattr(state, name))
            for name in kept + episode
        }
        due = jax.tree.map(choose, command, commands.advance(state.command, command))
        return replace(state, command=due, **restarted)
