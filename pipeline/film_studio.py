"""The studio of a film: floor, light, camera and an off-screen GL context."""

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import mujoco
import numpy as np

from deploy.frames import heading
from pipeline.film_meshes import add_meshes
from pipeline.film_panel import Colour
from robots import RobotSpec
from robots.errors import UserError
from robots.model import SPAWN_KEY, VISUAL_GROUP, build_model

SKY, HORIZON = (0.55, 0.65, 0.77), (0.93, 0.95, 0.96)
TILES = {"rgb1": (0.41, 0.45, 0.51), "rgb2": (0.44, 0.48, 0.54), "markrgb": (0.61, 0.66, 0.73)}
FOVY_DEG, ELEVATION_DEG, AZIMUTH_DEG = 28.0, -14.0, 132.0
"""The camera; its azimuth is from the robot's heading: a three-quarter view."""
ROBOT_WIDTH, ROBOT_HEIGHT = 0.42, 0.60
"""Shares of the picture that the robot takes at most."""
ARROW_PER_SPEED, SHORTEST_ARROW = 0.45, 0.03
"""Length of a velocity arrow: m per m/s, and the least that is drawn, m."""
FOLLOW_S, TURN_S = 0.35, 1.2
"""Gaussian widths of the smoothing of the camera's place and its heading, s."""


class RenderingUnavailableError(UserError):
    """This machine cannot draw off-screen."""


def smooth(values: np.ndarray, width: float) -> np.ndarray:
    """(T, n) values low-passed along time without lag; Gaussian of `width` samples."""
    reach = int(3 * width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, axis=-1)


def _dress(mjcf: mujoco.MjSpec) -> None:
    """Give a robot's MJCF a tiled floor, sky, haze and lights."""
    kinds, fillings = mujoco.mjtTexture, mujoco.mjtBuiltin
    sky = mjcf.add_texture(name="sky", type=kinds.mjTEXTURE_SKYBOX, width=128, height=768)
    sky.builtin, sky.rgb1, sky.rgb2 = fillings.mjBUILTIN_GRADIENT, SKY, HORIZON
    tiles = mjcf.add_texture(name="tiles", type=kinds.mjTEXTURE_2D, width=512, height=512, **TILES)
    tiles.builtin, tiles.mark = fillings.mjBUILTIN_CHECKER, mujoco.mjtMark.mjMARK_EDGE
    floor = mjcf.add_material(name="tiles", texrepeat=(1, 1), texuniform=True, specular=0.0)
    floor.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "tiles"
    mjcf.geom("floor").material = "tiles"
    key = mjcf.worldbody.add_light(name="key", type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)
    key.diffuse, key.specular = (0.68, 0.66, 0.62), (0.4, 0.4, 0.4)
    look = mjcf.visual
    look.headlight.ambient, look.headlight.diffuse = (0.40, 0.41, 0.43), (0.16, 0.16, 0.17)
    look.headlight.specular = (0.1, 0.1, 0.1)
    look.rgba.haze, look.map.haze = (*HORIZON, 1), 0.4
    look.map.znear, look.map.zfar, mjcf.stat.extent = 0.1, 20, 1.0
    # Chosen for drawing without a GPU, where smooth edges alone are half of a picture's cost.
    look.quality.shadowsize, look.quality.offsamples = 1024, 4
    look.quality.numslices, look.quality.numstacks, look.quality.numquads = 16, 6, 2
    look.global_.fovy = FOVY_DEG


def _open_gl(model: mujoco.MjModel, width: int, height: int) -> tuple[Any, mujoco.MjrContext]:
    """Make an off-screen GL context: MUJOCO_GL's, else EGL's where there is no display.

    Chosen only now, unlike by MuJoCo's own Renderer: with MUJOCO_GL naming a library that is
    missing, already `import mujoco` fails, and with it stages that draw nothing.
    """
    default = "cgl" if sys.platform == "darwin" else "glfw" if os.environ.get("DISPLAY") else "egl"
    backend = os.environ.get("MUJOCO_GL", "").lower() or default
    try:
        gl = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
        gl.make_current()
        context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, context)
    except Exception as error:  # ImportError, AttributeError, GLError, FatalError, ...
        raise RenderingUnavailableError(
            f"cannot draw off-screen with {backend} ({' '.join(str(error).split())}): install "
            "libegl1 libgl1-mesa-dri libopengl0 (`make gl` does), or libosmesa6 and set "
            "MUJOCO_GL=osmesa"
        ) from None
    return gl, context


class Studio:
    """A robot, a camera, lights and a GL context.

    Args:
        robot: The robot.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        meshes: Folder with the vendor's meshes to draw instead of the model's own shapes.
        lay_floor: Puts a floor that is not flat into the MJCF.
    """

    def __init__(
        self,
        robot: RobotSpec,
        width: int,
        height: int,
        meshes: Path | None = None,
        lay_floor: Callable[[mujoco.MjSpec], None] | None = None,
    ) -> None:
        def edit(mjcf: mujoco.MjSpec) -> None:
            _dress(mjcf)
            if lay_floor:
                lay_floor(mjcf)
            if meshes:
                add_meshes(mjcf, robot, meshes)

        self.model = build_model(robot, sim_dt=0.002, visuals=True, edit=edit)
        self.model.vis.global_.offwidth, self.model.vis.global_.offheight = width, height
        self.data = mujoco.MjData(self.model)
        self.base = self.data.body(robot.base_body)
        self.scene = mujoco.MjvScene(self.model, maxgeom=1000)
        self.shown = mujoco.MjvOption()
        self.shown.geomgroup[VISUAL_GROUP + 1 :] = 0
        self.shown.sitegroup[:] = 0
        self.rect = mujoco.MjrRect(0, 0, width, height)
        self.camera = mujoco.MjvCamera()
        self.camera.elevation = ELEVATION_DEG
        self._fit()
        self.gl, self.context = _open_gl(self.model, width, height)

    def _fit(self) -> None:
        """Choose the camera's distance and height and the light's reach by the robot's size."""
        self.data.qpos[:] = self.model.key(SPAWN_KEY).qpos
        mujoco.mj_kinematics(self.model, self.data)
        shown = self.model.geom_group == VISUAL_GROUP
        turn = self.data.geom_xmat[shown].reshape(-1, 3, 3)
        centre, half = np.split(self.model.geom_aabb[shown, :, None], 2, axis=1)
        centre = self.data.geom_xpos[shown] + (turn @ centre)[..., 0]
        half = (np.abs(turn) @ half)[..., 0]
        size = (centre + half).max(axis=0) - (centre - half).min(axis=0)
        self.top = float((centre + half)[:, 2].max())
        aspect = self.rect.width / self.rect.height
        self.seen_width = max(size[0] / ROBOT_WIDTH, size[2] / ROBOT_HEIGHT * aspect)
        seen_height = self.seen_width / aspect
        self.camera.distance = seen_height / 2 / np.tan(np.radians(FOVY_DEG / 2))
        self.model.vis.map.shadowclip = 0.55 * np.linalg.norm(size)

    def views(self, qpos: np.ndarray, fps: float, aside: float = 0.0) -> np.ndarray:
        """(T, 3) where the camera looks, x and y in m, and its azimuth in rad.

        Args:
            qpos: (T, nq) what is filmed.
            fps: Samples per second.
            aside: How far right of the middle the robot is to be, as a share of the width.
        """
        yaw = np.unwrap(heading(qpos[:, 3:7]))
        azimuth = np.radians(AZIMUTH_DEG) + smooth(yaw[:, None], TURN_S * fps)
        left = np.hstack([-np.sin(azimuth), np.cos(azimuth)])
        place = smooth(qpos[:, :2], FOLLOW_S * fps)
        return np.hstack([place + aside * self.seen_width * left, azimuth])

    def shoot(
        self, qpos: np.ndarray, view: np.ndarray, arrows: Iterable[tuple[np.ndarray, Colour]] = ()
    ) -> np.ndarray:
        """(height, width, 3) uint8 picture, with an arrow for each (velocity, colour)."""
        self.data.qpos[:] = qpos
        x, y, azimuth = view
        self.camera.lookat[:] = x, y, 0.5 * self.top
        self.camera.azimuth = np.degrees(azimuth)
        # The light turns with the camera, so that the side in view is the lit one.
        ahead, right, light = np.cos(azimuth), np.sin(azimuth), self.model.light("key")
        shine = 0.25 * np.array([ahead, right, 0]) + 0.45 * np.array([right, -ahead, 0])
        light.dir[:] = shine - [0, 0, 1]
        light.pos[:] = [*qpos[:2], 0.5 * self.top] - 2 * light.dir
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)
        scene, kinds = self.scene, mujoco.mjtCatBit
        # The endless floor is laid out around where the camera was before.
        mujoco.mjv_updateCamera(self.model, self.data, self.camera, scene)
        mujoco.mjv_updateScene(
            self.model, self.data, self.shown, None, self.camera, kinds.mjCAT_ALL, scene
        )
        for geom in scene.geoms[: scene.ngeom]:
            if geom.type == mujoco.mjtGeom.mjGEOM_PLANE:
                # Else the floor throws specks of shadow on itself; decoration throws none.
                geom.category = kinds.mjCAT_DECOR
        for i, (velocity, colour) in enumerate(arrows):
            self._add_arrow(velocity, colour, self.top + 0.05 + 0.035 * i)
        picture = np.empty((self.rect.height, self.rect.width, 3), np.uint8)
        self.gl.make_current()
        mujoco.mjr_render(self.rect, scene, self.context)
        mujoco.mjr_readPixels(picture, None, self.rect, self.context)
        return np.ascontiguousarray(picture[::-1])

    def _add_arrow(self, velocity: np.ndarray, colour: Colour, height: float) -> None:
        vx, vy = ARROW_PER_SPEED * velocity[:2]
        if np.hypot(vx, vy) < SHORTEST_ARROW:
            return
        forward = self.base.xmat.reshape(3, 3)[:2, 0]
        cos, sin = forward / np.linalg.norm(forward)
        start = np.array([*self.base.xpos[:2], height])
        end = start + np.array([cos * vx - sin * vy, sin * vx + cos * vy, 0])
        geom = self.scene.geoms[self.scene.ngeom]
        arrow, rgba = mujoco.mjtGeom.mjGEOM_ARROW, np.array([*colour, 255], np.float32) / 255
        mujoco.mjv_initGeom(geom, arrow, np.zeros(3), np.zeros(3), np.zeros(9), rgba)
        mujoco.mjv_connector(geom, arrow, 0.01, start, end)
        geom.emission, geom.category = 0.5, mujoco.mjtCatBit.mjCAT_DECOR
        self.scene.ngeom += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.gl.make_current()
        self.context.free()
        self.gl.free()
