"""Let a deterministic policy drive the training environment through given commands."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from deploy.observations import term_slice
from pipeline.commands import CommandState
from pipeline.env import Env
from pipeline.episode import EnvState
from pipeline.quality import Episodes

NEVER = 2**30
"""More control steps than any rollout has."""
Act = Callable[[jax.Array], jax.Array]
"""(num_envs, observation_size) -> (num_envs, num_joints)."""


@dataclass(frozen=True)
class Rollout:
    """What happened.

    Args:
        episodes: For figures.
        obs: (T, n, observation_size) what the policy saw.
        qpos: (T, n, nq) for films.
    """

    episodes: Episodes
    obs: np.ndarray
    qpos: np.ndarray


class Driver:
    """Lets one policy drive one environment, again and again; it is compiled once.

    Args:
        env: The environment.
        act: The policy.
    """

    def __init__(self, env: Env, act: Act) -> None:
        self._env, self._act = env, act
        self._reset = jax.jit(env.reset)
        self._run = jax.jit(lambda state, commands: jax.lax.scan(self._step, state, commands)[1])

    def drive(self, commands: np.ndarray, key: jax.Array) -> Rollout:
        """Run every environment through its commands; a fall ends its episode.

        Args:
            commands: (T, num_envs, 3) command of each step.
            key: Random key.
        """
        asked = jnp.asarray(commands, jnp.float32)
        seen = jax.device_get(self._run(self._reset(key), asked))
        fell = seen.pop("fell")
        fell_at = np.where(fell.any(axis=0), fell.argmax(axis=0), len(fell))
        obs, qpos = seen.pop("obs"), seen.pop("qpos")
        return Rollout(Episodes(command=commands, fell_at=fell_at, **seen), obs, qpos)

    def _step(self, state: EnvState, command: jax.Array) -> tuple[EnvState, dict[str, jax.Array]]:
        state = _with_command(self._env, state, command)
        obs = state.obs["state"]
        after = self._env.step(state, self._act(obs))
        m = after.moment
        speed = jnp.linalg.norm(m.foot_vel_w[:, :, :2], axis=-1)
        down = m.foot_contact.astype(jnp.float32)
        return after, {
            "velocity": jnp.concatenate([m.lin_vel_b[:, :2], m.ang_vel_b[:, 2:]], axis=-1),
            "action": after.moment.action,
            "torque": m.joint_torque,
            "joint_vel": m.joint_vel,
            "foot_slip": jnp.sum(speed * down, axis=-1) / jnp.maximum(jnp.sum(down, axis=-1), 1.0),
            "fell": (after.done * (1.0 - after.truncation)).astype(bool),
            "obs": obs,
            "qpos": after.physics.qpos,
        }


def _with_command(env: Env, state: EnvState, command: jax.Array) -> EnvState:
    """Ask for a command from now on, in the policy's eyes too."""
    where = term_slice(env.contract, "command")
    scale = np.asarray([env.contract.observation[where.place].scale], np.float32)
    obs = state.obs["state"].at[:, where.start : where.stop].set(command * scale)
    asked = CommandState(command, command, jnp.full((env.num_envs,), NEVER, jnp.int32))
    return replace(state, command=asked, obs={**state.obs, "state": obs})
