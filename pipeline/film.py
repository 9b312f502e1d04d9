"""Film a run: the robot on a studio floor, what it was told to do and what it does."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import imageio_ffmpeg
import matplotlib
import mujoco
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from robots import RobotSpec
from robots.model import build_model

COMMANDED, MEASURED = (255, 178, 62), (64, 200, 244)
"""Colours of what was asked for and of what happened."""
SKY, HORIZON = (0.36, 0.47, 0.60), (0.80, 0.85, 0.89)
ROWS = (("vx", "m/s"), ("vy", "m/s"), ("yaw rate", "rad/s"))
FOVY_DEG, ELEVATION_DEG, THREE_QUARTER_DEG = 28.0, -14.0, 132.0
ARROW_PER_SPEED = 0.35
"""Length of an arrow, m per m/s."""


class RenderingUnavailable(RuntimeError):
    """This machine cannot draw off-screen."""

    def __init__(self, cause: BaseException) -> None:
        reason = " ".join(str(cause).split())
        super().__init__(
            f"cannot draw off-screen (MUJOCO_GL={_backend()}: {reason}): install libegl1 "
            "libgl1-mesa-dri libopengl0 (`make gl` does), or libosmesa6 and set MUJOCO_GL=osmesa"
        )


@dataclass(frozen=True)
class Trajectory:
    """What a camera needs of a run.

    Args:
        dt: Time between samples, s.
        qpos: (T, nq) simulator state.
        command: (T, 3) vx m/s, vy m/s, yaw rate rad/s.
        velocity: (T, 3) the same, measured, base frame.
    """

    dt: float
    qpos: np.ndarray
    command: np.ndarray
    velocity: np.ndarray

    def at(self, times: np.ndarray) -> "Trajectory":
        """Interpolate at these times, s."""
        own = np.arange(len(self.qpos)) * self.dt

        def sample(values: np.ndarray) -> np.ndarray:
            return np.stack([np.interp(times, own, column) for column in values.T], axis=-1)

        dt = float(times[1] - times[0]) if len(times) > 1 else self.dt
        return Trajectory(dt, sample(self.qpos), sample(self.command), sample(self.velocity))


def film(
    robot: RobotSpec, trajectory: Trajectory, path: Path, *, width: int, height: int, fps: int
) -> None:
    """Write an mp4 of a run: the camera follows the robot, panel and arrows tell its velocity.

    The measured velocity is shown as its mean over about a quarter of a second, so that it can
    be read. An interrupted film leaves what was at `path` before.

    Args:
        robot: The robot.
        trajectory: The run.
        path: The mp4 (H.264, yuv420p).
        width: Of the picture, pixels, even.
        height: Of the picture, pixels, even.
        fps: Frames per second.

    Raises:
        RenderingUnavailable: If this machine cannot draw off-screen.
        OSError: If the film cannot be written.
    """
    length_s = (len(trajectory.qpos) - 1) * trajectory.dt
    times = np.arange(int(length_s * fps + 1e-6) + 1) / fps
    frames = trajectory.at(times)
    measured = _smooth(frames.velocity, 0.1 * fps)
    panel = _Panel(robot.title, max(1.0, *np.abs(frames.command).max(axis=0)), height)
    with _Studio(robot, width, height) as studio, _encoder(path, width, height, fps) as encode:
        views = studio.views(frames.qpos, fps)
        for i, time in enumerate(times):
            arrows = ((frames.command[i], COMMANDED), (measured[i], MEASURED))
            picture = studio.shoot(frames.qpos[i], views[i], arrows)
            panel.draw(picture, float(time), frames.command[i], measured[i])
            encode(picture)


def preview(
    robot: RobotSpec, trajectory: Trajectory, path: Path, *, width: int, height: int, at_s: float
) -> None:
    """Write one picture (PNG) of the run, with nothing drawn in.

    Args:
        robot: The robot.
        trajectory: The run.
        path: The PNG.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        at_s: Moment of the run, s.

    Raises:
        RenderingUnavailable: If this machine cannot draw off-screen.
    """
    qpos = trajectory.at(np.array([at_s])).qpos
    with _Studio(robot, 2 * width, 2 * height) as studio:
        picture = studio.shoot(qpos[0], studio.views(qpos, 1.0)[0])
    partial = path.with_name(path.name + ".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        Image.fromarray(picture).reduce(2).save(partial, format="PNG", optimize=True)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _smooth(values: np.ndarray, width: float) -> np.ndarray:
    """(T, n) low-passed along time without lag; Gaussian of `width` samples."""
    reach = np.arange(-int(3 * width), int(3 * width) + 1)
    kernel = np.exp(-0.5 * (reach / max(width, 1e-9)) ** 2)
    padded = np.pad(values, ((reach[-1], reach[-1]), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, axis=-1)


def _dress(mjcf: mujoco.MjSpec) -> None:
    """Give a robot's MJCF a floor that shows motion, sky, haze and a key light."""
    builtin = mujoco.mjtBuiltin
    mjcf.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, builtin=builtin.mjBUILTIN_GRADIENT,
        rgb1=SKY, rgb2=HORIZON, width=256, height=1536,
    )
    mjcf.add_texture(
        name="tiles", type=mujoco.mjtTexture.mjTEXTURE_2D, builtin=builtin.mjBUILTIN_CHECKER,
        rgb1=(0.36, 0.40, 0.45), rgb2=(0.39, 0.43, 0.48), width=512, height=512,
        mark=mujoco.mjtMark.mjMARK_EDGE, markrgb=(0.55, 0.60, 0.66),
    )
    tiles = mjcf.add_material(name="tiles", texrepeat=(1, 1), texuniform=True, reflectance=0.08, specular=0.2, shininess=0.3)
    tiles.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "tiles"
    mjcf.geom("floor").material = "tiles"
    mjcf.worldbody.add_light(
        name="key", type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, dir=(0.45, 0.5, -1),
        diffuse=(0.62, 0.60, 0.57), specular=(0.4, 0.4, 0.4), castshadow=True,
    )
    mjcf.stat.extent = 1.0
    look = mjcf.visual
    look.headlight.ambient, look.headlight.diffuse = (0.38, 0.39, 0.41), (0.22, 0.22, 0.23)
    look.headlight.specular = (0.1, 0.1, 0.1)
    look.rgba.haze = (*HORIZON, 1)
    look.rgba.fog = (*HORIZON, 1)
    look.map.haze, look.map.zfar, look.map.znear = 0.5, 40, 0.1
    look.map.fogstart, look.map.fogend = 3, 16
    look.map.shadowclip = 1.2
    look.quality.shadowsize, look.quality.offsamples = 2048, 4
    look.global_.fovy = FOVY_DEG


def _backend() -> str:
    default = "cgl" if sys.platform == "darwin" else "glfw" if "DISPLAY" in os.environ else "egl"
    return os.environ.get("MUJOCO_GL", "").lower() or default


class _Studio:
    """A robot, a camera and a light; a context manager that holds the GL context."""

    def __init__(self, robot: RobotSpec, width: int, height: int) -> None:
        self.model = build_model(robot, sim_dt=0.002, visuals=True, edit=_dress)
        self.model.vis.global_.offwidth, self.model.vis.global_.offheight = width, height
        self.data = mujoco.MjData(self.model)
        self.base = self.model.body(robot.base_body).id
        self.scene = mujoco.MjvScene(self.model, maxgeom=1000)
        self.option = mujoco.MjvOption()
        self.option.geomgroup[3] = 0
        self.option.sitegroup[:] = 0
        self.camera = mujoco.MjvCamera()
        self.rect = mujoco.MjrRect(0, 0, width, height)
        self._frame_robot()
        # MuJoCo's own Renderer takes the backend chosen when mujoco was imported, which may have
        # been before anybody knew that something is to be drawn.
        try:
            self.gl = importlib.import_module(f"mujoco.{_backend()}").GLContext(width, height)
            self.gl.make_current()
            self.context = mujoco.MjrContext(self.model, mujoco.mjtFontScale.mjFONTSCALE_100)
            mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.context)
        except Exception as error:
            raise RenderingUnavailable(error) from None

    def _frame_robot(self) -> None:
        """Choose distance and height of the camera from the robot's size."""
        mujoco.mj_resetDataKeyframe(self.model, self.data, 0)
        mujoco.mj_forward(self.model, self.data)
        shown = self.model.geom_group == 2
        reach = self.model.geom_rbound[shown, None]
        low = (self.data.geom_xpos[shown] - reach).min(axis=0)
        high = (self.data.geom_xpos[shown] + reach).max(axis=0)
        size = high - low
        aspect = self.rect.width / self.rect.height
        view_height = max(size[0] / 0.4 / aspect, size[2] / 0.6)
        self.top = float(high[2])
        self.camera.distance = view_height / 2 / np.tan(np.radians(FOVY_DEG) / 2)
        self.camera.elevation = ELEVATION_DEG
        self.look_height = 0.5 * self.top

    def views(self, qpos: np.ndarray, fps: float) -> np.ndarray:
        """(T, 3) where the camera looks, m, and its azimuth, deg."""
        w, x, y, z = qpos[:, 3:7].T
        yaw = np.unwrap(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))
        place = _smooth(qpos[:, :2], 0.35 * fps)
        azimuth = THREE_QUARTER_DEG + np.degrees(_smooth(yaw[:, None], 1.2 * fps))
        return np.concatenate([place, azimuth], axis=1)

    def shoot(self, qpos, view, arrows=()):
        self.data.qpos[:] = qpos
        mujoco.mj_forward(self.model, self.data)
        self.camera.lookat[:] = *view[:2], self.look_height
        self.camera.azimuth = view[2]
        self.data.light_xpos if False else None
        mujoco.mjv_updateScene(self.model, self.data, self.option, None, self.camera, mujoco.mjtCatBit.mjCAT_ALL, self.scene)
        self.scene.lights[self.scene.nlight-1].pos[:] = np.array([*view[:2], 0]) - 2.0 * np.array([0.45, 0.5, -1])
        self.scene.flags[mujoco.mjtRndFlag.mjRND_FOG] = FOG
        self.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = REFL
        for k, (velocity, colour) in enumerate(arrows):
            self._arrow(velocity, colour, 0.02*k)
        self.gl.make_current()
        mujoco.mjr_render(self.rect, self.scene, self.context)
        picture = np.empty((self.rect.height, self.rect.width, 3), np.uint8)
        mujoco.mjr_readPixels(picture, None, self.rect, self.context)
        return np.ascontiguousarray(picture[::-1])

    def _arrow(self, velocity, colour, lift):
        speed = np.hypot(*velocity[:2])
        if speed < 0.05: return
        rot = self.data.xmat[self.base].reshape(3, 3)
        yaw = np.arctan2(rot[1, 0], rot[0, 0])
        c, s = np.cos(yaw), np.sin(yaw)
        vx, vy = velocity[:2]
        start = np.array([*self.data.xpos[self.base][:2], self.top + 0.06 + lift])
        end = start + ARROW_PER_SPEED * np.array([c*vx - s*vy, s*vx + c*vy, 0])
        geom = self.scene.geoms[self.scene.ngeom]
        rgba = np.array([*colour, 255], np.float32) / 255
        mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_ARROW, np.zeros(3), np.zeros(3), np.zeros(9), rgba)
        geom.emission = 0.5
        mujoco.mjv_connector(geom, mujoco.mjtGeom.mjGEOM_ARROW, 0.012, start, end)
        self.scene.ngeom += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.free()
        self.gl.free()
FOG=True; REFL=True
