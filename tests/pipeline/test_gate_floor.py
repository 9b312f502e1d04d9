"""The gate's floors: that they are what they say, and that feet meet nothing else."""

import mujoco
import numpy as np
import pytest

from pipeline.env import contract_of
from pipeline.sim2sim.draws import draw
from pipeline.sim2sim.floor import BUMP_RADIUS, PERIOD, SLAB, Floor
from pipeline.sim2sim.scenarios import Episode, mixed
from pipeline.sim2sim.simulator import GateSimulator

LEVEL = np.zeros(1)
SHAPES = [Floor(0.03), Floor(0.12), Floor(0.001), Floor(0, 0.03), Floor(0.05, 0.1)]
BALL = 0.005
"""Radius of the feet of H1_2, m."""


def laid(floor, path=None, **ball):
    """A model of the floor with a ball on it."""
    mjcf = mujoco.MjSpec()
    mjcf.worldbody.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.1], contype=1, conaffinity=2
    )
    body = mjcf.worldbody.add_body(name="ball", pos=[0, 0, 5])
    body.add_freejoint()
    body.add_geom(size=[BALL, 0, 0], contype=2, conaffinity=1, mass=1, **ball)
    floor.lay(mjcf, path=path)
    model = mjcf.compile()
    return model, mujoco.MjData(model)


def somewhere(count, reach):
    return np.random.default_rng(0).uniform(-reach, reach, (count, 2))


@pytest.mark.parametrize("floor", SHAPES)
def test_it_is_as_high_as_it_says(floor):
    model, data = laid(floor)
    mujoco.mj_forward(model, data)
    for x, y in somewhere(300, PERIOD / 2 + 1.0):
        down, hit = np.array([0.0, 0.0, -1.0]), np.zeros(1, np.int32)
        depth = mujoco.mj_ray(model, data, np.array([x, y, 1.0]), down, None, 1, -1, hit)
        said = floor.height_at(np.array([x]), np.array([y]), LEVEL)
        assert 1.0 - depth == pytest.approx(said[0], abs=1e-6)


@pytest.mark.parametrize("floor", SHAPES)
def test_it_repeats_itself(floor):
    x, y = somewhere(300, 2.0).T
    here = floor.height_at(x, y, LEVEL)
    assert floor.height_at(x - PERIOD, y + 3 * PERIOD, LEVEL) == pytest.approx(here, abs=1e-9)
    assert np.ptp(here) > 0


@pytest.mark.parametrize("floor", SHAPES)
def test_it_is_level_at_the_start_and_as_high_as_asked(floor):
    x, y = somewhere(300, 0.98 * SLAB / 2).T
    assert not floor.height_at(x, y, LEVEL).any()
    fine = np.arange(0, PERIOD, 0.01)
    everywhere = floor.height_at(*np.meshgrid(fine, fine), LEVEL)
    assert everywhere.min() == 0.0
    asked = floor.bump_height + floor.step_height
    assert 0.7 * asked < everywhere.max() <= asked + 1e-12


@pytest.mark.parametrize("floor", SHAPES[:3])
def test_a_ball_on_bumps_is_pushed_up_not_aside(floor):
    model, data = laid(floor)
    steepest = 0.0
    for x, y in somewhere(300, PERIOD / 2):
        ground = floor.height_at(np.array([x]), np.array([y]), LEVEL)[0]
        data.qpos[:3] = x, y, ground + BALL - 0.001
        mujoco.mj_forward(model, data)
        assert data.ncon >= 1
        steepest = max(steepest, *np.arccos(np.abs(data.contact.frame[:, 2])))
    assert steepest < np.arctan(2.6 * floor.bump_height / min(BUMP_RADIUS)) + 0.02


def test_a_ball_that_falls_on_a_slab_stays_where_it_fell():
    model, data = laid(Floor(0, 0.05), friction=[1.0, 0.1, 0.1])
    data.qpos[:3] = SLAB + 0.1, 0.07, 0.2
    for _ in range(1000):
        mujoco.mj_step(model, data)
    assert data.qpos[:3] == pytest.approx([SLAB + 0.1, 0.07, 0.05 + BALL], abs=0.002)


def test_it_is_laid_along_a_path_however_long():
    path = np.linspace([0.0, 0.0], [15.0, 4.0], 100)
    model, data = laid(Floor(0, 0.1), path)
    mujoco.mj_forward(model, data)
    for x, y in [(15.0, 4.0), (15.6, 4.0), (15.0, 4.6), (9.0, 2.4)]:
        hit = np.zeros(1, np.int32)
        above, down = np.array([x, y, 1.0]), np.array([0.0, 0.0, -1.0])
        depth = mujoco.mj_ray(model, data, above, down, None, 1, -1, hit)
        said = Floor(0, 0.1).height_at(np.array([x]), np.array([y]), LEVEL)
        assert 1.0 - depth == pytest.approx(said[0])
    assert model.ngeom < 500


@pytest.fixture
def world(make_config, go2):
    """Builds the world of Go2s on steps of 6 cm, each at some place along x."""
    contract, settings = contract_of(make_config().task, go2), make_config().sim2sim

    def make(places):
        episodes = [Episode(mixed("steps", step_height=0.06), k) for k in range(len(places))]
        simulator = GateSimulator(contract, go2, settings, episodes, 1)
        simulator.world.start(draw(episodes, settings, 1, contract.action_size, 1, 1))
        simulator.world.qpos[:, 0] = places
        simulator.world.qpos[:, 2] += 0.1
        return simulator

    return make


def test_robots_stand_on_what_the_floor_says_is_there_however_far_away(world):
    places = np.array([0.0, SLAB, 3 * SLAB, 26 * SLAB, -25 * SLAB])  # the middles of slabs
    simulator = world(places)
    simulator.world.put_back()
    assert np.abs(simulator.world.qpos[:, 0]).max() <= PERIOD / 2
    default = np.tile(simulator.contract.default_joint_pos, (2, 5, 1))
    for _ in range(50):
        simulator._drive(default, np.zeros(5), np.zeros((5, 12)), np.ones(5, bool))
        simulator.world.put_back()
    ground = Floor(0, 0.06).height_at(places, np.zeros(5), LEVEL)
    assert ground == pytest.approx([0, 0.06, 0.06, 0, 0.06])
    assert simulator.world.qpos[:, 2] - ground == pytest.approx([0.295] * 5, abs=0.035)
    assert np.abs(simulator.world.foot_height()).max() < 0.01
    assert simulator.world.travelled()[:, 0] == pytest.approx(places, abs=0.05)


def test_what_the_feet_felt_stays_right_when_robots_are_put_back(world):
    simulator = world(np.array([2.5 * SLAB, PERIOD + 0.1]))
    simulator._drive(
        np.tile(simulator.contract.default_joint_pos, (2, 2, 1)),
        np.zeros(2),
        np.zeros((2, 12)),
        np.ones(2, bool),
    )
    heights = simulator.world.foot_height()
    simulator.world.put_back()
    assert simulator.world.foot_height() == pytest.approx(heights, abs=1e-9)
    assert simulator.world.qpos[1, 0] == pytest.approx(0.1, abs=0.02)
    again = simulator.world.travelled()
    simulator.world.put_back()
    assert np.array_equal(again, simulator.world.travelled())
