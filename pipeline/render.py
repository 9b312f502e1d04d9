"""Film the trained policy following the script of params.yaml."""

from pathlib import Path

import jax

import robots
from pipeline.config import Config
from pipeline.env import make_env
from pipeline.film import Trajectory, film, preview, preview_clip
from pipeline.physics.make import on_cpu
from pipeline.policy_folder import TrainedPolicy
from pipeline.rollout import Driver
from pipeline.script import script_commands


def render(config: Config, policy: TrainedPolicy, out: Path) -> None:
    """Write `video.mp4`, `preview.png` and `preview.webp`.

    Args:
        config: The configuration; `render` is the film's.
        policy: The policy to film, on the nominal robot.
        out: Folder to write to.

    Raises:
        RenderingUnavailableError: If this machine cannot draw off-screen; names the packages.
        MeshError: If `render.meshes` is not a folder with meshes of this robot.
    """
    settings, robot = config.render, robots.load(config.robot)
    env = make_env(on_cpu(config), robot, num_envs=1, randomized=False)
    commands = script_commands(settings, policy.spec.contract)
    seen = Driver(env, policy.act).drive(commands[:, None], jax.random.PRNGKey(config.seed))
    trajectory = Trajectory(
        dt=policy.spec.contract.ctrl_dt,
        qpos=seen.qpos[:, 0],
        command=commands,
        velocity=seen.episodes.velocity[:, 0],
    )
    size = {"width": settings.width, "height": settings.height}
    meshes = Path(settings.meshes) if settings.meshes else None
    film(
        robot,
        trajectory,
        out / "video.mp4",
        width=settings.width,
        height=settings.height,
        fps=settings.fps,
        meshes=meshes,
    )
    preview(robot, trajectory, out / "preview.png", **size, at_s=settings.preview_s, meshes=meshes)
    preview_clip(
        robot,
        trajectory,
        out / "preview.webp",
        at_s=settings.preview_s,
        length_s=settings.preview_length_s,
        meshes=meshes,
    )
