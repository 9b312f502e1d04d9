"""What a policy reads of the gate's robots: sensors with errors, and frames that get lost."""

import numpy as np

from deploy.frames import projected_gravity
from deploy.observations import Inputs
from pipeline.sim2sim.draws import READINGS, Draws
from pipeline.sim2sim.world import World


class Sensors:
    """Readings of all robots, with the errors of each one's scenario.

    Args:
        draws: What chance decided.
    """

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._last: dict[str, np.ndarray] = {}

    def read(
        self,
        step: int,
        world: World,
        *,
        command: np.ndarray,
        last_action: np.ndarray,
        phase: np.ndarray,
    ) -> Inputs:
        """What the policy sees at a control step; all arrays are (n, ...), as in `Inputs`.

        Args:
            step: Control step of the episode.
            world: What is measured.
            command: m/s, m/s, rad/s.
            last_action: The previous action.
            phase: Of the gait.
        """
        truth = (
            world.gyro,
            projected_gravity(world.quat),
            world.qpos[:, 7:],
            world.qvel[:, 6:],
        )
        frame = dict(zip(READINGS, (value.copy() for value in truth), strict=True))
        frame["gyro"] += self._draws.gyro_bias
        frame["joint_pos"] += self._draws.encoder_offset
        for name, noise in self._draws.noise.items():
            frame[name][self._draws.noisy] += noise[step]
        lost = self._draws.dropped[step]
        if lost.any():
            for name, value in frame.items():
                value[lost] = self._last[name][lost]
        self._last = frame
        return Inputs(
            **{name: value.astype(np.float32) for name, value in frame.items()},
            command=command.astype(np.float32),
            last_action=last_action,
            phase=phase,
        )
