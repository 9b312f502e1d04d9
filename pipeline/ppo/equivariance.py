"""A policy that is its own mirror image, by tied weights.

A network is symmetric, f(mirror x) = mirror f(x), if each of its layers is, and a layer with
kernel W is if W = M W N, with M and N the mirrors of what goes in and comes out. Hidden layers get
the mirror that swaps their halves. `project` averages W and M W N, the nearest symmetric kernel.
Training starts from projected weights and projects every gradient, which is the gradient of the
samples and of their mirror images together: each sample counts twice. Acting and the exported
network are as fast as any; learning pays about one percent. Such networks are called equivariant
(van der Pol et al. 2020, "MDP Homomorphic Networks").
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from brax.training.acme.running_statistics import RunningStatisticsState
from brax.training.agents.ppo.losses import PPONetworkParams

from robots.mirror import SignedPermutation

STD_MIN, STD_MAX = 1e-6, 1e6
"""Bounds that Brax sets on a running standard deviation."""


@dataclass(frozen=True)
class Mirror:
    """Left-right symmetry of a task.

    Args:
        obs: Mirror of each observation, by name.
        distribution: Of the parameters of an action's distribution.
    """

    obs: Mapping[str, SignedPermutation]
    distribution: SignedPermutation


class Equivariance:
    """Projections onto symmetric networks.

    Args:
        mirror: The task's symmetry.
        actor: Name of the actor's observation.
        critic: Name of the critic's observation; its value is the same in the mirror.
    """

    def __init__(self, mirror: Mirror, actor: str, critic: str) -> None:
        value = SignedPermutation(np.zeros(1, np.int64), np.ones(1))
        self._mirror = mirror
        self._ends = {
            "policy": (mirror.obs[actor], mirror.distribution),
            "value": (mirror.obs[critic], value),
        }

    def project(self, networks: PPONetworkParams) -> PPONetworkParams:
        """The nearest symmetric networks; also of gradients."""
        policy, value = (
            {"params": _project(weights["params"], *self._ends[name])}
            for name, weights in (("policy", networks.policy), ("value", networks.value))
        )
        return PPONetworkParams(policy=policy, value=value)  # pyright: ignore[reportCallIssue]

    def start(self, networks: PPONetworkParams) -> PPONetworkParams:
        """Project initial weights, and restore the spread that averaging two draws takes."""
        projected = self.project(networks)

        def restore(path: Any, weight: jax.Array) -> jax.Array:
            return weight * math.sqrt(2.0) if path[-1].key == "kernel" else weight

        return jax.tree_util.tree_map_with_path(restore, projected)

    def symmetric(self, statistics: RunningStatisticsState) -> RunningStatisticsState:
        """Running statistics as if every observation had come with its mirror image."""
        mean: dict[str, jax.Array] = {}
        variance: dict[str, jax.Array] = {}
        count = _as_float(statistics.count)
        for name, mirror in self._mirror.obs.items():
            own: jax.Array = statistics.mean[name]  # pyright: ignore
            summed: jax.Array = statistics.summed_variance[name]  # pyright: ignore
            image = mirror(own)
            mean[name] = (own + image) / 2
            unsigned = SignedPermutation(mirror.order, np.abs(mirror.sign))
            variance[name] = (summed + unsigned(summed)) / 2 + count * ((own - image) / 2) ** 2
        std = {
            name: jnp.clip(jnp.sqrt(v / count + statistics.std_eps), STD_MIN, STD_MAX)
            for name, v in variance.items()
        }
        return statistics.replace(mean=mean, summed_variance=variance, std=std)  # pyright: ignore


def _as_float(count: Any) -> jax.Array:
    """Brax counts in two halves of 32 bits."""
    return jnp.float32(count.hi) * jnp.float32(2.0**32) + jnp.float32(count.lo)


def _project(
    layers: Mapping[str, Mapping[str, jax.Array]],
    first: SignedPermutation,
    last: SignedPermutation,
) -> dict[str, dict[str, jax.Array]]:
    """Project Flax's dense layers `hidden_0`, `hidden_1`, ..."""
    projected: dict[str, dict[str, jax.Array]] = {}
    below = first
    for index in range(len(layers)):
        kernel, bias = (layers[f"hidden_{index}"][name] for name in ("kernel", "bias"))
        above = last if index == len(layers) - 1 else _swap_halves(bias.shape[0])
        projected[f"hidden_{index}"] = {
            "kernel": (kernel + below(above(kernel), axis=0)) / 2,
            "bias": (bias + above(bias)) / 2,
        }
        below = above
    return projected


def _swap_halves(size: int) -> SignedPermutation:
    """The mirror of a hidden layer; an odd last unit is its own mirror image."""
    half = size // 2
    order = np.concatenate([np.arange(half, 2 * half), np.arange(half), np.arange(2 * half, size)])
    return SignedPermutation(order, np.ones(size))
