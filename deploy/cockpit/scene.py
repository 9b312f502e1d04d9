"""The robot on its floor, in viser; nothing that is done there reaches the robot."""

import math
from typing import Any

import mujoco
import numpy as np

from deploy.cockpit.shapes import add_shapes
from robots.model import ROBOT_BIT, SPAWN_KEY, build_model
from robots.spec import RobotSpec

ROOT = "/robot"
FOLLOWS_S = 0.3
"""How fast the floor follows the robot, s: less would show every sway of a humanoid as its own."""
ARROW_M = 0.6
"""Length of an arrow per speed, m per m/s."""
SHORTEST_M = 0.03
"""Shorter ones are not shown."""
ABOVE_M = 0.25
"""How far above the robot the arrows are."""
STRAP_M = 1.2
FIELD_OF_VIEW = 0.85
"""From bottom to top, rad."""
AMBIENT = 1.3
"""Light from everywhere, beside viser's own lights."""
COMMANDED, MEASURED = (76, 154, 255), (54, 211, 130)
"""Colours of what is commanded and of what is measured; the plots have the same."""
GRID: dict[str, Any] = {
    "infinite_grid": True,
    "cell_size": 0.5,
    "section_size": 1.0,
    "cell_color": (92, 104, 124),
    "section_color": (132, 146, 170),
    "cell_thickness": 0.7,
    "section_thickness": 1.1,
    "fade_distance": 16.0,
    "plane_color": (44, 50, 62),
    "plane_opacity": 1.0,
    "shadow_opacity": 0.45,
}


class Scene:
    """Floor, light and a robot.

    The camera stays where the person there has put it; to follow the robot, the floor moves.

    Args:
        server: viser's.
        shadows: Whether there are any: they cost a browser without a GPU most of its time.
    """

    def __init__(self, server: Any, *, shadows: bool) -> None:
        self._scene, self._server = server.scene, server
        self._offset, self._at_s = np.zeros(2), math.nan
        self._robot: Robot | None = None
        self._floor = self._scene.add_grid("/floor", **GRID)
        # Plain lights: an environment map comes late, and is dear where there is no GPU.
        self._scene.configure_environment_map(None)
        self._scene.add_light_ambient("/ambient", intensity=AMBIENT)
        self._scene.configure_default_lights(cast_shadow=shadows)
        self._scene.set_background_image(_sky())
        self._strap = self._scene.add_cylinder(
            "/strap", radius=0.006, height=STRAP_M, color=(240, 180, 60), visible=False
        )
        self._arrows = {
            name: self._scene.add_arrows(
                f"/{name}",
                np.array([[[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]]], np.float32),
                colors=color,
                shaft_radius=0.012,
                head_radius=0.03,
                head_length=0.07,
                visible=False,
            )
            for name, color in (("commanded", COMMANDED), ("measured", MEASURED))
        }

    def show_robot(self, robot: RobotSpec) -> None:
        """Show another robot."""
        if self._robot:
            self._robot.remove()
        self._robot = Robot(self._scene, robot)
        self._offset, self._at_s = np.zeros(2), math.nan
        # That of pages to come, and of those that are there.
        cameras = [client.camera for client in self._server.get_clients().values()]
        for camera in (self._server.initial_camera, *cameras):
            _point(camera, robot.spawn_height)

    def show(self, qpos: np.ndarray, now: float, *, hangs: bool, follow: bool) -> None:
        """Show where the robot is.

        Args:
            qpos: Its position, in MuJoCo's order; with no height where nobody knows it.
            now: Time, s.
            hangs: Whether the hoist holds it.
            follow: Whether the camera stays with the robot.
        """
        assert self._robot is not None
        base = self._robot.place(qpos)
        if follow:
            self._follow(base[:2], now)
        at = np.array([*self._offset, 0.0])
        with self._server.atomic():
            self._robot.show(at)
            self._floor.position = (*(-self._offset % GRID["section_size"]), 0.0)
            self._strap.position = tuple(base - at + np.array([0.0, 0.0, STRAP_M / 2]))
            self._strap.visible = hangs

    def show_velocity(self, name: str, velocity: np.ndarray | None, yaw: float) -> None:
        """Point an arrow, above the robot.

        Args:
            name: `commanded` or `measured`.
            velocity: (2,) m/s, forward and left; None where nobody knows it.
            yaw: Where the robot looks, rad.
        """
        assert self._robot is not None
        arrow = self._arrows[name]
        turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        way = np.zeros(2) if velocity is None else ARROW_M * turn @ velocity
        arrow.visible = bool(np.linalg.norm(way) > SHORTEST_M)
        if arrow.visible:
            # One above the other, so that equal ones are both seen.
            lift = 0.06 if name == "commanded" else 0.0
            start = self._robot.top - np.array([*self._offset, -lift])
            arrow.points = np.array([[start, start + np.array([*way, 0.0])]], np.float32)

    def _follow(self, base: np.ndarray, now: float) -> None:
        passed_s = now - self._at_s
        share = 1.0 if math.isnan(passed_s) else 1 - math.exp(-max(passed_s, 0.0) / FOLLOWS_S)
        self._offset, self._at_s = self._offset + share * (base - self._offset), now


def _point(camera: Any, size: float) -> None:
    """Look at a robot whose base is at the height `size`, m, from its front and right."""
    camera.position = (0.6 + 1.5 * size, -0.7 - 1.6 * size, 0.35 + 0.8 * size)
    camera.look_at = (0.0, 0.0, 0.8 * size)
    camera.fov = FIELD_OF_VIEW


def _sky() -> np.ndarray:
    """(256, 2, 3) uint8: dark above, lighter towards the horizon, where the floor's colour is."""
    share = np.linspace(0.0, 1.0, 256)[:, None, None] ** 1.5
    top, horizon = np.array([18, 24, 36]), np.array([62, 72, 90])
    return np.repeat((1 - share) * top + share * horizon, 2, axis=1).astype(np.uint8)


class Robot:
    """A robot in the scene.

    Args:
        scene: viser's.
        robot: The robot.
    """

    def __init__(self, scene: Any, robot: RobotSpec) -> None:
        self._model = build_model(robot, sim_dt=0.002, visuals=True)
        self._data = mujoco.MjData(self._model)
        self._solid = np.flatnonzero(self._model.geom_contype & ROBOT_BIT)
        mujoco.mj_resetDataKeyframe(self._model, self._data, self._model.key(SPAWN_KEY).id)
        mujoco.mj_kinematics(self._model, self._data)
        self._over = float(self._data.geom_xpos[:, 2].max()) - robot.spawn_height + ABOVE_M
        self._root = scene.add_frame(ROOT, show_axes=False)
        self._frames = add_shapes(scene, self._model, ROOT)

    @property
    def top(self) -> np.ndarray:
        """(3,) m, a point above the robot."""
        return self._data.qpos[:3] + np.array([0.0, 0.0, self._over])

    def remove(self) -> None:
        """Take it out of the scene."""
        self._root.remove()

    def place(self, qpos: np.ndarray) -> np.ndarray:
        """Compute where every body is; (3,) m where the base is.

        Args:
            qpos: Position; a height that is not a number is that of touching the floor.
        """
        data = self._data
        data.qpos[:] = np.nan_to_num(qpos)
        mujoco.mj_kinematics(self._model, data)
        if np.isnan(qpos[2]):
            data.qpos[2] -= self._lowest()
            mujoco.mj_kinematics(self._model, data)
        return data.qpos[:3].copy()

    def _lowest(self) -> float:
        """Height of the lowest of the boxes around the shapes that collide, m."""
        box = self._model.geom_aabb[self._solid]
        up = self._data.geom_xmat[self._solid].reshape(-1, 3, 3)[:, 2]
        middle = self._data.geom_xpos[self._solid, 2] + (up * box[:, :3]).sum(1)
        return float((middle - (abs(up) * box[:, 3:]).sum(1)).min())

    def show(self, at: np.ndarray) -> None:
        """Show it, as seen from `at`."""
        for body, frame in self._frames.items():
            frame.position = self._data.xpos[body] - at
            frame.wxyz = self._data.xquat[body]
