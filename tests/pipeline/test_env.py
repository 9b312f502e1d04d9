"""The environment: what the policy sees, what its action does, and how episodes end."""

import dataclasses
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deploy.frames import projected_gravity
from deploy.observations import Inputs, observe, term_slice
from pipeline import rewards
from pipeline.commands import CommandState
from pipeline.env import Env, contract_of, make_env
from pipeline.physics.make import make_model
from pipeline.randomize import nominal_bodies

N = 8
KEY = jax.random.PRNGKey(7)
PREFIX = "task.randomization."
# Ranges of an episode that draw nothing.
CALM = {
    "encoder_offset": [0.0, 0.0],
    "action_delay_s": [0.0, 0.0],
    "initial_joint_pos": [0.0, 0.0],
    "initial_lin_vel": [0.0, 0.0],
    "push_interval_s": [5.0, 5.0],
    "push_speed": [0.0, 0.0],
    "push_level_step": 0.0,
    "noise.gyro": 0.0,
    "noise.projected_gravity": 0.0,
    "noise.joint_pos": 0.0,
    "noise.joint_vel": 0.0,
}


class Still:
    """Physics that stands still and remembers what it was asked to do."""

    name = "still"
    n_substeps = 4
    num_envs = N
    bodies = MappingProxyType({})

    def __init__(self, model):
        self.model = model
        self.states, self.targets = [], []

    def step(self, state, targets):
        self.states.append(state)
        self.targets.append(targets)
        return state


@pytest.fixture(scope="module")
def model(make_config, go2):
    return make_model(make_config({"physics.sim_dt": 0.02 / Still.n_substeps}), go2)


@pytest.fixture(scope="module")
def still_env(make_config, model, go2):
    """Make an environment on `Still`, with some ranges changed from CALM.

    The first `exact` of its robots are those without noise, offsets and delay, the first
    `unpushed` those that are never pushed.
    """

    def make(changes=None, randomized=True, exact=0, unpushed=0, **settings):
        ranges = {PREFIX + name: value for name, value in {**CALM, **(changes or {})}.items()}
        config = make_config({**ranges, **settings})
        bodies = nominal_bodies(model, go2, N)
        bodies = dataclasses.replace(
            bodies,
            nominal=np.arange(N) < exact,
            pushed=np.arange(N) >= unpushed,
        )
        return Env(config.task, go2, Still(model), bodies, randomized=randomized)

    return make


@pytest.fixture(scope="module")
def nominal(make_config, go2):
    """An environment without randomization; its compiled reset and step; how often each traced."""
    return compiled(make_env(make_config(), go2, num_envs=N, randomized=False))


@pytest.fixture(scope="module")
def randomized(make_config, go2):
    return compiled(make_env(make_config(), go2, num_envs=N, randomized=True))


def compiled(env):
    traces = {"reset": 0, "step": 0}

    def counted(name):
        def call(*arguments):
            traces[name] += 1
            return getattr(env, name)(*arguments)

        return jax.jit(call)

    return env, counted("reset"), counted("step"), traces


def actions(seed, n=12):
    return jax.random.uniform(jax.random.PRNGKey(seed), (N, n), minval=-1.0, maxval=1.0)


def clean(env, state):
    """The readings without noise, in NumPy."""
    qpos, qvel = np.asarray(state.physics.qpos), np.asarray(state.physics.qvel)
    return observe(
        env.contract,
        Inputs(
            gyro=qvel[:, 3:6],
            projected_gravity=projected_gravity(qpos[:, 3:7]),
            command=np.asarray(state.command.value),
            joint_pos=qpos[:, 7:],
            joint_vel=qvel[:, 6:],
            last_action=np.asarray(state.action),
            phase=np.asarray(state.phase),
        ),
    )


def changed_leaves(a, b):
    """Dotted names of the leaves that differ."""
    flat_a, flat_b = (jax.tree_util.tree_flatten_with_path(x)[0] for x in (a, b))
    return {
        ".".join(str(getattr(part, "name", getattr(part, "key", part))) for part in path)
        for (path, x), (_, y) in zip(flat_a, flat_b, strict=True)
        if not np.array_equal(np.asarray(x), np.asarray(y))
    }


# What is seen


def test_observation_sizes(nominal, randomized, go2):
    joints, feet = len(go2.joints), len(go2.feet)
    bodies = 1 + 1 + 3 + 3 * joints  # friction, mass, centre of mass; strength, kp, kd
    # The actor's 47, base velocity, height, contacts, foot heights, torques, what comes, the body.
    wanted = 47 + 3 + 1 + feet + feet + joints + 8 + bodies
    for env, reset, _, _ in (nominal, randomized):
        obs = reset(KEY).obs
        assert env.contract.observation_size == 47
        assert obs["state"].shape == (N, 47)
        assert obs["privileged_state"].shape == (N, wanted)
        assert {x.dtype for x in obs.values()} == {jnp.dtype("float32")}


def test_state_is_the_clean_reading_when_not_randomized(nominal):
    env, reset, step, _ = nominal
    state = reset(KEY)
    for seed in range(4):
        # The one observation function, in NumPy as on the robot.
        assert np.asarray(state.obs["state"]) == pytest.approx(clean(env, state), abs=1e-6)
        state = step(state, actions(seed))


def test_privileged_state_begins_with_the_clean_reading(randomized):
    env, reset, step, _ = randomized
    state = step(reset(KEY), actions(0))
    exact = np.asarray(state.obs["privileged_state"])[:, :47]
    assert exact == pytest.approx(clean(env, state), abs=1e-6)
    assert not np.allclose(np.asarray(state.obs["state"]), exact, atol=1e-3)


def test_noise_stays_within_its_half_width(randomized):
    env, reset, step, _ = randomized
    noise = env.task.randomization.noise
    state = reset(KEY)
    off = {}
    for seed in range(6):
        state = step(state, actions(seed))
        difference = np.asarray(state.obs["state"]) - clean(env, state)
        for term in env.contract.observation:
            where = term_slice(env.contract, term.name)
            raw = difference[:, where.start : where.stop] / np.asarray(term.scale)
            if term.name == "joint_pos":
                raw -= np.asarray(state.encoder_offset)
            off.setdefault(term.name, []).append(raw)
    largest = {name: float(np.abs(rows).max()) for name, rows in off.items()}
    for name in ("gyro", "projected_gravity", "joint_pos", "joint_vel"):
        half = getattr(noise, name)
        assert 0.8 * half < largest[name] <= half * (1 + 1e-4) + 1e-6
    for name in ("command", "last_action", "phase"):
        assert largest[name] < 1e-6


# Each range of an episode, by itself


RESET_CHANGES = {
    "encoder_offset": ([-0.5, 0.5], {"encoder_offset", "obs.state"}),
    "action_delay_s": ([0.0, 0.02], {"delay"}),
    "initial_joint_pos": (
        [-0.1, 0.1],
        {"physics.qpos", "moment.joint_pos", "obs.state", "obs.privileged_state"},
    ),
    "initial_lin_vel": (
        [-0.3, 0.3],
        {"physics.qvel", "moment.lin_vel_b", "obs.privileged_state"},
    ),
    "push_interval_s": ([1.0, 5.0], {"steps_to_push", "obs.privileged_state"}),
    "push_speed": ([0.5, 1.5], {"push"}),  # at level 0 it is none yet
    "noise.gyro": (0.5, {"obs.state"}),
    "noise.projected_gravity": (0.5, {"obs.state"}),
    "noise.joint_pos": (0.5, {"obs.state"}),
    "noise.joint_vel": (0.5, {"obs.state"}),
}
NOISY = {"noise.gyro", "noise.projected_gravity", "noise.joint_pos", "noise.joint_vel"}


@pytest.mark.parametrize("name", RESET_CHANGES)
def test_a_range_changes_what_it_says_and_nothing_else(still_env, name):
    wide, wanted = RESET_CHANGES[name]
    calm, drawn = still_env().reset(KEY), still_env({name: wide}).reset(KEY)
    assert changed_leaves(calm, drawn) == wanted


@pytest.mark.parametrize("name", sorted(NOISY | {"encoder_offset"}))
def test_a_noise_changes_its_own_term_alone(still_env, name):
    env = still_env({name: RESET_CHANGES[name][0]})
    difference = np.asarray(env.reset(KEY).obs["state"] - still_env().reset(KEY).obs["state"])
    own = "joint_pos" if name == "encoder_offset" else name.removeprefix("noise.")
    where = term_slice(env.contract, own)
    touched = np.any(np.abs(difference) > 1e-7, axis=0)
    assert np.flatnonzero(touched).tolist() == list(range(where.start, where.stop))


def test_every_range_of_an_episode_is_here(raw_params):
    ranges = raw_params["task"]["randomization"]
    names = (ranges.keys() - {"noise"}) | {f"noise.{name}" for name in ranges["noise"]}
    per_body = {"friction", "base_mass", "base_com", "link_mass_scale", "motor_strength"}
    per_body |= {"kp_scale", "kd_scale", "armature_scale", "frictionloss_scale", "damping_scale"}
    per_body |= {"nominal_share", "pushed_share"}
    at_reset = names - per_body - {"push_level_step"}
    assert at_reset == RESET_CHANGES.keys()
    assert names - per_body == CALM.keys()


def test_nominal_robots_measure_exactly_and_act_at_once(still_env):
    ranges = {"encoder_offset": [0.1, 0.2], "action_delay_s": [0.02, 0.02], "noise.gyro": 0.5}
    env = still_env(ranges, exact=3)
    state = env.reset(KEY)
    exact = np.arange(N) < 3
    assert np.array_equal(np.asarray(state.delay)[:, 0] == 0, exact)
    assert np.array_equal((np.asarray(state.encoder_offset) == 0).all(axis=1), exact)
    for _ in range(2):
        off = np.abs(np.asarray(state.obs["state"]) - clean(env, state)).max(axis=1)
        assert np.array_equal(off < 1e-6, exact)
        state = env.step(state, actions(1))


def test_spawn_is_within_its_ranges(still_env, go2):
    ranges = {"initial_joint_pos": [0.1, 0.2], "initial_lin_vel": [0.3, 0.4]}
    state = still_env({**ranges, "encoder_offset": [0.01, 0.02]}).reset(KEY)
    off = np.asarray(state.physics.qpos[:, 7:]) - np.float32(go2.default_joint_pos)
    assert off.min() >= 0.1 - 1e-6 and off.max() <= 0.2 + 1e-6
    velocity = np.asarray(state.physics.qvel)
    assert velocity[:, :3].min() >= 0.3 - 1e-6 and velocity[:, :3].max() <= 0.4 + 1e-6
    assert (velocity[:, 3:] == 0).all()
    offset = np.asarray(state.encoder_offset)
    assert offset.min() >= 0.01 and offset.max() <= 0.02


def test_nominal_spawn_is_the_spawn_pose(still_env, go2):
    state = still_env(randomized=False).reset(KEY)
    wanted = [0, 0, go2.spawn_height, *go2.spawn_quat, *go2.default_joint_pos]
    assert np.asarray(state.physics.qpos) == pytest.approx(np.tile(wanted, (N, 1)), abs=1e-6)
    assert (np.asarray(state.physics.qvel) == 0).all()
    assert (np.asarray(state.step_count) == 0).all()


def test_random_heading_keeps_the_spawn_pitch(still_env, go2):
    state = still_env().reset(KEY)
    quat = np.asarray(state.physics.qpos[:, 3:7])
    assert np.linalg.norm(quat, axis=1) == pytest.approx(np.ones(N), abs=1e-6)
    upright = projected_gravity(np.float32([go2.spawn_quat]))
    assert projected_gravity(quat) == pytest.approx(np.repeat(upright, N, 0), abs=1e-6)
    yaw = 2 * np.arctan2(quat[:, 3], quat[:, 0])
    assert np.ptp(yaw) > 2


def test_episodes_begin_at_staggered_ages_when_randomized(still_env):
    ages = np.asarray(still_env().reset(KEY).step_count)
    assert len(np.unique(ages)) > N // 2
    assert ages.min() >= 0 and ages.max() < still_env().max_steps


def test_zero_command_share(still_env):
    for share in (0.0, 1.0):
        command = still_env(**{"task.commands.zero_share": share}).reset(KEY).command.value
        assert np.all(np.asarray(command) == 0, axis=1).mean() == share


# What an action does


def test_targets_are_default_plus_scaled_action(still_env, go2):
    env = still_env(**{"task.control.action_scale": 0.25})
    action = actions(1)
    state = env.step(env.reset(KEY), action)
    wanted = np.float32(go2.default_joint_pos) + 0.25 * np.asarray(action)
    assert np.asarray(state.targets) == pytest.approx(wanted, abs=1e-6)
    sent = np.asarray(env.physics.targets[-1])
    assert sent.shape == (N, 4, 12)
    assert sent == pytest.approx(np.repeat(wanted[:, None], 4, axis=1), abs=1e-6)


def test_action_delay_holds_the_old_targets_for_its_substeps(still_env, go2):
    env = still_env()
    first, second = actions(1), actions(2)
    delay = jnp.asarray([0, 1, 2, 3, 4, 0, 1, 4], jnp.int32)[:, None]
    state = env.step(env.reset(KEY).replace(delay=delay, step_count=jnp.zeros(N, jnp.int32)), first)
    env.step(state, second)
    default, scale = np.float32(go2.default_joint_pos), env.task.control.action_scale
    for sent, old, new in (
        (env.physics.targets[0], np.tile(default, (N, 1)), default + scale * np.asarray(first)),
        (
            env.physics.targets[1],
            default + scale * np.asarray(first),
            default + scale * np.asarray(second),
        ),
    ):
        for row, late in enumerate(delay[:, 0].tolist()):
            for substep in range(4):
                wanted = old[row] if substep < late else new[row]
                assert np.asarray(sent[row, substep]) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("delay_s", "substeps"), [(0.0, 0), (0.005, 1), (0.015, 3), (0.02, 4)])
def test_delay_in_seconds_is_whole_substeps(still_env, delay_s, substeps):
    state = still_env({"action_delay_s": [delay_s, delay_s]}).reset(KEY)
    assert np.asarray(state.delay).tolist() == [[substeps]] * N


def test_encoder_offset_shifts_reading_and_target_against_each_other(still_env):
    env = still_env()
    offset = 0.01 * (1 + jnp.arange(N * 12, dtype=jnp.float32).reshape(N, 12))
    state = env.reset(KEY).replace(encoder_offset=offset, step_count=jnp.zeros(N, jnp.int32))
    after = env.step(state, actions(1))
    where = term_slice(env.contract, "joint_pos")
    reading = np.asarray(after.obs["state"]) - clean(env, after)
    # The scale of joint_pos is one.
    assert reading[:, where.start : where.stop] == pytest.approx(np.asarray(offset), abs=1e-5)
    truth = np.asarray(after.obs["privileged_state"])[:, :47]
    assert truth == pytest.approx(clean(env, after), abs=1e-6)
    sent = np.asarray(env.physics.targets[-1])
    wanted = np.asarray(after.targets - offset)
    assert sent == pytest.approx(np.repeat(wanted[:, None], 4, axis=1), abs=1e-6)


def test_the_last_action_and_the_phase_are_seen(still_env):
    env = still_env(**{"task.control.gait_period_s": 0.5})
    before = env.reset(KEY)
    action = actions(1)
    after = env.step(before, action)
    where = term_slice(env.contract, "last_action")
    seen = np.asarray(after.obs["state"])[:, where.start : where.stop]
    assert np.array_equal(seen, np.asarray(action))
    advanced = (np.asarray(before.phase) + 0.02 / 0.5) % 1
    assert np.asarray(after.phase) == pytest.approx(advanced, abs=1e-6)
    assert np.array_equal(np.asarray(after.moment.last_action), np.zeros((N, 12)))
    assert np.array_equal(np.asarray(env.step(after, action).moment.last_action), seen)


# Pushes


def due_to_be_pushed(env, level=1.0):
    """All environments, at the start of an episode, before a push of the given level."""
    start = env.reset(KEY).replace(
        step_count=jnp.zeros(N, jnp.int32), push_level=jnp.full(N, level, jnp.float32)
    )
    return due_again(start)


def due_again(state):
    """The same environments, with a push due."""
    return state.replace(steps_to_push=jnp.zeros(N, jnp.int32))


def jumps(env, state):
    """(N, nv) what a step adds to the velocities of `state` before physics."""
    env.step(state, actions(1))
    return np.asarray(env.physics.states[-1].qvel - state.physics.qvel)


def test_pushes_start_at_nothing_and_grow_as_they_are_survived(still_env):
    env = still_env({"push_speed": [1.0, 1.0], "push_level_step": 0.3})
    assert not env.reset(KEY).push_level.any()
    state, speeds = due_to_be_pushed(env, level=0.0), []
    for _ in range(6):
        before = state.physics.qvel
        state = env.step(due_again(state), actions(1))
        jump = np.asarray(env.physics.states[-1].qvel - before)
        speeds.append(float(np.linalg.norm(jump[0, :2])))
    assert speeds == pytest.approx([0.0, 0.3, 0.6, 0.9, 1.0, 1.0], abs=1e-5)


def test_pushes_come_twice_as_often_as_they_grow(still_env):
    env = still_env({"push_interval_s": [2.0, 2.0]})
    for level, seconds in ((0.0, 4.0), (0.5, 4.0), (0.8, 2.5), (1.0, 2.0)):
        after = env.step(due_to_be_pushed(env, level), actions(1))
        assert np.abs(np.asarray(after.steps_to_push) - seconds / 0.02).max() <= 1, level


def told_of(env, state):
    """(N, 8) what the critic is told of things to come, after a step."""
    return np.asarray(env.step(state, actions(0)).obs["privileged_state"])[:, -49:-41]


def test_the_critic_sees_a_push_come_and_which(still_env):
    env = still_env({"push_speed": [0.0, 0.0]}, unpushed=1)
    state = due_to_be_pushed(env, level=0.7)
    steps = jnp.asarray([21, 21, 41, 1001, 21, 21, 21, 21], jnp.int32)
    push = jnp.tile(jnp.asarray([[0.0, 1.5]]), (N, 1))
    # The second robot looks along y: what comes from its right in the world comes from behind.
    half = np.sqrt(0.5)
    qpos = state.physics.qpos.at[:, 3:7].set(jnp.asarray([1.0, 0.0, 0.0, 0.0]))
    qpos = qpos.at[1, 3:7].set(jnp.asarray([half, 0.0, 0.0, half]))
    physics = state.physics.replace(qpos=qpos)
    told = told_of(env, state.replace(steps_to_push=steps, push=push, physics=physics))
    level, soon, forward, left = told[:, :4].T
    assert level == pytest.approx(0.7)
    wanted = [0.0, np.exp(-1), np.exp(-2), 0.0, *[np.exp(-1)] * 4]  # 0.4 s, 0.8 s, 20 s away
    assert soon == pytest.approx(wanted, abs=1e-6)
    along = np.asarray(wanted) * 0.7 * 1.5
    assert forward == pytest.approx([0.0, along[1], *[0.0] * 6], abs=1e-5)
    assert left == pytest.approx([along[0], 0.0, *along[2:]], abs=1e-5)
    nobody = still_env({}, randomized=False)
    assert not np.asarray(nobody.reset(KEY).obs["privileged_state"])[:, -48:-45].any()


def test_a_push_is_the_one_that_the_critic_saw_and_then_another_is_drawn(still_env):
    env = still_env({"push_speed": [0.5, 1.5]})
    state = due_to_be_pushed(env, level=0.8)
    state = state.replace(steps_to_push=jnp.asarray([0, 5] * 4, jnp.int32))
    after, jump = env.step(state, actions(1)), jumps(env, state)
    due = np.arange(N) % 2 == 0
    assert jump[due, :2] == pytest.approx(0.8 * np.asarray(state.push)[due], abs=1e-6)
    changed = np.any(np.asarray(after.push != state.push), axis=1)
    assert np.array_equal(changed, due)


def test_the_critic_sees_the_next_command_come(still_env):
    env = still_env()
    now, then = jnp.full((N, 3), 0.2), jnp.tile(jnp.asarray([[0.5, -0.1, 1.0]]), (N, 1))
    steps = jnp.asarray([21, 41] * 4, jnp.int32)
    state = due_to_be_pushed(env).replace(command=CommandState(now, then, steps))
    soon, change = np.split(told_of(env, state)[:, 4:], [1], axis=1)
    wanted = np.asarray([np.exp(-1), np.exp(-2)] * 4)[:, None]
    assert soon == pytest.approx(wanted, abs=1e-6)
    assert change == pytest.approx(wanted * [0.3, -0.3, 0.8], abs=1e-6)


def test_some_robots_are_never_pushed(still_env):
    env = still_env({"push_speed": [1.0, 1.0]}, unpushed=3)
    state = due_to_be_pushed(env)
    after, jump = env.step(state, actions(1)), jumps(env, state)
    assert np.array_equal(np.any(jump != 0, axis=1), np.arange(N) >= 3)
    assert (np.asarray(after.push_level)[:3] == np.asarray(state.push_level)[:3]).all()


def test_a_fall_lowers_the_level_of_that_environment_only_and_it_outlives_the_episode(still_env):
    env = still_env({"push_speed": [0.0, 0.0], "push_level_step": 0.25})
    state = due_to_be_pushed(env, level=0.5)
    state = state.replace(steps_to_push=jnp.full(N, 50, jnp.int32))
    qpos = state.physics.qpos.at[1, 2].set(0.05)
    after = env.step(state.replace(physics=state.physics.replace(qpos=qpos)), actions(1))
    assert after.done.tolist() == [0, 1, 0, 0, 0, 0, 0, 0]
    assert np.asarray(after.push_level) == pytest.approx([0.5, 0.25, *[0.5] * 6])
    # The end of time is no fall.
    over = after.replace(step_count=jnp.full(N, env.max_steps - 1, jnp.int32))
    assert env.step(over, actions(1)).push_level.tolist() == after.push_level.tolist()


def test_a_fall_costs_its_price_times_the_push_level_and_the_end_of_time_nothing(still_env):
    env = still_env({"push_speed": [0.0, 0.0]})
    state = due_to_be_pushed(env).replace(steps_to_push=jnp.full(N, 50, jnp.int32))
    qpos = state.physics.qpos.at[1, 2].set(0.05).at[3, 2].set(0.05)
    state = state.replace(
        physics=state.physics.replace(qpos=qpos),
        step_count=state.step_count.at[2].set(env.max_steps - 1),
        push_level=jnp.asarray([0.5, 0.6, 0.6, 0.0, *[0.5] * 4]),
    )

    def rewards(price):
        terminations = env.task.terminations.model_copy(update={"fall_price": price})
        env.task = env.task.model_copy(update={"terminations": terminations})
        after = env.step(state, actions(1))
        assert after.done.tolist() == [0, 1, 1, 1, 0, 0, 0, 0]
        return np.asarray(after.reward)

    lost = rewards(0.0) - rewards(7.5)
    assert lost == pytest.approx([0, 4.5, 0, 0, 0, 0, 0, 0], abs=1e-5)


def test_a_push_changes_the_horizontal_velocity_and_only_when_due(still_env):
    env = still_env({"push_speed": [0.7, 0.7], "push_interval_s": [2.0, 2.0]})
    wait = jnp.asarray([0, 1, 2, -1, 50, 0, 3, 9], jnp.int32)
    state = due_to_be_pushed(env).replace(steps_to_push=wait)
    after, jump = env.step(state, actions(1)), jumps(env, state)
    due = np.asarray(wait) <= 0
    assert np.linalg.norm(jump[:, :2], axis=1) == pytest.approx(np.where(due, 0.7, 0.0), abs=1e-6)
    assert (jump[:, 2:] == 0).all()
    assert np.array_equal(env.physics.states[-1].qpos, state.physics.qpos)
    interval = round(2.0 / 0.02)
    left = np.asarray(after.steps_to_push)
    assert np.abs(left[due] - interval).max() <= 1
    assert np.array_equal(left[~due], np.asarray(wait)[~due] - 1)


def test_pushes_go_every_way(still_env):
    env = still_env({"push_speed": [1.0, 1.0]})
    state = due_to_be_pushed(env).replace(phase=jnp.full(N, 0.5))  # whatever the gait phase
    angles = []
    for seed in range(8):
        jump = jumps(env, state.replace(key=jax.random.PRNGKey(seed)))
        angles += np.arctan2(jump[:, 1], jump[:, 0]).tolist()
    assert np.histogram(angles, bins=4, range=(-np.pi, np.pi))[0].min() > 5


def test_without_randomization_there_are_no_pushes_and_no_delay(still_env):
    loud = {"push_speed": [1.0, 1.0], "action_delay_s": [0.02, 0.02], "noise.gyro": 1.0}
    env = still_env({**loud, "encoder_offset": [0.1, 0.1]}, randomized=False)
    state = due_again(env.reset(KEY))
    after = env.step(state, actions(1))
    assert np.array_equal(env.physics.states[-1].qvel, state.physics.qvel)
    sent = np.asarray(env.physics.targets[-1])
    assert (sent == np.asarray(after.targets)[:, None]).all()
    assert np.asarray(after.obs["state"]) == pytest.approx(clean(env, after), abs=1e-6)


# How episodes end


def fresh(env, state, rows):
    """Assert that these environments are at the start of an episode, and the others are not."""
    qpos, count = np.asarray(state.physics.qpos), np.asarray(state.step_count)
    wanted = [0, 0, env.robot.spawn_height]
    assert qpos[rows, :3] == pytest.approx(np.tile(wanted, (len(rows), 1)), abs=1e-6)
    assert qpos[rows, 7:] == pytest.approx(
        np.tile(env.robot.default_joint_pos, (len(rows), 1)), abs=1e-6
    )
    assert (count[rows] == 0).all()
    assert (np.asarray(state.action)[rows] == 0).all()
    assert (np.asarray(state.physics.qvel)[rows] == 0).all()


def test_a_fall_ends_an_episode_and_a_time_limit_truncates_it(still_env):
    env = still_env()
    state = env.reset(KEY)
    qpos = state.physics.qpos.at[:, 7:].add(0.05)  # not the spawn pose
    qpos = qpos.at[1, 2].set(0.05).at[3, 2].set(0.05).at[4, 3:7].set(jnp.array([0.0, 1, 0, 0]))
    qpos = qpos.at[6, 2].set(jnp.nan)
    last = env.max_steps - 1
    count = jnp.asarray([0, 5, last, last, 7, last - 1, 0, 0], jnp.int32)
    state = state.replace(physics=state.physics.replace(qpos=qpos), step_count=count)
    after = env.step(state, actions(1))
    # 1 and 4 have fallen, 2 is out of time, 3 is both, 6 cannot be measured.
    assert after.done.tolist() == [0, 1, 1, 1, 1, 0, 1, 0]
    assert after.truncation.tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert after.episode_length.tolist() == [1, 6, last + 1, last + 1, 8, last, 1, 1]
    ended = [1, 2, 3, 4, 6]
    fresh(env, after, ended)
    going = [0, 5, 7]
    assert np.array_equal(np.asarray(after.physics.qpos)[going], np.asarray(qpos)[going])
    assert after.step_count.tolist() == [1, 0, 0, 0, 0, last, 0, 1]
    # Rewards saw the robot before it was put back.
    assert np.asarray(after.moment.base_height)[1] == pytest.approx(0.05)
    # The policy sees the new episode.
    assert np.asarray(after.obs["privileged_state"])[:, :47] == pytest.approx(
        clean(env, after), abs=1e-6
    )


def test_a_new_episode_has_new_draws(still_env):
    ranges = {"encoder_offset": [-0.02, 0.02], "push_interval_s": [3.0, 7.0]}
    env = still_env({**ranges, "action_delay_s": [0.0, 0.02]})
    before = env.reset(KEY)
    last = jnp.full(N, env.max_steps - 1, jnp.int32)
    odd = jnp.arange(N) % 2
    after = env.step(before.replace(step_count=last * odd), actions(1))
    ended = np.asarray(odd, bool)
    moved = np.any(np.asarray(after.encoder_offset != before.encoder_offset), axis=1)
    assert np.array_equal(moved, ended)
    new_command = np.any(np.asarray(after.command.value != before.command.value), axis=1)
    assert np.array_equal(new_command, ended)
    assert np.array_equal(np.asarray(after.phase == before.phase)[ended], [False] * 4)


def test_a_command_is_kept_until_its_time_is_up(still_env):
    env = still_env()
    half = jnp.full((N, 3), 0.5)
    asked = CommandState(half, 2 * half, jnp.asarray([1, 2] * 4, jnp.int32))
    state = env.reset(KEY).replace(command=asked, step_count=jnp.zeros(N, jnp.int32))
    after = env.step(state, actions(1))
    kept = np.all(np.asarray(after.command.value) == 0.5, axis=1)
    assert kept.tolist() == [False, True] * 4
    assert (np.asarray(after.command.value)[::2] == 1.0).all()
    # Rewards judge by the command that was asked for, not by the next one.
    assert (np.asarray(after.moment.command) == 0.5).all()


# Rewards


def test_reward_is_the_total_times_the_control_period(randomized):
    env, reset, step, _ = randomized
    state = reset(KEY)
    seen = []
    for seed in range(5):
        state = step(state, 0.2 * actions(seed))
        value, _ = rewards.total(state.moment, env.reference, env.task.rewards)
        assert np.asarray(state.reward) == pytest.approx(0.02 * np.asarray(value), rel=1e-4)
        seen.append(np.asarray(state.reward))
    assert np.max(seen) > 0.02  # more than being alive


def test_the_moment_is_what_the_physics_shows(nominal):
    env, reset, step, _ = nominal
    before = step(reset(KEY), actions(0))
    after = step(before, actions(1))
    m, physics = after.moment, after.physics
    assert np.asarray(after.done).sum() == 0
    assert np.array_equal(m.joint_pos, physics.qpos[:, 7:])
    assert np.array_equal(m.joint_torque, physics.joint_torque)
    acceleration = np.asarray(physics.qvel[:, 6:] - before.physics.qvel[:, 6:]) / 0.02
    assert np.asarray(m.joint_acc) == pytest.approx(acceleration, rel=1e-4, abs=1e-3)
    radius = np.float32([foot.radius for foot in env.robot.feet])
    assert np.asarray(m.foot_height) == pytest.approx(
        np.asarray(physics.foot_pos)[:, :, 2] - radius, abs=1e-6
    )
    assert np.array_equal(m.foot_contact, physics.foot_force > 1.0)
    offsets = np.float32([foot.gait_offset for foot in env.robot.feet])
    assert np.asarray(m.foot_phase) == pytest.approx(
        (np.asarray(after.phase)[:, None] + offsets) % 1, abs=1e-6
    )


def test_standing_feet_are_on_the_ground(nominal):
    _, reset, step, _ = nominal
    state = reset(KEY)
    for _ in range(25):
        state = step(state, jnp.zeros((N, 12)))
    assert np.asarray(state.moment.foot_contact).all()
    assert np.abs(np.asarray(state.moment.foot_height)).max() < 0.003
    assert np.asarray(state.done).sum() == 0


# How it runs


@pytest.mark.parametrize("kind", ["nominal", "randomized"])
def test_traced_once(kind, request):
    _, reset, step, traces = request.getfixturevalue(kind)
    state = reset(KEY)
    for seed in range(5):
        state = step(state, actions(seed))
    reset(jax.random.PRNGKey(1))
    assert traces == {"reset": 1, "step": 1}


def test_a_step_keeps_every_shape_and_type(randomized):
    _, reset, step, _ = randomized
    before = reset(KEY)
    after = step(before, actions(0))
    kinds = [jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), s) for s in (before, after)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("kind", ["nominal", "randomized"])
def test_promotes_no_type_and_no_rank(kind, request, strict_jax):
    env = request.getfixturevalue(kind)[0]
    state = jax.eval_shape(env.reset, KEY)
    jax.eval_shape(env.step, state, jnp.zeros((N, 12)))


def test_same_key_same_episode(randomized):
    _, reset, step, _ = randomized
    first, again = (step(reset(KEY), actions(0)) for _ in range(2))
    assert changed_leaves(first, again) == set()
    other = step(reset(jax.random.PRNGKey(8)), actions(0))
    assert "physics.qpos" in changed_leaves(first, other)


def test_randomized_robots_are_told_apart_by_the_critic(randomized, nominal):
    _, reset, _, _ = randomized
    body = np.asarray(reset(KEY).obs["privileged_state"])[:, -41:]
    assert len(np.unique(body, axis=0)) == N and np.abs(body).max() <= 1 + 1e-6
    assert (np.asarray(nominal[1](KEY).obs["privileged_state"])[:, -41:] == 0).all()


def test_the_contract_is_that_of_the_task(make_config, go2):
    changes = {
        "task.control.action_scale": 0.3,
        "task.control.gait_period_s": 0.4,
        "task.commands.vx": [-0.1, 0.2],
    }
    contract = contract_of(make_config(changes).task, go2)
    assert set(contract.action_scale) == {0.3}
    assert contract.gait_period_s == 0.4
    assert contract.command_ranges.vx == (-0.1, 0.2)
    assert contract.robot == "go2" and contract.ctrl_dt == 0.02
