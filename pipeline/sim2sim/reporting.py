"""From a verdict to report.html: pick what is drawn, film the demonstration, hand it over."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from deploy.contract import PolicyContract
from pipeline.film import Trajectory, film
from pipeline.film_studio import RenderingUnavailableError
from pipeline.report import Traces, write_report
from pipeline.sim2sim.gate import Verdict
from robots import RobotSpec

SHOWN_COMMANDS = 6
"""How many of the nominal commands are drawn over time."""
WIDTH, HEIGHT, FPS = 640, 360, 25


def report(path: Path, verdict: Verdict, robot: RobotSpec, contract: PolicyContract) -> None:
    """Write the report, with a film where this machine can draw one.

    Args:
        path: Where to write.
        verdict: What the gate found.
        robot: The robot.
        contract: The policy's contract.
    """
    trajectory = Trajectory(
        dt=contract.ctrl_dt,
        qpos=verdict.demo_qpos,
        command=verdict.demo.command[:, 0],
        velocity=verdict.demo.velocity[:, 0],
    )
    video, reason = None, ""
    with TemporaryDirectory() as folder:
        try:
            video_path = Path(folder) / "demo.mp4"
            film(robot, trajectory, video_path, width=WIDTH, height=HEIGHT, fps=FPS)
            video = (Path(folder) / "demo.mp4").read_bytes()
        except RenderingUnavailableError as error:
            reason = str(error)
    write_report(path, verdict.gate, traces(verdict, contract), video, reason)


def traces(verdict: Verdict, contract: PolicyContract) -> Traces:
    """One nominal episode of the first commands; samples after a fall are NaN."""
    episodes = verdict.nominal
    _, first = np.unique(episodes.command[-1], axis=0, return_index=True)
    shown = episodes.select(np.sort(first)[:SHOWN_COMMANDS])
    time = np.arange(1, len(shown.command) + 1) * contract.ctrl_dt
    lying = np.arange(len(time))[:, None] > shown.fell_at

    def by_episode(values: np.ndarray) -> np.ndarray:
        return np.where(lying[:, :, None], np.nan, values).swapaxes(0, 1)

    return Traces(
        time=time,
        labels=[
            f"vx {c[0]:.2f}, vy {c[1]:.2f} m/s, yaw {c[2]:.2f} rad/s" for c in shown.command[-1]
        ],
        command=shown.command.swapaxes(0, 1),
        velocity=by_episode(shown.velocity),
        joint_names=list(contract.joint_names),
        torque=by_episode(shown.torque),
        joint_vel=by_episode(shown.joint_vel),
        effort_limit=np.asarray(contract.effort_limit),
        velocity_limit=np.asarray(contract.velocity_limit),
    )
