"""From sensors to the policy's inputs: by hand, in either frame, on either array module."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deploy.contract import CommandRanges, make_contract
from deploy.sensors import Sensors, policy_inputs, shapes

HALF = np.sqrt(0.5).astype(np.float32)


@pytest.fixture(scope="module")
def contract(go2):
    ranges = CommandRanges((-1.0, 1.0), (-1.0, 1.0), (-1.0, 1.0))
    return make_contract(
        go2,
        ctrl_dt=0.02,
        action_scale=0.5,
        gait_period_s=0.5,
        command_ranges=ranges,
        command_dead_zone=0.2,
    )


def readings(n=1, **changes):
    """Readings whose every element can be told from the others."""

    def count(size, first):
        return np.tile(np.arange(first, first + size, dtype=np.float32), (n, 1))

    sensors = Sensors(
        gyro=count(3, 1),
        quat=np.tile(np.float32([1, 0, 0, 0]), (n, 1)),
        joint_pos=count(12, 10),
        joint_vel=count(12, 100),
        command=np.tile(np.float32([1, 0, 1]), (n, 1)),
        last_action=count(12, 1000),
        phase=np.full(n, 0.25, np.float32),
    )
    return sensors._replace(**changes)


def test_what_needs_no_change_of_frame_is_handed_on(contract):
    sensors = readings()
    inputs = policy_inputs(contract, sensors)
    for name in ("gyro", "joint_pos", "joint_vel", "command", "last_action", "phase"):
        np.testing.assert_array_equal(getattr(inputs, name), getattr(sensors, name), name)
    np.testing.assert_array_equal(inputs.projected_gravity, [[0, 0, -1]])


def test_a_robot_on_its_nose_feels_gravity_forward(contract):
    pitched = readings(quat=np.float32([[HALF, 0, HALF, 0]]))  # x axis down
    np.testing.assert_allclose(
        policy_inputs(contract, pitched).projected_gravity, [[1, 0, 0]], atol=1e-6
    )


@pytest.mark.parametrize(
    ("asked", "known"),
    [((0.1, 0.1, 0.5), (0, 0, 0.5)), ((0.3, 0.1, 0.1), (0.3, 0.1, 0)), ((0.1, 0, 0.1), (0, 0, 0))],
)
def test_slow_commands_are_zero(contract, asked, known):
    inputs = policy_inputs(contract, readings(command=np.float32([asked])))
    np.testing.assert_array_equal(inputs.command, np.float32([known]))


def test_a_torso_that_is_turned_left_and_tilted_is_told_from_its_base(contract):
    """The torso's x axis is the base's y axis: what it feels ahead, the base feels to its left."""
    torso = replace(contract, imu_frame="torso")
    sensors = readings(
        quat=np.float32([[HALF, 0, HALF, 0]]),
        torso_pos=np.float32([np.pi / 2]),
        torso_vel=np.float32([0.5]),
    )
    inputs = policy_inputs(torso, sensors)
    np.testing.assert_allclose(inputs.projected_gravity, [[0, 1, 0]], atol=1e-6)
    np.testing.assert_allclose(inputs.gyro, [[-2, 1, 2.5]], atol=1e-6)


def test_shapes_are_those_of_the_readings(contract):
    assert tuple(shapes(contract)) == Sensors._fields[:7]
    for name, shape in shapes(contract).items():
        assert getattr(readings(n=5), name).shape == (5, *shape), name
    torso = shapes(replace(contract, imu_frame="torso"))
    assert tuple(torso) == Sensors._fields
    assert torso["torso_pos"] == torso["torso_vel"] == ()


@pytest.mark.parametrize("imu_frame", ["base", "torso"])
@pytest.mark.usefixtures("strict_jax")
def test_jax_says_the_same(contract, imu_frame):
    rng = np.random.default_rng(0)
    worn = replace(contract, imu_frame=imu_frame)
    quat = rng.normal(size=(40, 4))
    drawn = {name: rng.normal(size=(40, *s)).astype(np.float32) for name, s in shapes(worn).items()}
    drawn["quat"] = (quat / np.linalg.norm(quat, axis=1, keepdims=True)).astype(np.float32)
    sensors = Sensors(**drawn)
    traced = jax.jit(lambda *s: policy_inputs(worn, Sensors(*s), jnp))(*sensors)
    for name, value in policy_inputs(worn, sensors)._asdict().items():
        np.testing.assert_allclose(getattr(traced, name), value, atol=1e-6, err_msg=name)
