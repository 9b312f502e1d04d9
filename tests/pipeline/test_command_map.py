"""What a policy is told instead of the command: continuous, symmetric, and nothing for nothing."""

import jax
import numpy as np
import pytest

from deploy.observations import term_slice
from pipeline.command_map import CommandMap, interpolation, knots, nodes, on_mirror, remap
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
def some_map(contract):
    return random_map(contract)


def random_map(contract):
    added = np.random.default_rng(1).normal(0, 0.1, nodes(contract).shape)
    added[on_mirror(nodes(contract)), 1:] = 0.0
    return CommandMap(tuple(map(tuple, added.tolist())))


def test_a_map_of_nothing_changes_nothing(contract, commands):
    np.testing.assert_array_equal(CommandMap().told(contract, commands), commands)


def test_zero_stays_zero(contract, some_map):
    np.testing.assert_array_equal(some_map.told(contract, np.zeros((1, 3), np.float32)), 0.0)


def test_knots_begin_beyond_the_dead_zone_and_end_with_the_range(contract):
    vx, vy, yaw_rate = knots(contract)  # the dead zone is 0.2 m/s and rad/s
    np.testing.assert_allclose(vx, [-1, -0.625, -0.25, 0, 0.25, 2 / 3, 13 / 12, 1.5])
    np.testing.assert_allclose(vy, [-0.6, -0.25, 0, 0.25, 0.6])
    np.testing.assert_allclose(
        yaw_rate, [-1.5, -13 / 12, -2 / 3, -0.25, 0, 0.25, 2 / 3, 13 / 12, 1.5]
    )


@pytest.mark.parametrize(
    ("vx", "dead_zone", "wanted"),
    [
        ([0.0, 1.0], 0.2, [0, 0.25, 0.5, 0.75, 1.0]),  # never backward
        ([-1.0, -0.25], 0.2, [-1, -0.625, -0.25, 0]),  # never forward
        ([0.0, 0.0], 0.2, [0]),
        ([-0.2, 0.24], 0.2, [-0.2, 0, 0.24]),  # hardly any
        ([-0.9, 1.0], 0.0, [-0.9, -0.6, -0.3, 0, 0.25, 0.5, 0.75, 1.0]),
    ],
)
def test_knots_of_other_ranges(make_config, go2, vx, dead_zone, wanted):
    changes = {"task.commands.vx": vx, "task.commands.dead_zone": dead_zone}
    contract = contract_of(make_config(changes).task, go2)
    np.testing.assert_allclose(knots(contract)[0], wanted, atol=1e-12)
    told = random_map(contract).told(contract, np.array([[vx[1], 0.1, 0.2]], np.float32))
    assert np.isfinite(told).all()


def test_of_each_mirror_pair_one_is_a_node(contract):
    own = nodes(contract)
    assert len(own) == (8 * 5 * 9 - 8) // 2 + 7  # of (vx, 0, 0) all but zero itself
    both = {tuple(row) for row in np.concatenate([own, own * MIRROR + 0.0]).tolist()}
    assert len(both) == 8 * 5 * 9 - 1
    assert on_mirror(own).sum() == 7


def test_at_a_node_its_correction_is_added_and_in_between_the_mean(contract, some_map):
    own, added = nodes(contract), np.asarray(some_map.added)
    told = np.asarray(some_map.told(contract, own.astype(np.float32)))
    np.testing.assert_allclose(told - own, added, atol=1e-6)
    place = {tuple(row): index for index, row in enumerate(own.round(4).tolist())}
    one, other = place[(0.25, 0.6, 1.5)], place[(0.6667, 0.6, 1.5)]
    between = (own[one] + own[other])[None] / 2
    told = np.asarray(some_map.told(contract, between.astype(np.float32)))
    np.testing.assert_allclose(told - between, (added[one] + added[other])[None] / 2, atol=1e-6)


def test_shares_of_nodes_are_few_and_add_up_to_one(contract, commands):
    shares = np.asarray(interpolation(contract, commands))
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-5)
    assert shares.min() >= 0.0 and (shares > 1e-6).sum(axis=1).max() <= 8


def test_a_mirrored_command_is_told_mirrored(contract, commands, some_map):
    told = np.asarray(some_map.told(contract, commands))
    mirrored = np.asarray(some_map.told(contract, commands * MIRROR))
    np.testing.assert_allclose(mirrored, told * MIRROR, atol=1e-6)
    assert np.abs(told - commands).max() > 0.05


def test_straight_ahead_nothing_is_added_to_a_side(contract):
    everything = CommandMap(((0.1, 0.1, 0.1),) * len(nodes(contract)))
    told = np.asarray(everything.told(contract, np.array([[1.0, 0.0, 0.0]], np.float32)))
    np.testing.assert_allclose(told, [[1.1, 0.0, 0.0]], atol=1e-6)


def test_a_map_of_another_table_is_refused(contract):
    short = CommandMap(((0.1, 0.0, 0.0),) * 5)
    with pytest.raises(ValueError, match=r"command_map.added: \(5, 3\) numbers, want \(183, 3\)"):
        short.table(contract)


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
    obs[:, where.start] = np.array([1.5, 1e4]) * scale[0]
    added = np.asarray(remap(some_map, contract, obs)) - obs
    at_end = some_map.told(contract, np.array([[1.5, 0.0, 0.0]], np.float32))[0, 0] - 1.5
    np.testing.assert_allclose(added[0, where.start], at_end * scale[0], rtol=1e-4)
    np.testing.assert_allclose(added[1, where.start], at_end * scale[0], atol=2e-3)
