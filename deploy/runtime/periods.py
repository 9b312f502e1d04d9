"""Control periods: what is read at the start of each, what comes of it, and its tick in the log."""

from typing import Any

import numpy as np

from deploy.contract import PolicyContract
from deploy.link import MotorCommand, RobotState
from deploy.log import Tick
from deploy.runtime.motors import MotorMap, Readings
from deploy.runtime.policy_step import Decision
from deploy.runtime.states import State
from deploy.runtime.summary import Summary
from deploy.runtime.tick_log import TickLog
from deploy.sensors import Sensors, policy_inputs

TIMINGS = ("late", "read", "observe", "infer", "supervise", "send")
"""Parts of a tick that are timed, s: how late it began, then what it did."""


class Periods:
    """Fills one period's tick after the other, and hands each on once the next has begun.

    Args:
        contract: The policy's contract.
        motors: The robot's motors.
        log: Where ticks go.
        summary: Told of them too.
    """

    step: int | None = None
    """The period that runs; None before the first."""

    def __init__(
        self, contract: PolicyContract, motors: MotorMap, log: TickLog, summary: Summary
    ) -> None:
        self._contract, self._motors, self._log, self._summary = contract, motors, log, summary
        none = np.zeros(contract.action_size, np.float32)
        # What the policy remembers; told in the log also where it does not run.
        self._last_action, self._phase = none, np.float32(0)
        self._last_sent = none
        self._fields: dict[str, Any] = {}  # of the period's tick; none where no period runs
        self._sensors: Sensors | None = None
        # Left to a tick that asks no policy, for that one has the least time: what the log wants
        # of the robot's message besides, and the period before, which wakes the log's thread up.
        self._robot: RobotState | None = None
        self._over: Tick | None = None
        self._is_sent = False
        self._timings_s: dict[str, float] = {}
        self._notes: list[str] = []

    def begin(
        self, step: int, now: float, state: State, robot: RobotState, command: np.ndarray
    ) -> Readings:
        """A period begins, and the one before is over.

        Args:
            step: Counts periods.
            now: When the robot's message was read, s.
            state: The controller's.
            robot: The message.
            command: (3,) as asked for.

        Returns:
            What of the message a policy looks at.
        """
        readings = self._motors.read(robot)
        self._end()
        self.step, self._is_sent = step, False
        self._timings_s = dict.fromkeys(TIMINGS, 0.0)
        self._sensors = readings.sensors(command, self._last_action, self._phase)
        self._fields = {
            "step": step,
            "time_s": now,
            "state": state.value,
            "imu_quat": readings.quat,
            "imu_gyro": readings.gyro,
            "sent_targets": self._last_sent,
            "torso_pos": _float(readings.torso_pos),
            "torso_vel": _float(readings.torso_vel),
        }
        self._robot = robot
        return readings

    def note(self, text: str) -> None:
        """Something happened."""
        self._notes.append(text)

    def answered(self, decision: Decision) -> None:
        """The policy has answered; an answer to another period's question is only remembered."""
        self._last_action, self._phase = decision.action, decision.inputs.phase
        self._longest({"observe": decision.observe_s, "infer": decision.infer_s})
        if not self._fields or decision.step != self.step:
            return
        self._is_sent = False
        self._fields |= {
            "inputs": decision.inputs,
            "observation": decision.observation,
            "action": decision.action,
            "joint_targets": decision.joint_targets,
        }

    def sent(self, command: MotorCommand, spent: dict[str, float]) -> None:
        """A command was sent.

        Kept are the first of a period, or the one after its answer; and of each part of the ticks
        the longest time it took.

        Args:
            command: What was sent.
            spent: How long parts of the tick took, s.
        """
        self._longest(spent)
        if self._is_sent:
            self._catch_up()
        elif self._fields:
            self._is_sent = True
            self._fields |= self._motors.sent(command)
            self._last_sent = self._fields["sent_targets"]

    def _catch_up(self) -> None:
        """Do what was left."""
        over, self._over = self._over, None
        if over is not None:
            self._log.write(over)
        robot, self._robot = self._robot, None
        if robot is not None:
            self._fields |= self._motors.seen(robot)

    def _longest(self, spent: dict[str, float]) -> None:
        for name, seconds in spent.items():
            self._timings_s[name] = max(self._timings_s.get(name, 0.0), seconds)

    def close(self) -> None:
        """No period follows: hand on what there is."""
        self._end()
        self._catch_up()

    def _end(self) -> None:
        """The period that runs, if one does, is over."""
        self._catch_up()
        fields, self._fields = self._fields, {}
        if not fields or self._sensors is None:
            return
        if "inputs" not in fields:  # the policy did not run, or has not answered
            fields["inputs"] = policy_inputs(self._contract, self._sensors)
        note, self._notes = "; ".join(self._notes), []
        tick = Tick(**fields, timings_s=self._timings_s, note=note or None)
        self._summary.add(tick)
        self._over = tick


def _float(value: np.float32 | None) -> float | None:
    return None if value is None else float(value)
