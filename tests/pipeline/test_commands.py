"""Commands stay within their ranges, are zero as often as asked, and last as long as asked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.commands import CommandState, advance, is_zero, sample

N = 20_000
KEY = jax.random.PRNGKey(3)
CTRL_DT = 0.02


@pytest.fixture(scope="module")
def draw(make_config):
    """Sample commands with some keys of task.commands changed: (values, steps_left)."""

    def draw(key=KEY, **changes):
        changes = {f"task.commands.{name}": value for name, value in changes.items()}
        state = sample(key, make_config(changes).task.commands, N, CTRL_DT)
        return np.asarray(state.value), np.asarray(state.steps_left)

    return draw


def test_shapes_and_types(make_config, strict_jax):
    state = sample(KEY, make_config().task.commands, 5, CTRL_DT)
    assert state.value.shape == (5, 3) and state.value.dtype == jnp.float32
    assert state.upcoming.shape == (5, 3) and state.upcoming.dtype == jnp.float32
    assert state.steps_left.shape == (5,) and state.steps_left.dtype == jnp.int32


def test_each_axis_has_its_own_range(draw):
    value, _ = draw(
        vx=[1.0, 2.0],
        vy=[10.0, 20.0],
        yaw_rate=[-200.0, -100.0],
        zero_share=0,
        single_axis_share=0,
        full_share=0,
    )
    for axis, (low, high) in enumerate([(1, 2), (10, 20), (-200, -100)]):
        assert value[:, axis].min() >= low and value[:, axis].max() <= high
        # 20,000 uniform draws come within a thousandth of both ends.
        assert value[:, axis].min() < low + 1e-3 * (high - low)
        assert value[:, axis].max() > high - 1e-3 * (high - low)


@pytest.mark.parametrize("share", [0.0, 0.12, 0.5, 1.0])
def test_share_of_exact_zeros(draw, share):
    value, _ = draw(vx=[0.5, 1.0], zero_share=share, single_axis_share=0)
    zeros = np.all(value == 0, axis=1).mean()
    # Four standard deviations of a binomial share.
    assert zeros == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / N) + 1e-9)


def test_share_of_single_axis_commands(draw):
    away = {"vx": [0.5, 1.0], "vy": [0.5, 1.0], "yaw_rate": [0.5, 1.0]}
    value, _ = draw(**away, zero_share=0.2, single_axis_share=0.3)
    axes = np.count_nonzero(value, axis=1)
    spread = 4 * np.sqrt(0.25 / N)
    assert (axes == 0).mean() == pytest.approx(0.2, abs=spread)
    assert (axes == 1).mean() == pytest.approx(0.3, abs=spread)
    assert (axes == 3).mean() == pytest.approx(0.5, abs=spread)
    single = value[axes == 1] != 0
    assert single.mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.03)


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_share_at_the_ends_of_each_range(draw, share):
    ranges = {"vx": [0.5, 1.0], "vy": [-2.0, 3.0], "yaw_rate": [-7.0, -5.0]}
    value, _ = draw(**ranges, zero_share=0, single_axis_share=0, full_share=share)
    spread = 4 * np.sqrt(0.25 / N) + 1e-9
    for axis, ends in enumerate(ranges.values()):
        for end in ends:
            at_end = (value[:, axis] == np.float32(end)).mean()
            assert at_end == pytest.approx(share / 2, abs=spread if share > 0 else 1e-9)


def test_duration_is_counted_in_control_steps(draw):
    _, steps = draw(resample_s=[3.0, 8.0])
    assert steps.min() == 150 and steps.max() == 399
    _, steps = draw(resample_s=[1.0, 1.0])
    assert set(steps) <= {49, 50}  # rounding of float32


def test_the_one_to_come_is_drawn_alike_and_by_itself(make_config):
    state = sample(KEY, make_config().task.commands, N, CTRL_DT)
    value, upcoming = np.asarray(state.value), np.asarray(state.upcoming)
    np.testing.assert_allclose(value.std(axis=0), upcoming.std(axis=0), rtol=0.03)
    assert abs(np.corrcoef(value[:, 0], upcoming[:, 0])[0, 1]) < 0.03


def test_same_key_same_commands(draw):
    first, again, other = draw(), draw(), draw(key=jax.random.PRNGKey(4))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_advance_counts_down_and_takes_a_fresh_command_where_time_is_up(strict_jax):
    one, two, three, four = (jnp.full((4, 3), value) for value in (1.0, 2.0, 3.0, 4.0))
    old = CommandState(one, two, jnp.array([3, 2, 1, 0], jnp.int32))
    after = advance(old, CommandState(three, four, jnp.array([10, 20, 30, 40], jnp.int32)))
    assert after.steps_left.tolist() == [2, 1, 30, 40]
    assert after.value[:, 0].tolist() == [1, 1, 2, 2]
    assert after.upcoming[:, 0].tolist() == [2, 2, 3, 3]


def test_a_command_lasts_its_number_of_steps():
    zero, one, two = (jnp.full((1, 3), value) for value in (0.0, 1.0, 2.0))
    state = CommandState(zero, one, jnp.array([5], jnp.int32))
    fresh = CommandState(two, two, jnp.array([2], jnp.int32))
    seen = []
    for _ in range(9):
        seen.append(float(state.value[0, 0]))
        state = advance(state, fresh)
    assert seen == [0, 0, 0, 0, 0, 1, 1, 2, 2]


def test_is_zero():
    commands = jnp.array([[0, 0, 0], [0, 0, 1e-6], [-1e-6, 0, 0], [-0.0, 0, 0]])
    assert is_zero(commands).tolist() == [True, False, False, True]


def test_nothing_is_drawn_in_the_dead_zone_but_zero(draw):
    wide = {"vx": [-0.6, 1.0], "vy": [-0.4, 0.4], "yaw_rate": [-1.0, 1.0], "zero_share": 0.0}
    before, _ = draw(**wide, dead_zone=0.0)
    value, _ = draw(**wide, dead_zone=0.2)
    planar, turn = np.linalg.norm(before[:, :2], axis=1), np.abs(before[:, 2])
    assert 0.05 < (planar < 0.2).mean() < 0.95 and 0.05 < (turn < 0.2).mean() < 0.95
    np.testing.assert_array_equal(value[:, :2], np.where(planar[:, None] < 0.2, 0, before[:, :2]))
    np.testing.assert_array_equal(value[:, 2], np.where(turn < 0.2, 0, before[:, 2]))
