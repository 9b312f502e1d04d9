"""What is drawn, on a stand-in for viser that remembers it."""

from functools import cache
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest

import robots
from deploy.cockpit.board import Board
from deploy.cockpit.choice import get_ready
from deploy.cockpit.plots import KEPT_S, History, Plots
from deploy.cockpit.reading import Reader, Reading
from deploy.cockpit.scene import GRID, Scene
from deploy.cockpit.shapes import add_shapes
from deploy.link import RobotState
from deploy.runtime.states import State
from robots.model import SPAWN_KEY, VISUAL_GROUP, build_model
from tests.deploy.runtime.fakes import FakeLink, shipped

NAMES = robots.names()


class Drawn(dict):
    """Scene and panel: everything that is added, by name."""

    def __init__(self):
        self.scene = self.gui = self
        self.initial_camera = SimpleNamespace()
        self.there = {}
        self.get_clients = lambda: self.there
        self.configure_environment_map = self.configure_default_lights = lambda *_, **__: None
        self.set_background_image = lambda image: None

    def __getattr__(self, method):
        assert method.startswith("add_"), method

        def add(name, *values, **options):
            key = name if isinstance(name, str) else options["title"]
            if method == "add_html":
                key = "legend"
            made = SimpleNamespace(kind=method[4:], values=values, series=None, **options)
            made.remove = lambda: [self.pop(k) for k in list(self) if k.startswith(key)]
            if method == "add_uplot":
                made.series = values[0]
            self[key] = made
            return made

        return add

    def atomic(self):
        from contextlib import nullcontext

        return nullcontext()


@pytest.mark.parametrize("name", NAMES)
def test_every_shape_that_is_looked_at_is_drawn(name):
    model = build_model(robots.load(name), sim_dt=0.002, visuals=True)
    drawn = Drawn()
    frames = add_shapes(drawn, model, "/robot")
    visual = np.flatnonzero(model.geom_group == VISUAL_GROUP)
    assert len(visual) > 40
    shapes = {k: v for k, v in drawn.items() if v.kind != "frame"}
    assert len(shapes) == len(visual)
    for geom in visual:
        shape = shapes[f"/robot/{model.geom_bodyid[geom]}/{geom}"]
        assert model.geom_bodyid[geom] in frames
        assert shape.position == tuple(model.geom_pos[geom])
        assert _reach(shape) == pytest.approx(_half_size(model, geom), rel=0.01)


def _half_size(model, geom):
    """Half of a shape's extent along its own axes."""
    x, y, z = model.geom_size[geom]
    kinds = mujoco.mjtGeom
    by_kind = {
        kinds.mjGEOM_BOX: (x, y, z),
        kinds.mjGEOM_ELLIPSOID: (x, y, z),
        kinds.mjGEOM_SPHERE: (x, x, x),
        kinds.mjGEOM_CYLINDER: (x, x, y),
        kinds.mjGEOM_CAPSULE: (x, x, y + x),
    }
    return by_kind[kinds(model.geom_type[geom])]


def _reach(shape):
    match shape.kind:
        case "box":
            return [size / 2 for size in shape.dimensions]
        case "icosphere":
            return np.broadcast_to(getattr(shape, "scale", 1.0), 3) * shape.radius
        case "cylinder":
            return [shape.radius, shape.radius, shape.height / 2]
        case _:
            vertices, _faces = shape.values
            np.testing.assert_allclose(vertices.max(0), -vertices.min(0), atol=1e-6)
            return vertices.max(0)


@cache
def spawned(name):
    model = build_model(robots.load(name), sim_dt=0.002)
    return tuple(model.key(SPAWN_KEY).qpos)


def standing(name, x=0.0, y=0.0):
    qpos = np.array(spawned(name))
    qpos[:2] = x, y
    return qpos


def test_the_floor_moves_under_a_robot_that_is_followed():
    drawn = Drawn()
    scene = Scene(drawn, shadows=True)
    scene.show_robot(robots.load("go2"))
    scene.show(standing("go2"), 0.0, hangs=True, follow=True)
    base = np.array(drawn["/robot/1"].position)
    np.testing.assert_allclose(base[:2], 0)
    assert drawn["/strap"].visible
    for step in range(1, 200):
        scene.show(standing("go2", x=2.25), 0.05 * step, hangs=False, follow=True)
    np.testing.assert_allclose(drawn["/robot/1"].position, base, atol=1e-6)
    assert drawn["/floor"].position == pytest.approx((-2.25 % GRID["section_size"], 0, 0))
    assert not drawn["/strap"].visible
    scene.show(standing("go2", x=3.25), 10.1, hangs=False, follow=False)
    np.testing.assert_allclose(drawn["/robot/1"].position, base + np.array([1, 0, 0]), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_robot_whose_height_nobody_knows_stands_on_the_floor(name):
    scene = Scene(Drawn(), shadows=False)
    scene.show_robot(robots.load(name))
    qpos = standing(name)
    height, qpos[2] = qpos[2], np.nan
    assert scene._robot.place(qpos)[2] == pytest.approx(height, abs=0.03)


def test_arrows_point_where_it_goes():
    drawn = Drawn()
    scene = Scene(drawn, shadows=True)
    scene.show_robot(robots.load("go2"))
    scene.show(standing("go2"), 0.0, hangs=False, follow=True)
    scene.show_velocity("commanded", np.array([1.0, 0.0]), np.pi / 2)
    ((start, end),) = drawn["/commanded"].points
    np.testing.assert_allclose(end - start, [0, 0.6, 0], atol=1e-6)
    scene.show_velocity("commanded", np.zeros(2), 0.0)
    scene.show_velocity("measured", None, 0.0)
    assert not drawn["/commanded"].visible and not drawn["/measured"].visible


def test_another_robot_takes_the_place_of_the_first():
    drawn = Drawn()
    scene = Scene(drawn, shadows=True)
    scene.show_robot(robots.load("go2"))
    first = len(drawn)
    low = drawn.initial_camera.look_at[2]
    drawn.there[3] = SimpleNamespace(camera=SimpleNamespace())
    scene.show_robot(robots.load("g1"))
    assert drawn.there[3].camera.look_at[2] == drawn.initial_camera.look_at[2] > 2 * low
    scene.show_robot(robots.load("go2"))
    assert len(drawn) == first


# Readings of a real robot


def test_what_a_real_robot_says_is_read_without_a_place():
    contract = shipped("h1").contract
    link, board = FakeLink(contract, num_motors=20), Board(20)
    torso = next(j.motor_index for j in contract.held_joints if j.name == "torso_joint")
    turned = link.state()._replace(
        joint_pos=np.eye(20, dtype=np.float32)[torso] * np.float32(0.6),
        quat=np.float32([np.cos(0.3), 0, 0, np.sin(0.3)]),
        gyro=np.float32([0, 0, 0.4]),
        torque=np.arange(20, dtype=np.float32),
    )
    reader = Reader(get_ready("h1", shipped("h1").path), board)
    assert reader.read(peaks=True) is None
    board.see(turned)
    board.see(turned._replace(torque=-2 * turned.torque))
    board.see(link.state())
    board.robot = turned
    reading = reader.read(peaks=True)
    assert isinstance(turned, RobotState)
    assert reading.yaw == pytest.approx(0, abs=1e-6)  # the torso is turned, the base is not
    assert np.isnan(reading.qpos[2]) and np.isnan(reading.velocity[:2]).all()
    assert reading.velocity[2] == pytest.approx(0.4)
    np.testing.assert_array_equal(reading.torque, 2 * np.array(contract.motor_indices))
    np.testing.assert_array_equal(reader.read(peaks=False).torque, reading.torque)
    np.testing.assert_array_equal(reader.read(peaks=True).torque, 0)


# Plots


def reading(time_s, command=(0.5, 0, 0), velocity=(0.4, 0.1, 0), torque=(10.0, -0.0)):
    return Reading(
        time_s=time_s,
        state=State.POLICY,
        qpos=np.zeros(7),
        yaw=0.0,
        tilt=0.0,
        command=np.array(command),
        velocity=np.array(velocity),
        torque=np.array(torque),
        hottest=30.0,
        hangs=False,
        speed=1.0,
    )


def test_plots_look_back_some_seconds_and_no_further():
    history = History((20.0, 40.0))
    for step in range(300):
        history.add(reading(0.1 * step))
    ago_s, commanded, measured = history.velocity(0)
    assert ago_s[-1] == 0 and ago_s[0] == pytest.approx(-KEPT_S, abs=0.1)
    assert set(commanded) == {0.5}
    np.testing.assert_allclose(measured, 0.4)
    _, strain, limit = history.strain()
    assert set(strain) == {50.0} and set(limit) == {100.0}


def test_measured_velocity_is_averaged_over_a_step():
    history = History((20.0, 40.0))
    for step in range(100):
        history.add(reading(0.1 * step, velocity=((-1) ** step, 0, 0)))
    assert abs(history.smooth[0]) < 0.25


def test_a_run_that_begins_anew_has_no_past():
    history = History((20.0, 40.0))
    for time_s in (5.0, 5.1, 0.0):
        history.add(reading(time_s))
    assert len(history.velocity(0)[0]) == 1


@pytest.mark.parametrize("measures_speed", [True, False])
def test_what_nothing_measures_is_not_plotted(measures_speed):
    drawn, history = Drawn(), History((20.0, 40.0))
    plots = Plots(drawn, ((-1, 1), (-0.5, 0.5), (-1, 1)), measures_speed=measures_speed)
    known = (0.4, 0.1, 0.2) if measures_speed else (np.nan, np.nan, 0.2)
    history.add(reading(0.0, velocity=known))
    plots.show(history)
    legend = drawn.pop("legend")
    lines = [len(plot.data) - 1 for plot in drawn.values()]
    assert lines == ([2, 2, 2, 2] if measures_speed else [1, 1, 2, 2])
    assert all(np.isfinite(values).all() for plot in drawn.values() for values in plot.data)
    drawn["legend"] = legend
    plots.remove()
    assert not drawn
