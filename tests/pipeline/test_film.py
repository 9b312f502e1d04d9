"""Films have the right pictures in them, and fail in one line and without debris."""

import itertools
import os
import subprocess
import sys

import imageio_ffmpeg
import mujoco
import numpy as np
import pytest
from PIL import Image

import robots
from pipeline import film as module
from pipeline import film_panel, film_studio
from pipeline.film import Trajectory, film, preview, preview_clip
from pipeline.film_meshes import MeshError, add_meshes
from pipeline.film_panel import COMMANDED, MEASURED
from pipeline.film_studio import RenderingUnavailableError
from robots.model import VISUAL_GROUP, build_model

WIDTH, HEIGHT, DT = 96, 64, 0.02
PACKAGES = ("libegl1", "libgl1-mesa-dri", "libopengl0", "libosmesa6", "make gl")


@pytest.fixture(scope="module")
def robot():
    return robots.load("go2")


@pytest.fixture(scope="module")
def run(robot):
    """Eight samples of a robot that slides forward and turns, its joints moving."""
    samples = np.arange(8)
    qpos = np.zeros((8, 7 + len(robot.joints)))
    qpos[:, 0] = 0.03 * samples
    qpos[:, 2] = robot.spawn_height
    qpos[:, 3], qpos[:, 6] = np.cos(0.02 * samples), np.sin(0.02 * samples)
    qpos[:, 7:] = robot.default_joint_pos + 0.05 * samples[:, None]
    command = np.tile([1.5, 0.0, -1.0], (8, 1))
    return Trajectory(DT, qpos, command, 0.8 * command)


@pytest.fixture(scope="module")
def gl():
    """Skip where nothing can be drawn."""
    try:
        handle, context = film_studio._open_gl(mujoco.MjModel.from_xml_string("<mujoco/>"), 8, 8)
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    context.free()
    handle.free()


def decode(path):
    """What ffmpeg says of a film, and its pictures."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo"]
    done = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
    return done.stderr.decode(), frames


def like(picture, colour):
    """(height, width) bool, where a picture has nearly this colour."""
    return np.abs(picture.astype(int) - colour).max(axis=-1) < 40


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize(("fps", "count"), [(50, 8), (25, 4), (60, 9)])
def test_film_samples_the_run_by_time(robot, run, tmp_path, fps, count):
    path = tmp_path / "new" / "video.mp4"
    film(robot, run, path, width=WIDTH, height=HEIGHT, fps=fps)
    said, frames = decode(path)
    stream = next(line for line in said.splitlines() if "Video: h264" in line)
    assert all(part in stream for part in ("yuv420p", f" {WIDTH}x{HEIGHT}", f" {fps} fps"))
    assert len(frames) == count
    assert all(np.any(a != b) for a, b in itertools.pairwise(frames))
    assert [file.name for file in path.parent.iterdir()] == ["video.mp4"]


@pytest.mark.usefixtures("gl")
def test_preview_is_one_picture_of_the_moment(robot, run, tmp_path):
    seen = []
    for at_s in (0.0, 0.14):
        preview(robot, run, tmp_path / "p.png", width=WIDTH, height=HEIGHT, at_s=at_s)
        with Image.open(tmp_path / "p.png") as picture:
            seen.append(np.asarray(picture.convert("RGB")))
    assert seen[0].shape == (HEIGHT, WIDTH, 3)
    assert np.ptp(seen[0]) > 100
    assert np.any(seen[0] != seen[1])


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize(("length_s", "count"), [(0.05, 1), (0.1, 2), (5.0, 2)])
def test_the_clip_moves_and_stays_within_the_run(robot, run, tmp_path, length_s, count):
    path = tmp_path / "p.webp"
    preview_clip(robot, run, path, at_s=0.12, length_s=length_s)
    with Image.open(path) as clip:
        assert (getattr(clip, "n_frames", 1), clip.size) == (count, module.CLIP_SIZE)
        frames = []
        for index in range(count):
            clip.seek(index)
            frames.append(np.asarray(clip.convert("RGB")))
    assert all(np.any(a != b) for a, b in itertools.pairwise(frames))


@pytest.mark.usefixtures("gl")
def test_robot_is_in_the_middle_with_an_arrow_to_where_it_goes(robot, run):
    with film_studio.Studio(robot, 320, 180) as studio:
        view = studio.views(run.qpos, 50)[0]
        plain = studio.shoot(run.qpos[0], view)
        ahead, right = (
            like(studio.shoot(run.qpos[0], view, [(np.array(v), MEASURED)]), MEASURED)
            for v in ([1.0, 0.0, 0.0], [0.0, -1.0, 0.0])
        )
    assert plain[70:110, 130:190].std() > plain[70:110, :30].std() + 10
    assert not like(plain, MEASURED).any()
    # Seen from ahead on its right: it walks to the right of the picture.
    assert ahead.nonzero()[1].min() > 140
    assert ahead.nonzero()[1].max() > 165
    assert right.nonzero()[1].min() < 145
    assert right.nonzero()[1].max() < 165


@pytest.mark.usefixtures("gl")
def test_camera_follows_robot_and_heading(robot, run):
    far = np.tile(run.qpos[:1], (400, 1))
    far[:, :2] = 50.0, -20.0
    far[:, 3], far[:, 6] = np.cos(1.0), np.sin(1.0)
    with film_studio.Studio(robot, WIDTH, HEIGHT) as studio:
        here, there = studio.views(run.qpos[:1], 50)[0], studio.views(far, 50)[200]
        np.testing.assert_allclose(there - here, [50.0, -20.0, 2.0], atol=1e-6)
        # All that is different is how the tiles lie.
        pictures = [studio.shoot(*seen) / 1.0 for seen in ((run.qpos[0], here), (far[0], there))]
    assert np.abs(pictures[0] - pictures[1]).mean() < 8


def test_panel_draws_commanded_over_measured_on_the_side_of_the_sign():
    picture = np.full((540, 960, 3), 128, np.uint8)
    panel = film_panel.Panel("Robot", np.array([1.0, 1.0, 1.0]), 540)
    panel.draw(picture, 12.34, np.array([1.0, 0.0, -1.0]), np.array([0.5, 0.0, -0.5]))
    changed = np.any(picture != 128, axis=-1)
    assert changed[380:520, 30:360].mean() > 0.95
    assert not changed[:370].any()
    assert not changed[:, 380:].any()
    zero = 18 + panel.ZERO
    rows = [
        slice(540 - 18 - panel.HEIGHT + y - 8, 540 - 18 - panel.HEIGHT + y + 8) for y in (73, 125)
    ]
    for row, sign in zip(rows, (1, -1), strict=True):
        sides = picture[row, zero - 60 : zero - 2], picture[row, zero + 2 : zero + 60]
        there, empty = sides[::-sign]
        assert not like(empty, COMMANDED).any()
        assert not like(empty, MEASURED).any()
        # Full scale is 1.1: both bars have the same height, one twice the length.
        assert like(there, COMMANDED).sum() == pytest.approx(
            2 * like(there, MEASURED).sum(), rel=0.2
        )


def test_smoothing_has_no_lag_and_keeps_constants():
    ramp = np.arange(100.0)[:, None]
    np.testing.assert_allclose(film_studio.smooth(ramp, 5.0)[20:-20], ramp[20:-20])
    np.testing.assert_allclose(film_studio.smooth(np.full((4, 2), 3.0), 50.0), 3.0)


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_interrupted_film_leaves_the_old_one(robot, run, tmp_path, monkeypatch, error):
    path = tmp_path / "video.mp4"
    path.write_bytes(b"the film of before")
    shots, shoot = [], film_studio.Studio.shoot

    def shoot_three(self, *arguments):
        shots.append(arguments)
        if len(shots) > 3:
            raise error
        return shoot(self, *arguments)

    monkeypatch.setattr(film_studio.Studio, "shoot", shoot_three)
    with pytest.raises(error):
        film(robot, run, path, width=WIDTH, height=HEIGHT, fps=50)
    assert path.read_bytes() == b"the film of before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_ffmpeg_refuses_is_an_error_and_leaves_nothing(tmp_path):
    path = tmp_path / "video.mp4"
    refused = pytest.raises(OSError, match=r"video\.mp4.*not divisible by 2")
    with refused as caught, module._encoder(path, 65, 65, 50) as encode:
        for _ in range(100):
            encode(np.zeros((65, 65, 3), np.uint8))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "error", [ImportError, OSError, AttributeError, RuntimeError, mujoco.FatalError]
)
def test_missing_gl_is_one_line_that_names_the_packages(robot, run, tmp_path, monkeypatch, error):
    def fail(name):
        raise error(f"{name}:\nno such library")

    monkeypatch.setattr(film_studio.importlib, "import_module", fail)
    monkeypatch.setenv("MUJOCO_GL", "egl")
    with pytest.raises(RenderingUnavailableError) as caught:
        film(robot, run, tmp_path / "video.mp4", width=WIDTH, height=HEIGHT, fps=50)
    message = str(caught.value)
    assert "\n" not in message
    assert all(package in message for package in PACKAGES)
    assert "mujoco.egl: no such library" in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("backend", ["", "egl", "osmesa"])
def test_missing_libraries_are_told_from_a_real_loader(tmp_path, backend):
    """Whatever PyOpenGL makes of libraries that do not load."""
    script = f"""
import ctypes
load = ctypes.CDLL.__init__
def refuse(self, name, *rest, **named):
    if name and any(word in str(name) for word in ("EGL", "GL.so", "GLES", "OSMesa")):
        raise OSError(f"{{name}}: cannot open shared object file")
    load(self, name, *rest, **named)
ctypes.CDLL.__init__ = refuse
import os, pathlib, numpy, robots
from pipeline.film import Trajectory, film
from pipeline.film_studio import RenderingUnavailableError
from robots.model import VISUAL_GROUP, build_model
os.environ["MUJOCO_GL"] = {backend!r}
run = Trajectory(0.02, numpy.eye(2, 19), numpy.zeros((2, 3)), numpy.zeros((2, 3)))
try:
    film(robots.load("go2"), run, pathlib.Path("video.mp4"), width=64, height=64, fps=50)
except RenderingUnavailableError as error:
    print(error)
"""
    gone = ("MUJOCO_GL", "DISPLAY", "PYOPENGL_PLATFORM")
    env = {k: v for k, v in os.environ.items() if k not in gone}
    env["PYTHONPATH"] = str(robots.registry.ROBOTS_DIR.parent)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert all(package in done.stdout for package in PACKAGES)
    assert not (tmp_path / "video.mp4").exists()


def cube(half):
    """An OBJ file of a cube around the origin."""
    corners = itertools.product((-half, half), repeat=3)
    faces = ("1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4")
    lines = [f"v {x} {y} {z}" for x, y, z in corners] + [f"f {face}" for face in faces]
    return "\n".join(lines)


def dressed(robot, folder):
    def edit(mjcf):
        add_meshes(mjcf, robot, folder)

    return build_model(robot, sim_dt=0.002, visuals=True, edit=edit)


def shown_meshes(model, body):
    """Geoms of the meshes drawn in a body."""
    of_body = (model.geom_bodyid == model.body(body).id) & (model.geom_group == VISUAL_GROUP)
    return [i for i in np.flatnonzero(of_body) if model.geom_type[i] == mujoco.mjtGeom.mjGEOM_MESH]


@pytest.mark.parametrize("name", ["go2", "g1", "h1", "h1_2"])
def test_vendor_meshes_replace_the_shapes_of_their_links_and_weigh_nothing(name, tmp_path):
    robot = robots.load(name)
    plain = build_model(robot, sim_dt=0.002, visuals=True)
    file = robot.meshes[0].file if robot.meshes else robot.base_body
    (tmp_path / f"{file}.OBJ").write_text(cube(0.05))
    model = dressed(robot, tmp_path)
    assert model.nmesh == 1
    assert model.ngeom < plain.ngeom
    np.testing.assert_allclose(model.body_mass, plain.body_mass, rtol=1e-12)
    np.testing.assert_allclose(model.body_inertia, plain.body_inertia, rtol=1e-9)


def test_pieces_turns_and_places_of_meshes(tmp_path):
    for file in ("hip_0", "hip_1", "thigh_mirror", "foot"):
        (tmp_path / f"{file}.obj").write_text(cube(0.05))
    model = dressed(robots.load("go2"), tmp_path)
    assert [len(shown_meshes(model, f"{leg}_hip")) for leg in ("FL", "RR")] == [2, 2]
    assert [len(shown_meshes(model, f"{leg}_thigh")) for leg in ("FL", "RR")] == [0, 1]
    (foot,) = shown_meshes(model, "FL_calf")
    np.testing.assert_allclose(model.geom_pos[foot], [0, 0, -0.213], atol=1e-6)


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_a_folder_without_meshes_is_refused_by_name(robot, tmp_path, folder):
    with pytest.raises(MeshError, match=f"(?s)render.meshes: .*{folder}"):
        dressed(robot, tmp_path / folder)


@pytest.mark.usefixtures("gl")
def test_a_film_shows_the_meshes(robot, run, tmp_path):
    (tmp_path / "base.obj").write_text(cube(0.3))
    pictures = []
    for meshes in (None, tmp_path):
        with film_studio.Studio(robot, 320, 180, meshes) as studio:
            pictures.append(studio.shoot(run.qpos[0], studio.views(run.qpos, 50)[0]) / 1.0)
    assert np.abs(pictures[0] - pictures[1]).mean() > 5
