"""What is written down of the gate's episodes while they run."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from pipeline.quality import Episodes


@dataclass(frozen=True)
class Recording:
    """Episodes of the gate, sampled once per control period.

    Args:
        episodes: What evaluation and gate both record.
        qpos: (T, n, nq).
        obs: (T, n, observation_size) what the policy saw.
        foot_height: (T, n, num_feet) m, clearance of each sole above the floor.
        foot_force: (T, n, num_feet) N, largest in the control period.
        self_contacts: (T, n) contacts of the robot with itself, most in the control period.
    """

    episodes: Episodes
    qpos: np.ndarray
    obs: np.ndarray
    foot_height: np.ndarray
    foot_force: np.ndarray
    self_contacts: np.ndarray

    def select(self, which: Any) -> "Recording":
        """The episodes that an index array or mask picks."""
        rest = {f.name: getattr(self, f.name)[:, which] for f in fields(self)[1:]}
        return Recording(self.episodes.select(which), **rest)


class Recorder:
    """Collects samples.

    Args:
        steps: How many there will be.
    """

    def __init__(self, steps: int) -> None:
        self._steps, self._rows = steps, 0
        self._samples: dict[str, np.ndarray] = {}

    def add(self, **sample: np.ndarray) -> None:
        """Write down one control period; every array is (n, ...)."""
        for name, value in sample.items():
            if name not in self._samples:
                self._samples[name] = np.empty((self._steps, *value.shape), value.dtype)
            self._samples[name][self._rows] = value
        self._rows += 1

    def recording(self, command: np.ndarray, fell_at: np.ndarray) -> Recording:
        """All that was written down.

        Args:
            command: (T, n, 3).
            fell_at: (n,) control step of the fall, or T.
        """
        samples = self._samples
        shared = {f.name: samples.pop(f.name) for f in fields(Episodes) if f.name in self._samples}
        return Recording(Episodes(command=command, fell_at=fell_at, **shared), **samples)
