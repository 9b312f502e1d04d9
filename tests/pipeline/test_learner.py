"""PPO learns a toy task, compiles once, and says so when numbers are no numbers any more."""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline import train
from pipeline.env import make_env
from pipeline.ppo.equivariance import Equivariance, Mirror
from pipeline.ppo.learner import LOSSES, Learner
from pipeline.ppo.networks import act, export_view, make_networks, quieted
from pipeline.train import DivergenceError, make_learner, measure, summarize
from robots.mirror import SignedPermutation

N, UNROLL = 64, 10
SIZES = {"state": 1, "privileged_state": 2}


@flax.struct.dataclass
class Guess:
    """Each environment shows a target in [-1, 1]; the nearer the action, the better."""

    obs: dict[str, jax.Array]
    reward: jax.Array
    done: jax.Array
    truncation: jax.Array
    key: jax.Array


def start(seed=0, n=N):
    zeros = jnp.zeros(n)
    return show(Guess({}, zeros, zeros, zeros, jax.random.PRNGKey(seed)), n)


def show(state, n):
    key, draw = jax.random.split(state.key)
    target = jax.random.uniform(draw, (n, 1), minval=-1.0, maxval=1.0)
    known = jnp.concatenate([target, jnp.square(target)], axis=-1)
    return state.replace(key=key, obs={"state": target, "privileged_state": known})


def guess(state, action):
    n = state.reward.shape[0]
    error = jnp.square(action[:, 0] - state.obs["state"][:, 0])
    done = jnp.ones(n)  # one guess is an episode
    return show(state.replace(reward=1.0 - error, done=done), n)


@pytest.fixture(scope="module")
def ppo(make_config):
    """Make hyperparameters small enough for the toy."""

    def make(**changes):
        small = {
            "num_envs": N,
            "unroll_length": UNROLL,
            "num_timesteps": N * UNROLL * 40,
            "num_minibatches": 4,
            "num_epochs": 4,
            "learning_rate": 3e-3,
            "final_learning_rate": 1e-3,
            "entropy_cost": 0.0,
            "policy_hidden_layer_sizes": [16, 16],
            "value_hidden_layer_sizes": [16, 16],
        }
        return make_config({f"ppo.{name}": v for name, v in {**small, **changes}.items()}).ppo

    return make


def make_toy(ppo, equivariance=None):
    """A learner of the toy, and how often its environment was traced."""
    traces = []

    def step(state, action):
        traces.append(1)
        return guess(state, action)

    networks = make_networks(ppo, SIZES, 1)
    return Learner(
        ppo, networks, step, lambda s: {"reward": jnp.mean(s.reward)}, equivariance
    ), traces


def first_state(learner):
    """Where a learner starts, every leaf of the type it will keep."""
    state = learner.init(start(), jax.random.PRNGKey(1))
    kept = jax.eval_shape(learner.iterate, state)[0]
    return jax.tree.map(lambda x, like: jnp.array(x, like.dtype), state, kept)


def run(learner, iterations):
    """Iterate from the start: the last state, and the metrics of each iteration."""
    state, history = first_state(learner), []
    for _ in range(iterations):
        state, metrics = learner.iterate(state)
        history.append(jax.device_get(metrics))
    return state, history


@pytest.fixture(scope="module")
def toy(ppo):
    return make_toy(ppo())


@pytest.fixture(scope="module")
def learned(toy):
    """The toy after forty iterations: learner, last state, metrics of each iteration."""
    return toy[0], *run(toy[0], 40)


# Learning


def test_learns_the_toy(learned):
    _, _, history = learned
    rewards = [float(metrics["reward"]) for metrics in history]
    # Guessing at random around zero: 1 - E[target^2] - E[action^2] = 1 - 1/3 - about 0.2.
    assert rewards[0] < 0.6
    assert np.mean(rewards[-5:]) > 0.9


def test_the_deterministic_action_is_the_target(learned):
    learner, state, _ = learned
    target = jnp.linspace(-0.8, 0.8, 9)[:, None]
    action = act(learner.networks, state.params, target)
    assert np.abs(np.asarray(action - target)).max() < 0.15


def test_a_symmetric_learner_learns_and_stays_symmetric(ppo):
    """A task that looks the same with all signs turned; the critic also sees what does not turn."""
    flip = SignedPermutation(np.arange(1), -np.ones(1))
    privileged = SIZES["privileged_state"]
    mirror = Mirror(
        obs={
            "state": flip,
            "privileged_state": SignedPermutation(
                np.arange(privileged), np.array([-1.0] + [1.0] * (privileged - 1))
            ),
        },
        distribution=SignedPermutation(np.arange(2), np.array([-1.0, 1.0])),
    )
    learner, _ = make_toy(ppo(), Equivariance(mirror, "state", "privileged_state"))
    state, history = run(learner, 40)
    rewards = [float(metrics["reward"]) for metrics in history]
    assert rewards[0] < 0.6
    assert np.mean(rewards[-5:]) > 0.9
    obs = jnp.linspace(0.1, 0.9, 9)[:, None]
    right, left = (act(learner.networks, state.params, x) for x in (obs, -obs))
    np.testing.assert_allclose(right, -left, atol=1e-6)
    assert np.abs(right).max() > 0.5


def test_the_result_is_the_mean_of_the_last_actors(ppo):
    settings = ppo(num_timesteps=N * UNROLL * 8, averaged_share=0.5)
    learner, _ = make_toy(settings)
    state, seen = first_state(learner), []
    mean = None
    for count in range(1, 9):
        state, _ = learner.iterate(state)
        now = np.asarray(state.params.networks.policy["params"]["hidden_0"]["kernel"])
        seen.append(now)
        share = max(1 / count, 1 / 4)  # half of eight iterations
        mean = now if mean is None else mean + share * (now - mean)
    result = learner.result(state)
    kernel = np.asarray(result.networks.policy["params"]["hidden_0"]["kernel"])
    np.testing.assert_allclose(kernel, mean, atol=1e-6)
    assert np.abs(kernel - seen[-1]).max() > 1e-4
    # The critic and the normalizer are the last ones.
    for ours, last in (
        (result.networks.value, state.params.networks.value),
        (result.normalizer, state.params.normalizer),
    ):
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(last), strict=True):
            np.testing.assert_array_equal(a, b)


def test_steps_are_counted_and_metrics_are_finite(learned):
    _, state, history = learned
    assert int(state.steps) == 40 * N * UNROLL
    for metrics in history:
        assert metrics.keys() == {"reward", "grad_norm", *LOSSES}
        assert all(np.isfinite(value) and np.shape(value) == () for value in metrics.values())


def test_same_start_same_end(toy):
    ends = [jax.tree.leaves(jax.device_get(run(toy[0], 3)[0])) for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*ends, strict=True))


def test_the_learning_rate_falls_to_its_end(ppo):
    """Adam's first steps are of the size of the learning rate; at the end it is a thousandth."""
    settings = ppo(learning_rate=1e-2, final_learning_rate=1e-5, num_timesteps=N * UNROLL * 10)
    learner, _ = make_toy(settings)
    state, moved = first_state(learner), []
    for _ in range(11):
        before = jax.device_get(state.params.networks)
        state, _ = learner.iterate(state)
        after = jax.device_get(state.params.networks)
        steps = jax.tree.map(lambda a, b: np.abs(a - b).max(), before, after)
        moved.append(max(jax.tree.leaves(steps)))
    assert moved[0] > 1e-2
    assert moved[-1] < 2 * 16 * 1e-5  # sixteen updates an iteration


# The noise


def test_quieted_networks_have_the_same_mean_and_a_share_of_the_deviation(toy):
    learner, _ = toy
    state = first_state(learner)

    def spread(networks):
        logits = networks.policy_network.apply(
            state.params.normalizer, state.params.networks.policy, start().obs
        )
        made = networks.parametric_action_distribution.create_dist(logits)
        return np.asarray(made.loc), np.asarray(made.scale)

    (loud_mean, loud), (mean, quiet) = (
        spread(networks) for networks in (learner.networks, quieted(learner.networks, 0.25))
    )
    np.testing.assert_allclose(mean, loud_mean, rtol=1e-6)
    np.testing.assert_allclose(quiet, 0.25 * loud, rtol=1e-4)


def deviations(ppo, iterations, **quiet):
    """Of the actions of each iteration, over the first; with next to no learning."""
    settings = ppo(
        learning_rate=1e-9,
        final_learning_rate=1e-9,
        num_timesteps=N * UNROLL * iterations,
        **quiet,
    )
    _, history = run(make_toy(settings)[0], iterations)
    stds = np.array([metrics["policy_dist_mean_std"] for metrics in history])
    return stds / stds[0]


def test_the_noise_falls_over_the_end_of_the_training(ppo):
    stds = deviations(ppo, 10, quiet_share=0.5, final_loudness=0.2)
    np.testing.assert_allclose(stds, [1, 1, 1, 1, 1, 1, 0.84, 0.68, 0.52, 0.36], rtol=0.02)


def test_without_a_quiet_share_the_noise_stays(ppo):
    np.testing.assert_allclose(
        deviations(ppo, 4, quiet_share=0.0, final_loudness=0.2), 1, rtol=0.01
    )


# The normalizer


def test_normalizer_statistics_are_those_of_numpy(toy):
    learner, _ = toy
    state, env, seen = first_state(learner), start(), []
    for _ in range(3):  # what is shown does not depend on the action
        for _ in range(UNROLL):
            seen.append(jax.device_get(env.obs))
            env = guess(env, jnp.zeros((N, 1)))
        state, _ = learner.iterate(state)
        for name, size in SIZES.items():
            rows = np.stack([obs[name] for obs in seen]).reshape(-1, size).astype(np.float64)
            normalizer = state.params.normalizer
            assert np.asarray(normalizer.mean[name]) == pytest.approx(rows.mean(axis=0), abs=1e-5)
            assert np.asarray(normalizer.std[name]) == pytest.approx(rows.std(axis=0), abs=1e-5)
    assert int(state.params.normalizer.count) == len(seen) * N


def test_the_first_actions_have_the_spread_asked_for(ppo):
    learner, _ = make_toy(ppo(init_noise_std=0.3))
    state = first_state(learner)
    logits = learner.networks.policy_network.apply(
        state.params.normalizer, state.params.networks.policy, start().obs
    )
    dist = learner.networks.parametric_action_distribution.create_dist(logits)
    # Brax adds a floor of 0.001; the last layer's weights spread it by a little.
    assert np.mean(np.asarray(dist.scale)) == pytest.approx(0.3, rel=0.15)


def test_export_view_is_the_deterministic_action(learned, ppo):
    learner, state, _ = learned
    obs = jax.random.normal(jax.random.PRNGKey(3), (50, 1)) * 3
    view = export_view(jax.device_get(state.params), ppo(), 1)
    assert np.asarray(view(obs)) == pytest.approx(
        np.asarray(act(learner.networks, state.params, obs)), abs=1e-6
    )


# Compilation


def test_one_trace_of_iterate(toy):
    learner, traces = toy
    state, _ = run(learner, 1)
    traced = len(traces)
    for _ in range(4):
        state, _ = learner.iterate(state)
    assert len(traces) == traced
    assert learner.iterate._cache_size() == 1


@pytest.fixture(scope="module")
def robot_learner(make_config, go2):
    changes = {
        "ppo.num_envs": 8,
        "ppo.num_minibatches": 2,
        "ppo.unroll_length": 4,
        "ppo.num_epochs": 1,
        "ppo.policy_hidden_layer_sizes": [8],
        "ppo.value_hidden_layer_sizes": [8],
    }
    config = make_config(changes)
    return make_learner(config, make_env(config, go2, num_envs=8, randomized=True))


def test_one_trace_of_iterate_with_the_robot(robot_learner):
    learner, state = robot_learner
    state = jax.tree.map(jnp.array, state)  # iterate takes its argument's memory
    metrics = []
    for _ in range(3):
        state, seen = learner.iterate(state)
        metrics.append(jax.device_get(seen))
    assert learner.iterate._cache_size() == 1
    assert int(state.steps) == 3 * 8 * 4
    report = summarize(metrics, 96, 0.02)
    assert report["steps"] == 96
    assert all(np.isfinite(value) for value in report.values())
    assert not [name for name in report if name.startswith("nonfinite")]


def test_report_figures_by_hand():
    zero = dict.fromkeys(("nonfinite_qpos", "nonfinite_qvel", "nonfinite_action"), 0.0)
    window = [
        {**zero, "reward": 0.01, "ended": 0.25, "ended_length": 50.0, "falls": 0.0, "grad_norm": 1},
        {
            **zero,
            "reward": 0.03,
            "ended": 0.25,
            "ended_length": 150.0,
            "falls": 0.1,
            "grad_norm": 3,
        },
    ]
    report = summarize(window, 1234, 0.02)
    assert report == pytest.approx(
        {
            "steps": 1234.0,
            "reward": 0.02 / 0.02,  # per second
            "episode_length_s": (100 / 0.25) * 0.02,
            "falls_per_minute": 0.05 / 0.02 * 60,
            "grad_norm": 2.0,
        }
    )
    none_ended = [{**window[0], "ended": 0.0, "ended_length": 0.0}]
    assert summarize(none_ended, 1, 0.02)["episode_length_s"] == 0.0


# Numbers that are no numbers


class Kept:
    """Checkpoints of which there are these."""

    def __init__(self, *steps):
        self._steps = list(steps)

    def steps(self):
        return self._steps


FINE = {"nonfinite_qpos": 0.0, "nonfinite_qvel": 0.0, "reward": 0.1, "total_loss": 2.0}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_no_number_is_reported(bad):
    train._check_finite(FINE, 5000, Kept())
    with pytest.raises(DivergenceError) as caught:
        train._check_finite({**FINE, "total_loss": bad}, 12345, Kept(1000, 10240))
    said = str(caught.value)
    assert said.startswith("total_loss became non-finite before step 12,345")
    assert "the checkpoint of step 10,240 is kept" in said
    assert "ppo.learning_rate" in said


def test_physics_is_blamed_before_what_follows_from_it():
    broken = {**FINE, "reward": np.nan, "total_loss": np.nan, "nonfinite_qvel": 0.01}
    with pytest.raises(DivergenceError, match=r"^qvel became non-finite .*no checkpoint yet"):
        train._check_finite(broken, 5000, Kept())


@pytest.mark.parametrize("quantity", ["qpos", "qvel"])
def test_a_diverged_robot_is_seen_in_the_measurements(robot_learner, go2, quantity):
    env = robot_learner[1].env
    assert measure(env)[f"nonfinite_{quantity}"] == 0
    field = {"qpos": "joint_pos", "qvel": "joint_vel"}[quantity]
    broken = getattr(env.moment, field).at[3, 5].set(jnp.nan)
    seen = measure(env.replace(moment=env.moment.replace(**{field: broken})))
    with pytest.raises(DivergenceError, match=f"^{quantity} became non-finite before step 640"):
        train._check_finite(jax.device_get(seen), 640, Kept())


def test_a_diverged_robot_stops_the_next_iteration(robot_learner, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo logs its warnings into the working directory
    learner, state = robot_learner
    state = jax.tree.map(jnp.array, state)
    physics = state.env.physics.replace(qvel=state.env.physics.qvel.at[2].set(1e9))
    _, metrics = learner.iterate(state.replace(env=state.env.replace(physics=physics)))
    with pytest.raises(DivergenceError, match=r"^qpos became non-finite before step 32"):
        train._check_finite(jax.device_get(metrics), 32, Kept())
