"""The controller: a tick per command, from the robot's newest state to what its motors are told."""

import time

import numpy as np

from deploy.link import MotorCommand, RobotState
from deploy.runtime.clamp import Clamp
from deploy.runtime.inputs import Shaper, Wish
from deploy.runtime.motors import MotorMap
from deploy.runtime.parts import Parts
from deploy.runtime.periods import Periods
from deploy.runtime.policy_step import Decision, Request
from deploy.runtime.rules import Situation
from deploy.runtime.states import MOVING, Event, State, next_state
from deploy.runtime.summary import Summary
from deploy.runtime.supervisor import Fault, Supervisor, guards
from deploy.runtime.targets import Targets

URGENT = (Event.FAULT, Event.SELECT, Event.LEAVE)
"""Events that come before all others of a tick."""
FORGIVEN = 0.1
"""How much of a missed deadline one that is met makes up for."""
NO_WISH = Wish((0.0, 0.0, 0.0))


class Controller:
    """The state machine, with a supervisor in front of every command.

    Args:
        parts: What it is put together from.
        n_commands: Commands per control period.
    """

    state: State
    summary: Summary

    def __init__(self, parts: Parts, n_commands: int) -> None:
        contract = parts.contract
        stream_dt = contract.ctrl_dt / n_commands
        self._parts, self._n_commands = parts, n_commands
        self._motors = MotorMap(contract, parts.link.num_motors)
        self._shape = Shaper(contract, stream_dt)
        self._clamp = Clamp(contract, parts.limits, stream_dt)
        self._supervisor = Supervisor(guards(contract, parts.limits, parts.mode_machine))
        self.state = State.ZERO_TORQUE
        self.summary = Summary(contract, self._clamp.counts)
        self._periods = Periods(contract, self._motors, parts.log, self.summary)
        self._command, self._wish = np.zeros(3, np.float32), NO_WISH
        self._missed, self._fresh = 0.0, True
        self._now = self._last_s = parts.link.now()
        self._targets = Targets(self._motors, self._clamp, self._now)

    def tick(self, index: int, late_s: float = 0.0) -> State:
        """Look, judge, decide, send, record. Does not raise: whatever fails ends in damping.

        Args:
            index: Counts commands, those left out included.
            late_s: How late this one is, s.
        """
        marks = [time.perf_counter()]
        robot, decision, fault = None, None, None
        try:
            robot = self._look()
            marks.append(time.perf_counter())
            # An answer that was waiting belongs to the period that now ends, if one does.
            decision = self._poll()
            self._begin_period(index, robot)
            decision = decision or self._poll()
            marks.append(time.perf_counter())
            fault = self._supervisor.check(self.state, self._situation(robot, decision))
        except Exception as error:  # an input, a link, a bug: all the same to a robot that stands
            fault = _failed("runtime", error)
        try:
            self._advance(robot, fault)
        except Exception as error:  # an event that is none
            self._fail(_failed("runtime", error))
        if decision and self.state is State.POLICY:
            self._targets.decided(decision.joint_targets)
        command = self._in_time(self._make_command(robot))
        marks.append(time.perf_counter())
        self._send(command)
        marks.append(time.perf_counter())
        try:
            self._record(command, late_s, marks)
        except Exception as error:  # a bug: the next command damps, and those after it
            self._fail(_failed("runtime", error))
        self._last_s = self._now
        return self.state

    def finish(self) -> None:
        """Send a last damping command, whatever the state, and end the record."""
        self.state = State.ENDED
        self._send(self._motors.damping())
        self._parts.worker.close()
        self._periods.close()

    # One tick, in the order in which it happens

    def _look(self) -> RobotState | None:
        self._wish = NO_WISH
        self._now = self._parts.link.now()
        robot = self._parts.link.read()
        self._wish = self._parts.source.poll(self._now, robot)
        self._command = self._shape(self._wish.velocity)
        return robot

    def _begin_period(self, index: int, robot: RobotState | None) -> None:
        step, before = index // self._n_commands, self._periods.step
        if robot is None or step == before:
            return
        self._targets.begin_period()
        readings = self._periods.begin(step, self._now, self.state, robot, self._command)
        if self.state is not State.POLICY:
            return
        # A period that the loop itself left out is a deadline missed, too.
        busy = self._parts.worker.busy
        missed = busy + (0 if before is None else step - before - 1)
        self._missed = self._missed + missed if missed else max(self._missed - FORGIVEN, 0.0)
        self.summary.missed += missed
        if busy:
            return
        self._parts.worker.request(Request(step, readings, self._command, self._fresh))
        self._fresh = False

    def _poll(self) -> Decision | None:
        decision = self._parts.worker.poll()
        if decision:
            self._periods.answered(decision)
        return decision

    def _situation(self, robot: RobotState | None, decision: Decision | None) -> Situation:
        clamped, clamped_s = self._clamp.longest()
        return Situation(
            now=self._now,
            gap_s=self._now - self._last_s,
            robot=robot,
            decision=decision,
            missed=self._missed,
            crash=self._parts.worker.crash,
            operator=self._wish.lost,
            clamped=clamped,
            clamped_s=clamped_s,
            intruder=self._parts.intruder(),
        )

    def _advance(self, robot: RobotState | None, fault: Fault | None) -> None:
        """Go through the tick's events, urgent ones first.

        Who asks a moving robot to end in the very tick in which a fault damps it, wants it damped,
        not let go: the process ends no sooner than it is told to while it damps.
        """
        before = self.state
        asked = [*self._parts.stopping.poll(self._now), *self._wish.events]
        if self.state is State.MOVE and self._targets.has_arrived(self._now):
            asked.append(Event.ARRIVED)
        if fault:
            self._fail(fault)
        for event in sorted(asked, key=lambda event: event not in URGENT):
            if fault and next_state(before, event) is self.state:
                continue
            self._apply(event, event.value, robot)

    def _fail(self, fault: Fault) -> None:
        self._apply(Event.FAULT, f"{fault.name}: {fault.text}", None)

    def _apply(self, event: Event, why: str, robot: RobotState | None) -> None:
        before, self.state = self.state, next_state(self.state, event)
        if before is self.state:
            return
        note = f"{before} -> {self.state} ({why})"
        self.summary.changed(self._now, note, is_fault=event is Event.FAULT)
        self._periods.note(note)
        if self.state is State.MOVE and robot is not None:
            self._targets.begin_move(self._now, robot)

    def _make_command(self, robot: RobotState | None) -> MotorCommand:
        """What this state tells the motors; damping where that cannot be made."""
        try:
            return self._targets.command(self.state, self._now, robot)
        except Exception as error:  # see tick
            self._fail(_failed("runtime", error))
            return self._motors.damping()

    def _in_time(self, command: MotorCommand) -> MotorCommand:
        """The command, or damping if this tick took so long that it answers to the past."""
        took_s = self._parts.link.now() - self._now
        if self.state in MOVING and took_s > self._parts.limits.stream_gap_s:
            self._fail(Fault("command stream", f"a command took {1e3 * took_s:.0f} ms to make"))
            return self._motors.damping()
        return command

    def _send(self, command: MotorCommand) -> None:
        try:
            self._parts.link.send(command)
            self.summary.sent += 1
        except Exception as error:  # the next command may get through; try, whatever the state
            self.summary.send_errors += 1
            self._fail(_failed("link", error))

    def _record(self, command: MotorCommand, late_s: float, marks: list[float]) -> None:
        self.summary.timed(marks[-1] - marks[0], late_s)
        spent = {"late": late_s, "send": marks[-1] - marks[-2]}
        if len(marks) == 5:  # nothing failed in between
            spent |= {"read": marks[1] - marks[0], "supervise": marks[3] - marks[2]}
        self._periods.sent(command, spent)


def _failed(name: str, error: Exception) -> Fault:
    return Fault(name, f"{type(error).__name__}: {error}")
