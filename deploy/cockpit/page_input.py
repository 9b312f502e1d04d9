"""A page as the runtime's input, as the keyboard and the gamepad are theirs."""

from deploy.cockpit.board import Board
from deploy.cockpit.controls import GO, Controls
from deploy.cockpit.hands import velocity
from deploy.contract import PolicyContract
from deploy.link import RobotState
from deploy.runtime.inputs.wish import Wish
from deploy.runtime.states import MOVING, Event, State

DAMPED_S = 0.5
"""How long a run that is ended is damped, s of the robot's."""


class PageInput:
    """What the page that drives wants, for one run.

    It counts as lost as a gamepad does, but from `start` on: pages may come and go before the robot
    moves.

    Args:
        contract: Has the ranges.
        controls: The seat at the controls.
        board: Knows the state; shown every state of the robot.
    """

    def __init__(self, contract: PolicyContract, controls: Controls, board: Board) -> None:
        self._contract, self._controls, self._board = contract, controls, board
        controls.asked()  # what was asked of the run before is not meant for this one
        self._since: int | None = None  # departures when it started
        self._going = self._ending = False
        self._damped_from_s: float | None = None

    def poll(self, now: float, robot: RobotState | None) -> Wish:
        """Look what the page wants."""
        self._board.see(robot)
        events = self._events(now)
        if Event.START in events and self._since is None:
            self._since = self._controls.departures
        lost = self._controls.failure
        if self._since is not None:
            lost = self._controls.lost(self._since)
        if lost:
            return Wish((0.0, 0.0, 0.0), tuple(events), lost)
        return Wish(velocity(self._contract, self._controls.hands()), tuple(events))

    def end(self) -> None:
        """Damp the robot if it moves, and then end the run. Thread-safe."""
        self._ending = True

    def close(self) -> None:
        """Nothing to let go of."""

    def _events(self, now: float) -> list[Event]:
        asked = self._controls.asked()
        events = [Event(word) for word in asked if word != GO]
        self._going = (self._going or GO in asked) and Event.SELECT not in events
        if self._going:
            events += self._go()
        if self._ending:
            events += self._end(now)
        return events

    def _go(self) -> list[Event]:
        match self._board.state:
            case State.ZERO_TORQUE:
                return [Event.START]
            case State.HOLD:
                self._going = False
                return [Event.A]
            case State.MOVE:
                return []
            case _:
                self._going = False
                return []

    def _end(self, now: float) -> list[Event]:
        state = self._board.state
        if state is State.DAMPING:
            if self._damped_from_s is None:
                self._damped_from_s = now
            return [Event.LEAVE] if now - self._damped_from_s >= DAMPED_S else []
        return [Event.LEAVE] if state in MOVING or state is State.ZERO_TORQUE else []
