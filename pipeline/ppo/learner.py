"""One PPO iteration: rollout, then minibatch epochs, in one jitted function."""

from collections.abc import Callable
from typing import Any, Protocol

import flax.struct
import jax
import jax.numpy as jnp
import optax
from brax.training.acme import running_statistics
from brax.training.agents.ppo import losses
from brax.training.agents.ppo.networks import PPONetworks
from brax.training.types import Transition

from pipeline.config_sections import Ppo
from pipeline.ppo.equivariance import Equivariance
from pipeline.ppo.networks import PolicyParams, init_params, quieted

Metrics = dict[str, jax.Array]


class TaskState(Protocol):
    """What the learner reads of an environment's state."""

    obs: dict[str, jax.Array]
    reward: jax.Array
    done: jax.Array
    truncation: jax.Array


@flax.struct.dataclass
class TrainState:
    """Everything a run has to remember; a checkpoint is exactly this.

    Args:
        params: Policy parameters, normalizer included.
        averaged: Actor weights, averaged over about the last `averaged_share` of the training.
        optimizer: Optax state.
        env: Environment state.
        key: Random key of the learner.
        steps: Environment steps so far.
    """

    params: PolicyParams
    averaged: Any
    optimizer: optax.OptState
    env: Any
    key: jax.Array
    steps: jax.Array


class Learner:
    """PPO on any batched environment.

    Args:
        ppo: Hyperparameters.
        networks: Actor and critic.
        env_step: Pure step of all environments: (state, action) -> state.
        measure: Scalars of one step for the progress report: state -> name -> scalar.
        equivariance: Keeps actor and critic symmetric, where the task is.
    """

    def __init__(
        self,
        ppo: Ppo,
        networks: PPONetworks,
        env_step: Callable[[Any, jax.Array], Any],
        measure: Callable[[Any], Metrics],
        equivariance: Equivariance | None = None,
    ) -> None:
        self.ppo, self.networks = ppo, networks
        self._env_step, self._measure = env_step, measure
        self._equivariance = equivariance
        per_iteration = ppo.num_envs * ppo.unroll_length
        iterations = -(-ppo.num_timesteps // per_iteration)
        updates = iterations * ppo.num_epochs * ppo.num_minibatches
        schedule = optax.linear_schedule(ppo.learning_rate, ppo.final_learning_rate, updates)
        self._total = iterations * per_iteration
        self._averaged = max(1.0, ppo.averaged_share * iterations)
        self._optimizer = optax.chain(
            optax.clip_by_global_norm(ppo.max_grad_norm), optax.adam(schedule, eps=1e-5)
        )
        self._grad = jax.value_and_grad(self._loss, has_aux=True)
        self.iterate = jax.jit(self._iterate, donate_argnums=0)

    def init(self, env_state: TaskState, key: jax.Array) -> TrainState:
        """State before the first iteration."""
        key, init_key = jax.random.split(key)
        sizes = {name: obs.shape[-1] for name, obs in env_state.obs.items()}
        params = init_params(self.networks, sizes, init_key, self.ppo.init_noise_std)
        if self._equivariance:
            params = params.replace(networks=self._equivariance.start(params.networks))  # pyright: ignore
        return TrainState(
            params=params,
            averaged=jax.tree.map(jnp.zeros_like, params.networks.policy),
            optimizer=self._optimizer.init(params.networks),  # pyright: ignore[reportArgumentType]
            env=env_state,
            key=key,
            steps=jnp.int32(0),
        )

    def _iterate(self, state: TrainState) -> tuple[TrainState, Metrics]:
        key, rollout_key, learn_key = jax.random.split(state.key, 3)
        loudness = self._loudness(state.steps)
        env, data, seen = self._rollout(state, loudness, rollout_key)
        observations: Any = data.observation
        normalizer = running_statistics.update(state.params.normalizer, observations)
        if self._equivariance:
            normalizer = self._equivariance.symmetric(normalizer)
        # Acting used the old normalizer; so does this update, and the next iteration the new one.
        networks, optimizer, learned = self._learn(state, data, loudness, learn_key)
        if self._equivariance:
            networks = self._equivariance.project(networks)  # against rounding
        state = TrainState(
            params=PolicyParams(normalizer, networks),
            averaged=self._average(state, networks.policy),
            optimizer=optimizer,
            env=env,
            key=key,
            steps=state.steps + self.ppo.num_envs * self.ppo.unroll_length,
        )
        return state, {**seen, **learned}

    def _loudness(self, steps: jax.Array) -> jax.Array:
        """One; over the last `quiet_share` of the training it falls to `final_loudness`.

        What leaves the training acts without noise. A policy that has only ever acted with it
        comes to need it: it overcomes friction and indecision that the mean action does not.
        """
        ppo = self.ppo
        into = 1.0 - (1.0 - steps / self._total) / max(ppo.quiet_share, 1e-6)
        return 1.0 - (1.0 - ppo.final_loudness) * jnp.clip(into, 0.0, 1.0)

    def _average(self, state: TrainState, actor: Any) -> Any:
        """Mean of the actors so far; later a running one over about the last `averaged_share`."""
        iteration = state.steps // (self.ppo.num_envs * self.ppo.unroll_length) + 1
        share = jnp.maximum(1.0 / iteration, 1.0 / self._averaged)
        return jax.tree.map(lambda mean, new: mean + share * (new - mean), state.averaged, actor)

    @staticmethod
    def result(state: TrainState) -> PolicyParams:
        """The policy that leaves the training: its actor's weights are the averaged ones.

        Single updates carry noise, which a mean over many of them does not (Polyak averaging).
        """
        networks: Any = state.params.networks
        return state.params.replace(networks=networks.replace(policy=state.averaged))  # pyright: ignore

    # ---------------------------------------------------------------- rollout

    def _rollout(
        self, state: TrainState, loudness: jax.Array, key: jax.Array
    ) -> tuple[Any, Transition, Metrics]:
        """Act for `unroll_length` steps; arrays come back as [T, B, ...]."""
        policy, networks = state.params, quieted(self.networks, loudness)
        dist = networks.parametric_action_distribution

        def step(env: Any, key: jax.Array) -> tuple[Any, tuple[Transition, Metrics]]:
            logits = networks.policy_network.apply(
                policy.normalizer, policy.networks.policy, env.obs
            )
            raw = dist.sample_no_postprocessing(logits, key)
            after = self._env_step(env, dist.postprocess(raw))
            extras: Any = {
                "policy_extras": {
                    "raw_action": raw,
                    "log_prob": dist.log_prob(logits, raw),
                    "distribution_params": logits,
                },
                "state_extras": {"truncation": after.truncation},
            }
            transition = Transition(
                observation=env.obs,
                action=jnp.zeros(()),
                reward=after.reward,
                discount=1.0 - after.done,
                next_observation=jnp.zeros(()),
                extras=extras,
            )
            return after, (transition, self._measure(after))

        keys = jax.random.split(key, self.ppo.unroll_length)
        env, (data, seen) = jax.lax.scan(step, state.env, keys)
        # Brax's loss reads the observation after the last step only: keep that one, as [1, B, ...].
        data = data._replace(next_observation=jax.tree.map(lambda x: x[None], env.obs))
        return env, data, jax.tree.map(lambda x: x.mean(axis=0), seen)

    # ------------------------------------------------------------------ learn

    def _learn(
        self, state: TrainState, data: Transition, loudness: jax.Array, key: jax.Array
    ) -> tuple[losses.PPONetworkParams, optax.OptState, Metrics]:
        """Run `num_epochs` over `num_minibatches` random groups of environments."""
        ppo = self.ppo
        data = data._replace(action=None)
        normalizer = state.params.normalizer

        def minibatch(carry: Any, scanned: Any) -> tuple[Any, Metrics]:
            networks, optimizer = carry
            which, key = scanned
            batch = jax.tree.map(lambda x: jnp.swapaxes(x[:, which], 0, 1), data)
            (_, metrics), own = self._grad(networks, normalizer, batch, loudness, key)
            grads: Any = self._equivariance.project(own) if self._equivariance else own
            updates, optimizer = self._optimizer.update(grads, optimizer)
            networks = optax.apply_updates(networks, updates)
            return (networks, optimizer), {
                **{name: metrics[name] for name in LOSSES},
                "grad_norm": optax.tree.norm(grads),
            }

        def epoch(carry: Any, key: jax.Array) -> tuple[Any, Metrics]:
            order_key, loss_key = jax.random.split(key)
            order = jax.random.permutation(order_key, ppo.num_envs)
            groups = order.reshape(ppo.num_minibatches, -1)
            return jax.lax.scan(
                minibatch, carry, (groups, jax.random.split(loss_key, ppo.num_minibatches))
            )

        carry = (state.params.networks, state.optimizer)
        carry, metrics = jax.lax.scan(epoch, carry, jax.random.split(key, ppo.num_epochs))
        return *carry, jax.tree.map(jnp.mean, metrics)

    def _loss(
        self,
        networks: losses.PPONetworkParams,
        normalizer: Any,
        batch: Transition,
        loudness: jax.Array,
        key: jax.Array,
    ) -> tuple[Any, Any]:
        ppo = self.ppo
        return losses.compute_ppo_loss(
            networks,
            normalizer,
            batch,
            key,
            quieted(self.networks, loudness),
            entropy_cost=ppo.entropy_cost * loudness,  # pyright: ignore[reportArgumentType]
            discounting=ppo.discounting,
            gae_lambda=ppo.gae_lambda,
            clipping_epsilon=ppo.clipping_epsilon,
        )


LOSSES = ("total_loss", "policy_loss", "v_loss", "entropy_loss", "kl_mean", "policy_dist_mean_std")
"""What the progress report keeps of Brax's loss metrics."""
