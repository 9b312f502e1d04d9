"""The observation is laid out as the contract says, and is the same in NumPy and in JAX."""

import dataclasses

import mujoco
import numpy as np
import pytest

import robots
from deploy.contract import CommandRanges, ContractError, ObservationTerm, make_contract
from deploy.frames import projected_gravity, rotate_inverse
from deploy.observations import (
    TERMS,
    Inputs,
    advance_phase,
    joint_targets,
    observe,
    term_slice,
)

BATCH_SHAPES = [(), (5,), (2, 3)]


@pytest.fixture(params=robots.names())
def contract(request):
    return make_contract(
        robots.load(request.param),
        ctrl_dt=0.02,
        action_scale=0.25,
        gait_period_s=0.5,
        command_ranges=CommandRanges(vx=(-1, 1), vy=(-1, 1), yaw_rate=(-1, 1)),
        command_dead_zone=0.0,
    )


def telling_inputs(n):
    """Every reading differs from every other, so that a permutation shows."""
    index = np.arange(n, dtype=np.float32)
    return Inputs(
        gyro=np.float32([1, 2, 3]),
        projected_gravity=np.float32([4, 5, 6]),
        command=np.float32([7, 8, 9]),
        joint_pos=10 * index,
        joint_vel=1000 + 10 * index,
        last_action=2000 + 10 * index,
        phase=np.float32(0.125),
    )


def random_inputs(n, shape, seed=0):
    rng = np.random.default_rng(seed)

    def normal(*size):
        return (3 * rng.standard_normal((*shape, *size))).astype(np.float32)

    phase = np.asarray(rng.uniform(size=shape), np.float32)
    return Inputs(normal(3), normal(3), normal(3), normal(n), normal(n), normal(n), phase)


# Layout


def test_each_reading_lands_in_its_place(contract):
    n = contract.action_size
    index = np.arange(n)
    wanted = [
        *(0.25, 0.5, 0.75),
        *(4, 5, 6),
        *(14, 16, 2.25),
        *(10 * index - np.array(contract.default_joint_pos)),
        *(0.05 * (1000 + 10 * index)),
        *(2000 + 10 * index),
        *(np.sqrt(0.5), np.sqrt(0.5)),
    ]
    obs = observe(contract, telling_inputs(n))
    assert obs == pytest.approx(wanted, rel=1e-6)
    assert obs.shape == (contract.observation_size,)
    assert obs.dtype == np.float32


@pytest.mark.parametrize(
    ("phase", "sin_cos"), [(0.0, (0, 1)), (0.25, (1, 0)), (0.5, (0, -1)), (0.75, (-1, 0))]
)
def test_phase_is_sine_then_cosine(contract, phase, sin_cos):
    inputs = telling_inputs(contract.action_size)._replace(phase=np.float32(phase))
    assert observe(contract, inputs)[-2:] == pytest.approx(sin_cos, abs=1e-6)


def test_terms_come_in_the_order_and_scale_of_the_contract(contract):
    turned = dataclasses.replace(
        contract,
        observation=(
            ObservationTerm("command", (10.0, 100.0, 1000.0)),
            ObservationTerm("gyro", (-1.0, 0.0, 1.0)),
        ),
    )
    obs = observe(turned, telling_inputs(contract.action_size))
    assert obs.tolist() == [70, 800, 9000, -1, 0, 3]


def test_term_slices_are_where_the_terms_are(contract):
    n = contract.action_size
    inputs = telling_inputs(n)
    obs = observe(contract, inputs)
    for name in ("projected_gravity", "last_action"):
        place = term_slice(contract, name)
        assert obs[place.start : place.stop].tolist() == getattr(inputs, name).tolist()
        assert contract.observation[place.place].name == name


def test_a_slice_of_an_absent_term_is_refused(contract):
    with pytest.raises(ContractError, match="has no observation term 'smell'"):
        term_slice(contract, "smell")


@pytest.mark.parametrize("shape", BATCH_SHAPES)
def test_each_row_of_a_batch_is_observed_alone(contract, shape):
    inputs = random_inputs(contract.action_size, shape)
    obs = observe(contract, inputs)
    assert obs.shape == (*shape, contract.observation_size)
    assert obs.dtype == np.float32
    for at in np.ndindex(shape):
        alone = Inputs(*(value[at] for value in inputs))
        assert obs[at].tolist() == observe(contract, alone).tolist()


def test_an_unknown_term_is_refused(contract):
    odd = ObservationTerm("smell", (1.0,))
    contract = dataclasses.replace(contract, observation=(*contract.observation, odd))
    with pytest.raises(ContractError, match="term 'smell' is unknown; there are gyro, "):
        observe(contract, telling_inputs(contract.action_size))


@pytest.mark.parametrize("name", TERMS)
def test_a_reading_of_another_size_than_its_term_is_refused(contract, name):
    short = dataclasses.replace(contract, observation=(ObservationTerm(name, (1.0,)),))
    with pytest.raises(ContractError, match=f"term {name} has 1 scales, but the reading has"):
        observe(short, telling_inputs(contract.action_size))


# JAX


@pytest.mark.usefixtures("strict_jax")
@pytest.mark.parametrize("shape", BATCH_SHAPES)
def test_jax_observes_what_numpy_does(contract, shape):
    import jax
    import jax.numpy as jnp

    inputs = random_inputs(contract.action_size, shape)
    observed = jax.jit(lambda values: observe(contract, values, jnp))(inputs)
    assert observed.dtype == jnp.float32
    assert np.asarray(observed) == pytest.approx(observe(contract, inputs), rel=1e-6, abs=1e-6)


@pytest.mark.usefixtures("strict_jax")
@pytest.mark.parametrize("shape", BATCH_SHAPES)
def test_jax_does_the_rest_as_numpy_does(contract, shape):
    import jax

    inputs = random_inputs(contract.action_size, shape)
    targets = jax.jit(lambda action: joint_targets(contract, action))(inputs.last_action)
    phase = jax.jit(lambda phase: advance_phase(contract, phase))(inputs.phase)
    assert targets.dtype == phase.dtype == np.float32
    wanted = joint_targets(contract, inputs.last_action)
    assert np.asarray(targets) == pytest.approx(wanted, rel=1e-6, abs=1e-6)
    assert np.asarray(phase) == pytest.approx(advance_phase(contract, inputs.phase), abs=1e-6)


@pytest.mark.usefixtures("strict_jax")
def test_jax_projects_gravity_as_numpy_does():
    import jax.numpy as jnp

    quat = random_quats((2, 3)).astype(np.float32)
    projected = projected_gravity(jnp.asarray(quat), jnp)
    assert projected.dtype == jnp.float32
    assert np.asarray(projected) == pytest.approx(projected_gravity(quat), abs=1e-6)


# Actions


def test_joint_targets_are_default_plus_scaled_action(contract):
    n = contract.action_size
    scale = tuple(0.5 + 0.25 * i for i in range(n))
    contract = dataclasses.replace(contract, action_scale=scale)
    action = np.arange(n, dtype=np.float32) - 3
    wanted = np.array(contract.default_joint_pos) + np.array(scale) * (np.arange(n) - 3)
    targets = joint_targets(contract, action)
    assert targets == pytest.approx(wanted, rel=1e-6)
    assert targets.dtype == np.float32


@pytest.mark.parametrize("shape", BATCH_SHAPES)
def test_a_zero_action_is_the_default_pose(contract, shape):
    targets = joint_targets(contract, np.zeros((*shape, contract.action_size), np.float32))
    assert targets.shape == (*shape, contract.action_size)
    assert (targets == np.float32(contract.default_joint_pos)).all()


# Gravity


def random_quats(shape):
    quat = np.random.default_rng(1).standard_normal((*shape, 4))
    return quat / np.linalg.norm(quat, axis=-1, keepdims=True)


def test_projected_gravity_is_world_down_in_the_body_frame():
    quats = random_quats((50,))
    for quat, found in zip(quats, projected_gravity(quats), strict=True):
        body_to_world = np.zeros(9)
        mujoco.mju_quat2Mat(body_to_world, quat)
        down = body_to_world.reshape(3, 3).T @ [0, 0, -1]
        assert found == pytest.approx(down, abs=1e-12)


@pytest.mark.parametrize(
    ("quat", "wanted"),
    [
        ((1, 0, 0, 0), (0, 0, -1)),
        ((0, 1, 0, 0), (0, 0, 1)),
        ((np.sqrt(0.5), 0, np.sqrt(0.5), 0), (1, 0, 0)),  # nose down: gravity is ahead
        ((np.sqrt(0.5), np.sqrt(0.5), 0, 0), (0, -1, 0)),  # right side down: gravity is right
        ((np.sqrt(0.5), 0, 0, np.sqrt(0.5)), (0, 0, -1)),  # heading does not matter
    ],
)
def test_projected_gravity_worked_out_by_hand(quat, wanted):
    assert projected_gravity(np.float32(quat)) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("shape", BATCH_SHAPES)
def test_projected_gravity_keeps_the_batch_and_is_of_unit_length(shape):
    gravity = projected_gravity(random_quats(shape).astype(np.float32))
    assert gravity.shape == (*shape, 3)
    assert gravity.dtype == np.float32
    assert np.linalg.norm(gravity, axis=-1) == pytest.approx(1, abs=1e-6)


# Phase


def test_phase_advances_by_a_period_of_control(contract):
    assert advance_phase(contract, np.float32(0.5)) == pytest.approx(0.5 + 0.02 / 0.5)


def test_phase_wraps(contract):
    assert advance_phase(contract, np.float32(0.98)) == pytest.approx(0.02, abs=1e-6)


def test_phase_stays_in_its_range_and_comes_back_each_cycle(contract):
    start = np.float32([0.0, 0.5, 0.999])
    phase = start
    for _ in range(25):
        phase = advance_phase(contract, phase)
        assert ((phase >= 0) & (phase < 1)).all()
    distance = np.abs(phase - start)
    assert np.minimum(distance, 1 - distance) == pytest.approx(0, abs=1e-5)


def test_rotate_inverse_undoes_a_rotation():
    rng = np.random.default_rng(3)
    quat = rng.normal(size=(5, 4))
    quat /= np.linalg.norm(quat, axis=-1, keepdims=True)
    vector = rng.normal(size=(5, 3))
    matrix = np.empty(9)
    for q, v in zip(quat, vector, strict=True):
        mujoco.mju_quat2Mat(matrix, q)
        np.testing.assert_allclose(rotate_inverse(q, v), matrix.reshape(3, 3).T @ v, atol=1e-7)
