"""Every motor's numbers lie in its own slot, both ways, and nothing mad passes."""

import dataclasses
import re
import struct
from collections import Counter

import numpy as np
import pytest

import robots
from bench.fuzz import is_finite, mutants, outcome
from deploy.link import LinkError, MotorCommand
from deploy.wire.codec import RejectedMessageError
from deploy.wire.families import codec_for
from tests.wire_samples import a_command, a_state

NAMES = robots.names()
# Motors of legs and of what is held: unitree_rl_gym, deploy/deploy_real/configs/*.yaml, and for Go2
# unitree_sdk2_python, unitree_legged_const.py.
MOTORS = {
    "g1": ([*range(12)], [*range(12, 29)]),
    "go2": ([3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8], []),
    "h1": ([7, 3, 4, 5, 10, 8, 0, 1, 2, 11], [6, 16, 17, 18, 19, 12, 13, 14, 15]),
    "h1_2": ([*range(12)], [*range(12, 27)]),
}
# Where the first motor of a LowCmd lies, how long each is, and the mode that enables it.
HG, GO = (4, 28), (24, 36)
LAYOUTS = {"g1": HG, "h1_2": HG, "go2": GO, "h1": GO}
MODES = {
    "g1": [1] * 29 + [0] * 6,
    "h1_2": [1] * 27 + [0] * 8,
    "go2": [1] * 12 + [0] * 8,
    "h1": [10] * 9 + [0] + [1] * 10,
}


@pytest.fixture(params=NAMES)
def robot(request):
    return robots.load(request.param)


@pytest.fixture
def codec(robot):
    return codec_for(robot)


def raw_motor(robot, packed, motor):
    """mode, q, dq, tau, kp, kd of a motor, straight from the bytes."""
    first, size = LAYOUTS[robot.name]
    return struct.unpack_from("<B3x5f", packed, first + size * motor)


def test_every_robot_is_told_of(robot):
    assert robot.name in MOTORS


def test_joints_are_on_the_published_motors(robot):
    driven, held = MOTORS[robot.name]
    assert [joint.motor_index for joint in robot.joints] == driven
    assert [joint.motor_index for joint in robot.held_joints] == held


def test_each_motor_is_told_what_is_meant_for_it(robot, codec):
    packed = codec.encode_command(a_command(codec.num_motors), mode_machine=6)
    mine = {motor for motors in MOTORS[robot.name] for motor in motors}
    assert len(packed) == codec.command_type.size
    assert codec.command_type.is_sealed(packed)
    unused = (0, 0, 0) if robot.message_family == "hg" else (np.float32(2.146e9), 16000.0, 0)
    for motor in range(codec.num_motors):
        mode, *numbers = raw_motor(robot, packed, motor)
        assert mode == MODES[robot.name][motor]
        if motor in mine:
            assert numbers == [10 * motor + offset for offset in range(5)]
        else:
            assert numbers == [*unused, 0, 0]


def test_what_leads_a_command(robot, codec):
    packed = codec.encode_command(a_command(codec.num_motors), mode_machine=6)
    head = b"\x00\x06\x00\x00" if robot.message_family == "hg" else b"\xfe\xef\xff" + bytes(21)
    assert packed.startswith(head)


def test_the_robot_understands_the_command(robot, codec):
    command = a_command(codec.num_motors)
    orders = codec.decode_command(codec.encode_command(command, mode_machine=6))
    mine = np.array(MODES[robot.name]) > 0
    assert (orders.enabled == mine).all()
    assert orders.mode_machine == (6 if robot.message_family == "hg" else 0)
    for sent, read in zip(command, orders.command, strict=True):
        assert (read == np.where(mine, sent, 0)).all()


def test_stop_values_switch_off_position_and_speed():
    codec = codec_for(robots.load("go2"))
    command = a_command(20)
    command.q[3], command.dq[4] = 2.146e9, 16000.0
    orders = codec.decode_command(codec.encode_command(command, 0)).command
    assert (orders.kp[3], orders.kd[3], orders.kp[4], orders.kd[4]) == (0, 34, 43, 0)
    assert (orders.q[3], orders.dq[3], orders.q[4], orders.dq[4]) == (0, 31, 40, 0)


@pytest.mark.parametrize("motor", [0, 5])
@pytest.mark.parametrize("enabling", [0, 7])
def test_a_motor_of_another_mode_is_off(robot, codec, motor, enabling):
    record = codec.command_type.unpack(
        bytearray(codec.encode_command(a_command(codec.num_motors), 0))
    )
    record["motor_cmd"]["mode"][motor] = enabling
    enabled = codec.decode_command(codec.command_type.seal(record)).enabled
    assert not enabled[motor]
    assert enabled.sum() == np.count_nonzero(MODES[robot.name]) - 1


def test_a_state_comes_back_as_it_was(robot, codec):
    has_fields = robot.message_family == "hg"
    state = a_state(codec.num_motors, mode_machine=6 if has_fields else 0)
    packed = codec.encode_state(state, accelerometer=np.array([0.1, 0.2, 9.8]))
    read = codec.decode_state(packed, stamp_s=7.25, rejected=4)
    mine = np.array(MODES[robot.name]) > 0
    assert (read.stamp_s, read.rejected) == (7.25, 4)
    for field in ("tick", "mode_machine", "remote"):
        assert getattr(read, field) == getattr(state, field)
    for field in ("joint_pos", "joint_vel", "torque"):
        assert (getattr(read, field) == np.where(mine, getattr(state, field), 0)).all()
        assert getattr(read, field).dtype == np.float32
    assert (read.temperature == state.temperature).all()
    assert read.temperature.dtype == np.int16
    assert (read.motor_error == (state.motor_error if has_fields else 0)).all()
    assert read.motor_error.dtype == np.uint32
    assert (read.quat == state.quat).all()
    assert (read.gyro == state.gyro).all()


def test_the_hotter_sensor_counts():
    codec = codec_for(robots.load("g1"))
    record = codec.state_type.new()
    record["motor_state"]["temperature"][4] = (41, 77)
    record["motor_state"]["temperature"][5] = (78, 42)
    read = codec.decode_state(codec.state_type.seal(record), 0.0)
    assert read.temperature[4:6].tolist() == [77, 78]


def test_roll_pitch_and_yaw_are_the_quaternions(codec):
    half = np.deg2rad(60) / 2
    for axis in range(3):
        quat = np.zeros(4, np.float32)
        quat[0], quat[1 + axis] = np.cos(half), np.sin(half)
        state = a_state(codec.num_motors, 0)._replace(quat=quat)
        record = codec.state_type.unpack(codec.encode_state(state, np.zeros(3)))
        wanted = np.zeros(3)
        wanted[axis] = np.deg2rad(60)
        np.testing.assert_allclose(record["imu_state"]["rpy"], wanted, atol=1e-6)


@pytest.mark.parametrize("field", MotorCommand._fields)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_no_motor_is_told_what_is_not_finite(field, value):
    robot = robots.load("h1")
    command = MotorCommand(*(values.astype(float) for values in a_command(20)))
    getattr(command, field)[17] = value
    with pytest.raises(LinkError, match=rf"^command: {field} of motor 17 is .*nothing was sent"):
        codec_for(robot).encode_command(command, 0)
    getattr(command, field)[17], getattr(command, field)[9] = 1.0, value
    codec_for(robot).encode_command(command, 0)  # H1 has no motor 9


def test_a_command_of_another_length_is_refused(codec):
    command = a_command(codec.num_motors)
    with pytest.raises(
        LinkError, match=re.escape(f"kp has shape (3,), want ({codec.num_motors},)")
    ):
        codec.encode_command(command._replace(kp=command.kp[:3]), 0)


STATE_FIELDS = [
    ("motor_state", "q", "motor_state.q is not finite"),
    ("motor_state", "dq", "motor_state.dq is not finite"),
    ("motor_state", "tau_est", "motor_state.tau_est is not finite"),
    ("imu_state", "quaternion", "imu_state.quaternion is not finite"),
    ("imu_state", "gyroscope", "imu_state.gyroscope is not finite"),
]


@pytest.mark.parametrize(("part", "field", "message"), STATE_FIELDS)
def test_a_state_that_is_not_finite_is_rejected(codec, part, field, message):
    record = codec.state_type.new()
    record[part][field][2] = np.nan
    with pytest.raises(RejectedMessageError, match=message):
        codec.decode_state(codec.state_type.seal(record), 0.0)


def test_a_slot_without_a_motor_may_say_anything():
    codec = codec_for(robots.load("h1"))
    record = codec.state_type.new()
    record["motor_state"]["q"][9] = np.nan
    assert codec.decode_state(codec.state_type.seal(record), 0.0).joint_pos[9] == 0


def test_wrong_checksums_and_lengths_are_rejected(codec):
    state = codec.encode_state(a_state(codec.num_motors, 0), np.zeros(3))
    command = codec.encode_command(a_command(codec.num_motors), 0)
    for read, packed in (
        (lambda data: codec.decode_state(data, 0.0), state),
        (codec.decode_command, command),
    ):
        with pytest.raises(RejectedMessageError, match="wrong checksum"):
            read(packed[:40] + bytes([packed[40] ^ 1]) + packed[41:])
        with pytest.raises(RejectedMessageError, match="bytes, want"):
            read(packed[:-4])


@pytest.mark.parametrize("name", ["g1", "go2"])
def test_broken_messages_are_rejected_or_finite(name):
    codec = codec_for(robots.load(name))
    outcomes = Counter((how, outcome(codec, data)) for how, data in mutants(codec, 1000, seed=1))
    assert sum(outcomes.values()) == 1000
    # Padding does not travel, so a bit turned there, or a byte cut off behind the end, is nothing.
    assert {how for (how, what) in outcomes if what == "read"} <= {
        *("sealed", "sealed number", "bits", "length"),
    }
    assert outcomes["sealed", "read"] == 166
    assert outcomes["noise", "wrong checksum"] == 167
    assert outcomes["bits", "wrong checksum"] > 155
    assert outcomes["length", "no such message"] > 155
    assert outcomes["sealed number", "imu_state.gyroscope is not finite"] > 5
    assert outcomes["sealed number", "read"] > 5


def test_the_fuzzer_would_see_a_state_that_is_not_finite():
    state = a_state(20, 0)
    assert is_finite(state)
    for field in ("joint_pos", "joint_vel", "torque", "quat", "gyro"):
        bad = getattr(state, field).copy()
        bad[1] = np.inf
        assert not is_finite(state._replace(**{field: bad}))


# What a robot's description has to say


def test_a_robot_without_a_family_has_no_codec():
    robot = dataclasses.replace(robots.load("go2"), message_family=None, weak_motors=())
    with pytest.raises(
        robots.RobotError, match=r"go2: has no message_family; set it in robots/go2"
    ):
        codec_for(robot)


SLIPS = [
    ("go2", {"message_family": "og"}, "go2: message_family is 'og', want one of hg, go"),
    ("h1", {"weak_motors": (3, 20)}, "h1: weak_motors has 20, want 0 to 19"),
    ("h1", {"weak_motors": (3, 3)}, "h1: weak motor 3 is given twice"),
    ("g1", {"weak_motors": (3,)}, "g1: weak_motors are for family go; it is of hg"),
    ("g1", {"message_family": "go"}, "motor_index of left_wrist_pitch_joint is 20; messages of"),
]


@pytest.mark.parametrize(("name", "changes", "message"), SLIPS)
def test_a_slip_in_the_motors_is_refused(name, changes, message):
    with pytest.raises(robots.RobotError, match=re.escape(message)):
        dataclasses.replace(robots.load(name), **changes)
