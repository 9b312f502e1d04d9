"""The controller: what every state sends, how it ends, and what it logs."""

import dataclasses
import tracemalloc
from collections import deque

import numpy as np
import pytest

from deploy.log import LogHeader, LogReader, LogWriter
from deploy.observations import joint_targets
from deploy.policy import Policy
from deploy.replay.__main__ import main as replay
from deploy.replay.run import policy_sha256
from deploy.runtime.limits import Limits
from deploy.runtime.policy_step import PolicyStep
from deploy.runtime.states import Event, State
from tests.deploy.runtime.fakes import AT_REST, N_COMMANDS, STREAM_DT, Bench, shipped


@pytest.fixture(scope="module")
def g1():
    return shipped("g1")


def used(bench):
    return bench.controller._motors.used


def test_at_first_nothing_is_driven(g1):
    bench = Bench(g1)
    bench.tick(50)
    assert len(bench.link.commands) == 50
    for _, command in bench.link.commands:
        assert not np.stack(command).any()


def test_the_move_is_a_straight_line_of_two_seconds_from_where_the_joints_are(g1):
    bench = Bench(g1)
    start = np.linspace(-0.05, 0.05, bench.link.num_motors).astype(np.float32)
    start[used(bench)] += bench.controller._motors.default
    bench.link.pos[:] = start
    bench.tick(5)
    began = len(bench.link.commands)
    bench.ask(Event.START)
    bench.tick(1003)
    assert bench.state is State.HOLD
    motors = used(bench)
    default = bench.controller._motors.default
    joints = {**dict(zip(g1.contract.motor_indices, g1.contract.default_joint_pos, strict=True))}
    joints |= {held.motor_index: held.position for held in g1.contract.held_joints}
    np.testing.assert_allclose(default, [joints[motor] for motor in motors], rtol=1e-6)
    for place in (0, 250, 500, 750, 1000):
        _, command = bench.link.commands[began + place]
        share = place / 1000
        wanted = start[motors] + share * (default - start[motors])
        np.testing.assert_allclose(command.q[motors], wanted, atol=1e-5)
        np.testing.assert_array_equal(command.kp[motors], bench.controller._motors.kp)
        np.testing.assert_array_equal(command.kd[motors], bench.controller._motors.kd)
        assert not command.dq.any() and not command.tau.any()
    np.testing.assert_array_equal(bench.last.q[motors], default)


def test_slots_nobody_names_stay_without_torque(g1):
    bench = Bench(g1).until(State.POLICY)
    others = np.setdiff1d(np.arange(bench.link.num_motors), used(bench))
    assert len(others) == 6
    assert not np.stack(bench.last)[:, others].any()


def test_held_joints_stay_where_they_are_held(g1):
    bench = Bench(g1).until(State.POLICY)
    held = {joint.motor_index: joint for joint in g1.contract.held_joints}
    assert len(held) == 17
    for motor, joint in held.items():
        assert bench.last.q[motor] == joint.position
        assert (bench.last.kp[motor], bench.last.kd[motor]) == (joint.kp, joint.kd)


@pytest.mark.parametrize("name", ["go2", "g1", "h1", "h1_2"])
def test_each_joints_target_goes_to_its_motor(name):
    """Targets that can be told apart, and the vendor's motor of each joint."""
    policy = shipped(name)
    n = policy.contract.action_size
    wanted = np.float32(policy.contract.default_joint_pos) + np.float32(0.01) * np.arange(n)
    step = PolicyStep(policy)
    bench = Bench(policy, step=lambda r: step(r)._replace(joint_targets=wanted.astype(np.float32)))
    bench.until(State.POLICY)
    for motor, target, kp, kd in zip(
        policy.contract.motor_indices, wanted, policy.contract.kp, policy.contract.kd, strict=True
    ):
        assert bench.last.q[motor] == pytest.approx(target, abs=1e-6)
        assert (bench.last.kp[motor], bench.last.kd[motor]) == pytest.approx((kp, kd))


@pytest.mark.parametrize("name", ["go2", "g1", "h1", "h1_2"])
def test_the_policy_sees_each_joint_at_its_place_and_its_answer_is_sent(name):
    policy = shipped(name)
    strong = (1e6,) * policy.contract.action_size  # nothing is clamped
    policy.contract = dataclasses.replace(policy.contract, effort_limit=strong)
    limits = Limits(target_rate=1e6, target_margin=100.0)
    bench = Bench(policy, limits=limits).until(State.POLICY)
    while bench.index % N_COMMANDS:
        bench.tick()
    before = bench.link.state()
    bench.tick()
    bench.tick(N_COMMANDS + 1)
    tick = bench.writer.ticks[-1]
    motors = list(policy.contract.motor_indices)
    np.testing.assert_array_equal(tick.inputs.joint_pos, before.joint_pos[motors])
    np.testing.assert_array_equal(tick.joint_targets, joint_targets(policy.contract, tick.action))
    np.testing.assert_array_equal(tick.sent_targets, tick.joint_targets)
    _, command = bench.link.commands[-2 - N_COMMANDS]
    np.testing.assert_array_equal(command.q[motors], tick.sent_targets)


def test_the_torsos_angle_is_read_from_the_waists_motor():
    policy = shipped("h1")
    (waist,) = [j.motor_index for j in policy.contract.held_joints if j.name == "torso_joint"]
    bench = Bench(policy)
    pos = np.arange(35, dtype=np.float32) / 100
    vel = np.arange(35, dtype=np.float32) / 10
    bench.link.tamper = lambda state, now: state._replace(joint_pos=pos, joint_vel=vel)
    bench.tick(N_COMMANDS + 2)
    (tick,) = bench.writer.ticks
    assert (tick.torso_pos, tick.torso_vel) == (pos[waist], vel[waist]) == (pos[6], vel[6])
    # What the base feels: less the rate at which the torso turns on it.
    assert tick.inputs.gyro[2] == -vel[6]


def test_the_command_reaches_the_policy_within_range_and_not_suddenly(g1):
    bench = Bench(g1).until(State.POLICY)
    bench.operator.velocity = (9.0, 0.0, 0.0)
    bench.tick(1000)
    ran = [tick for tick in bench.writer.ticks if tick.action is not None]
    vx = np.asarray([tick.inputs.command[0] for tick in ran])
    assert vx[-1] == pytest.approx(g1.contract.command_ranges.vx[1])
    # Up to the dead zone it is zero; from there on it grows by at most what is allowed.
    assert np.diff(vx)[vx[:-1] > 0].max() <= 1.5 * g1.contract.ctrl_dt + 1e-6


def test_the_policy_begins_afresh(g1):
    bench = Bench(g1).until(State.POLICY)
    first = next(tick for tick in bench.writer.ticks if tick.action is not None)
    assert not first.inputs.last_action.any() and first.inputs.phase == 0


def test_damping_goes_on_until_the_process_is_told_to_leave_and_once_more(g1):
    bench = Bench(g1).until(State.POLICY)
    bench.ask(Event.SELECT)
    assert bench.is_damping()
    before = len(bench.link.commands)
    bench.tick(700)
    assert len(bench.link.commands) == before + 700
    assert all(bench.is_damping(command) for _, command in bench.link.commands[before:])
    bench.ask(Event.LEAVE)
    assert bench.state is State.ENDED
    bench.controller.finish()
    assert len(bench.link.commands) == before + 702
    assert bench.is_damping()
    assert not bench.controller.summary.faulty


def test_who_asks_to_end_in_the_moment_of_a_fault_gets_a_damped_robot(g1):
    bench = Bench(g1).until(State.POLICY)
    bench.link.tamper = lambda state, now: state._replace(quat=np.float32([0, 1, 0, 0]))
    bench.ask(Event.LEAVE)
    assert bench.state is State.DAMPING
    assert bench.controller.summary.faulty
    bench.ask(Event.LEAVE)
    assert bench.state is State.ENDED


def test_select_counts_more_than_a_in_the_same_moment(g1):
    bench = Bench(g1).until(State.HOLD)
    bench.ask(Event.A, Event.SELECT)
    assert bench.state is State.DAMPING
    assert "policy" not in bench.said


def test_a_command_is_sent_at_every_tick_whatever_happens(g1):
    bench = Bench(g1).until(State.POLICY)
    times = np.asarray([time_s for time_s, _ in bench.link.commands])
    np.testing.assert_allclose(np.diff(times), STREAM_DT, atol=1e-9)


def test_a_process_that_is_told_to_end_damps_first(g1):
    bench = Bench(g1).until(State.POLICY)
    bench.stopping.catch(2)
    bench.tick()
    assert bench.state is State.DAMPING
    assert bench.is_damping()
    bench.tick(3000)
    assert bench.state is State.DAMPING
    bench.stopping.catch(2)
    bench.tick()
    assert bench.state is State.ENDED


@pytest.mark.parametrize("number", [15, 1])
def test_a_signal_that_comes_once_leaves_after_five_seconds_of_damping(g1, number):
    bench = Bench(g1).until(State.POLICY)
    bench.stopping.catch(number)
    bench.tick(1 + round(4.9 / STREAM_DT))
    assert bench.state is State.DAMPING
    bench.tick(round(0.2 / STREAM_DT))
    assert bench.state is State.ENDED


@pytest.mark.parametrize("numbers", [(1, 1), (15, 1), (2, 2)])
def test_signals_that_come_together_are_one(g1, numbers):
    """A terminal that closes sends SIGHUP twice, an init system SIGTERM and SIGHUP."""
    bench = Bench(g1).until(State.POLICY)
    for number in numbers:
        bench.stopping.catch(number)
    bench.tick(500)
    assert bench.state is State.DAMPING
    assert bench.is_damping()


def test_a_signal_that_is_repeated_does_not_shorten_the_damping(g1):
    bench = Bench(g1).until(State.POLICY)
    for _ in range(4):
        bench.stopping.catch(15)
        bench.tick(500)
        assert bench.state is State.DAMPING
    bench.tick(501)
    assert bench.state is State.ENDED


def test_a_period_left_out_is_a_deadline_missed(g1):
    """Every tick 38 ms after the last: no gap that is too long, but half of the periods are."""
    bench = Bench(g1).until(State.POLICY)
    for _ in range(4):
        bench.index += 18
        bench.tick()
    assert bench.state is State.DAMPING
    assert bench.fault == "policy overrun"
    assert bench.controller.summary.missed >= 2


@pytest.mark.parametrize("state", [State.HOLD, State.POLICY])
def test_a_command_that_took_too_long_to_make_is_damping(g1, state):
    """The machine stands still within a tick, after the robot was looked at."""
    bench = Bench(g1).until(state)
    poll = bench.operator.poll

    def slow(now, robot):
        bench.link.time_s += 10.0
        return poll(now, robot)

    bench.operator.poll = slow
    bench.controller.tick(bench.index)
    assert bench.state is State.DAMPING
    assert bench.is_damping()
    assert bench.fault == "command stream"


def test_memory_does_not_grow(g1):
    """Ten seconds of walking keep no more than one second did."""
    bench = Bench(g1, writer=None).until(State.POLICY)
    bench.link.commands = deque(maxlen=1)
    bench.tick(500)
    tracemalloc.start()
    try:
        bench.tick(500)
        before, _ = tracemalloc.get_traced_memory()
        bench.tick(3000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert bench.state is State.POLICY
    assert after - before < 3000  # a byte per command


# The log


def test_every_period_is_logged_once_and_in_order(g1):
    bench = Bench(g1).until(State.POLICY)
    bench.ask(Event.SELECT)
    bench.tick(100)
    bench.controller.finish()
    ticks = bench.writer.ticks
    assert [tick.step for tick in ticks] == list(range(len(ticks)))
    assert len(ticks) == (bench.index - 1) // N_COMMANDS + 1
    np.testing.assert_allclose(np.diff([t.time_s for t in ticks]), 0.02, atol=1e-6)
    states = [state for state in dict.fromkeys(tick.state for tick in ticks)]
    assert states == ["zero_torque", "hold", "policy", "damping"]  # the move was skipped
    notes = "; ".join(tick.note for tick in ticks if tick.note)
    assert notes.count("->") == 4
    assert "policy -> damping (select)" in notes


def test_gains_are_logged_where_they_are_not_the_contracts(g1):
    bench = Bench(g1).until(State.POLICY)
    bench.ask(Event.SELECT)
    bench.tick(100)
    for tick in bench.writer.ticks:
        if tick.state == "policy" and not tick.note:
            assert tick.sent_kp is tick.sent_kd is None
    limp, damped = bench.writer.ticks[0], bench.writer.ticks[-1]
    assert not limp.sent_kp.any() and not limp.sent_kd.any()
    assert not damped.sent_kp.any() and (damped.sent_kd == 8).all()


@pytest.mark.parametrize("name", ["go2", "g1", "h1", "h1_2"])
def test_the_log_replays_to_the_last_bit(name, tmp_path, capsys):
    policy = shipped(name)
    header = LogHeader(policy.contract, policy_sha256(policy), "a test")
    writer = LogWriter(tmp_path / "run.mcap", header)
    bench = Bench(policy, writer=writer)
    rng = np.random.default_rng(0)

    def shake(state, now):
        n = len(state.joint_pos)
        quat = np.float32([1, 0, 0, 0]) + rng.normal(0, 0.05, 4).astype(np.float32)
        return state._replace(
            joint_vel=rng.normal(0, 0.1, n).astype(np.float32),
            gyro=rng.normal(0, 0.1, 3).astype(np.float32),
            quat=quat / np.linalg.norm(quat),
        )

    bench.link.tamper = shake
    bench.until(State.POLICY)
    bench.operator.velocity = (0.5, 0.1, 0.3)
    bench.tick(500)
    bench.ask(Event.SELECT)
    bench.tick(50)
    bench.controller.finish()
    bench.parts.log.close()
    ran = sum(tick.action is not None for tick in LogReader(tmp_path / "run.mcap").ticks())
    assert ran > 50
    arguments = [str(tmp_path / "run.mcap"), "--policy", str(policy.path), "--tolerance", "0"]
    assert replay(arguments) == 0
    assert f"same: {ran} steps agree to 0" in capsys.readouterr().out


def test_the_tick_that_asks_the_policy_leaves_the_log_to_the_next(g1):
    """Its thread, woken up, would take the interpreter while the network runs."""
    bench = Bench(g1)
    bench.until(State.POLICY)
    while bench.index % N_COMMANDS:
        bench.tick()
    before = len(bench.writer.ticks)
    bench.tick()
    assert len(bench.writer.ticks) == before
    bench.tick()
    assert len(bench.writer.ticks) == before + 1
    bench.tick(3 * N_COMMANDS - 2)
    bench.controller.finish()
    steps = [tick.step for tick in bench.writer.ticks]
    assert steps == list(range(steps[0], steps[0] + len(steps)))
    assert steps[-1] == (bench.index - 1) // N_COMMANDS


def test_a_record_that_fails_ends_in_damping_that_goes_on(g1, monkeypatch):
    bench = Bench(g1)
    bench.until(State.POLICY)

    def fails(command, spent):
        raise ValueError("planted")

    monkeypatch.setattr(bench.controller._periods, "sent", fails)
    bench.tick(1)
    assert bench.controller.state is State.DAMPING
    assert "runtime: ValueError: planted" in bench.controller.summary.notes[-1]
    before = len(bench.link.commands)
    bench.tick(100)
    later = [command for _, command in bench.link.commands[before:]]
    assert len(later) == 100
    assert all(not command.kp.any() and (command.kd[used(bench)] == 8).all() for command in later)


def test_the_log_has_all_that_the_robot_said_of_its_motors(g1):
    """A run ended by a held joint, a hot motor or the remote control can be looked into."""
    bench = Bench(g1)
    used = [*g1.contract.motor_indices, *(j.motor_index for j in g1.contract.held_joints)]
    n = g1.contract.action_size

    def tamper(state, now):
        slots = np.arange(len(state.joint_pos))
        return state._replace(
            joint_pos=np.float32(0.001 * slots),
            joint_vel=np.float32(0.01 * slots),
            torque=np.float32(0.1 * slots),
            temperature=np.int16(30 + slots),
            motor_error=np.uint32(2**31 * (slots == used[-1])) if now > 101 else state.motor_error,
        )

    bench.link.tamper = tamper
    bench.tick(600)
    bench.controller.finish()
    first, last = bench.writer.ticks[0], bench.writer.ticks[-1]
    np.testing.assert_array_equal(first.held_pos, np.float32(0.001 * np.array(used[n:])))
    np.testing.assert_array_equal(first.held_vel, np.float32(0.01 * np.array(used[n:])))
    np.testing.assert_array_equal(first.motor_torque, np.float32(0.1 * np.array(used)))
    np.testing.assert_array_equal(first.motor_temperature, 30 + np.array(used))
    assert (first.motor_error, first.mode_machine) == (None, 5)
    assert first.robot_tick == 100_000
    assert bytes.fromhex(first.remote) == AT_REST
    assert last.state == "damping"
    assert last.motor_error == [0] * (len(used) - 1) + [2**31]


def test_a_robot_with_too_few_motors_is_refused(g1):
    from deploy.link import LinkError
    from deploy.runtime.motors import MotorMap

    with pytest.raises(LinkError, match="motor 28 is in the policy's contract"):
        MotorMap(g1.contract, 20)


def test_a_torso_imu_without_a_torso_joint_is_refused():
    import dataclasses

    from deploy.contract import ContractError
    from deploy.runtime.motors import MotorMap

    contract = dataclasses.replace(Policy(shipped("h1").path).contract, held_joints=())
    with pytest.raises(ContractError, match="imu_frame is 'torso'"):
        MotorMap(contract, 20)
