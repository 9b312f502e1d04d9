"""Figures of walking, worked out by hand: three episodes of four steps, two joints."""

from types import SimpleNamespace

import numpy as np
import pytest

from deploy.contract import CommandRanges
from pipeline.command_grid import SHARES, command_grid
from pipeline.quality import Episodes, by_command, rms, summarize, tracking_errors, wilson

CONTRACT = SimpleNamespace(
    ctrl_dt=0.02, action_scale=(0.5, 0.25), effort_limit=(10.0, 20.0), velocity_limit=(5.0, 10.0)
)
T = 4


def episodes(n=3, fell_at=None, **changes):
    """Episodes that do nothing, but for the changes."""
    values = {
        "command": np.zeros((T, n, 3)),
        "velocity": np.zeros((T, n, 3)),
        "action": np.zeros((T, n, 2)),
        "torque": np.zeros((T, n, 2)),
        "joint_vel": np.zeros((T, n, 2)),
        "foot_slip": np.zeros((T, n)),
        "fell_at": np.full(n, T) if fell_at is None else np.asarray(fell_at),
    }
    return Episodes(**{**values, **changes})


def constant(row):
    """(T, n, 3) the same rows at every step."""
    return np.repeat(np.asarray([row], float), T, axis=0)


# Tracking


def test_error_is_of_the_mean_after_settling():
    velocity = np.zeros((T, 1, 3))
    velocity[:, 0, 0] = [9.0, 9.0, 0.2, 0.6]  # the mean after two steps is 0.4
    velocity[:, 0, 1] = [9.0, 9.0, -0.3, -0.3]
    velocity[:, 0, 2] = [9.0, 9.0, 0.5, 1.0]
    recorded = episodes(1, command=constant([[0.0, 0.0, 1.0]]), velocity=velocity)
    planar, yaw = tracking_errors(recorded, settle_steps=2)
    assert planar == pytest.approx([0.5])  # 0.4 and -0.3
    assert yaw == pytest.approx([0.25])  # 0.75 against 1


def test_swaying_about_the_command_is_no_error():
    velocity = np.zeros((T, 1, 3))
    velocity[:, 0, 0] = [0.5, 1.5, 0.5, 1.5]
    recorded = episodes(1, command=constant([[1.0, 0, 0]]), velocity=velocity)
    planar, yaw = tracking_errors(recorded, settle_steps=0)
    assert planar == pytest.approx([0.0]) and yaw == pytest.approx([0.0])


def test_a_fallen_robot_has_no_tracking_error():
    recorded = episodes(3, fell_at=[T, 2, T], command=constant([[1.0, 0, 2.0]] * 3))
    planar, yaw = tracking_errors(recorded, settle_steps=1)
    assert planar == pytest.approx([1, np.nan, 1], nan_ok=True)
    assert yaw == pytest.approx([2, np.nan, 2], nan_ok=True)
    assert recorded.fell.tolist() == [False, True, False]


def test_rms():
    assert rms(np.array([3.0, 4.0])) == pytest.approx(np.sqrt(12.5))
    assert rms(np.array([3.0, np.nan, 4.0])) == pytest.approx(np.sqrt(12.5))
    assert np.isnan(rms(np.array([np.nan])))
    assert np.isnan(rms(np.array([])))


# Summary


def test_summary_by_hand():
    action = np.zeros((T, 3, 2))
    action[:, :, 0] = np.array([0, 0, 1, 0])[:, None]  # after settling: 0, 1, 0
    torque, joint_vel = np.zeros((T, 3, 2)), np.zeros((T, 3, 2))
    torque[1:, :, 0], torque[1:, :, 1] = 5.0, -10.0
    torque[0] = 100.0  # while settling: does not count
    joint_vel[1:, :, 0], joint_vel[1:, :, 1] = -2.0, 1.0
    slip = np.full((T, 3), 0.1)
    slip[0] = 5.0
    command, velocity = constant([[1, 0, 0]] * 3), constant([[0.7, 0.4, 0.3], [1, 0, 0], [9, 9, 9]])
    recorded = episodes(
        fell_at=[T, T, 1],
        command=command,
        velocity=velocity,
        action=action,
        torque=torque,
        joint_vel=joint_vel,
        foot_slip=slip,
    )
    figures = summarize(recorded, CONTRACT, settle_steps=1)
    assert figures["episodes"] == 3
    assert figures["falls"] == 1
    # Errors of 0.5 and 0 m/s, 0.3 and 0 rad/s; the fallen one is left out.
    assert figures["planar_rmse"] == pytest.approx(np.sqrt(0.25 / 2))
    assert figures["yaw_rmse"] == pytest.approx(np.sqrt(0.09 / 2))
    # Target of the first joint moves 0.5 rad up and down in two of two steps, the other is still.
    assert figures["action_rate_mean"] == pytest.approx((0.5 / 0.02) / 2)
    assert figures["action_rate_p99"] == pytest.approx(25.0)
    assert figures["torque_use_mean"] == pytest.approx(0.5)  # 5 of 10, 10 of 20
    assert figures["torque_use_p99"] == pytest.approx(0.5)
    assert figures["velocity_use_mean"] == pytest.approx((2 / 5 + 1 / 10) / 2)
    assert figures["velocity_use_p99"] == pytest.approx(0.4)
    assert figures["power_w"] == pytest.approx(5 * 2 + 10 * 1)
    assert figures["foot_slip_mps"] == pytest.approx(0.1)


def test_fallen_episodes_do_not_colour_the_effort():
    torque = np.zeros((T, 2, 2))
    torque[:, 1] = 10.0
    figures = summarize(episodes(2, fell_at=[T, 0], torque=torque), CONTRACT, settle_steps=0)
    assert figures["torque_use_mean"] == 0.0


def test_summary_where_every_robot_fell():
    figures = summarize(episodes(2, fell_at=[0, 1]), CONTRACT, settle_steps=1)
    assert figures["falls"] == figures["episodes"] == 2
    assert all(np.isnan(v) for k, v in figures.items() if k not in ("falls", "episodes"))


def test_by_command_in_order_of_appearance():
    asked = [[1.0, 0, 0], [0, 0, 0], [1.0, 0, 0], [0, 0, -1.0]]
    velocity = constant([[0.5, 0, 0], [0.1, 0, 0], [0.7, 0, 0], [0, 0, 0]])
    recorded = episodes(4, fell_at=[T, T, T, 2], command=constant(asked), velocity=velocity)
    rows = by_command(recorded, settle_steps=1)
    assert [(r["vx"], r["yaw_rate"]) for r in rows] == [(1, 0), (0, 0), (0, -1)]
    assert [r["episodes"] for r in rows] == [2, 1, 1]
    assert [r["falls"] for r in rows] == [0, 0, 1]
    assert rows[0]["planar_error"] == pytest.approx(np.sqrt((0.25 + 0.09) / 2))
    assert rows[0]["measured_vx"] == pytest.approx(0.6)
    assert rows[1]["planar_error"] == pytest.approx(0.1)
    assert np.isnan(rows[2]["planar_error"]) and np.isnan(rows[2]["measured_vx"])


def test_select_picks_the_same_episodes_everywhere():
    index = np.arange(3.0)
    marked = episodes(
        fell_at=[0, 1, 2],
        foot_slip=np.tile(index, (T, 1)),
        **{k: np.tile(index[:, None], (T, 1, 2)) for k in ("action", "torque", "joint_vel")},
        **{k: np.tile(index[:, None], (T, 1, 3)) for k in ("command", "velocity")},
    )
    for which in (np.array([2, 0]), np.array([True, False, True])):
        wanted = index[which]
        picked = marked.select(which)
        assert picked.fell_at.tolist() == wanted.tolist()
        for name in ("command", "velocity", "action", "torque", "joint_vel"):
            assert getattr(picked, name)[0, :, 0].tolist() == wanted.tolist()
        assert picked.foot_slip[0].tolist() == wanted.tolist()


# Wilson's interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3 (score).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_published_values(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=6e-5)


def test_wilson_stays_a_share():
    for successes, trials in [(0, 1), (1, 1), (0, 1000), (1000, 1000), (47, 48)]:
        low, high = wilson(successes, trials)
        assert 0 <= low <= successes / trials <= high <= 1
        assert high - low > 0


# Commands that are asked


def test_command_grid_by_hand():
    ranges = CommandRanges(vx=(-1.0, 2.0), vy=(-0.4, 0.8), yaw_rate=(-3.0, 1.0))
    grid = command_grid(ranges)
    assert grid.shape == (13, 3) and grid.dtype == np.float32
    by_share = dict(zip(SHARES, grid.tolist(), strict=True))
    assert by_share[(0, 0, 0)] == [0, 0, 0]
    assert by_share[(-1, 0, 0)] == [-1, 0, 0]
    assert by_share[(1, 0, 0)] == [2, 0, 0]
    assert by_share[(0, -1, 0)] == pytest.approx([0, -0.4, 0])
    assert by_share[(0, 0, 1)] == [0, 0, 1]
    assert by_share[(-0.5, -0.5, 0.33)] == pytest.approx([-0.5, -0.2, 0.33])
    assert not np.signbit(grid[0]).any()  # no -0.0: rows are told apart by value
    assert len(np.unique(grid, axis=0)) == 13
