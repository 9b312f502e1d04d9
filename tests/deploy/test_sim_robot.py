"""The simulated robot obeys, feels and fails as it is told to; no network, a clock of its own."""

import struct

import mujoco
import numpy as np
import pytest

import robots
from deploy.frames import torso_to_base
from deploy.link import LinkError, MotorCommand
from deploy.sim_robot.events import KINDS, Event, parse
from deploy.sim_robot.link import MAX_LAG_S, RealtimeSimLink, SimLink
from deploy.sim_robot.machine import SIM_DT, Machine
from deploy.sim_robot.remote import Remote
from deploy.sim_robot.robot import SimRobot
from deploy.wire.codec import Orders
from deploy.wire.remote import BUTTONS, STICKS

NAMES = robots.names()


def link_to(name, *events, **options):
    parsed = [event for text in events for event in parse(text)]
    return SimLink(SimRobot(robots.load(name), events=parsed, **options))


def stand(robot, kp_share=1.0, kd=None):
    """The command for the default pose."""
    q, dq, tau, kp, kd_ = (np.zeros(robot.num_motors, np.float32) for _ in range(5))
    for joint in robot.joints:
        q[joint.motor_index], kp[joint.motor_index] = joint.default_pos, joint.kp * kp_share
        kd_[joint.motor_index] = joint.kd if kd is None else kd
    for joint in robot.held_joints:
        q[joint.motor_index], kp[joint.motor_index] = joint.position, joint.kp * kp_share
        kd_[joint.motor_index] = joint.kd if kd is None else kd
    return MotorCommand(q, dq, tau, kp, kd_)


def damping(robot, kd=8.0):
    return stand(robot, kp_share=0.0, kd=kd)


def height_after(name, command, seconds):
    link = link_to(name)
    link.advance(SIM_DT)
    if command is not None:
        link.send(command(robots.load(name)))
    link.advance(seconds)
    return link.robot.machine.data.qpos[2]


# The body


@pytest.mark.parametrize("name", NAMES)
def test_it_hangs_in_the_default_pose(name):
    robot, link = robots.load(name), link_to(name, hoist=True)
    link.advance(SIM_DT)
    link.send(stand(robot))
    link.advance(1.0)
    state = link.read()
    used = [joint.motor_index for joint in (*robot.joints, *robot.held_joints)]
    np.testing.assert_allclose(state.joint_pos[used], stand(robot).q[used], atol=0.04)
    assert abs(state.joint_vel).max() < 0.1
    assert link.robot.machine.data.qpos[2] == pytest.approx(robot.spawn_height + 0.1, abs=0.01)
    assert all(link.robot.machine.data.site(foot.site).xpos[2] > 0.03 for foot in robot.feet)
    assert state.tick == round(1000 * link.now())


def test_a_go2_stands():
    assert height_after("go2", stand, 2.0) > 0.27


@pytest.mark.parametrize("name", NAMES)
def test_damping_lets_it_down_softly(name):
    robot = robots.load(name)
    damped, free = height_after(name, damping, 0.5), height_after(name, None, 0.5)
    assert free < damped < robot.spawn_height - 0.02
    assert free < 0.7 * robot.spawn_height


def test_the_hoist_lets_the_robot_down_and_go():
    robot = robots.load("g1")
    link = link_to("g1", "lower@0.5", "letgo@2", hoist=True)
    base = link.robot.machine.data.qpos
    link.advance(SIM_DT)
    link.send(damping(robot))
    link.advance(0.5)
    assert base[2] == pytest.approx(robot.spawn_height + 0.1, abs=0.01)
    link.advance(0.5)
    assert base[2] == pytest.approx(robot.spawn_height + 0.05, abs=0.01)
    link.advance(0.9)
    assert base[2] == pytest.approx(robot.spawn_height, abs=0.01)
    link.advance(1.0)
    assert base[2] < robot.spawn_height - 0.1


def test_the_hoist_picks_up_a_robot_that_lies():
    robot = robots.load("h1")
    link = link_to("h1", "push:1@0", "hang@2", "lift@2")
    link.advance(2.0)
    base = link.robot.machine.data.qpos
    lay, fell_at = base[2], base[:2].copy()
    link.advance(0.5)
    assert lay < 0.6 * robot.spawn_height
    assert base[2] == pytest.approx(robot.spawn_height + 0.1, abs=0.01)
    np.testing.assert_allclose(base[:2], fell_at, atol=0.02)
    np.testing.assert_allclose(np.abs(base[3:7]), [1, 0, 0, 0], atol=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_every_joint_is_on_its_own_motor(name):
    robot = robots.load(name)
    machine, n = Machine(robot), robot.num_motors
    for motor, joint in enumerate(robot.joints):
        machine.data.joint(joint.name).qpos[0] = 10.0 * joint.motor_index
        machine.data.joint(joint.name).qvel[0] = 10.0 * joint.motor_index + 1
        machine.data.actuator_force[motor] = 10.0 * joint.motor_index + 2
    state, _ = machine.read(0, bytes(40))
    gains = np.arange(n, dtype=np.float32)
    zeros = np.zeros(n, np.float32)
    machine.obey(Orders(MotorCommand(zeros, zeros, 10 * gains, gains, gains + 1), gains >= 0, 0))
    for joint in robot.joints:
        motor = joint.motor_index
        assert state.joint_pos[motor] == 10 * motor
        assert state.joint_vel[motor] == 10 * motor + 1
        assert state.torque[motor] == 10 * motor + 2
        bias = machine.model.actuator(joint.name).biasprm[:3]
        assert bias.tolist() == [10 * motor, -motor, -motor - 1]


def test_torque_ends_at_the_motors_limit():
    robot = robots.load("go2")
    link = link_to("go2", hoist=True)
    link.advance(SIM_DT)
    command = stand(robot)
    command.tau[5] = 1000.0
    link.send(command)
    link.advance(0.01)
    assert link.read().torque[5] == pytest.approx(35.55)


def test_held_joints_go_where_they_are_told():
    robot = robots.load("g1")
    link = link_to("g1", hoist=True)
    link.advance(SIM_DT)
    command = stand(robot)
    held = [joint.motor_index for joint in robot.held_joints]
    command.q[held] = np.linspace(-0.4, 0.4, len(held))
    link.send(command)
    link.advance(0.02)
    assert np.abs(link.read().joint_vel[held]).max() > 0.5  # on the way
    link.advance(2.0)
    np.testing.assert_allclose(link.read().joint_pos[held], command.q[held], atol=1e-3)
    np.testing.assert_allclose(link.read().joint_vel[held], 0, atol=1e-3)


@pytest.mark.parametrize("gains", [(0.0, 0.0), (1e5, 0.0), (1e5, 1e3), (0.0, 1e4)])
def test_no_gains_blow_up_a_held_joint(gains):
    robot = robots.load("g1")
    link = link_to("g1", hoist=True)
    link.advance(SIM_DT)
    command = stand(robot)
    command.q[12:29], command.kp[12:29], command.kd[12:29] = 0.5, *gains
    link.send(command)
    link.advance(1.0)
    assert np.abs(link.read().joint_pos[12:29]).max() < 1.0


@pytest.mark.parametrize("name", ["h1", "h1_2"])
def test_an_imu_in_the_torso_turns_with_it(name):
    robot = robots.load(name)
    machine = Machine(robot)
    machine.data.qpos[3:7] = (0.9, 0.1, -0.3, 0.3)
    machine.data.qvel[3:6] = (0.3, -0.2, 0.5)
    mujoco.mj_forward(machine.model, machine.data)
    level, _ = machine.read(0, bytes(40))
    index = [joint.name for joint in robot.held_joints].index("torso_joint")
    machine._held.joint_pos[index], machine._held.joint_vel[index] = 0.7, 1.5
    turned, _ = machine.read(0, bytes(40))
    torso = robot.held_joints[index].motor_index
    assert (turned.joint_pos[torso], turned.joint_vel[torso]) == (np.float32(0.7), 1.5)
    assert np.abs(turned.quat - level.quat).max() > 0.1
    assert turned.gyro[2] == pytest.approx(level.gyro[2] + 1.5)
    quat, gyro = torso_to_base(turned.quat, turned.gyro, np.float32(0.7), np.float32(1.5))
    np.testing.assert_allclose(quat, level.quat, atol=1e-6)
    np.testing.assert_allclose(gyro, level.gyro, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_at_rest_the_accelerometer_feels_gravity(name):
    link = link_to(name, hoist=True)
    link.advance(SIM_DT)
    link.send(stand(robots.load(name)))
    link.advance(1.0)
    _, accelerometer = link.robot.machine.read(0, bytes(40))
    np.testing.assert_allclose(np.linalg.norm(accelerometer), 9.81, atol=0.1)


# What it does not obey


def obeyed(link):
    return bool(np.any(link.robot.machine.model.actuator_biasprm))


def packed_stand(link, mode_machine=5):
    return link.robot.codec.encode_command(stand(link.robot.machine.robot), mode_machine)


def test_a_good_command_is_obeyed():
    link = link_to("g1")
    link.robot.receive(packed_stand(link))
    link.advance(SIM_DT)
    assert obeyed(link)
    assert link.robot.ignored == 0


def test_a_command_repeats_what_the_robot_says_it_is():
    link = link_to("g1", mode_machine=6)
    link.advance(SIM_DT)
    assert link.read().mode_machine == 6
    link.send(stand(robots.load("g1")))
    link.advance(SIM_DT)
    assert obeyed(link)


@pytest.mark.parametrize("why", ["checksum", "length", "machine"])
def test_a_bad_command_is_ignored(why):
    link = link_to("g1", hoist=True)
    packed = packed_stand(link, mode_machine=6 if why == "machine" else 5)
    if why == "checksum":
        packed = packed[:50] + bytes([packed[50] ^ 4]) + packed[51:]
    link.robot.receive(b"" if why == "length" else packed)
    link.advance(SIM_DT)
    assert not obeyed(link)
    assert link.robot.ignored == 1


def test_a_motor_that_is_off_gives_no_torque():
    link = link_to("g1", hoist=True)
    struct_, packed = link.robot.codec.command_type, packed_stand(link)
    record = struct_.unpack(bytearray(packed))
    record["motor_cmd"]["mode"][3] = 0
    link.robot.receive(struct_.seal(record))
    link.advance(SIM_DT)
    bias = link.robot.machine.model.actuator_biasprm[:, 1]
    assert bias[3] == 0
    assert bias[9] == -150.0


def test_the_other_family_says_no_machine():
    link = link_to("go2", mode_machine=6)
    link.advance(SIM_DT)
    assert link.read().mode_machine == 0
    link.send(stand(robots.load("go2")))
    link.advance(SIM_DT)
    assert obeyed(link)


def test_a_command_needs_a_state_first():
    link = link_to("g1")
    with pytest.raises(LinkError, match="no LowState has come from the Unitree G1 yet"):
        link.send(stand(robots.load("g1")))
    assert link.read() is None
    link.advance(SIM_DT)
    link.send(stand(robots.load("g1")))
    link.close()
    with pytest.raises(LinkError, match="closed"):
        link.send(stand(robots.load("g1")))


# Faults


def ticks(link, seconds):
    """Ticks of the newest state after each step, and how old each was, s."""
    seen, ages = [], []
    for _ in range(round(seconds / SIM_DT)):
        link.advance(SIM_DT)
        state = link.read()
        seen.append(state.tick if state else None)
        ages.append(link.now() - state.tick / 1000 if state else None)
    return seen, ages


def test_half_of_the_states_are_dropped():
    link = link_to("go2", "drop:0.5")
    assert 170 < len(set(ticks(link, 1.0)[0])) < 330


def test_states_stop_and_come_back():
    link = link_to("go2", "drop:1@0.1-0.3")
    seen, _ = ticks(link, 0.5)
    assert seen[:50] == list(range(2, 102, 2))
    assert set(seen[50:150]) == {100}
    assert seen[150:] == list(range(302, 502, 2))


def test_states_are_late():
    link = link_to("go2", "delay:0.02@0.1")
    _, ages = ticks(link, 0.5)
    np.testing.assert_allclose(ages[:50], 0, atol=1e-9)
    np.testing.assert_allclose(ages[100:], 0.02, atol=1e-9)


def test_garbled_states_are_rejected_and_counted():
    link = link_to("go2", "corrupt:0.5@0.1-1.1")
    link.advance(0.1)
    assert link.read().rejected == 0
    link.advance(1.0)
    assert 170 < link.read().rejected < 330
    assert link.last_rejection == "wrong checksum"
    rejected = link.read().rejected
    link.advance(0.2)
    assert link.read().rejected == rejected


def test_a_frozen_robot_says_the_same_for_ever():
    link = link_to("go2", "freeze@0.1-0.2")
    seen, _ = ticks(link, 0.3)
    assert set(seen[50:100]) == {100}
    assert seen[100:] == list(range(202, 302, 2))
    assert link.read().rejected == 0


@pytest.mark.parametrize("fault", ["drop_command:1", "corrupt_command:1"])
def test_commands_that_are_lost_are_not_obeyed(fault):
    link = link_to("go2", fault)
    link.advance(SIM_DT)
    link.send(stand(robots.load("go2")))
    link.advance(0.05)
    assert not obeyed(link)
    assert link.robot.ignored == (fault == "corrupt_command:1")


def test_commands_are_late():
    link = link_to("go2", "delay_command:0.02")
    link.advance(SIM_DT)
    link.send(stand(robots.load("go2")))
    link.advance(0.018)
    assert not obeyed(link)
    link.advance(0.006)
    assert obeyed(link)


def test_a_motor_gets_hot_and_cools():
    link = link_to("h1", "hot:4:95@0.1-0.2", "error:5:3@0.1-0.2")
    link.advance(0.1)
    assert set(link.read().temperature) == {30}
    link.advance(0.05)
    assert link.read().temperature[4] == 95
    link.advance(0.1)
    assert set(link.read().temperature) == {30}


def test_a_motor_reports_an_error():
    link = link_to("g1", "error:5:3@0.1-0.2")
    link.advance(0.15)
    assert link.read().motor_error[5] == 3
    assert link.read().motor_error.sum() == 3
    link.advance(0.1)
    assert link.read().motor_error.sum() == 0


def test_a_push_is_a_jump_in_speed():
    link = link_to("go2", "push:0.8:90@0.1")
    link.advance(0.1)
    before = link.robot.machine.data.qvel[:2].copy()
    link.advance(SIM_DT)
    jump = link.robot.machine.data.qvel[:2] - before
    np.testing.assert_allclose(jump, [0.0, 0.8], atol=0.1)


def slid(link, seconds=0.6):
    """How far a pushed robot slides on its feet, m; for a body that only stands."""
    robot, machine = link.robot.machine.robot, link.robot.machine
    link.advance(SIM_DT)
    link.send(stand(robot))
    link.advance(0.5)
    before = machine.data.qpos[0]
    for event in parse("push:1", link.robot.time_s):
        link.robot.do(event)
    link.advance(seconds)
    return machine.data.qpos[0] - before


def test_on_ice_it_slides_and_on_its_own_floor_again():
    own = slid(link_to("go2"))
    ice = slid(link_to("go2", "friction:0.02"))
    assert ice > 2 * own > 0
    assert slid(link_to("go2", "friction:0.02@0-0.1")) == pytest.approx(own, abs=0.01)
    assert slid(link_to("go2", "friction:0.02", "clear@0.1")) == pytest.approx(own, abs=0.01)


def weight_on_its_feet(link):
    robot, data = link.robot.machine.robot, link.robot.machine.data
    link.advance(SIM_DT)
    link.send(stand(robot))
    link.advance(1.5)
    return sum(data.sensor(f"{foot.site}_force").data[0] for foot in robot.feet)


def test_a_payload_weighs():
    own = weight_on_its_feet(link_to("go2"))
    assert weight_on_its_feet(link_to("go2", "payload:3")) - own == pytest.approx(29.4, rel=0.05)
    assert weight_on_its_feet(link_to("go2", "payload:3", "clear@0.1")) == pytest.approx(own, 0.02)
    with pytest.raises(LinkError, match=r"payload of -50 kg is not allowed, want more than -6\.9"):
        link_to("go2", "payload:-50")


def test_latency_is_half_on_each_line():
    link = link_to("g1", "latency:0.04")
    link.advance(0.1)
    assert link.read().tick == pytest.approx(1000 * (link.now() - 0.02), abs=2)
    link.send(stand(robots.load("g1")))
    link.advance(0.018)
    assert not obeyed(link)
    link.advance(0.006)
    assert obeyed(link)


def test_clear_ends_every_fault():
    faults = ("drop:1", "delay:1", "corrupt:1", "drop_command:1", "freeze", "hot:1:90", "unpair")
    faults += ("latency:1", "friction:0.1", "payload:2")
    link = link_to("g1", *faults, "error:2:1", "clear@0.1")
    own = Machine(robots.load("g1")).model
    link.advance(0.1)
    assert link.read() is None
    link.advance(0.01)
    state = link.read()
    assert (state.tick, state.rejected) == (110, 0)
    assert (set(state.temperature), set(state.motor_error)) == ({30}, {0})
    assert any(state.remote)
    now = link.robot.machine.model
    np.testing.assert_array_equal(now.geom_friction, own.geom_friction)
    np.testing.assert_array_equal(now.body_mass, own.body_mass)
    link.send(stand(robots.load("g1")))
    link.advance(SIM_DT)
    assert obeyed(link)


def test_the_same_seed_loses_the_same_messages():
    seen = [ticks(link_to("go2", "drop:0.5", seed=seed), 0.2)[0] for seed in (3, 3, 4)]
    assert seen[0] == seen[1] != seen[2]


# The remote control


def test_buttons_and_sticks_are_where_the_vendor_has_them():
    link = link_to("g1", "press:R1", "press:A@0.1-0.2", "stick:ly:0.5", "stick:rx:-0.25@0.1-0.2")
    link.advance(0.15)
    remote = link.read().remote
    assert struct.unpack_from("<H", remote, 2) == (0b1_0000_0001,)
    assert struct.unpack_from("<ffff", remote, 4) == (0.0, -0.25, 0.0, 0.0)
    assert struct.unpack_from("<f", remote, 20) == (0.5,)
    assert remote[:2] != bytes(2)
    link.advance(0.1)
    assert struct.unpack_from("<H", link.read().remote, 2) == (1,)
    assert struct.unpack_from("<f", link.read().remote, 8) == (0.0,)


def test_every_button_has_its_bit():
    for bit, button in enumerate(BUTTONS):
        remote = Remote()
        remote.press(button)
        assert struct.unpack_from("<H", remote.to_bytes(), 2) == (1 << bit,)
    assert len(BUTTONS) == 16


def test_a_remote_out_of_reach_is_all_zero():
    link = link_to("go2", "press:A", "unpair@0.1-0.2")
    link.advance(0.15)
    assert link.read().remote == bytes(40)
    link.advance(0.1)
    assert any(link.read().remote)


# Events in words


def test_an_event_is_read():
    assert parse("push:0.5:90@2.5") == [Event(2.5, "push", (0.5, 90.0))]
    assert parse(" freeze\n", now=7.0) == [Event(7.0, "freeze")]
    assert parse("error:5:3@1-2") == [Event(1.0, "error", (5, 3)), Event(2.0, "error", (5, 0))]
    assert parse("press:A@1-2") == [Event(1.0, "press", ("A",)), Event(2.0, "release", ("A",))]


def test_every_kind_of_event_happens():
    examples = {"SHARE": "0.5", "SECONDS": "0.1", "MOTOR": "1", "DEG_C": "50", "CODE": "1"}
    examples |= {
        "SPEED": "0.1",
        "VALUE": "0.5",
        "|".join(BUTTONS): "A",
        "|".join(STICKS): "lx",
        "KG": "1",
    }
    link = link_to("g1", hoist=True)
    for name, kind in KINDS.items():
        words = kind.usage.partition("[")[0].split(":")
        text = ":".join([words[0], *(examples[word] for word in words[1:])])
        before = len(link.robot._to_come)
        for event in parse(text):
            link.robot.do(event)
        link.advance(SIM_DT)
        assert (before, len(link.robot._to_come)) == (0, 0), name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dorp:0.5", "event: 'dorp:0.5' is unknown; there are drop, "),
        ("drop", "event: 'drop' is not allowed, want drop:SHARE[@START[-END]]"),
        ("drop:1.5", "want drop:SHARE"),
        ("drop:nan", "want drop:SHARE"),
        ("delay:-1", "want delay:SECONDS"),
        ("drop:0.5:1", "want drop:SHARE"),
        ("drop:0.5@", "want drop:SHARE"),
        ("drop:0.5@5-4", "want drop:SHARE"),
        ("drop:0.5@x", "want drop:SHARE"),
        ("push:0.5@1-2", "want push:SPEED[:DIRECTION_DEG][@START], in seconds"),
        ("press:Z", "want press:R1|L1|start"),
        ("stick:lx:1.5", "want stick:lx|rx|ry|ly:VALUE"),
        ("stick:lz:0.5", "want stick:lx|rx|ry|ly:VALUE"),
        ("hot:1:x", "want hot:MOTOR:DEG_C"),
        ("friction:-0.1", "want friction[:COEFFICIENT][@START[-END]]"),
        ("payload:heavy", "want payload:KG"),
        ("latency:-1", "want latency:SECONDS"),
    ],
)
def test_what_cannot_be_read_says_how_it_is_written(text, message):
    with pytest.raises(LinkError) as caught:
        parse(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["hot:20:90", "cool:-1", "error:20:1"])
def test_a_motor_that_there_is_not_is_refused(text):
    with pytest.raises(LinkError, match="want 0 to 19"):
        link_to("go2", text)


# Its time


def test_time_passes_only_where_it_is_told_to():
    link = link_to("go2")
    assert link.read() is None and link.now() == 0
    link.sleep_until(0.1)
    assert (link.read().stamp_s, link.read().tick) == (pytest.approx(0.1), 100)
    link.sleep_until(0.05)
    assert link.now() == 0.1


def test_between_two_steps_the_robot_stands_where_it_was():
    """Not every rate of commands is a multiple of the physics' step."""
    link = link_to("go2")
    ticks = []
    for index in range(1, 7):
        link.sleep_until(index * 0.005)
        ticks.append(link.read().tick)
        assert link.now() == index * 0.005
    assert ticks == [4, 10, 14, 20, 24, 30]


def test_time_of_many_steps_does_not_drift():
    link = link_to("go2")
    link.robot.machine.data.time = 1800.0  # half an hour
    link.sleep_until(1800.0)
    for index in range(1, 50):
        link.sleep_until(1800.0 + index * SIM_DT)
        assert link.read().tick == 1_800_000 + 2 * index


def test_in_real_time_it_catches_up_where_it_is_read(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("deploy.sim_robot.link.time.monotonic", lambda: clock[0])
    link = RealtimeSimLink(SimRobot(robots.load("go2")))
    assert link.read() is None and link.now() == 1000.0
    clock[0] += 0.0205
    state = link.read()
    assert (state.tick, state.stamp_s) == (20, pytest.approx(1000.02))
    assert link.read().tick == 20
    clock[0] += 10.0
    state = link.read()
    assert state.tick == pytest.approx(20 + 1000 * MAX_LAG_S, abs=2)
    assert link.now() - state.stamp_s < SIM_DT
    clock[0] += 0.01
    assert link.read().tick - state.tick == pytest.approx(10, abs=2)


def test_it_says_where_it_is():
    said = []
    link = link_to("go2", "push:1@0.5", "where@0.6", tell=said.append)
    link.advance(0.01)
    link.send(stand(robots.load("go2")))
    link.advance(1.0)
    (text,) = said
    place = dict(part.split("=") for part in text.removeprefix("where: ").split())
    assert float(place["time_s"]) == pytest.approx(0.6)
    assert float(place["x"]) > 0.02 and abs(float(place["y"])) < 0.01
    assert float(place["height"]) == pytest.approx(0.27, abs=0.05)
    assert abs(float(place["yaw"])) < 0.05 and float(place["tilt"]) < 0.2
