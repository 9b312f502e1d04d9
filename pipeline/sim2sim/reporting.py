"""From a verdict to report.html: pick what is drawn, film what is shown, hand it over."""

import functools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from deploy.contract import PolicyContract
from pipeline.config_gate import Conditions
from pipeline.film import Trajectory, film
from pipeline.film_studio import RenderingUnavailableError
from pipeline.report import Films, Traces, write_report
from pipeline.sim2sim.floor import Floor
from pipeline.sim2sim.gate import Verdict
from pipeline.sim2sim.recording import Recording
from pipeline.sim2sim.scenarios import NOMINAL
from robots import RobotSpec

WIDTH, HEIGHT, FPS = 576, 324, 15
"""Of the films: as large as the page shows them beside each other."""


def report(
    path: Path,
    verdict: Verdict,
    robot: RobotSpec,
    contract: PolicyContract,
    against: dict[str, Any] | None = None,
) -> None:
    """Write the report, with films where this machine can draw them.

    Args:
        path: Where to write.
        verdict: What the gate found.
        robot: The robot.
        contract: The policy's contract.
        against: Another gate.json to show beside.
    """
    try:
        films = Films(
            demo=_film(verdict.demo, NOMINAL.conditions, robot, contract),
            worst=_film(verdict.worst, verdict.worst_conditions, robot, contract),
        )
    except (RenderingUnavailableError, OSError) as error:  # the second: ffmpeg's
        films = Films(None, None, str(error))
    write_report(path, verdict.gate, traces(verdict, contract), films, against)


def _film(
    recording: Recording, conditions: Conditions, robot: RobotSpec, contract: PolicyContract
) -> bytes:
    """An mp4 of the one episode recorded, on its floor."""
    lay_floor = functools.partial(
        Floor.of(conditions).lay, slope=conditions.slope, path=recording.qpos[:, 0, :2]
    )
    trajectory = Trajectory(
        dt=contract.ctrl_dt,
        qpos=recording.qpos[:, 0],
        command=recording.episodes.command[:, 0],
        velocity=recording.episodes.velocity[:, 0],
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        film(robot, trajectory, path, width=WIDTH, height=HEIGHT, fps=FPS, lay_floor=lay_floor)
        return path.read_bytes()


def traces(verdict: Verdict, contract: PolicyContract) -> Traces:
    """One nominal episode of each command; samples after a fall are NaN.

    Over time one of each kind is drawn, standing, along one axis and mixed: the fastest.
    """
    _, first = np.unique(verdict.nominal.command[-1], axis=0, return_index=True)
    each = verdict.nominal.select(np.sort(first))
    kinds: dict[tuple[bool, ...], int] = {}
    for at in np.argsort(np.abs(each.command[-1]).sum(axis=1), kind="stable"):
        kinds[tuple(each.command[-1, at] != 0)] = int(at)
    shown = each.select(np.sort(list(kinds.values())))
    time = np.arange(1, len(shown.command) + 1) * contract.ctrl_dt

    def by_episode(values: np.ndarray, fell_at: np.ndarray) -> np.ndarray:
        lying = np.arange(len(time))[:, None] > fell_at
        return np.where(lying[:, :, None], np.nan, values).swapaxes(0, 1)

    return Traces(
        time=time,
        labels=[
            f"vx {c[0]:.2f}, vy {c[1]:.2f} m/s, yaw {c[2]:.2f} rad/s" for c in shown.command[-1]
        ],
        command=shown.command.swapaxes(0, 1),
        velocity=by_episode(shown.velocity, shown.fell_at),
        joint_names=list(contract.joint_names),
        torque=by_episode(each.torque, each.fell_at),
        joint_vel=by_episode(each.joint_vel, each.fell_at),
        effort_limit=np.asarray(contract.effort_limit),
        velocity_limit=np.asarray(contract.velocity_limit),
    )
