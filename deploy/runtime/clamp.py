"""Bring joint targets within what joint and motor can do, and keep count of it."""

import numpy as np

from deploy.contract import PolicyContract
from deploy.runtime.limits import Limits
from deploy.runtime.motors import Readings

KINDS = ("rate", "torque", "range")
"""What a target was clamped for, in the order in which it is done."""


class Clamp:
    """Clamps the driven joints' targets, for every command anew.

    - rate: no further from the targets of the control period before than `target_rate` allows;
    - torque: `kp (q - position) - kd velocity` within the effort limit, and not driving on where a
      joint is faster than its motor's no-load speed;
    - range: no further outside the joint's range than `target_margin`, and not outside at all while
      the joint itself is: nothing pushes against an end stop. The last, so that no measurement
      whatever can move a target out of range; the motor has a torque limit of its own.

    Args:
        contract: Gains and limits.
        limits: Margins and rates.
        stream_dt: Time between two commands, s.
    """

    counts: dict[str, np.ndarray]
    """(num_joints,) commands clamped so far, by kind."""

    def __init__(self, contract: PolicyContract, limits: Limits, stream_dt: float) -> None:
        kp = _float32(contract.kp)
        self._lower, self._upper = _float32(contract.joint_lower), _float32(contract.joint_upper)
        margin = np.float32(limits.target_margin)
        self._least, self._most = self._lower - margin, self._upper + margin
        # As angles: how far a target may be from where the motor gives no torque.
        self._braking, self._way = _float32(contract.kd) / kp, _float32(contract.effort_limit) / kp
        self._speed = _float32(contract.velocity_limit)
        self._step = np.float32(limits.target_rate * contract.ctrl_dt)
        self._stream_dt = stream_dt
        self._names = contract.joint_names
        self._run = np.zeros(contract.action_size, np.int64)
        self._from: np.ndarray | None = None
        self.counts = {kind: np.zeros(contract.action_size, np.int64) for kind in KINDS}

    def begin_period(self, targets: np.ndarray | None) -> None:
        """Say what was sent last, from which the rate counts; None where nothing was."""
        self._from = targets

    def __call__(self, targets: np.ndarray, readings: Readings) -> np.ndarray:
        """Clamp.

        Args:
            targets: (num_joints,) rad, what is wanted.
            readings: Where the joints are.

        Returns:
            (num_joints,) float32 rad, what may be sent.
        """
        wanted = targets
        if self._from is not None:
            wanted = _clip(wanted, self._from - self._step, self._from + self._step)
        within_rate = wanted
        within_torque = _clip(within_rate, *self._by_torque(readings))
        within_range = _clip(within_torque, *self._ends(readings.joint_pos))
        self._count((targets, within_rate, within_torque, within_range))
        return within_range.astype(np.float32)

    def longest(self) -> tuple[str, float]:
        """The joint that has been clamped longest without a break, and for how long, s."""
        worst = int(self._run.argmax())
        return self._names[worst], float(self._run[worst]) * self._stream_dt

    def _ends(self, joint_pos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        below, above = joint_pos < self._lower, joint_pos > self._upper
        if not (below | above).any():
            return self._least, self._most
        return (
            np.where(below, self._lower, self._least),
            np.where(above, self._upper, self._most),
        )

    def _by_torque(self, readings: Readings) -> tuple[np.ndarray, np.ndarray]:
        """Targets at which the motor gives its least and its greatest torque."""
        speed = readings.joint_vel
        free = readings.joint_pos + self._braking * speed
        least, most = free - self._way, free + self._way
        if not (np.abs(speed) > self._speed).any():
            return least, most
        return (
            np.where(speed < -self._speed, free, least),
            np.where(speed > self._speed, free, most),
        )

    def _count(self, stages: tuple[np.ndarray, ...]) -> None:
        if (stages[0] == stages[-1]).all():
            self._run.fill(0)
            return
        touched = np.zeros(self._run.shape, bool)
        for kind, before, after in zip(KINDS, stages, stages[1:], strict=False):
            clamped = np.abs(after - before) > 1e-6
            self.counts[kind] += clamped
            touched |= clamped
        self._run = (self._run + 1) * touched


def _clip(values: np.ndarray, least: np.ndarray, most: np.ndarray) -> np.ndarray:
    # What np.clip does, in a third of its time.
    return np.minimum(np.maximum(values, least), most)


def _float32(values: tuple[float, ...]) -> np.ndarray:
    return np.asarray(values, np.float32)
