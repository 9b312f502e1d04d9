"""Actor and critic: Brax's PPO networks with a running normalizer of observations."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from brax.training.acme import running_statistics, specs
from brax.training.agents.ppo.losses import PPONetworkParams
from brax.training.agents.ppo.networks import PPONetworks, make_ppo_networks
from brax.training.distribution import NormalTanhDistribution
from brax.training.networks import MLP
from flax import linen

from pipeline.config_sections import Ppo

ACTOR, CRITIC = "state", "privileged_state"
"""Names of the actor's and the critic's observation."""
FIRST_LAST_LAYER = 0.01
"""Scale of the last layer's first weights, relative to Brax's."""
MAX_NORMALIZED = 5.0
"""Observations are clipped to this many standard deviations: no reading, however wrong, is far from
what the networks were trained on."""


@flax.struct.dataclass
class PolicyParams:
    """What a trained policy consists of.

    Args:
        normalizer: Running mean and standard deviation of both observations.
        networks: Weights of actor and critic.
    """

    normalizer: running_statistics.RunningStatisticsState
    networks: PPONetworkParams


def make_networks(ppo: Ppo, obs_sizes: dict[str, int], action_size: int) -> PPONetworks:
    """Make actor and critic.

    Args:
        ppo: Layer sizes.
        obs_sizes: Size of `state` and of `privileged_state`.
        action_size: Numbers in an action.
    """
    return make_ppo_networks(
        {name: (size,) for name, size in obs_sizes.items()},
        action_size,
        preprocess_observations_fn=normalize,  # pyright: ignore[reportArgumentType]
        policy_hidden_layer_sizes=ppo.policy_hidden_layer_sizes,
        value_hidden_layer_sizes=ppo.value_hidden_layer_sizes,
        policy_obs_key=ACTOR,
        value_obs_key=CRITIC,
    )


def quieted(networks: PPONetworks, share: jax.Array) -> PPONetworks:
    """The same networks, but actions deviate from their mean by this share of what the actor says.

    Args:
        networks: Actor and critic.
        share: Scalar in (0, 1].
    """
    action_size = networks.parametric_action_distribution.param_size // 2
    quiet = NormalTanhDistribution(action_size, var_scale=share)  # pyright: ignore[reportArgumentType]
    return replace(networks, parametric_action_distribution=quiet)  # pyright: ignore[reportArgumentType]


def normalize(batch: Any, mean_std: running_statistics.NestedMeanStd) -> Any:
    """Centre, scale and clip observations."""
    return running_statistics.normalize(batch, mean_std, max_abs_value=MAX_NORMALIZED)


def init_params(
    networks: PPONetworks,
    obs_sizes: dict[str, int],
    key: jax.Array,
    init_noise_std: float,
) -> PolicyParams:
    """Draw initial weights; the normalizer starts as the identity.

    Args:
        networks: Actor and critic.
        obs_sizes: Size of `state` and of `privileged_state`.
        key: Random key.
        init_noise_std: Standard deviation of the first actions, before squashing.
    """
    policy_key, value_key = jax.random.split(key)
    nest = {name: specs.Array((size,), jnp.dtype("float32")) for name, size in obs_sizes.items()}
    weights = PPONetworkParams(  # pyright: ignore[reportCallIssue]
        policy=_quiet_start(networks.policy_network.init(policy_key), init_noise_std),  # pyright: ignore[reportCallIssue]
        value=networks.value_network.init(value_key),  # pyright: ignore[reportCallIssue]
    )
    return PolicyParams(running_statistics.init_state(nest), weights)


def _quiet_start(policy: Any, std: float) -> Any:
    """Start with actions near zero whatever is seen, and noise of the given deviation.

    Brax turns the last layer's second half into the deviation by softplus. The same action
    everywhere is also what makes the first policy symmetric.
    """
    layers = dict(policy["params"])
    last = f"hidden_{len(layers) - 1}"
    bias = layers[last]["bias"]
    half = bias.shape[0] // 2
    layers[last] = {
        "kernel": FIRST_LAST_LAYER * layers[last]["kernel"],
        "bias": bias.at[half:].set(math.log(math.expm1(std))),
    }
    return {**policy, "params": layers}


def act(networks: PPONetworks, params: PolicyParams, obs: jax.Array) -> jax.Array:
    """The deterministic action: the mode of the actor's distribution.

    Args:
        networks: Actor and critic.
        params: Their parameters.
        obs: (num_envs, observation_size), as `observe` builds it.

    Returns:
        (num_envs, action_size) in [-1, 1].
    """
    logits: Any = networks.policy_network.apply(
        params.normalizer, params.networks.policy, {ACTOR: obs}
    )
    return networks.parametric_action_distribution.mode(logits)


def export_view(
    params: PolicyParams, ppo: Ppo, action_size: int
) -> Callable[[jax.Array], jax.Array]:
    """The deterministic action as a graph that never looks at the batch axis.

    Brax's distribution splits mean and deviation of the last layer by a slice over all axes, which
    would pin the batch to the traced size; here the last layer has the mean's half only.

    Args:
        params: Trained parameters.
        ppo: Layer sizes.
        action_size: Numbers in an action.
    """
    layers = {name: dict(layer) for name, layer in params.networks.policy["params"].items()}
    last = f"hidden_{len(layers) - 1}"
    layers[last] = {
        "kernel": np.asarray(layers[last]["kernel"])[:, :action_size],
        "bias": np.asarray(layers[last]["bias"])[:action_size],
    }
    mean: Any = params.normalizer.mean
    std: Any = params.normalizer.std
    row = running_statistics.NestedMeanStd(
        mean=np.asarray(mean[ACTOR])[None], std=np.asarray(std[ACTOR])[None]
    )
    network = MLP([*ppo.policy_hidden_layer_sizes, action_size], activation=linen.swish)

    def forward(obs: jax.Array) -> jax.Array:
        mean_action: Any = network.apply({"params": layers}, normalize(obs, row))
        return jnp.tanh(mean_action)

    return forward
