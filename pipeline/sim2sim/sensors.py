"""What a policy reads of the gate's robots: sensors with errors, and frames that get lost."""

import numpy as np

from deploy.frames import projected_gravity
from deploy.observations import Inputs
from pipeline.sim2sim.draws import READINGS, Draws


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
        gyro: np.ndarray,
        quat: np.ndarray,
        joint_pos: np.ndarray,
        joint_vel: np.ndarray,
        *,
        command: np.ndarray,
        last_action: np.ndarray,
        phase: np.ndarray,
    ) -> Inputs:
        """What the policy sees at a control step; all arrays are (n, ...), as in `Inputs`.

        Args:
            step: Control step of the episode.
            gyro: rad/s.
            quat: wxyz.
            joint_pos: rad.
            joint_vel: rad/s.
            command: m/s, m/s, rad/s.
            last_action: The previous action.
            phase: Of the gait.
        """
        truth = (gyro, projected_gravity(quat), joint_pos, joint_vel)
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
