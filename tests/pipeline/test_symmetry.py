"""The mirror, on a robot that is really mirrored."""

import dataclasses

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from brax.training.acme import running_statistics

import robots
from deploy.observations import TERMS
from pipeline import config, rewards
from pipeline.env import contract_of, make_env
from pipeline.ppo.equivariance import Equivariance
from pipeline.ppo.networks import ACTOR, CRITIC, init_params, make_networks
from pipeline.symmetry import chain, make_mirror
from robots import RobotError
from robots.mirror import mirror_feet, mirror_joints
from robots.model import SPAWN_KEY, build_model

NAMES = robots.names()
CROOKED = {"h1_2": 1e-2}
"""The H1_2's published torso is not quite symmetric: its COM is 1.3 mm off the middle."""
POLAR = np.array([1.0, -1.0, 1.0])


def mirror_of(name):
    robot = robots.load(name)
    return robot, make_mirror(robot, contract_of(config.load().task, robot))


@pytest.mark.parametrize("name", NAMES)
def test_mirroring_twice_changes_nothing(name):
    _, mirror = mirror_of(name)
    for permutation in (*mirror.obs.values(), mirror.distribution):
        x = np.arange(1.0, 1.0 + len(permutation.order), dtype=np.float32)
        assert not np.array_equal(permutation(x), x)
        np.testing.assert_array_equal(permutation(permutation(x)), x)


def test_go2_joints_by_hand():
    joints = mirror_joints(robots.load("go2"))
    # FL FR RL RR, each hip thigh calf: sides swap, hips turn their sign.
    np.testing.assert_array_equal(joints.order, [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8])
    np.testing.assert_array_equal(joints.sign, [-1, 1, 1] * 4)
    np.testing.assert_array_equal(mirror_feet(robots.load("go2")).order, [1, 0, 3, 2])


@pytest.mark.parametrize("name", NAMES)
def test_forward_kinematics_of_the_mirrored_pose_is_the_mirror_image(name):
    robot = robots.load(name)
    joints = mirror_joints(robot)
    model = build_model(robot, sim_dt=0.002)
    rng = np.random.default_rng(0)
    pose = np.asarray(robot.default_joint_pos) + rng.uniform(-0.3, 0.3, len(robot.joints))
    feet = [feet_in_base(model, robot, angles) for angles in (pose, joints(pose))]
    order = mirror_feet(robot).order
    np.testing.assert_allclose(feet[1], feet[0][order] * POLAR, atol=1e-7)


def feet_in_base(model, robot, angles):
    data = mujoco.MjData(model)
    data.qpos[:] = model.key(SPAWN_KEY).qpos
    data.qpos[:7] = [0, 0, 1, 1, 0, 0, 0]
    data.qpos[7:] = angles
    mujoco.mj_kinematics(model, data)
    return np.stack([data.site(foot.site).xpos - [0, 0, 1] for foot in robot.feet])


@pytest.mark.parametrize("name", NAMES)
def test_dynamics_commute_with_the_mirror(name):
    """A mirrored robot under mirrored targets moves as the mirror image, observed as such."""
    settings = config.load()
    robot, mirror = mirror_of(name)
    # Two environments on the nominal robot, the second starting as the first's mirror image.
    env = make_env(settings, robot, num_envs=2, randomized=False)
    state = jax.jit(env.reset)(jax.random.PRNGKey(0))
    rng = np.random.default_rng(1)
    one = rng.uniform(-0.3, 0.3, len(robot.joints)).astype(np.float32)
    actions = jnp.stack([one, mirror_joints(robot)(one)])
    command = jnp.asarray([[0.5, 0.2, 0.3], [0.5, -0.2, -0.3]], jnp.float32)
    state = dataclasses.replace(
        state,
        command=dataclasses.replace(state.command, value=command),
        phase=jnp.asarray([0.1, 0.6], jnp.float32),
    )
    step = jax.jit(env.step)
    for _ in range(3):
        state = step(state, actions)
    for name_, permutation in mirror.obs.items():
        seen = np.asarray(state.obs[name_])
        assert np.abs(seen[0]).max() > 0.1
        np.testing.assert_allclose(seen[1], permutation(seen[0]), atol=CROOKED.get(name, 2e-3))
    _, terms = rewards.total(state.moment, env.reference, env.task.rewards)
    for term, (one, other) in terms.items():  # their sum is clipped at zero, where all are alike
        np.testing.assert_allclose(
            one, other, rtol=1e-3, atol=CROOKED.get(name, 2e-3), err_msg=term
        )


def test_every_observation_term_has_a_mirror():
    robot, mirror = mirror_of(NAMES[0])
    contract = contract_of(config.load().task, robot)
    assert {term.name for term in contract.observation} == set(TERMS)
    assert len(mirror.obs["state"].order) == contract.observation_size


def test_chain_moves_blocks_by_what_stands_before():
    joints = mirror_joints(robots.load("go2"))
    both = chain([joints, joints])
    np.testing.assert_array_equal(both.order[12:], joints.order + 12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"default_pos": 0.2}, "go2: default_pos of FL_hip_joint is 0.2, .* says 0.1"),
        ({"upper": 0.9}, "go2: upper of FL_hip_joint is 0.9, .* says 1.0472"),
        ({"axis": "y"}, "axis of FL_hip_joint is y"),
        ({"name": "FL_hipp_joint"}, "FL_hipp_joint has no partner FR_hipp_joint"),
    ],
)
def test_a_map_that_does_not_close_is_refused(change, message):
    robot = robots.load("go2")
    joints = (dataclasses.replace(robot.joints[0], **change), *robot.joints[1:])
    with pytest.raises(RobotError, match=message):
        mirror_joints(dataclasses.replace(robot, joints=joints))


def test_feet_in_step_are_refused():
    robot = robots.load("go2")
    feet = (dataclasses.replace(robot.feet[0], gait_offset=0.5), *robot.feet[1:])
    with pytest.raises(RobotError, match="half a stride apart"):
        mirror_feet(dataclasses.replace(robot, feet=feet))


@pytest.mark.parametrize("name", NAMES)
def test_the_networks_of_a_robot_are_their_own_mirror_image(name):
    settings = config.load()
    robot, mirror = mirror_of(name)
    sizes = {key: len(permutation.order) for key, permutation in mirror.obs.items()}
    networks = make_networks(settings.ppo, sizes, len(robot.joints))
    drawn = init_params(networks, sizes, jax.random.PRNGKey(0), 0.4)
    weights = Equivariance(mirror, ACTOR, CRITIC).start(drawn.networks)
    rng = np.random.default_rng(0)
    obs = {key: rng.normal(size=(5, size)).astype(np.float32) for key, size in sizes.items()}
    seen = {key: np.asarray(mirror.obs[key](jnp.asarray(x))) for key, x in obs.items()}
    policy = [
        networks.policy_network.apply(drawn.normalizer, weights.policy, o) for o in (obs, seen)
    ]
    value = [networks.value_network.apply(drawn.normalizer, weights.value, o) for o in (obs, seen)]
    assert jnp.std(value[0]) > 0.01
    np.testing.assert_allclose(policy[1], mirror.distribution(policy[0]), atol=1e-6)
    np.testing.assert_allclose(value[1], value[0], atol=1e-5)
    # As spread out as weights drawn freely, and projecting again changes nothing.
    free = drawn.networks.value["params"]["hidden_1"]["kernel"]
    tied = weights.value["params"]["hidden_1"]["kernel"]
    assert jnp.std(tied) == pytest.approx(float(jnp.std(free)), rel=0.05)
    again = Equivariance(mirror, ACTOR, CRITIC).project(weights)
    for once, twice in zip(jax.tree.leaves(weights), jax.tree.leaves(again), strict=True):
        np.testing.assert_allclose(once, twice, atol=1e-7)


def test_statistics_are_those_of_observations_and_their_mirror_images():
    _, mirror = mirror_of("g1")
    rng = np.random.default_rng(0)
    sizes = {key: len(permutation.order) for key, permutation in mirror.obs.items()}
    nest = {key: jax.ShapeDtypeStruct((size,), jnp.float32) for key, size in sizes.items()}
    halved = whole = running_statistics.init_state(nest)
    for shift in (0.0, 0.7, -0.2):
        seen = {
            key: jnp.asarray(rng.normal(shift, rng.uniform(0.1, 2, size), (3, 40, size)))
            for key, size in sizes.items()
        }
        both = {key: jnp.concatenate([x, mirror.obs[key](x)]) for key, x in seen.items()}
        halved = Equivariance(mirror, ACTOR, CRITIC).symmetric(
            running_statistics.update(halved, seen)
        )
        whole = running_statistics.update(whole, both)
    for key in sizes:
        np.testing.assert_allclose(halved.mean[key], whole.mean[key], atol=1e-5)
        np.testing.assert_allclose(halved.std[key], whole.std[key], rtol=1e-4)
    assert np.abs(np.asarray(halved.mean[ACTOR])).max() > 0.1
