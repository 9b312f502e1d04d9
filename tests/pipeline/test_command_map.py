"""What a policy is told instead of the command: continuous, symmetric, and nothing for nothing."""

import jax
import numpy as np
import pytest

from deploy.observations import term_slice
from pipeline.command_map import EVEN, ODD, CommandMap, features, remap
from pipeline.env import contract_of

MIRROR = np.array([1.0, -1.0, -1.0], np.float32)


@pytest.fixture(scope="module")
def contract(make_config, go2):
    return contract_of(make_config().task, go2)  # vx -1 to 1.5, vy +-0.6, yaw rate +-1.5


@pytest.fixture(scope="module")
def commands(contract):
    ranges = contract.command_ranges
    low, high = np.array([ranges.vx, ranges.vy, ranges.yaw_rate]).T
    return np.random.default_rng(0).uniform(low, high, (200, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def some_map():
    rng = np.random.default_rng(1)
    return CommandMap(
        *(tuple(rng.normal(0, 0.1, len(names)).tolist()) for names in (EVEN, ODD, ODD))
    )


def test_a_map_of_nothing_changes_nothing(contract, commands):
    np.testing.assert_array_equal(CommandMap().told(contract, commands), commands)


def test_zero_stays_zero(contract, some_map):
    np.testing.assert_array_equal(some_map.told(contract, np.zeros((1, 3), np.float32)), 0.0)


def test_features_are_shares_of_the_range_beyond_their_starts(contract):
    commands = np.array([[1.05, -0.3, 1.2], [-0.75, 0.0, 0.0]], np.float32)  # 70, 50, 80, 75 %
    even, odd = (np.asarray(x) for x in features(contract, commands))
    side, turn = [1 / 2, 1 / 6, 0], [4 / 5, 7 / 15, 2 / 15]
    forward, backward = [0.7, 0.5, 0.3, 0.1, 0], [3 / 4, 5 / 12, 1 / 12]
    products = [0.7 * 0.5, 0.7 * 0.8, 0, 0]
    wanted_even = [*forward, 0, 0, 0, *side, *turn, *products, -0.5 * 0.8]
    wanted_odd = [*(-x for x in side), *turn, -products[0], products[1], 0, 0, 0.4, -0.4]
    np.testing.assert_allclose(even[0], wanted_even, atol=1e-6)
    np.testing.assert_allclose(odd[0], wanted_odd, atol=1e-6)
    np.testing.assert_allclose(even[1], [0] * 5 + backward + [0] * 11, atol=1e-6)
    np.testing.assert_allclose(odd[1], 0)


def test_weights_go_to_their_axis(contract):
    forward = np.array([[1.5, 0.0, 0.0]], np.float32)
    left = np.array([[0.0, 0.3, 0.0]], np.float32)
    only_vx = CommandMap(vx=(0.2,) + (0.0,) * (len(EVEN) - 1))
    np.testing.assert_allclose(only_vx.told(contract, forward), [[1.7, 0, 0]], rtol=1e-6)
    first = (0.2,) + (0.0,) * (len(ODD) - 1)
    np.testing.assert_allclose(CommandMap(vy=first).told(contract, left), [[0, 0.4, 0]], rtol=1e-6)
    turned = CommandMap(yaw_rate=first).told(contract, left)
    np.testing.assert_allclose(turned, [[0, 0.3, 0.1]], rtol=1e-6)


def test_a_mirrored_command_is_told_mirrored(contract, commands, some_map):
    told = np.asarray(some_map.told(contract, commands))
    mirrored = np.asarray(some_map.told(contract, commands * MIRROR))
    np.testing.assert_allclose(mirrored, told * MIRROR, atol=1e-6)
    assert np.abs(told - commands).max() > 0.05


def test_only_the_command_is_replaced(contract, commands, some_map):
    obs = np.random.default_rng(2).normal(size=(200, contract.observation_size)).astype(np.float32)
    where = term_slice(contract, "command")
    scale = np.asarray(contract.observation[where.place].scale, np.float32)
    own = slice(where.start, where.stop)
    obs[:, own] = commands * scale
    told = np.asarray(jax.jit(lambda obs: remap(some_map, contract, obs))(obs))
    wanted = np.asarray(some_map.told(contract, commands)) * scale
    np.testing.assert_allclose(told[:, own], wanted, atol=1e-5)
    rest = np.delete(np.arange(contract.observation_size), np.arange(where.start, where.stop))
    np.testing.assert_array_equal(told[:, rest], obs[:, rest])


def test_beyond_its_ends_a_command_is_corrected_as_at_its_end(contract, some_map):
    where = term_slice(contract, "command")
    scale = np.zeros(3) + np.asarray(contract.observation[where.place].scale)
    obs = np.zeros((2, contract.observation_size), np.float32)
    obs[:, where.start] = np.array([1.5, 1e6]) * scale[0]
    added = np.asarray(remap(some_map, contract, obs)) - obs
    np.testing.assert_allclose(
        added[0, where.start],
        sum(some_map.vx[:5] * np.array([1, 0.8, 0.6, 0.4, 0.2])) * scale[0],
        rtol=1e-4,
    )
    assert np.isfinite(added).all()
    assert abs(added[1, where.start]) < 1.0
