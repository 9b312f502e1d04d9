"""Film a run: the robot on a studio floor, what it was told to do and what it does."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import mujoco
import numpy as np
from PIL import Image

from pipeline.files import write_atomically
from pipeline.film_panel import COMMANDED, MEASURED, Panel
from pipeline.film_studio import Studio, smooth
from robots import RobotSpec

ASIDE = 0.05
"""How far the robot makes room for the panel, as a share of the width."""
CLIP_SIZE, CLIP_FPS = (400, 300), 20
"""Of the README's clip."""
SETTLE_S = 0.1
"""Gaussian width of the smoothing of the measured velocity that is shown, s."""


@dataclass(frozen=True)
class Trajectory:
    """What a camera needs of a run.

    Args:
        dt: Time between samples, s.
        qpos: (T, nq) simulator state.
        command: (T, 3) vx m/s, vy m/s, yaw rate rad/s, base frame.
        velocity: (T, 3) the same, measured.
    """

    dt: float
    qpos: np.ndarray
    command: np.ndarray
    velocity: np.ndarray


def film(
    robot: RobotSpec,
    trajectory: Trajectory,
    path: Path,
    *,
    width: int,
    height: int,
    fps: int,
    meshes: Path | None = None,
    lay_floor: Callable[[mujoco.MjSpec], None] | None = None,
) -> None:
    """Write an mp4 (H.264) of a run: the camera follows, panel and arrows tell the velocity.

    The measured velocity is shown as its mean over about a quarter of a second, so that it can
    be read. A film that is not finished leaves the file of before as it was.

    Raises:
        RenderingUnavailableError: If this machine cannot draw off-screen; names the packages.
        OSError: If the film cannot be encoded or written: odd size, full disk.
    """
    times = np.arange(int((len(trajectory.qpos) - 1) * trajectory.dt * fps + 1e-6) + 1) / fps
    qpos = _sample(trajectory.qpos, trajectory.dt, times)
    command = _sample(trajectory.command, trajectory.dt, times)
    velocity = smooth(_sample(trajectory.velocity, trajectory.dt, times), SETTLE_S * fps)
    panel = Panel(robot.title, np.abs(command).max(axis=0), height)
    studio = Studio(robot, width, height, meshes, lay_floor)
    with studio, _encoder(path, width, height, fps) as encode:
        for i, view in enumerate(studio.views(qpos, fps, ASIDE)):
            arrows = [(velocity[i], MEASURED), (command[i], COMMANDED)]
            picture = studio.shoot(qpos[i], view, arrows)
            panel.draw(picture, float(times[i]), command[i], velocity[i])
            encode(picture)


def preview(
    robot: RobotSpec,
    trajectory: Trajectory,
    path: Path,
    *,
    width: int,
    height: int,
    at_s: float,
    meshes: Path | None = None,
) -> None:
    """Write one picture (PNG) of a run, with nothing drawn in.

    Raises:
        RenderingUnavailableError: If this machine cannot draw off-screen; names the packages.
    """
    qpos = _sample(trajectory.qpos, trajectory.dt, np.array([at_s]))
    finer = 2 if width <= 1920 else 1
    with Studio(robot, finer * width, finer * height, meshes) as studio:
        picture = studio.shoot(qpos[0], studio.views(qpos, fps=1)[0])
    png = BytesIO()
    Image.fromarray(picture).reduce(finer).save(png, format="PNG", optimize=True)
    write_atomically(path, png.getvalue())


def preview_clip(
    robot: RobotSpec,
    trajectory: Trajectory,
    path: Path,
    *,
    at_s: float,
    length_s: float,
    meshes: Path | None = None,
) -> None:
    """Write a short animated WebP around a moment, small enough for a README.

    Raises:
        RenderingUnavailableError: If this machine cannot draw off-screen; names the packages.
    """
    end = (len(trajectory.qpos) - 1) * trajectory.dt
    start = max(0.0, min(at_s - length_s / 2, end - length_s))
    times = start + np.arange(max(1, int(min(length_s, end) * CLIP_FPS))) / CLIP_FPS
    qpos = _sample(trajectory.qpos, trajectory.dt, times)
    width, height = CLIP_SIZE
    with Studio(robot, 2 * width, 2 * height, meshes) as studio:
        views = studio.views(qpos, CLIP_FPS)
        pictures = [
            Image.fromarray(studio.shoot(pose, view)).reduce(2)
            for pose, view in zip(qpos, views, strict=True)
        ]
    webp = BytesIO()
    first, *rest = pictures
    first.save(
        webp,
        format="WEBP",
        save_all=True,
        append_images=rest,
        duration=round(1000 / CLIP_FPS),
        loop=0,
        quality=60,
    )
    write_atomically(path, webp.getvalue())


def _sample(values: np.ndarray, dt: float, times: np.ndarray) -> np.ndarray:
    """(T, n) values, `dt` apart, interpolated at `times`."""
    own = np.arange(len(values)) * dt
    return np.stack([np.interp(times, own, column) for column in values.T], axis=-1)


@contextmanager
def _encoder(path: Path, width: int, height: int, fps: int) -> Iterator[Callable[[Any], Any]]:
    """Give a function that takes the film's pictures, (height, width, 3) uint8, one by one."""
    source = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {fps} -i -"
    colours = "-pix_fmt yuv420p -colorspace bt709 -vf scale=out_color_matrix=bt709:out_range=tv"
    target = f"-c:v libx264 -preset veryfast -crf 21 {colours} -movflags +faststart -f mp4"
    options = f"-y -loglevel error {source} {target}".split()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *options, str(partial)]
    try:
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stderr=pipe) as ffmpeg:
            assert ffmpeg.stdin
            with suppress(BrokenPipeError):  # its last words say why
                yield ffmpeg.stdin.write
            last_words = " ".join(ffmpeg.communicate()[1].decode(errors="replace").split())
        if ffmpeg.returncode:
            raise OSError(f"{path}: ffmpeg could not encode the film: {last_words}")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
