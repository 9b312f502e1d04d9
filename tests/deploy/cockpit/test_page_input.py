"""A page at the controls of a whole controller: what it may, and what its loss does."""

import pytest

from deploy.cockpit.board import Board
from deploy.cockpit.controls import GO, STILL_S, Controls
from deploy.cockpit.hands import Hands
from deploy.cockpit.page_input import DAMPED_S, PageInput
from deploy.runtime.states import Event, State
from tests.deploy.runtime.fakes import STREAM_DT, Bench, shipped

LOST_S = 1.0
FORWARD = Hands(sliders=(0.5, 0.0, 0.0))


class Seat:
    """A controller with a page as its input, on a clock that moves with the commands."""

    def __init__(self):
        self.time_s = 50.0
        self.controls = Controls(LOST_S, lambda: self.time_s)
        self.bench = Bench(shipped("go2"))
        self.board = Board(self.bench.link.num_motors)
        self.input = PageInput(self.bench.contract, self.controls, self.board)
        self.bench.operator.poll = self.input.poll

    @property
    def state(self):
        return self.bench.state

    @property
    def wish(self):
        return self.bench.controller._wish

    def tick(self, times=1, says=None):
        for _ in range(times):
            self.time_s += STREAM_DT
            if says is not None:
                self.controls.hear(self.controls.pilot, says)
            self.bench.tick()
            self.board.watch(self.bench.state)
        return self.state

    def walk(self):
        """From the hoist to walking, by the one button."""
        self.controls.arrive(1)
        assert self.controls.ask(1, GO)
        self.tick(3, FORWARD)
        assert self.state is State.MOVE
        self.tick(1010, FORWARD)
        assert self.state is State.POLICY, self.bench.said
        return self


def test_two_buttons_lead_to_walking_as_on_the_real_one():
    seat = Seat()
    seat.controls.arrive(1)
    seat.tick(10)
    assert seat.state is State.ZERO_TORQUE
    seat.controls.ask(1, Event.START)
    seat.tick(1005, Hands())
    assert seat.state is State.HOLD
    seat.tick(100, Hands())
    assert seat.state is State.HOLD
    seat.controls.ask(1, Event.A)
    assert seat.tick(2, Hands()) is State.POLICY


def test_one_button_leads_there_too_and_the_page_steers():
    seat = Seat().walk()
    assert seat.wish.velocity == (0.5, 0.0, 0.0)
    seat.tick(1, Hands())
    assert seat.wish.velocity == (0.0, 0.0, 0.0)


def test_stop_damps_with_the_next_command():
    seat = Seat().walk()
    seat.controls.ask(1, Event.SELECT)
    assert seat.tick() is State.DAMPING
    assert seat.bench.is_damping()
    assert "policy -> damping (select)" in seat.bench.said


def test_stop_while_it_stands_up_does_not_walk_later():
    seat = Seat()
    seat.controls.arrive(1)
    seat.controls.ask(1, GO)
    seat.tick(100, Hands())
    seat.controls.ask(1, Event.SELECT)
    assert seat.tick(2000, Hands()) is State.DAMPING


# Who drives


def test_the_first_page_drives_and_others_may_stop_it_only():
    seat = Seat()
    seat.controls.arrive(1)
    seat.controls.arrive(2)
    assert seat.controls.pilot == 1
    assert not seat.controls.ask(2, Event.START)
    assert not seat.controls.ask(2, GO)
    seat.controls.hear(2, FORWARD)
    assert seat.controls.hands() == Hands()
    assert seat.controls.ask(2, Event.SELECT)
    assert seat.controls.asked() == [Event.SELECT]


def test_who_takes_over_begins_with_empty_hands():
    seat = Seat().walk()
    seat.controls.arrive(2)
    seat.controls.take(2)
    seat.tick()
    assert seat.state is State.POLICY
    assert seat.wish.velocity == (0.0, 0.0, 0.0)
    seat.controls.leave(1)  # looks on no more
    seat.tick(1, FORWARD)
    assert (seat.state, seat.wish.velocity) == (State.POLICY, (0.5, 0.0, 0.0))


# The page is lost


def test_a_page_that_is_closed_damps_the_robot():
    seat = Seat().walk()
    seat.controls.leave(1)
    assert seat.tick() is State.DAMPING
    assert seat.bench.fault == "operator"
    assert "the page that drives is gone" in seat.bench.said


def test_a_page_that_comes_back_at_once_damps_it_all_the_same():
    seat = Seat().walk()
    seat.controls.leave(1)
    seat.controls.arrive(2)
    assert seat.tick() is State.DAMPING


def test_a_silent_page_holds_nothing_and_then_is_lost():
    seat = Seat().walk()
    seat.tick(round((STILL_S - 0.01) / STREAM_DT))
    assert seat.wish.velocity == (0.5, 0.0, 0.0)
    seat.tick(round(0.02 / STREAM_DT))
    assert (seat.wish.velocity, seat.state) == ((0.0, 0.0, 0.0), State.POLICY)
    seat.tick(round((LOST_S - STILL_S - 0.02) / STREAM_DT))
    assert seat.state is State.POLICY
    seat.tick(round(0.02 / STREAM_DT))
    assert seat.state is State.DAMPING
    assert "the page that drives has been silent for 1.0 s" in seat.bench.said


def test_a_cockpit_that_shows_nothing_any_more_damps_the_robot():
    seat = Seat().walk()
    seat.controls.failure = "the cockpit's view failed"
    assert seat.tick(1, FORWARD) is State.DAMPING
    assert "operator: the cockpit's view failed" in seat.bench.said


def test_before_the_robot_moves_pages_come_and_go():
    seat = Seat()
    seat.tick(2000)
    seat.controls.arrive(1)
    seat.tick(2000)
    seat.controls.leave(1)
    seat.tick(10)
    assert seat.state is State.ZERO_TORQUE
    seat.controls.arrive(2)
    assert seat.controls.ask(2, Event.START)
    assert seat.tick() is State.MOVE


# A run ends for the next one


@pytest.mark.parametrize("walks", [False, True])
def test_a_run_that_is_ended_is_damped_first_if_it_moves(walks):
    seat = Seat()
    if walks:
        seat.walk()
    seat.input.end()
    assert seat.tick() is (State.DAMPING if walks else State.ENDED)
    if walks:
        assert seat.tick(round(DAMPED_S / STREAM_DT) - 2) is State.DAMPING
        assert seat.bench.is_damping()
        assert seat.tick(5) is State.ENDED
    assert seat.bench.fault == ""


def test_what_was_asked_of_the_run_before_is_not_asked_of_the_next():
    seat = Seat()
    seat.controls.arrive(1)
    seat.controls.ask(1, Event.START)
    PageInput(seat.bench.contract, seat.controls, seat.board)
    assert seat.tick() is State.ZERO_TORQUE
