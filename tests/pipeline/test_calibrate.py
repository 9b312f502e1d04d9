"""Calibration finds what a robot that walks by a known rule has to be told."""

import jax
import mujoco
import numpy as np
import pytest

from pipeline import calibrate as module
from pipeline.calibrate import calibrate, make_walkers
from pipeline.command_map import CommandMap, nodes
from pipeline.physics.make import make_model
from pipeline.quality import Episodes

ROUNDS = 6


@pytest.fixture(scope="module")
def walkers(make_config, go2):
    return make_walkers(make_config(), go2)


@pytest.fixture
def walk(monkeypatch, walkers):
    """Calibrate a robot that moves as a rule says, and falls where another one says."""

    def make(rule, falls=lambda told: np.zeros(len(told), bool)):
        class Driver:
            def __init__(self, env, act):
                assert env is walkers

            def drive(self, commands, key):
                told = commands[0]
                steps = len(commands)
                sway = 0.3 * np.sin(np.arange(steps) * 2 * np.pi / 50)[:, None, None]
                velocity = rule(told)[None] + sway
                fell_at = np.where(falls(told), 10, steps)
                velocity = np.where(falls(told)[None, :, None], 99.0, velocity)
                nothing = np.zeros((steps, len(told), 12))
                episodes = Episodes(commands, velocity, nothing, nothing, nothing, nothing, fell_at)
                return type("Rollout", (), {"episodes": episodes})

        monkeypatch.setattr(module, "Driver", Driver)
        errors = []

        def on_round(count, off):
            assert count == len(errors)
            errors.append(np.linalg.norm(off, axis=1).mean() if len(off) else np.inf)

        found = calibrate(walkers, lambda obs: obs, ROUNDS, jax.random.PRNGKey(0), on_round)
        return found, errors

    return make


def told_for(found, walkers, asked):
    return np.asarray(found.told(walkers.contract, np.asarray(asked, np.float32)))


def slow(told):
    """Backward at 70 %, sideways at 80 % with a creep forward, turns too fast."""
    vx, vy, yaw = told.T
    return np.stack(
        [np.where(vx < 0, 0.7, 1.05) * vx + 0.1 * np.abs(vy), 0.8 * vy, 1.1 * yaw], axis=-1
    )


def test_a_robot_that_is_off_by_a_rule_walks_as_asked_afterwards(walk, walkers):
    found, errors = walk(slow)
    assert len(errors) == ROUNDS + 1
    assert errors[0] > 0.15 and errors[-1] < 0.02 * errors[0]
    assert errors == sorted(errors, reverse=True)
    asked = np.random.default_rng(0).uniform([-1, -0.6, -1.5], [1.5, 0.6, 1.5], (200, 3))
    np.testing.assert_allclose(slow(told_for(found, walkers, asked)), asked, atol=0.02)


def test_what_cannot_be_walked_does_not_spoil_what_can(walk, walkers):
    """At its limit a robot walks no faster, whatever it is told; here sideways it walks slower."""

    def limited(told):
        vx, vy, yaw = told.T
        fastest = np.maximum(1.0 - 2.0 * np.abs(vy) - 0.5 * np.abs(yaw), 0.3)
        return np.stack([np.minimum(0.9 * vx, fastest), 0.9 * vy, yaw], axis=-1)

    found, _ = walk(limited)
    asked = np.array([[0.3, 0.0, 0.0], [0.5, 0.0, 0.0], [0.65, 0.0, 0.0], [-0.8, 0.0, 0.0]])
    told = told_for(found, walkers, asked)
    np.testing.assert_allclose(limited(told), asked, atol=0.01)
    most = module.REACH * np.array([1.5, 0.6, 1.5])
    assert (np.abs(np.asarray(found.added)) <= most + 1e-9).all()


def test_a_robot_that_obeys_by_half_is_told_more(walk, walkers):
    """Told half as much again, it walks a quarter faster: six rounds come within a few percent."""
    found, _ = walk(lambda told: 0.5 * told + 0.3 * np.clip(told, -0.3, 0.3))
    told = told_for(found, walkers, [[0.7, 0.0, 0.0], [0.0, 0.0, 0.9]])
    np.testing.assert_allclose(0.5 * np.diag(told[:, ::2]) + 0.09, [0.7, 0.9], atol=0.05)


def test_a_drift_that_a_mirror_turns_is_left_alone_straight_ahead(walk, walkers):
    """A robot that drifts to the left, whatever it is told, is not told to go right."""
    found, errors = walk(lambda told: told + np.array([0.0, 0.1, 0.0]))
    straight = told_for(found, walkers, [[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(straight, [[1.0, 0.0, 0.0]], atol=1e-6)
    assert errors[0] < 0.11


def test_a_robot_that_walks_as_asked_is_left_alone(walk):
    found, errors = walk(lambda told: told)
    assert errors[0] == pytest.approx(0.0, abs=1e-6)
    assert np.abs(np.asarray(found.added)).max(initial=0.0) < 1e-6


def test_a_correction_that_makes_it_worse_is_not_kept(walk):
    calls = []

    def worse(told):
        calls.append(1)
        return told - 0.1 * (-3.0) ** len(calls)

    found, errors = walk(worse)
    assert found == CommandMap()
    assert errors == [errors[0]] * (ROUNDS + 1)


def test_where_it_falls_nothing_is_corrected_and_nothing_else_spoilt(walk, walkers):
    """Told more than 0.4 m/s to a side, it falls: at the nodes of 0.6 it never stands."""
    found, _ = walk(slow, falls=lambda told: np.abs(told[:, 1]) > 0.4)
    added, fast = np.asarray(found.added), nodes(walkers.contract)[:, 1] == 0.6
    assert fast.any() and (added[fast] == 0.0).all()
    asked = np.array([[-0.8, 0.0, 0.0], [1.2, 0.0, 0.0], [0.0, 0.25, 0.0], [0.0, 0.0, -1.2]])
    np.testing.assert_allclose(slow(told_for(found, walkers, asked)), asked, atol=0.02)


def test_a_correction_that_fells_it_is_taken_back_halfway(walk, walkers):
    """It stands up to 1.6 m/s; to walk 1.5 it would have to be told 1.87."""
    found, _ = walk(lambda told: 0.8 * told, falls=lambda told: told[:, 0] > 1.6)
    told = told_for(found, walkers, [[1.5, 0.0, 0.0], [0.7, 0.0, 0.0]])
    assert 1.5 <= told[0, 0] <= 1.6
    assert told[1, 0] == pytest.approx(0.875, abs=0.01)


def test_when_every_robot_falls_nothing_is_corrected(walk):
    found, errors = walk(slow, falls=lambda told: np.ones(len(told), bool))
    assert found == CommandMap()
    assert errors == [np.inf]


def test_walkers_are_nominal_and_their_contacts_are_solved(walkers, make_config, go2):
    config = make_config()
    options = walkers.physics.model.opt
    assert options.iterations >= 50 and options.ls_iterations >= 50
    assert options.cone == mujoco.mjtCone.mjCONE_ELLIPTIC
    assert options.timestep == pytest.approx(0.002)
    assert walkers.physics.n_substeps == 10
    assert walkers.num_envs == len(nodes(walkers.contract)) and not walkers.randomized
    assert config.physics.iterations < 50  # the training's own settings are another thing


@pytest.mark.parametrize(("ctrl_dt", "sim_dt"), [(0.02, 0.002), (0.024, 0.012)])
def test_walkers_steps_are_short_and_divide_the_control_period(make_config, go2, ctrl_dt, sim_dt):
    changes = {"task.control.ctrl_dt": ctrl_dt, "physics.sim_dt": sim_dt}
    physics = make_walkers(make_config(changes), go2).physics
    step = physics.model.opt.timestep
    assert step <= min(0.002, sim_dt)
    assert physics.n_substeps * step == pytest.approx(ctrl_dt)


def test_walkers_have_the_joints_and_the_floor_that_training_has_on_average(make_config, go2):
    ranges = {
        "task.randomization.friction": [0.2, 1.0],
        "task.randomization.armature_scale": [0.1, 1.3],
        "task.randomization.damping_scale": [0.0, 1.0],
        "task.randomization.frictionloss_scale": [1.0, 3.0],
    }
    config = make_config(ranges)
    middle, named = make_walkers(config, go2).physics.model, make_model(config, go2)
    np.testing.assert_allclose(middle.geom_friction[:, 0], 0.6)
    np.testing.assert_allclose(middle.dof_armature, 0.7 * named.dof_armature)
    np.testing.assert_allclose(middle.dof_damping, 0.5 * named.dof_damping)
    np.testing.assert_allclose(middle.dof_frictionloss, 2.0 * named.dof_frictionloss)
    np.testing.assert_array_equal(middle.body_mass, named.body_mass)
