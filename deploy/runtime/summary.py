"""What a run was like: kept in memory that does not grow, printed at its end."""

import numpy as np

from deploy.contract import PolicyContract
from deploy.log import Tick
from deploy.runtime.states import MOVING

EDGES_S = np.geomspace(1e-6, 1.0, 121)
"""Edges of the histograms of durations: 5 % of a percentile's value is the error at most."""


class Histogram:
    """Counts of durations, in buckets."""

    def __init__(self) -> None:
        self._counts = np.zeros(len(EDGES_S) + 1, np.int64)
        self.largest_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[int(np.searchsorted(EDGES_S, seconds))] += 1
        self.largest_s = max(self.largest_s, seconds)

    def percentile(self, percent: float) -> float:
        """Duration that so many do not exceed, s; the upper edge of its bucket."""
        total = int(self._counts.sum())
        if not total:
            return 0.0
        place = int(np.searchsorted(np.cumsum(self._counts), total * percent / 100))
        return min(float(EDGES_S[min(place, len(EDGES_S) - 1)]), self.largest_s)


class Summary:
    """Collects what a run was like.

    Args:
        contract: The policy's contract.
        clamped: (num_joints,) commands clamped so far by kind; read at the end.
    """

    def __init__(self, contract: PolicyContract, clamped: dict[str, np.ndarray]) -> None:
        self._contract, self._clamped = contract, clamped
        self.sent = self.send_errors = self.missed = self.overruns = 0
        self.periods = self.policy_periods = 0
        self.notes: list[str] = []
        self.faulty = False
        self._began_s = self._last_s = float("nan")
        self.histograms = {name: Histogram() for name in ("late", "tick", "infer")}
        self._steepest = 1.0

    def changed(self, now: float, note: str, *, is_fault: bool) -> None:
        """The state changed."""
        self.notes.append(f"{now - self._start(now):9.3f} s  {note}")
        self.faulty |= is_fault

    def timed(self, tick_s: float, late_s: float) -> None:
        """One command was sent."""
        self.histograms["late"].add(late_s)
        self.histograms["tick"].add(tick_s)

    def add(self, tick: Tick) -> None:
        """One control period is over."""
        self._start(tick.time_s)
        self._last_s = tick.time_s
        self.periods += 1
        if tick.action is not None:
            self.policy_periods += 1
            self.histograms["infer"].add((tick.timings_s or {}).get("infer", 0.0))
        if tick.state in MOVING:
            self._steepest = min(self._steepest, -float(tick.inputs.projected_gravity[2]))

    def _start(self, now: float) -> float:
        if np.isnan(self._began_s):
            self._began_s = now
        return self._began_s

    def lines(self) -> list[str]:
        """The summary in words."""
        lasted_s = self._last_s - self._began_s if self.periods else 0.0
        tilt = np.degrees(np.arccos(np.clip(self._steepest, -1, 1)))
        lines = ["", *self.notes, ""]
        lines.append(
            f"{lasted_s:.1f} s, {self.sent} commands, {self.periods} control periods, the policy "
            f"ran in {self.policy_periods}; largest tilt {tilt:.0f} deg"
        )
        for name, what in (("late", "late by"), ("tick", "one tick"), ("infer", "the network")):
            kept = self.histograms[name]
            p50, p99 = (1e3 * kept.percentile(percent) for percent in (50, 99))
            lines.append(
                f"{what:12} median {p50:.3f} ms, 99 % {p99:.3f} ms, longest "
                f"{1e3 * kept.largest_s:.3f} ms"
            )
        lines.append(
            f"{self.overruns} commands left out, {self.missed} deadlines of the policy missed, "
            f"{self.send_errors} commands that could not be sent"
        )
        return lines + self._clamp_lines()

    def _clamp_lines(self) -> list[str]:
        lines: list[str] = []
        for kind, counts in self._clamped.items():
            if counts.any():
                worst = int(counts.argmax())
                lines.append(
                    f"clamped for {kind}: {int(counts.sum())} targets, most of "
                    f"{self._contract.joint_names[worst]} ({int(counts[worst])})"
                )
        return lines or ["no target was clamped"]
