"""Every rule of the supervisor, by its fault, through a link whose clock stands still by itself."""

import dataclasses

import numpy as np
import pytest

from deploy.link import motors_used
from deploy.runtime.inputs.remote_bytes import Sticks
from deploy.runtime.limits import Limits, RuntimeSettingError
from deploy.runtime.policy_step import PolicyStep
from deploy.runtime.states import MOVING, Event, State
from deploy.runtime.supervisor import guards
from tests.deploy.runtime.fakes import N_COMMANDS, STREAM_DT, Bench, pack, shipped


@pytest.fixture(scope="module")
def go2():
    return shipped("go2")


def walking(policy, **parts):
    return Bench(policy, **parts).until(State.POLICY)


def ticks_to_damping(bench, most=2000):
    """How many commands it takes until the motors are damped."""
    for count in range(1, most + 1):
        if bench.tick() is State.DAMPING:
            assert bench.is_damping()
            return count
    raise AssertionError("no fault was found")


def changed(**fields):
    return lambda state, now: state._replace(**fields)


def element(name, motor, value):
    def tamper(state, now):
        values = getattr(state, name).copy()
        values[motor] = value
        return state._replace(**{name: values})

    return tamper


class Frozen:
    """Gives the state it was made with, for ever."""

    def __init__(self, bench, **moving):
        self.state, self.moving = bench.link.state(), moving

    def __call__(self, state, now):
        return self.state._replace(**{name: getattr(state, name) for name in self.moving})


# Nothing is wrong


@pytest.mark.parametrize("name", ["go2", "g1", "h1", "h1_2"])
def test_a_sound_robot_is_left_alone(name):
    bench = walking(shipped(name))
    bench.tick(500)
    assert bench.state is State.POLICY
    assert bench.fault == ""


# What is wrong at once: damping with the very next command

AT_ONCE = {
    "no state": ("stale state", lambda state, now: None),
    "nan in a joint position": ("sensors", element("joint_pos", 3, np.nan)),
    "infinite joint velocity": ("sensors", element("joint_vel", 3, np.inf)),
    "nan in the gyro": ("sensors", changed(gyro=np.float32([0, np.nan, 0]))),
    "nan in the quaternion": ("sensors", changed(quat=np.float32([1, 0, 0, np.nan]))),
    "a quaternion that is none": ("sensors", changed(quat=np.zeros(4, np.float32))),
    "a motor's error": ("motor error", element("motor_error", 3, 0x80)),
    "a hot motor": ("temperature", element("temperature", 3, 91)),
    "another machine": ("mode_machine", changed(mode_machine=6)),
    "tilted forward": ("tilt", changed(quat=np.float32([np.cos(0.41), 0, np.sin(0.41), 0]))),
    "upside down": ("tilt", changed(quat=np.float32([0, 1, 0, 0]))),
}


@pytest.mark.parametrize("what", AT_ONCE)
def test_what_is_wrong_at_once(go2, what):
    rule, tamper = AT_ONCE[what]
    bench = walking(go2)
    bench.link.tamper = tamper
    assert ticks_to_damping(bench) == 1
    assert bench.fault == rule


@pytest.mark.parametrize(
    "tamper",
    [
        element("joint_pos", 30, np.nan),
        element("motor_error", 30, 1),
        element("temperature", 30, 120),
        element("temperature", 3, 90),
        changed(quat=np.float32([np.cos(0.39), 0, np.sin(0.39), 0])),
    ],
)
def test_motors_nobody_uses_and_figures_just_allowed_are_no_fault(go2, tamper):
    assert max(motors_used(go2.contract)) < 30
    bench = walking(go2)
    bench.link.tamper = tamper
    bench.tick(100)
    assert bench.state is State.POLICY


# What is wrong after a while


def test_a_robot_that_says_nothing_new(go2):
    bench = walking(go2)
    bench.link.tamper = Frozen(bench)
    assert ticks_to_damping(bench) == pytest.approx(0.04 / STREAM_DT + 1, abs=1)
    assert bench.fault == "stale state"


def test_a_robot_that_sends_but_stands_still(go2):
    bench = walking(go2)
    bench.link.tamper = Frozen(bench, stamp_s=True)
    assert ticks_to_damping(bench) == pytest.approx(0.04 / STREAM_DT + 1, abs=1)
    assert bench.fault == "frozen robot"


def test_wrong_checksums_in_a_row(go2):
    bench = walking(go2)
    frozen = Frozen(bench)
    began_s = bench.link.now()

    def tamper(state, now):
        return frozen.state._replace(rejected=round((now - began_s) / STREAM_DT))

    bench.link.tamper = tamper
    assert ticks_to_damping(bench) == 10
    assert bench.fault == "bad messages"


def test_wrong_checksums_among_good_ones(go2):
    bench = walking(go2)
    began_s = bench.link.now()

    def tamper(state, now):
        return state._replace(rejected=int((now - began_s) / 0.05))

    bench.link.tamper = tamper
    assert 0.4 < ticks_to_damping(bench) * STREAM_DT < 1.0
    assert bench.fault == "bad messages"


def test_wrong_checksums_within_any_second_count(go2):
    """Nine before a second is over and nine after it: no clock's seconds, any second."""
    bench = walking(go2)
    began_s = bench.link.now()

    def tamper(state, now):
        since_s = now - began_s
        return state._replace(rejected=9 * (since_s > 0.95) + 9 * (since_s > 1.05))

    bench.link.tamper = tamper
    assert 1.05 < ticks_to_damping(bench) * STREAM_DT < 1.06
    assert bench.fault == "bad messages"


@pytest.mark.parametrize("per_s", [1000, 500, 1e6], ids=["ms", "messages", "us"])
def test_states_that_come_later_and_later(go2, per_s):
    """No gap, no standing counter: 30 ms more on the way in every 0.2 s. Whatever is counted."""
    bench = Bench(go2)
    began_s = bench.link.now()

    def tamper(state, now):
        late_s = max(now - began_s - 5.0, 0.0) * 0.15
        return state._replace(tick=round((now - began_s - late_s) * per_s))

    bench.link.tamper = tamper
    bench.until(State.POLICY)
    bench.tick(round(5.0 / STREAM_DT) - bench.index)
    assert bench.state is State.POLICY
    assert ticks_to_damping(bench) * STREAM_DT < 0.3
    assert bench.fault == "delayed states"


def test_a_clock_that_goes_wrong_by_a_thousandth_is_no_fault(go2):
    bench = Bench(go2)
    began_s = bench.link.now()
    rng = np.random.default_rng(0)

    def tamper(state, now):  # up to 5 ms late, each by itself
        return state._replace(tick=round(1001 * (now - began_s) - 5 * rng.random()))

    bench.link.tamper = tamper
    bench.until(State.POLICY).tick(6000)
    assert bench.state is State.POLICY, bench.said


def test_a_counter_that_began_anew_is_measured_anew(go2):
    bench = walking(go2)
    bench.tick(2000)
    bench.link.tamper = lambda state, now: state._replace(tick=state.tick - 50_000)
    bench.tick(2000)
    assert bench.state is State.POLICY, bench.said


def test_a_held_joint_that_is_elsewhere():
    g1 = shipped("g1")
    arm = g1.contract.held_joints[3]
    bench = walking(g1)
    bench.link.tamper = element("joint_pos", arm.motor_index, arm.position - 0.49)
    bench.tick(500)
    assert bench.state is State.POLICY
    bench.link.tamper = element("joint_pos", arm.motor_index, arm.position - 0.51)
    assert ticks_to_damping(bench) * STREAM_DT == pytest.approx(0.1, abs=0.005)
    assert bench.fault == "held joint"
    assert arm.name in bench.said


def test_a_rare_wrong_checksum_is_no_fault(go2):
    bench = walking(go2)
    began_s = bench.link.now()
    bench.link.tamper = lambda state, now: state._replace(rejected=int((now - began_s) / 0.2))
    bench.tick(1500)
    assert bench.state is State.POLICY


PERSISTENT = {
    "joint position": lambda c: ("joint_pos", c.joint_upper[0] + 0.11),
    "joint velocity": lambda c: ("joint_vel", -1.21 * c.velocity_limit[0]),
    "joint torque": lambda c: ("torque", -1.51 * c.effort_limit[0]),
}


@pytest.mark.parametrize("rule", PERSISTENT)
def test_a_joint_beyond_its_limits_for_a_while(go2, rule):
    name, value = PERSISTENT[rule](go2.contract)
    bench = walking(go2)
    bench.link.tamper = element(name, go2.contract.motor_indices[0], value)
    assert ticks_to_damping(bench) == pytest.approx(0.1 / STREAM_DT + 1, abs=1)
    assert bench.fault == rule
    assert go2.contract.joint_names[0] in bench.said


@pytest.mark.parametrize("rule", PERSISTENT)
def test_a_joint_beyond_its_limits_for_a_moment_is_no_fault(go2, rule):
    name, value = PERSISTENT[rule](go2.contract)
    bench = walking(go2)
    for _ in range(5):
        bench.link.tamper = element(name, go2.contract.motor_indices[0], value)
        bench.tick(40)
        bench.link.tamper = lambda state, now: state
        bench.tick(2)
    assert bench.state is State.POLICY, bench.said


# Policy


class Wild(PolicyStep):
    """Says something else, once it is told to."""

    def __init__(self, policy):
        super().__init__(policy)
        self.change = lambda decision: decision

    def __call__(self, request):
        return self.change(super().__call__(request))


@pytest.mark.parametrize("field", ["action", "joint_targets"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_a_policy_says_must_be_a_number(go2, field, value):
    step = Wild(go2)
    bench = walking(go2, step=step)

    def change(decision):
        values = getattr(decision, field).copy()
        values[2] = value
        return decision._replace(**{field: values})

    step.change = change
    assert ticks_to_damping(bench) <= N_COMMANDS
    assert bench.fault == "action"
    assert go2.contract.joint_names[2] in bench.said
    assert all(np.isfinite(command.q).all() for _, command in bench.link.commands)


def test_a_policy_that_crashes(go2):
    step = Wild(go2)
    bench = walking(go2, step=step)

    def crash(decision):
        raise ZeroDivisionError("planted")

    step.change = crash
    assert ticks_to_damping(bench) <= N_COMMANDS
    assert bench.fault == "policy crash"
    assert "ZeroDivisionError: planted" in bench.said


def test_targets_that_stay_out_of_bounds(go2):
    step = Wild(go2)
    bench = walking(go2, step=step)
    far = np.float32(go2.contract.joint_upper) + 5
    step.change = lambda decision: decision._replace(joint_targets=far)
    took = ticks_to_damping(bench)
    assert 1.0 / STREAM_DT <= took <= 1.0 / STREAM_DT + N_COMMANDS
    assert bench.fault == "clamped"


class SlowWorker:
    """Answers when it is told to."""

    def __init__(self, step):
        self._step, self._request, self.crash = step, None, ""
        self.slow = False
        self.decision = None

    @property
    def busy(self):
        return self._request is not None

    def request(self, request):
        assert not self.busy
        self._request = request
        if not self.slow:
            self.answer()

    def answer(self):
        self.decision, self._request = self._step(self._request), None

    def poll(self):
        decision, self.decision = self.decision, None
        return decision

    def close(self):
        pass


def test_two_missed_deadlines_in_a_row(go2):
    worker = SlowWorker(PolicyStep(go2))
    bench = walking(go2, worker=worker)
    worker.slow = True
    # The period in which it is asked, and the two in which it has not answered.
    assert 2 * N_COMMANDS < ticks_to_damping(bench) <= 3 * N_COMMANDS
    assert bench.fault == "policy overrun"
    assert bench.controller.summary.missed == 2


def test_one_missed_deadline_is_counted_and_the_answer_used(go2):
    worker = SlowWorker(PolicyStep(go2))
    bench = walking(go2, worker=worker)
    while bench.index % N_COMMANDS:
        bench.tick()
    worker.slow = True
    bench.tick(N_COMMANDS + 3)
    before = bench.last.q.copy()
    assert worker.busy
    worker.slow = False
    worker.answer()
    bench.tick()
    assert (bench.last.q != before).any()
    bench.tick(100)
    assert bench.state is State.POLICY
    assert bench.controller.summary.missed == 1
    ran = [tick.action is not None for tick in bench.writer.ticks if tick.state == "policy"]
    assert ran.count(False) == 2  # whose answer came late, and the one without a question


def test_a_policy_that_is_late_every_other_time(go2):
    worker = SlowWorker(PolicyStep(go2))
    bench = walking(go2, worker=worker)
    worker.slow = True
    for _ in range(20):
        bench.tick(N_COMMANDS + 3)
        if bench.state is State.DAMPING:
            break
        if worker.busy:
            worker.answer()
        bench.tick(N_COMMANDS - 3)
    assert bench.fault == "policy overrun"
    assert bench.controller.summary.missed <= 4


# Operator, remote control, process


def test_an_operator_who_is_gone(go2):
    bench = walking(go2)
    bench.operator.lost = "the gamepad is gone"
    assert ticks_to_damping(bench) == 1
    assert bench.fault == "operator"
    assert "the gamepad is gone" in bench.said


def test_an_input_that_fails(go2):
    bench = walking(go2)
    bench.operator.error = RuntimeError("planted")
    assert ticks_to_damping(bench) == 1
    assert bench.fault == "runtime"
    assert "RuntimeError: planted" in bench.said


def test_a_remote_control_that_was_there_and_is_gone(go2):
    bench = walking(go2)
    bench.link.tamper = changed(remote=bytes(40))
    assert ticks_to_damping(bench) == pytest.approx(0.2 / STREAM_DT + 1, abs=1)
    assert bench.fault == "remote"


def test_a_remote_control_at_rest_or_without_a_head_is_not_lost(go2):
    for quiet in (pack(set(), Sticks(0, 0, 0, 0)), bytes(40)):
        bench = Bench(go2)
        bench.link.tamper = changed(remote=pack({"X"}, Sticks(0, 0, 0, 0), head=quiet[:2]))
        bench.until(State.POLICY)
        bench.link.tamper = changed(remote=quiet)
        bench.tick(500)
        assert bench.state is State.POLICY, bench.said


def test_a_command_stream_that_stood_still(go2):
    bench = walking(go2)
    bench.index += 25
    assert ticks_to_damping(bench) == 1
    assert bench.fault == "command stream"


def test_an_event_that_is_none(go2):
    bench = walking(go2)
    bench.operator.asks = ["jump"]
    assert ticks_to_damping(bench) == 1
    assert bench.fault == "runtime"


def test_a_link_that_cannot_be_read(go2):
    bench = walking(go2)

    def fail(state, now):
        raise OSError("planted")

    bench.link.tamper = fail
    assert ticks_to_damping(bench) == 1
    assert bench.fault == "runtime"


def test_a_link_that_cannot_send_is_tried_on(go2):
    bench = walking(go2)
    bench.link.send_error = OSError("planted")
    bench.tick(3)
    assert bench.state is State.DAMPING
    assert bench.fault == "link"
    assert bench.controller.summary.send_errors == 3
    bench.link.send_error = None
    bench.tick()
    assert bench.is_damping()


def test_a_rule_that_fails_is_a_fault(go2):
    bench = walking(go2)
    bench.link.tamper = changed(quat=None)
    assert ticks_to_damping(bench) == 1
    assert bench.fault == "sensors"
    assert "the rule failed" in bench.said


def test_another_machine_than_expected_does_not_start(go2):
    bench = Bench(go2, mode_machine=4)
    bench.ask(Event.START)
    assert bench.state is State.DAMPING
    assert "mode_machine is 5, want 4" in bench.said


# States


@pytest.mark.parametrize("state", [State.ZERO_TORQUE, State.MOVE, State.POLICY])
def test_another_commander_damps_at_its_first_command(go2, state):
    bench = Bench(go2).until(state)
    bench.intruder = "python (process 7 on desk, udp/10.0.0.2)"
    assert ticks_to_damping(bench) == 1
    assert bench.fault == "other commander"
    assert "somebody else commands the robot: python (process 7 on desk" in bench.said


def test_every_rule_ends_a_walk_and_a_limp_robot_may_lie_as_it_likes(go2):
    table = guards(go2.contract, Limits())
    assert len({guard.name for guard in table}) == len(table) == 21
    assert all(guard.states >= MOVING for guard in table if guard.name != "held joint")
    assert all(State.DAMPING not in guard.states for guard in table)
    bench = Bench(go2)
    bench.link.tamper = changed(quat=np.float32([0, 1, 0, 0]))
    bench.tick(100)
    assert bench.state is State.ZERO_TORQUE
    bench.ask(Event.START)
    assert ticks_to_damping(bench) == 1
    assert bench.fault == "tilt"


@pytest.mark.parametrize("state", [State.ZERO_TORQUE, State.MOVE, State.HOLD, State.POLICY])
def test_a_fault_damps_from_every_state_and_for_good(go2, state):
    bench = Bench(go2).until(state)
    bench.link.tamper = element("motor_error", 3, 1)
    assert ticks_to_damping(bench) == 1
    bench.link.tamper = lambda state, now: state
    bench.ask(Event.START, Event.A)
    bench.tick(1200)
    assert bench.state is State.DAMPING
    assert bench.is_damping()


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Limits)])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_limit_that_is_none_is_refused(name, value):
    with pytest.raises(RuntimeSettingError, match=f"{name} is"):
        Limits(**{name: value})
