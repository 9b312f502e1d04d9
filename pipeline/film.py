"""Film a run: the robot on a studio floor, what it was told to do and what it does."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import imageio_ffmpeg
import matplotlib
import mujoco
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.files import write_atomically
from robots import RobotSpec
from robots.errors import UserError
from robots.model import SPAWN_KEY, VISUAL_GROUP, build_model

Colour = tuple[int, int, int]
COMMANDED, MEASURED = (255, 176, 59), (56, 196, 250)
"""Colours of what was asked for and of what happened."""
PALE, DIM, FAINT, DARK = (205, 212, 220), (142, 152, 163), (46, 53, 63), (17, 22, 30, 210)
SKY, HORIZON = (0.55, 0.65, 0.77), (0.93, 0.95, 0.96)
TILES = {"rgb1": (0.41, 0.45, 0.51), "rgb2": (0.44, 0.48, 0.54), "markrgb": (0.61, 0.66, 0.73)}
FOVY_DEG, ELEVATION_DEG, AZIMUTH_DEG = 28.0, -14.0, 132.0
"""The camera; its azimuth is from the robot's heading: a three-quarter view."""
ROBOT_WIDTH, ROBOT_HEIGHT, ASIDE = 0.42, 0.60, 0.05
"""Shares of the picture: the robot at most, and how far it makes room for the panel."""
ARROW_PER_SPEED, SHORTEST_ARROW = 0.45, 0.03
"""Length of a velocity arrow: m per m/s, and the least that is drawn, m."""
SETTLE_S, FOLLOW_S, TURN_S = 0.1, 0.35, 1.2
"""Gaussian widths: of the measured velocity shown, the camera's place and its heading."""


class RenderingUnavailableError(UserError):
    """This machine cannot draw off-screen."""


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
    robot: RobotSpec, trajectory: Trajectory, path: Path, *, width: int, height: int, fps: int
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
    velocity = _smooth(_sample(trajectory.velocity, trajectory.dt, times), SETTLE_S * fps)
    panel = _Panel(robot.title, np.abs(command).max(axis=0), height)
    with _Studio(robot, width, height) as studio, _encoder(path, width, height, fps) as encode:
        for i, view in enumerate(studio.views(qpos, fps, ASIDE)):
            arrows = [(velocity[i], MEASURED), (command[i], COMMANDED)]
            picture = studio.shoot(qpos[i], view, arrows)
            panel.draw(picture, float(times[i]), command[i], velocity[i])
            encode(picture)


def preview(
    robot: RobotSpec, trajectory: Trajectory, path: Path, *, width: int, height: int, at_s: float
) -> None:
    """Write one picture (PNG) of a run, with nothing drawn in.

    Raises:
        RenderingUnavailableError: If this machine cannot draw off-screen; names the packages.
    """
    qpos = _sample(trajectory.qpos, trajectory.dt, np.array([at_s]))
    finer = 2 if width <= 1920 else 1
    with _Studio(robot, finer * width, finer * height) as studio:
        picture = studio.shoot(qpos[0], studio.views(qpos, fps=1)[0])
    png = BytesIO()
    Image.fromarray(picture).reduce(finer).save(png, format="PNG", optimize=True)
    write_atomically(path, png.getvalue())


def _sample(values: np.ndarray, dt: float, times: np.ndarray) -> np.ndarray:
    """(T, n) values, `dt` apart, interpolated at `times`."""
    own = np.arange(len(values)) * dt
    return np.stack([np.interp(times, own, column) for column in values.T], axis=-1)


def _smooth(values: np.ndarray, width: float) -> np.ndarray:
    """(T, n) values low-passed along time without lag; Gaussian of `width` samples."""
    reach = int(3 * width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, axis=-1)


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


class _Studio:
    """A robot, a camera, lights and a GL context."""

    def __init__(self, robot: RobotSpec, width: int, height: int) -> None:
        self.model = build_model(robot, sim_dt=0.002, visuals=True, edit=_dress)
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
        w, x, y, z = qpos[:, 3:7].T
        yaw = np.unwrap(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))
        azimuth = np.radians(AZIMUTH_DEG) + _smooth(yaw[:, None], TURN_S * fps)
        left = np.hstack([-np.sin(azimuth), np.cos(azimuth)])
        place = _smooth(qpos[:, :2], FOLLOW_S * fps)
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


class _Panel:
    """Velocity as bars and numbers in the lower left corner, in 1/540 of the picture's height."""

    WIDTH, HEIGHT, MARGIN = 350, 146, 18
    ROWS = (("vx", "m/s", 73), ("vy", "m/s", 99), ("yaw rate", "rad/s", 125))
    ZERO, SPAN = 150, 62

    def __init__(self, title: str, largest: np.ndarray, height: int) -> None:
        self.unit = 2 * height / 540  # pixels; drawn at twice the size, for smooth edges
        planar = max(1.0, largest[0], largest[1])
        self.scale = self.SPAN / 1.1 / np.array([planar, planar, max(1.0, largest[2])])
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.font = ImageFont.truetype(fonts / "DejaVuSans.ttf", max(1, round(12 * self.unit)))
        bold = ImageFont.truetype(fonts / "DejaVuSans-Bold.ttf", max(1, round(15 * self.unit)))
        self.blank = Image.new("RGBA", self._px(self.WIDTH, self.HEIGHT))
        pen = ImageDraw.Draw(self.blank)
        outline = (0, 0, *self._px(self.WIDTH - 1, self.HEIGHT - 1))
        pen.rounded_rectangle(outline, 12 * self.unit, DARK)
        pen.text(self._px(16, 22), title, "white", bold, "lm")
        for x, name, colour in ((16, "commanded", COMMANDED), (124, "measured", MEASURED)):
            pen.ellipse(self._px(x, 40, x + 9, 49), colour)
            pen.text(self._px(x + 15, 45), name, PALE, self.font, "lm")
        for name, unit, y in self.ROWS:
            pen.text(self._px(16, y), name, PALE, self.font, "lm")
            pen.text(self._px(self.WIDTH - 12, y), unit, DIM, self.font, "rm")
            pen.rectangle(
                self._px(self.ZERO - self.SPAN, y - 8, self.ZERO + self.SPAN, y + 8), FAINT
            )

    def _px(self, *units: float) -> Any:
        return tuple(round(u * self.unit) for u in units)

    def draw(
        self, picture: np.ndarray, time_s: float, command: np.ndarray, velocity: np.ndarray
    ) -> None:
        """Draw the panel into a picture, (height, width, 3) uint8."""
        panel = self.blank.copy()
        pen = ImageDraw.Draw(panel)
        pen.text(self._px(self.WIDTH - 12, 22), f"{time_s:.1f} s", PALE, self.font, "rm")
        for values, colour, offset, right in (
            (command, COMMANDED, -7, 254),
            (velocity, MEASURED, 1, 298),
        ):
            bars = self.ZERO + np.clip(values * self.scale, -self.SPAN, self.SPAN)
            for value, bar, (_, _, y) in zip(values, bars, self.ROWS, strict=True):
                left, end = sorted((self.ZERO, float(bar)))
                pen.rectangle(self._px(left, y + offset, end, y + offset + 6), colour)
                number = f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
                pen.text(self._px(right, y), number, colour, self.font, "rm")
        for _, _, y in self.ROWS:
            pen.rectangle(self._px(self.ZERO - 0.5, y - 9, self.ZERO + 0.5, y + 9), PALE)
        panel = panel.reduce(2)
        margin = round(self.MARGIN * self.unit / 2)
        bottom = picture.shape[0] - margin
        corner = picture[bottom - panel.height : bottom, margin : margin + panel.width]
        image = Image.fromarray(corner)
        image.paste(panel, mask=panel)
        corner[:] = image
