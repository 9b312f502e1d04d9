"""The film's script as a command for each control step."""

import numpy as np

from deploy.contract import PolicyContract
from pipeline.config_sections import Render


def script_commands(render: Render, contract: PolicyContract) -> np.ndarray:
    """(T, 3) float32 commands of the script, kept within what the policy was trained for."""
    rows = [
        np.tile(np.asarray(command, np.float32), (round(seconds / contract.ctrl_dt), 1))
        for seconds, *command in render.script
    ]
    ranges = contract.command_ranges
    limits = np.asarray([ranges.vx, ranges.vy, ranges.yaw_rate], np.float32)
    return np.clip(np.concatenate(rows), limits[:, 0], limits[:, 1])
