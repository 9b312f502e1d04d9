"""The native backend is plain MuJoCo: a pure function of its state, at any number of threads."""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from pipeline.physics.engine import diverged
from pipeline.physics.make import INTEGRATORS, make_model, make_physics
from pipeline.physics.native import NativePhysics
from pipeline.physics.protocol import PhysicsState
from pipeline.randomize import draw_bodies
from robots.model import SPAWN_KEY

N, SUBSTEPS = 8, 4
FIELDS = set(PhysicsState.__dataclass_fields__) - {"bodies"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """MuJoCo logs its warnings into the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def model(make_config, go2):
    return make_model(make_config(), go2)


@pytest.fixture(scope="module")
def bodies(make_config, model, go2):
    return draw_bodies(model, go2, make_config().task.randomization, N, seed=4).fields


@pytest.fixture(scope="module")
def physics(make_config, go2):
    model = make_model(make_config(), go2)
    return NativePhysics(model, go2, num_envs=N, n_substeps=SUBSTEPS, threads=1)


@pytest.fixture(scope="module")
def varied(make_config, go2, bodies):
    model = make_model(make_config(), go2)
    return NativePhysics(model, go2, num_envs=N, n_substeps=SUBSTEPS, threads=1, fields=bodies)


@pytest.fixture(scope="module")
def start(model, go2):
    """Robots near the spawn pose, every one different, some in the air; and targets by substep."""
    rng = np.random.default_rng(0)

    def normal(scale, *shape):
        return (scale * rng.standard_normal((N, *shape))).astype(np.float32)

    qpos = np.repeat(model.key_qpos[model.key(SPAWN_KEY).id][None], N, 0).astype(np.float32)
    qpos[:, 2] += np.linspace(-0.02, 0.1, N, dtype=np.float32)
    qpos[:, 7:] += normal(0.1, model.nu)
    state = PhysicsState(
        qpos=qpos,
        qvel=normal(0.5, model.nv),
        qacc_warmstart=normal(1.0, model.nv),
        joint_torque=np.zeros((N, model.nu), np.float32),
        foot_pos=np.zeros((N, len(go2.feet), 3), np.float32),
        foot_vel=np.zeros((N, len(go2.feet), 3), np.float32),
        foot_force=np.zeros((N, len(go2.feet)), np.float32),
    )
    state = jax.tree.map(jnp.asarray, state)
    pose = np.asarray([go2.default_joint_pos], np.float32)
    return state, jnp.asarray(pose[:, None] + normal(0.3, SUBSTEPS, model.nu))


def equal(a, b, which=slice(None)):
    """Names of the fields whose bits differ."""
    return [
        name
        for name in FIELDS
        if not np.array_equal(
            np.asarray(getattr(a, name))[which], np.asarray(getattr(b, name))[which]
        )
    ]


def plain(model, robot, state, targets, env):
    """One control period of one environment in a MjData of its own."""
    data = mujoco.MjData(model)
    data.qpos[:] = np.asarray(state.qpos[env])
    data.qvel[:] = np.asarray(state.qvel[env])
    data.qacc_warmstart[:] = np.asarray(state.qacc_warmstart[env])
    for substep in range(targets.shape[1]):
        data.ctrl[:] = np.asarray(targets[env, substep])
        mujoco.mj_step(model, data)
    rows = {
        "qpos": data.qpos,
        "qvel": data.qvel,
        "qacc_warmstart": data.qacc_warmstart,
        "joint_torque": data.actuator_force,
        "foot_pos": [data.sensor(f"{foot.site}_pos").data for foot in robot.feet],
        "foot_vel": [data.sensor(f"{foot.site}_vel").data for foot in robot.feet],
        "foot_force": [data.sensor(f"{foot.site}_force").data[0] for foot in robot.feet],
    }
    return {name: np.float32(value) for name, value in rows.items()}


def assert_plain(model_of, robot, after, state, targets):
    for env in range(N):
        wanted = plain(model_of(env), robot, state, targets, env)
        for name, value in wanted.items():
            assert np.array_equal(np.asarray(getattr(after, name)[env]), value), (env, name)


# The same as MuJoCo


def test_bit_for_bit_a_plain_mujoco_loop(physics, model, go2, start):
    state, targets = start
    after = jax.jit(physics.step)(state, targets)
    assert_plain(lambda env: model, go2, after, state, targets)
    force = np.asarray(after.foot_force)
    assert (force > 0).any() and (force == 0).any()  # feet on the ground and feet in the air


def test_bit_for_bit_over_several_control_periods(physics, model, go2, start):
    state, targets = start
    for _ in range(5):
        after = physics.step(state, targets)
        assert_plain(lambda env: model, go2, after, state, targets)
        state = after


def test_every_substep_has_its_own_targets(physics, start):
    state, targets = start
    same = physics.step(state, targets)
    for substep in range(SUBSTEPS):
        other = physics.step(state, targets.at[:, substep].add(0.2))
        assert "qpos" in equal(same, other)


def test_per_environment_fields_are_those_of_each_environments_model(
    varied, make_config, go2, bodies, start
):
    state, targets = start
    after = jax.jit(varied.step)(state, targets)

    def model_of(env):
        model = make_model(make_config(), go2)
        for name, values in bodies.items():
            getattr(model, name)[:] = values[env]
        mujoco.mj_setConst(model, mujoco.MjData(model))
        return model

    assert_plain(model_of, go2, after, state, targets)


def test_fields_make_equal_states_part(varied, physics, start):
    state, targets = jax.tree.map(lambda x: jnp.repeat(x[:1], N, axis=0), start)
    alike, apart = physics.step(state, targets), varied.step(state, targets)
    assert len(np.unique(np.asarray(alike.qvel), axis=0)) == 1
    assert len(np.unique(np.asarray(apart.qvel), axis=0)) == N


# A pure function


def test_same_bits_at_one_and_two_threads(make_config, go2, bodies, varied, start):
    model = make_model(make_config(), go2)
    two = NativePhysics(model, go2, num_envs=N, n_substeps=SUBSTEPS, threads=2, fields=bodies)
    (one_state, targets), two_state = start, start[0]
    for _ in range(5):
        one_state, two_state = varied.step(one_state, targets), two.step(two_state, targets)
        assert equal(one_state, two_state) == []


def test_pure(physics, start):
    state, targets = start
    before = jax.tree.map(np.array, state)
    first = physics.step(state, targets)
    physics.step(first, targets + 0.5)  # what happens in between leaves no trace
    again = physics.step(state, targets)
    assert equal(first, again) == []
    assert equal(state, before) == []


def test_a_result_is_not_changed_by_the_next_step(physics, start):
    state, targets = start
    first = physics.step(state, targets)
    kept = jax.tree.map(np.array, first)
    physics.step(first, targets)
    assert equal(first, kept) == []


def test_jit_changes_nothing(physics, start):
    assert equal(physics.step(*start), jax.jit(physics.step)(*start)) == []


# Divergence


@pytest.mark.parametrize("bad", [1e8, 1e15, 3e38, np.inf, np.nan])
def test_a_diverging_environment_is_nan_and_the_others_go_on(physics, start, bad):
    state, targets = start
    sound = physics.step(state, targets)
    broken = state.replace(qvel=state.qvel.at[3].set(bad))
    after = physics.step(broken, targets)
    assert np.isnan(np.asarray(after.qpos[3])).all() and np.isnan(np.asarray(after.qvel[3])).all()
    others = np.arange(N) != 3
    assert equal(after, sound, others) == []
    # Nothing of it is left in the next step.
    assert equal(physics.step(state, targets), sound) == []


def test_divergence_in_the_last_substep_is_seen_too(make_config, go2, start):
    state, targets = start
    model = make_model(make_config(), go2)
    physics = NativePhysics(model, go2, num_envs=N, n_substeps=1, threads=1)
    after = physics.step(state.replace(qvel=state.qvel.at[5].set(2e10)), targets[:, :1])
    assert np.isnan(np.asarray(after.qpos)).all(axis=1).tolist() == [env == 5 for env in range(N)]


def test_diverged():
    qpos, qvel = np.zeros((6, 2)), np.zeros((6, 1))
    qpos[1, 1], qpos[2, 0], qvel[3, 0], qvel[4, 0] = np.nan, np.inf, 1e11, -1e11
    qvel[5, 0] = 1e9
    assert diverged(qpos, qvel).tolist() == [False, True, True, True, True, False]


# From the configuration


@pytest.mark.parametrize("backend", ["auto", "native"])
def test_the_backend_of_the_configuration(make_config, go2, backend):
    config = make_config({"physics.backend": backend, "physics.sim_dt": 0.004})
    model = make_model(config, go2)
    physics = make_physics(config, go2, model, num_envs=2)
    assert physics.name == "native"
    assert physics.n_substeps == 5
    assert physics.num_envs == 2


@pytest.mark.parametrize("integrator", ["Euler", "implicitfast"])
def test_the_models_options_are_those_of_the_configuration(make_config, go2, integrator):
    changes = {
        "physics.sim_dt": 0.002,
        "physics.integrator": integrator,
        "physics.iterations": 7,
        "physics.ls_iterations": 9,
    }
    options = make_model(make_config(changes), go2).opt
    assert options.timestep == 0.002
    assert options.integrator == INTEGRATORS[integrator]
    assert (options.iterations, options.ls_iterations) == (7, 9)
