"""Runs one after the other, on a simulated robot that need not keep pace with any clock."""

import contextlib
import time

import numpy as np
import pytest

import robots
from deploy.cockpit import CockpitError, simulation
from deploy.cockpit.board import Board
from deploy.cockpit.choice import Choices, get_ready
from deploy.cockpit.controls import Controls
from deploy.cockpit.desk import NOT_YOURS, PageDesk
from deploy.cockpit.reading import Reader
from deploy.cockpit.run import Settings
from deploy.cockpit.session import Session
from deploy.cockpit.simulation import MAX_LAG_S, Push, Simulation, condition
from deploy.cockpit.status import make_status, why_damped
from deploy.link import LinkError
from deploy.runtime.gatecheck import GateRefusedError
from deploy.runtime.limits import Limits
from deploy.runtime.states import State
from deploy.runtime.stopping import Stopping
from tests.deploy.runtime.fakes import FakeLink, shipped

PATIENCE_S = 120.0
HANDS = {"keys": [], "sticks": [0, 0, 0], "sliders": [0.5, 0, 0], "reach": 0.5}


class Clock:
    """In place of the module `time`: nobody waits, and what is waited for is over."""

    def __init__(self):
        self.now_s = 1000.0
        self.slept = []

    def monotonic(self):
        return self.now_s

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now_s += seconds
        time.sleep(0)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(simulation, "time", made)
    return made


def until(condition):
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.005)


class Cabin:
    """A session with a page at it, without server and without viser."""

    def __init__(self, name="go2"):
        self.controls = Controls(lost_s=1e6, clock=lambda: 0.0)
        ready = get_ready(name, shipped(name).path)
        settings = Settings(500.0, Limits())
        self.session = Session(ready, settings, self.controls, Stopping())
        self.desk = PageDesk(self.controls, self.session, Choices())
        self.desk.arrive(1)
        self.session.start()

    def say(self, **said):
        return self.desk.hear(1, said)

    @property
    def board(self):
        return self.session.run.board

    @property
    def status(self):
        reading = Reader(self.session.run.ready, self.board).read(peaks=True)
        return make_status(self.session, self.controls, reading)

    def until(self, *states):
        until(lambda: self.board.state in states or self.session.over.is_set())
        assert self.board.state in states, self.board.notes

    def walk(self):
        self.say(ask="go")
        self.until(State.POLICY)
        self.say(hands=HANDS)

    def model(self):
        return self.session.run.simulation._robot.machine.model


@pytest.fixture
def cabin(clock):
    with contextlib.ExitStack() as stack:

        def sit(name="go2"):
            made = Cabin(name)
            stack.callback(made.desk.close)
            stack.callback(made.session.join, PATIENCE_S)
            stack.callback(made.session.stop)
            return made

        yield sit


def test_it_walks_where_the_page_wants(cabin):
    one = cabin()
    one.walk()
    began = one.board.place
    until(lambda: one.board.place.time_s > began.time_s + 3)
    assert one.board.place.qpos[0] - began.qpos[0] > 0.8
    status = one.status
    assert status["state"] == "policy" and status["why"] == ""
    assert status["command"] == pytest.approx([0.5, 0, 0])
    assert status["velocity"][0] == pytest.approx(0.5, abs=0.2)
    assert 0 < max(status["torque"]) <= max(status["limits"])
    assert not status["hangs"]


def test_it_hangs_until_it_walks(cabin):
    one = cabin()
    until(lambda: one.board.place is not None and one.board.robot is not None)
    assert one.status["hangs"]
    one.walk()
    until(lambda: not one.board.place.hangs)


def test_reset_damps_the_run_and_begins_another_on_the_hoist(cabin):
    one = cabin()
    one.walk()
    first = one.session.run
    one.say(again=True)
    until(lambda: one.session.run is not first)
    assert first.board.state is State.ENDED
    assert first.board.notes[-2:] == ("policy -> damping (leave)", "damping -> ended (leave)")
    until(lambda: one.board.place is not None)
    assert one.board.place.hangs
    one.walk()


def test_another_robot_is_taken_by_its_name(cabin):
    one = cabin()
    one.say(choose=["g1", "shipped"])
    until(lambda: one.session.run.ready.robot.name == "g1")
    until(lambda: one.board.robot is not None)
    assert len(one.status["torque"]) == len(one.status["joints"]) == 12


def test_what_cannot_be_chosen_leaves_the_run_as_it_is(cabin):
    one = cabin()
    first = one.session.run
    one.say(choose=["go2", "/etc/passwd"])
    until(lambda: one.desk.said[0] == 1)
    # A checkout in which Go2 was trained has one more.
    assert one.desk.said[1].startswith("policy: go2 has no '/etc/passwd', but shipped")
    one.say(choose=["go3", "shipped"])
    until(lambda: one.desk.said[0] == 2)
    assert one.session.run is first and not one.session.over.is_set()


def test_conditions_last_over_a_reset_until_they_are_cleared(cabin):
    one = cabin()
    assert one.say(set=["friction", 0.3]) == ""
    assert one.say(set=["payload", 4]) == ""
    until(lambda: one.model().geom_friction[0, 0] == 0.3)
    first = one.session.run
    one.say(again=True)
    until(lambda: one.session.run is not first)
    until(lambda: one.model().geom_friction[0, 0] == 0.3)
    assert one.status["conditions"] == {"friction": 0.3, "payload": 4.0, "latency": 0.0}
    assert one.status["nominal"] == {"friction": 0.8, "payload": 0.0, "latency": 0.0}
    one.say(clear=True)
    until(lambda: one.model().geom_friction[0, 0] != 0.3)
    assert one.status["conditions"] == one.status["nominal"]
    assert "payload of -50 kg is not allowed" in one.say(set=["payload", -50])


def test_a_push_goes_where_the_robot_looks(cabin):
    one = cabin()
    pushes = []
    machine = one.session.run.simulation._robot.machine
    turned = machine.where()._replace(yaw=np.radians(30))
    machine.where = lambda: turned
    machine.push = lambda speed, direction: pushes.append((speed, direction))
    one.say(push=[0.7, 90])
    until(lambda: pushes)
    assert pushes == [(0.7, pytest.approx(np.radians(120)))]


def test_who_looks_on_may_stop_and_no_more(cabin):
    one = cabin()
    one.walk()
    one.desk.arrive(2)
    for said in (
        {"push": [0.5, 0]},
        {"set": ["payload", 3]},
        {"clear": True},
        {"again": True},
        {"choose": ["g1", "shipped"]},
        {"ask": "start"},
    ):
        assert one.desk.hear(2, said) == NOT_YOURS
    assert one.desk.hear(2, {"ask": "stop"}) == ""
    one.until(State.DAMPING)
    until(lambda: one.status["why"])
    assert one.status["why"] == "select"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"ask": "fly"},
        {"ask": "leave"},
        {"push": [9, 0]},
        {"push": [-1, 0]},
        {"push": ["hard", 0]},
        {"push": [0.5]},
        {"set": ["gravity", 0]},
        {"set": ["friction", "none"]},
        {"hands": {}},
        {"hands": 5},
        {"choose": ["g1"]},
        {"follow": 1},
    ],
)
def test_what_no_page_of_ours_says_is_refused(cabin, said):
    with pytest.raises(ValueError):
        cabin().desk.hear(1, said)


def test_a_condition_that_is_none_is_refused(cabin):
    assert "'friction:-1.0' is not allowed" in cabin().say(set=["friction", -1])
    with pytest.raises(LinkError):
        condition("latency", float("inf"))


# The simulated robot's clock


def test_a_machine_that_is_too_slow_makes_slow_motion_and_no_fault(clock):
    slow = Simulation(robots.load("go2"), Board(20))
    for number in range(1, 200):
        clock.now_s += 0.006  # three times as long as a step may take
        slow.sleep_until(0.002 * number)
    assert slow._board.place.speed == pytest.approx(1 / 3, rel=0.1)
    assert not clock.slept
    before_s = clock.now_s
    slow.sleep_until(0.4 + 2 * MAX_LAG_S)
    slow.sleep_until(0.5 + 2 * MAX_LAG_S)
    assert clock.now_s - before_s == pytest.approx(0.1 + MAX_LAG_S, abs=0.01)


def test_a_real_robot_is_not_pushed_and_its_run_is_the_last():
    from deploy.runtime.assemble import sleeper
    from deploy.runtime.transports import Transport

    link = FakeLink(shipped("go2").contract, num_motors=20)
    ready = get_ready("go2", shipped("go2").path)
    settings = Settings(
        500.0, Limits(), open_robot=lambda robot: Transport(link, sleeper(link.now))
    )
    controls = Controls(lost_s=1e6)
    session = Session(ready, settings, controls, Stopping())
    desk = PageDesk(controls, session, Choices())
    for said in ({"push": [0.5, 0]}, {"set": ["payload", 3]}, {"clear": True}, {"again": True}):
        with pytest.raises(ValueError, match="a real robot has none of this"):
            desk.hear(1, said)
    assert session.conditions == {} and session.run.simulation is None
    session.push(Push(0.5, 0))
    assert desk.hear(1, {"ask": "leave"}) == ""
    desk.close()


# Robots and policies


def test_a_policy_has_to_be_the_robots_and_to_have_passed(tmp_path):
    with pytest.raises(CockpitError, match=r"robot: 'go3' is unknown; there are g1, go2, h1, h1_2"):
        get_ready("go3", shipped("go2").path)
    with pytest.raises(GateRefusedError, match="is for robot 'go2', want 'g1'"):
        get_ready("g1", shipped("go2").path)
    mine = tmp_path / "policy.onnx"
    mine.write_bytes(shipped("go2").path.read_bytes())
    assert get_ready("go2", mine).gate.parent.name == "go2"  # the same bytes as the shipped one
    import onnx

    other = onnx.load(mine)
    other.doc_string = "not the bytes that walked"
    onnx.save(other, mine)
    with pytest.raises(GateRefusedError, match="no passing gate report names this file"):
        get_ready("go2", mine)


def test_policies_are_found_by_name(tmp_path):
    for folder in ("shipped/go2", "trained/go2", "trained/h1"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "policy.onnx").touch()
    choices = Choices(("go2", tmp_path / "my.onnx"), tmp_path / "shipped", tmp_path / "trained")
    assert choices.all() == {
        "g1": [],
        "go2": ["my.onnx", "shipped", "trained here"],
        "h1": ["trained here"],
        "h1_2": [],
    }
    assert choices.find("go2") == tmp_path / "my.onnx"
    assert choices.find("h1", "trained here") == tmp_path / "trained/h1/policy.onnx"
    with pytest.raises(CockpitError, match="g1: there is no policy"):
        choices.find("g1")


def test_why_a_robot_was_damped_is_its_last_notes_word():
    notes = ("zero_torque -> move_to_default (start)", "policy -> damping (tilt: by 50 deg (so))")
    assert why_damped(notes) == "tilt: by 50 deg (so)"
    assert why_damped(notes[:1]) == ""
