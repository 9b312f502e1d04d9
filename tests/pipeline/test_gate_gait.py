"""Figures of the gait, on recordings whose figures are known."""

from types import SimpleNamespace

import numpy as np
import pytest

import robots
from pipeline.env import contract_of
from pipeline.quality import Episodes
from pipeline.sim2sim.gait import (
    NAMES,
    fast_share,
    gait_figures,
    mirror_error,
    swing_height,
)
from pipeline.sim2sim.recording import Recording
from pipeline.sim2sim.strides import settling_time, stride_rmse

DT, STEPS = 0.02, 400
TIME = np.arange(STEPS) * DT
WALK = SimpleNamespace(ctrl_dt=DT, gait_period_s=0.8)
"""Of a contract, what strides need."""


@pytest.fixture(scope="module")
def contract(make_config, go2):
    return contract_of(make_config().task, go2)


def recording(contract, command, **changes):
    """Episodes of robots that do just what they are told, hanging in the air."""
    command = np.broadcast_to(np.asarray(command, float), (STEPS, len(command), 3))
    n = command.shape[1]
    qpos = np.zeros((STEPS, n, 19))
    qpos[:, :, 7:] = contract.default_joint_pos
    parts = {
        "velocity": command.copy(),
        "action": np.zeros((STEPS, n, 12)),
        "torque": np.zeros((STEPS, n, 12)),
        "joint_vel": np.zeros((STEPS, n, 12)),
        "foot_slip": np.zeros((STEPS, n)),
        "fell_at": np.full(n, STEPS),
        "qpos": qpos,
        "obs": np.zeros((STEPS, n, contract.observation_size), np.float32),
        "foot_height": np.zeros((STEPS, n, 4)),
        "foot_force": np.full((STEPS, n, 4), 10.0),
        "self_contacts": np.zeros((STEPS, n)),
        **changes,
    }
    shared = ("velocity", "action", "torque", "joint_vel", "foot_slip", "fell_at")
    episodes = Episodes(command=command, **{name: parts.pop(name) for name in shared})
    return Recording(episodes, **parts)


def figures(contract, go2, found):
    return gait_figures(found, contract, go2, 100, lambda obs: np.zeros((len(obs), 12)))


COMMANDS = [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 1.0]]


def test_who_does_as_told_has_no_bias_and_settles_at_once(contract, go2):
    found = figures(contract, go2, recording(contract, COMMANDS))
    assert tuple(found) == NAMES
    for name in ("bias_vx", "bias_vy", "bias_yaw_rate", "standing_drift_mps", "mirror_error_rad"):
        assert found[name] == 0.0, name
    assert found["settling_time_s"] == pytest.approx(0.42)  # the first whole stride, of 0.45 s
    assert found["self_contacts_per_s"] == 0.0


def test_bias_is_measured_minus_asked(contract, go2):
    found = recording(contract, COMMANDS)
    found.episodes.velocity[:] += [0.03, -0.02, 0.1]
    found = figures(contract, go2, found)
    assert [found[f"bias_{name}"] for name in ("vx", "vy", "yaw_rate")] == pytest.approx(
        [0.03, -0.02, 0.1]
    )
    assert found["standing_turn_radps"] == pytest.approx(0.1)


def test_drift_is_of_those_who_stand(contract, go2):
    found = recording(contract, COMMANDS)
    found.qpos[:, 0, 0] = 0.01 * TIME
    found.qpos[:, 1, 0] = 0.5 * TIME
    assert figures(contract, go2, found)["standing_drift_mps"] == pytest.approx(0.01)


def test_cost_of_transport_is_power_over_weight_times_speed(contract, go2):
    found = recording(contract, COMMANDS)
    found.episodes.torque[:, 1], found.episodes.joint_vel[:, 1] = 2.0, -1.0  # 24 W, braking counts
    weight = 15.019 * 9.81
    got = figures(contract, go2, found)["cost_of_transport"]
    assert got == pytest.approx(24 / (weight * 0.5), rel=0.02)


def test_joint_limit_use_is_one_at_a_limit(contract, go2):
    found = recording(contract, COMMANDS)
    lower, upper = np.asarray(contract.joint_lower), np.asarray(contract.joint_upper)
    found.qpos[:, :, 7:] = (lower + upper) / 2
    assert figures(contract, go2, found)["joint_limit_use_p99"] == pytest.approx(0.0)
    found.qpos[:, :, 9] = lower[2]
    assert figures(contract, go2, found)["joint_limit_use_p99"] == pytest.approx(1.0)


def test_self_collisions_are_counted_per_second(contract, go2):
    found = recording(contract, COMMANDS)
    found.self_contacts[100:200, 0] = 3  # a third of the time of one of three robots
    assert figures(contract, go2, found)["self_contacts_per_s"] == pytest.approx(50 / 9)


def test_impact_is_in_body_weights(contract, go2):
    found = recording(contract, COMMANDS)
    found.foot_force[:] = 15.019 * 9.81
    assert figures(contract, go2, found)["impact_bodyweights"] == pytest.approx(1.0, rel=0.02)


def test_fallen_robots_do_not_count_and_if_all_fell_nothing_is_known(contract, go2):
    found = recording(contract, COMMANDS, fell_at=np.array([STEPS, 5, STEPS]))
    found.episodes.velocity[:, 1] = 100.0
    assert figures(contract, go2, found)["bias_vx"] == 0.0
    none = figures(contract, go2, recording(contract, COMMANDS, fell_at=np.zeros(3, int)))
    assert tuple(none) == NAMES and np.isnan(list(none.values())).all()


def test_settling_time_of_a_step_response():
    command = np.zeros((STEPS, 2, 3))
    command[:, :, 0] = 1.0
    velocity = np.zeros((STEPS, 2, 3))
    velocity[100:, 0, 0] = 1.0  # there after 2 s; its mean over a stride 0.72 s later
    velocity[:, 1, 0] = 0.5  # never
    there = settling_time(velocity[:, :1], command[:, :1], WALK)
    assert there == pytest.approx(2.0 + 0.72, abs=0.03)
    assert settling_time(velocity[:, 1:], command[:, 1:], WALK) == pytest.approx(STEPS * DT)
    velocity[:, 1, 0] = 1.0
    velocity[:, 1, 2] = 0.2  # turns unasked, to the end
    assert settling_time(velocity[:, 1:], command[:, 1:], WALK) == pytest.approx(STEPS * DT)
    both = settling_time(velocity, command, WALK)
    assert both == pytest.approx((there + STEPS * DT) / 2)


def test_standing_does_not_shorten_the_settling_time(contract, go2):
    found = recording(contract, COMMANDS)
    found.episodes.velocity[:100, 1:] = 0.0
    late = figures(contract, go2, found)["settling_time_s"]
    assert late > 2.0
    alone = recording(contract, COMMANDS[1:])
    alone.episodes.velocity[:100] = 0.0
    assert figures(contract, go2, alone)["settling_time_s"] == late


def test_strides_show_what_the_mean_of_an_episode_hides():
    command = np.zeros((STEPS, 1, 3))
    sway = np.zeros((STEPS, 1, 3))
    sway[:, 0, 1] = 0.3 * np.sin(2 * np.pi * TIME / 0.8)  # within a stride: no error
    assert stride_rmse(sway, command, WALK)["stride_planar_rmse"] < 1e-12
    wander = np.zeros((STEPS, 1, 3))
    wander[:, 0, 0] = np.where(TIME[-1] / 2 > TIME, 0.2, -0.2)  # mean 0, never where it should be
    wander[:, 0, 2] = -0.1
    found = stride_rmse(wander, command, WALK)
    assert found["stride_planar_rmse"] == pytest.approx(0.2, rel=0.05)
    assert found["stride_yaw_rmse"] == pytest.approx(0.1)
    nobody = stride_rmse(wander[:, :0], command[:, :0], WALK)
    assert np.isnan(list(nobody.values())).all()


def test_share_of_fast_actions():
    slow, fast = np.sin(2 * np.pi * 2 * TIME), np.sin(2 * np.pi * 12 * TIME)
    assert fast_share(slow[:, None, None], DT) < 1e-3
    assert fast_share(fast[:, None, None], DT) > 0.999
    assert fast_share((slow + 0.5 * fast)[:, None, None], DT) == pytest.approx(0.2, abs=0.01)
    assert fast_share(np.ones((STEPS, 1, 1)), DT) == 0.0


def test_swing_height_is_the_median_top_of_whole_swings():
    height = np.zeros((60, 1, 1))
    force = np.full((60, 1, 1), 50.0)
    for start, top in ((0, 0.5), (10, 0.06), (25, 0.08), (40, 0.07), (55, 0.9)):
        force[start : start + 5] = 0.0
        height[start + 2] = top
    assert swing_height(height, force) == pytest.approx(0.07)  # the first and last are cut off
    assert np.isnan(swing_height(height, np.full_like(force, 1.0)))


@pytest.mark.parametrize("name", ["go2", "h1"])
def test_a_policy_that_treats_left_as_right_has_no_mirror_error(make_config, name):
    robot = robots.load(name)
    contract = contract_of(make_config().task, robot)
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(5, 4, contract.observation_size)).astype(np.float32)
    places = slice(9, 9 + contract.action_size)  # the joints' angles

    def same(obs):
        return 0.3 * obs[:, places]

    def lopsided(obs):
        action = same(obs)
        action[:, 0] += 0.1
        return action

    assert mirror_error(obs, contract, robot, same) == pytest.approx(0.0, abs=1e-7)
    wrong = mirror_error(obs, contract, robot, lopsided)
    # Two joints of all are off by 0.1, in units of action.
    assert wrong == pytest.approx(0.2 * contract.action_scale[0] / contract.action_size, rel=1e-4)
