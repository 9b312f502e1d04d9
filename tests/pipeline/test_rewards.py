"""Reward terms against arithmetic by hand: two joints, two feet, round numbers."""

import math
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from pipeline import rewards
from pipeline.moment import Moment, Reference, make_reference
from pipeline.rewards import TERMS, total

REF = Reference(
    default_pos=np.float32([[0.5, -1.0]]),
    posture_weights=np.float32([[1.0, 0.1]]),
    soft_lower=np.float32([[-1.0, -2.0]]),
    soft_upper=np.float32([[1.0, 0.0]]),
    soft_effort=np.float32([[20.0, 30.0]]),
    base_height=0.3,
    swing_height=0.08,
    stance_ratio=0.5,
    lin_vel_sigma=0.5,
    yaw_rate_sigma=0.25,
)

# Standing as asked: upright, at the wanted height, in the default pose, both feet down, no command.
STANDING = {
    "command": [0, 0, 0],
    "lin_vel_b": [0, 0, 0],
    "ang_vel_b": [0, 0, 0],
    "projected_gravity": [0, 0, -1],
    "base_height": 0.3,
    "joint_pos": [0.5, -1.0],
    "joint_vel": [0, 0],
    "joint_acc": [0, 0],
    "joint_torque": [0, 0],
    "action": [0, 0],
    "last_action": [0, 0],
    "foot_height": [0, 0],
    "foot_vel_w": [[0, 0, 0], [0, 0, 0]],
    "foot_contact": [True, True],
    "foot_phase": [0.0, 0.25],
}
WALK = {"command": [1.0, 0, 0]}


def bells(relative):
    """Closeness at an error whose square is that many sigma^2."""
    return (math.exp(-relative) + math.exp(-relative / 9) + math.exp(-relative / 81)) / 3


BELL = bells(1)  # an error of one sigma

# Term -> kind -> what differs from standing, and what the term then is.
CASES = {
    "alive": {
        "zero": ({}, 1.0),
        "nominal": ({**WALK, "lin_vel_b": [1, 0, 0]}, 1.0),
        "extreme": ({"base_height": 0.0, "projected_gravity": [0, 0, 1]}, 1.0),
    },
    "track_lin_vel": {
        "zero": ({"command": [1, -2, 0], "lin_vel_b": [1, -2, 7]}, 1.0),
        "one sigma": ({"command": [1, 0, 0], "lin_vel_b": [0.5, 0, 0]}, BELL),
        # 0.6^2 + 0.8^2 = 1 = (2 sigma)^2: four times the squared width
        "nominal": (
            {"command": [0.6, 0, 0], "lin_vel_b": [0, 0.8, 0]},
            bells(4),
        ),
        "extreme": ({"command": [1, 0, 0], "lin_vel_b": [-30, 0, 0]}, 0.0),
    },
    "track_yaw_rate": {
        "zero": ({"command": [0, 0, 1.5], "ang_vel_b": [4, 4, 1.5]}, 1.0),
        "nominal": ({"command": [0, 0, 1], "ang_vel_b": [0, 0, 0.75]}, BELL),
        "extreme": ({"command": [0, 0, 1], "ang_vel_b": [0, 0, -30]}, 0.0),
    },
    "gait": {
        # phases 0.25 and 0.75 with a stance of 0.5: the first foot down, the second up
        "zero": ({**WALK, "foot_phase": [0.25, 0.75], "foot_contact": [False, True]}, 0.0),
        "one of two": ({**WALK, "foot_phase": [0.25, 0.75], "foot_contact": [True, True]}, 0.0),
        "nominal": ({**WALK, "foot_phase": [0.25, 0.75], "foot_contact": [True, False]}, 1.0),
        # no command: both down, whatever the clock says
        "extreme": ({"foot_phase": [0.75, 0.99], "foot_contact": [True, True]}, 1.0),
        "marching on the spot": (
            {"foot_phase": [0.25, 0.75], "foot_contact": [True, False]},
            0.0,
        ),
        "edge": ({**WALK, "foot_phase": [0.5, 0.0], "foot_contact": [False, True]}, 1.0),
    },
    "swing_height": {
        # the arc's top, 0.08 m, is at the middle of the swing, phase 0.75
        "zero": ({**WALK, "foot_phase": [0.25, 0.75], "foot_height": [0.5, 0.08]}, 0.0),
        "nominal": ({**WALK, "foot_phase": [0.25, 0.75], "foot_height": [0, 0.03]}, 0.05**2),
        # a quarter into the swing: 0.08 sin^2(pi/4) = 0.04
        "quarter": ({**WALK, "foot_phase": [0.625, 0.25], "foot_height": [0.01, 0]}, 0.03**2),
        "extreme": (
            {**WALK, "foot_phase": [0.75, 0.75], "foot_height": [1.08, -0.92]},
            1.0 + 1.0,
        ),
        "no command": ({"foot_phase": [0.75, 0.75], "foot_height": [1.0, 1.0]}, 0.0),
    },
    "foot_slip": {
        "zero": (
            {"foot_contact": [False, True], "foot_vel_w": [[3, 4, 0], [0, 0, 9]]},
            0.0,
        ),
        "nominal": (
            {"foot_contact": [True, False], "foot_vel_w": [[0.3, 0.4, 2], [5, 5, 5]]},
            0.25,
        ),
        "extreme": ({"foot_vel_w": [[30, 40, 0], [0, 100, 0]]}, 2500.0 + 10000.0),
    },
    "lin_vel_z": {
        "zero": ({"lin_vel_b": [3, 3, 0]}, 0.0),
        "nominal": ({"lin_vel_b": [1, 1, -0.5]}, 0.25),
        "extreme": ({"lin_vel_b": [0, 0, 20]}, 400.0),
    },
    "ang_vel_xy": {
        "zero": ({"ang_vel_b": [0, 0, 9]}, 0.0),
        "nominal": ({"ang_vel_b": [3, -4, 1]}, 25.0),
        "extreme": ({"ang_vel_b": [100, 0, 0]}, 10000.0),
    },
    "tilt": {
        "zero": ({}, 0.0),
        # 30 degrees of roll: sin^2 = 1/4
        "nominal": ({"projected_gravity": [0, -0.5, -math.sqrt(0.75)]}, 0.25),
        "extreme": ({"projected_gravity": [0.6, 0.8, 0]}, 1.0),
    },
    "base_height": {
        "zero": ({}, 0.0),
        "nominal": ({"base_height": 0.25}, 0.05**2),
        "extreme": ({"base_height": 1.3}, 1.0),
    },
    "posture": {
        "zero": ({}, 0.0),
        # (0.7 - 0.5)^2 * 1 + (-2 + 1)^2 * 0.1
        "nominal": ({"joint_pos": [0.7, -2.0]}, 0.04 + 0.1),
        "extreme": ({"joint_pos": [10.5, 9.0]}, 100.0 + 0.1 * 100.0),
    },
    "stand_still": {
        "zero": ({}, 0.0),
        # |0.2| + |-0.3| + 0.1 (1 + 2)
        "nominal": ({"joint_pos": [0.7, -1.3], "joint_vel": [1, -2]}, 0.5 + 0.3),
        "extreme": ({"joint_vel": [-30, 30]}, 6.0),
        "walking": ({**WALK, "joint_pos": [9, 9], "joint_vel": [9, 9]}, 0.0),
        "turning": ({"command": [0, 0, 0.01], "joint_vel": [9, 9]}, 0.0),
    },
    "action_rate": {
        "zero": ({"action": [1, -1], "last_action": [1, -1]}, 0.0),
        "nominal": ({"action": [0.5, -0.5], "last_action": [0.2, -0.1]}, 0.09 + 0.16),
        "extreme": ({"action": [1, -1], "last_action": [-1, 1]}, 4.0 + 4.0),
    },
    "torque": {
        "zero": ({}, 0.0),
        "nominal": ({"joint_torque": [3, -4]}, 25.0),
        "extreme": ({"joint_torque": [100, 100]}, 20000.0),
    },
    "power": {
        "zero": ({"joint_torque": [5, 0], "joint_vel": [0, 5]}, 0.0),
        # braking costs as much as pushing
        "nominal": ({"joint_torque": [5, -4], "joint_vel": [2, 3]}, 10.0 + 12.0),
        "extreme": ({"joint_torque": [100, 100], "joint_vel": [30, -30]}, 6000.0),
    },
    "joint_acc": {
        "zero": ({}, 0.0),
        "nominal": ({"joint_acc": [3, -4]}, 25.0),
        "extreme": ({"joint_acc": [1000, -1000]}, 2e6),
    },
    "joint_limits": {
        "zero": ({"joint_pos": [1.0, -2.0]}, 0.0),  # both on the edge
        "nominal": ({"joint_pos": [1.25, -2.5]}, 0.25 + 0.5),
        "extreme": ({"joint_pos": [-11, 10]}, 10.0 + 10.0),
    },
    "effort_limits": {
        "zero": ({"joint_torque": [20, -30]}, 0.0),  # both on the edge
        "nominal": ({"joint_torque": [-22, 33]}, 2.0 + 3.0),
        "extreme": ({"joint_torque": [120, -130]}, 200.0),
    },
}


def moment(changes):
    """One environment: standing, but for the changes."""
    values = {**STANDING, **changes}
    assert values.keys() == STANDING.keys()
    flags = np.asarray([values.pop("foot_contact")])
    return Moment(foot_contact=flags, **{k: np.float32([v]) for k, v in values.items()})


def random_moment(rng, num_envs, scale, joints=2, feet=2):
    def normal(*shape):
        return (scale * rng.standard_normal((num_envs, *shape))).astype(np.float32)

    per_joint = ("joint_pos", "joint_vel", "joint_acc", "joint_torque", "action", "last_action")
    standing = rng.random((num_envs, 1)) < 0.3
    return Moment(
        command=np.where(standing, np.float32(0), normal(3)),
        lin_vel_b=normal(3),
        ang_vel_b=normal(3),
        projected_gravity=normal(3),
        base_height=normal(),
        foot_height=normal(feet),
        foot_vel_w=normal(feet, 3),
        foot_contact=rng.random((num_envs, feet)) < 0.5,
        foot_phase=rng.random((num_envs, feet), np.float32),
        **{name: normal(joints) for name in per_joint},
    )


# Each term


@pytest.mark.parametrize(
    ("term", "kind"), [(term, kind) for term, kinds in CASES.items() for kind in kinds]
)
def test_by_hand(term, kind, strict_jax):
    changes, wanted = CASES[term][kind]
    value = TERMS[term](moment(changes), REF)
    assert value.shape == (1,)
    assert float(value[0]) == pytest.approx(wanted, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("term", TERMS)
def test_no_term_is_without_hand_worked_values(term):
    assert {"zero", "nominal", "extreme"} <= CASES[term].keys()


def test_no_case_is_of_a_term_there_is_not():
    assert CASES.keys() == TERMS.keys()


@pytest.mark.parametrize("term", sorted(TERMS))
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_non_negative_and_finite_on_anything(term, scale):
    m = random_moment(np.random.default_rng(5), 500, scale)
    value = np.asarray(TERMS[term](m, REF))
    assert value.shape == (500,)
    assert np.isfinite(value).all()
    assert (value >= 0).all()


@pytest.mark.parametrize("term", sorted(set(TERMS) - {"alive"}))
def test_looks_at_its_own_environment_only(term):
    m = random_moment(np.random.default_rng(6), 64, 10.0)
    value = np.asarray(TERMS[term](m, REF))
    assert len(np.unique(value)) > 1
    order = np.random.default_rng(7).permutation(64)
    shuffled = Moment(**{name: getattr(m, name)[order] for name in STANDING})
    assert np.asarray(TERMS[term](shuffled, REF)) == pytest.approx(value[order], rel=1e-6)


# Weights


def test_every_term_has_a_weight_and_every_weight_a_term(raw_params, make_config):
    assert raw_params["task"]["rewards"]["weights"].keys() == TERMS.keys()
    assert make_config().task.rewards.weights.model_dump().keys() == TERMS.keys()


def test_every_term_counts(make_config):
    weights = make_config().task.rewards.weights.model_dump()
    assert all(weight != 0 for weight in weights.values())


def test_total_is_the_weighted_sum_clipped_at_zero(make_config, strict_jax):
    config = make_config().task.rewards
    weights = config.weights.model_dump()
    m = random_moment(np.random.default_rng(8), 200, 0.3)
    value, parts = total(m, REF, config)
    for name, term in TERMS.items():
        assert np.asarray(parts[name]) == pytest.approx(
            weights[name] * np.asarray(term(m, REF)), rel=1e-6
        )
    plain = np.sum([np.asarray(part, np.float64) for part in parts.values()], axis=0)
    assert (plain > 0.1).any() and (plain < -0.1).any()
    assert np.asarray(value) == pytest.approx(np.maximum(plain, 0), rel=1e-4, abs=1e-4)
    assert (np.asarray(value)[plain < -0.1] == 0).all()


def test_total_of_standing_as_asked(make_config):
    config = make_config().task.rewards
    weights = config.weights
    value, _ = total(moment({}), REF, config)
    # Alive, both velocities as asked, both feet where they belong; nothing costs.
    wanted = weights.alive + weights.track_lin_vel + weights.track_yaw_rate + weights.gait
    assert float(value[0]) == pytest.approx(wanted)


def test_a_weight_scales_its_term_alone(make_config):
    m = moment({"joint_torque": [3.0, -4.0]})
    values = [
        float(total(m, REF, make_config({"task.rewards.weights.torque": w}).task.rewards)[0][0])
        for w in (0.0, -0.01, -0.02)
    ]
    assert values[0] - values[1] == pytest.approx(0.01 * 25, rel=1e-4)
    assert values[1] - values[2] == pytest.approx(0.01 * 25, rel=1e-4)


# What terms compare with


def test_reference_of_the_robot(make_config, go2):
    config = make_config({"task.rewards.soft_limit": 0.9}).task.rewards
    ref = make_reference(go2, config, stance_ratio=0.6)
    for index, joint in enumerate(go2.joints):
        middle, half = (joint.upper + joint.lower) / 2, (joint.upper - joint.lower) / 2
        assert ref.soft_lower[0, index] == pytest.approx(middle - 0.9 * half)
        assert ref.soft_upper[0, index] == pytest.approx(middle + 0.9 * half)
        assert ref.soft_effort[0, index] == pytest.approx(0.9 * joint.effort_limit)
        assert ref.default_pos[0, index] == pytest.approx(joint.default_pos)
    assert ref.stance_ratio == 0.6
    assert ref.swing_height == config.swing_height
    assert ref.base_height == config.base_height
    assert ref.lin_vel_sigma == config.lin_vel_sigma
    assert ref.yaw_rate_sigma == config.yaw_rate_sigma


def test_the_first_pattern_that_a_joints_name_has_decides(make_config, go2):
    key = "task.rewards.posture_weights"
    config = make_config({key: [["FL_hip", 3.0], ["hip", 2.0], ["thigh", 1.0]]}).task.rewards
    ref = make_reference(go2, config, stance_ratio=0.5)
    by_name = dict(zip(go2.joint_names, ref.posture_weights[0], strict=True))
    assert by_name["FL_hip_joint"] == 3.0
    assert by_name["FR_hip_joint"] == by_name["RR_hip_joint"] == 2.0
    assert by_name["RL_thigh_joint"] == 1.0
    assert by_name["FL_calf_joint"] == 0.0


def test_the_robots_default_pose_costs_nothing(make_config, go2):
    ref = make_reference(go2, make_config().task.rewards, stance_ratio=0.5)
    pose = jnp.asarray([go2.default_joint_pos], jnp.float32)
    m = replace(moment({}), joint_pos=pose, joint_vel=jnp.zeros_like(pose))
    for term in (rewards.posture, rewards.joint_limits, rewards.stand_still):
        assert float(term(m, ref)[0]) == 0.0
