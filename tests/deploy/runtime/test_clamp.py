"""Joint targets within rate, torque and range: by hand, and for anything a robot may say."""

import numpy as np
import pytest

from deploy.runtime.clamp import Clamp
from deploy.runtime.limits import Limits
from deploy.runtime.motors import Readings
from tests.deploy.runtime.fakes import STREAM_DT, shipped


@pytest.fixture(scope="module")
def contract():
    return shipped("go2").contract


def clamp_of(contract, **limits):
    return Clamp(contract, Limits(**limits), STREAM_DT)


def readings(contract, pos=None, vel=None):
    n = contract.action_size
    pos = np.asarray(contract.default_joint_pos if pos is None else pos, np.float32)
    vel = np.zeros(n, np.float32) if vel is None else np.asarray(vel, np.float32)
    return Readings(np.zeros(3), np.float32([1, 0, 0, 0]), pos, vel, None, None)


def one(contract, joint, value, base=None):
    values = np.asarray(contract.default_joint_pos if base is None else base, np.float32).copy()
    values[joint] = value
    return values


def test_what_is_allowed_is_sent_to_the_last_bit(contract):
    clamp = clamp_of(contract)
    targets = np.float32(contract.default_joint_pos) + np.float32(0.1)
    np.testing.assert_array_equal(clamp(targets, readings(contract)), targets)
    assert not any(counts.any() for counts in clamp.counts.values())
    assert clamp.longest()[1] == 0


def test_rate(contract):
    clamp = clamp_of(contract, target_rate=5.0)  # 0.1 rad per control period of 20 ms
    start = np.float32(contract.default_joint_pos)
    clamp.begin_period(start)
    sent = clamp(one(contract, 1, start[1] + 0.3), readings(contract))
    np.testing.assert_allclose(sent, one(contract, 1, start[1] + 0.1), atol=1e-6)
    # The same period has no second tenth; the next one has.
    again = clamp(one(contract, 1, start[1] + 0.3), readings(contract))
    np.testing.assert_array_equal(again, sent)
    clamp.begin_period(sent)
    sent = clamp(one(contract, 1, start[1] + 0.3), readings(contract))
    np.testing.assert_allclose(sent[1], start[1] + 0.2, atol=1e-6)
    assert clamp.counts["rate"].tolist() == [0, 3] + [0] * 10


def test_torque(contract):
    """Go2's thigh: kp 40, kd 1, 23.7 N m. At 2 rad/s, 25.7 N m / 40 are left to the target."""
    clamp = clamp_of(contract)
    at = contract.default_joint_pos[1]
    vel = np.zeros(12)
    vel[1] = 2.0
    sent = clamp(one(contract, 1, at + 1.0), readings(contract, vel=vel))
    assert sent[1] == pytest.approx(at + 25.7 / 40)
    sent = clamp(one(contract, 1, at - 1.0), readings(contract, vel=vel))
    assert sent[1] == pytest.approx(at - 21.7 / 40)
    assert clamp.counts["torque"][1] == 2


def test_a_joint_faster_than_its_motor_is_not_driven_on(contract):
    clamp = clamp_of(contract)
    at, vel = contract.default_joint_pos[1], np.zeros(12)
    vel[1] = contract.velocity_limit[1] * 1.01
    sent = clamp(one(contract, 1, 3.4), readings(contract, vel=vel))
    torque = 40 * (sent[1] - at) - vel[1]
    assert torque == pytest.approx(0, abs=1e-4)
    vel[1] *= 0.98  # slower than the motor: 40 * 2.6 - 29.8 N m are wanted, 23.7 are there
    sent = clamp(one(contract, 1, 3.4), readings(contract, vel=vel))
    assert 40 * (sent[1] - at) - vel[1] == pytest.approx(23.7, abs=1e-3)


def test_range(contract):
    clamp = clamp_of(contract, target_margin=0.2)
    upper = contract.joint_upper[0]
    near = readings(contract, pos=one(contract, 0, upper - 0.1))
    assert clamp(one(contract, 0, upper + 0.15), near)[0] == pytest.approx(upper + 0.15)
    assert clamp(one(contract, 0, upper + 0.3), near)[0] == pytest.approx(upper + 0.2)
    beyond = readings(contract, pos=one(contract, 0, upper + 0.01))
    assert clamp(one(contract, 0, upper + 0.15), beyond)[0] == pytest.approx(upper)
    lower = contract.joint_lower[0]
    beyond = readings(contract, pos=one(contract, 0, lower - 0.01))
    assert clamp(one(contract, 0, lower - 0.15), beyond)[0] == pytest.approx(lower)
    assert clamp.counts["range"][0] == 3


def test_no_measurement_moves_a_target_out_of_range(contract):
    rng = np.random.default_rng(0)
    clamp, limits = clamp_of(contract), Limits()
    lower, upper = np.float32(contract.joint_lower), np.float32(contract.joint_upper)
    margin = limits.target_margin + 1e-5
    for _ in range(500):
        pos, vel = rng.normal(0, 10, 12), rng.normal(0, 1000, 12)
        sent = clamp(rng.normal(0, 10, 12).astype(np.float32), readings(contract, pos, vel))
        assert sent.dtype == np.float32
        assert (sent >= lower - margin).all() and (sent <= upper + margin).all()


def test_within_range_no_target_asks_for_more_torque_than_there_is(contract):
    rng = np.random.default_rng(0)
    clamp = clamp_of(contract, target_margin=100.0)
    kp, kd, effort = (np.asarray(getattr(contract, f)) for f in ("kp", "kd", "effort_limit"))
    lower, upper = np.asarray(contract.joint_lower), np.asarray(contract.joint_upper)
    for _ in range(500):
        pos = rng.uniform(lower, upper)
        vel = rng.normal(0, 10, 12)
        sent = clamp(rng.normal(0, 10, 12).astype(np.float32), readings(contract, pos, vel))
        torque = kp * (sent - pos) - kd * vel
        assert (np.abs(torque) <= effort * (1 + 1e-4)).all()


def test_the_longest_run_is_one_joints_without_a_break(contract):
    clamp = clamp_of(contract)
    wild, tame = one(contract, 4, 9.0), np.float32(contract.default_joint_pos)
    for _ in range(10):
        clamp(wild, readings(contract))
    assert clamp.longest() == (contract.joint_names[4], pytest.approx(10 * STREAM_DT))
    clamp(one(contract, 5, 9.0), readings(contract))
    assert clamp.longest() == (contract.joint_names[5], pytest.approx(STREAM_DT))
    clamp(tame, readings(contract))
    assert clamp.longest()[1] == 0
