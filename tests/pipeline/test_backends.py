"""MJX and Warp take the steps that native takes: one task, three physics."""

import importlib.util
import os
import subprocess
import sys

import jax
import mujoco
import numpy as np
import pytest

import robots
from pipeline.physics import make
from pipeline.physics.engine import DISABLED
from pipeline.physics.make import fastest, for_training, make_model, make_physics, on_cpu
from pipeline.physics.protocol import BackendError
from pipeline.provenance import ROOT
from robots.model import build_model
from tests.two_backends import COMPILE_QUICKLY

HAS_WARP = importlib.util.find_spec("warp") is not None
needs_warp = pytest.mark.skipif(not HAS_WARP, reason="warp-lang is not installed")
without_warp = pytest.mark.skipif(HAS_WARP, reason="warp-lang is installed")

# Differences with solvers converged, float32 against float64, at the 99th percentile. One control
# period from the same state:
FORCED = {"joint_pos": 1e-4, "joint_vel": 1e-2, "reward": 1e-2}
# ... and at most:
FORCED_WORST = {"joint_pos": 2e-3, "joint_vel": 0.5, "reward": 0.1}
# Over 50 control periods each backend goes where it goes, and contacts make small things large:
FREE = {"joint_pos": 1e-2, "joint_vel": 0.5, "reward": 0.1}
CONTACTS_APART = 0.01
"""Share of foot contacts that may differ, in the free runs."""


def measured(tmp_path, what, robot, backend, **environment):
    """What tests/two_backends.py found."""
    result = tmp_path / "found.npz"
    flags = COMPILE_QUICKLY if what == "parity" else ""  # there a few steps are all that runs
    subprocess.run(
        [sys.executable, "-m", "tests.two_backends", what, robot, backend, str(result)],
        cwd=ROOT,
        check=True,
        # Stripped: of a blank alone XLA thinks that it names a file.
        env={
            **os.environ,
            "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip(),
            **environment,
        },
    )
    with np.load(result) as found:
        return dict(found)


def assert_parity(tmp_path, robot, backend):
    found = measured(tmp_path, "parity", robot, backend)
    assert found["ended"].shape == (50, 16)
    assert found["ended"][-1].sum() <= 2  # what fell compares nothing
    assert found["parted"][-1].sum() <= 2  # nor does a reward for other feet
    for name, most in FORCED_WORST.items():
        assert np.nanmax(found[f"forced_{name}"]) <= most, name
    for kind, limits in (("forced", FORCED), ("free", FREE)):
        for name, most in limits.items():
            assert np.nanquantile(found[f"{kind}_{name}"], 0.99) <= most, (kind, name)
    assert np.nanmean(found["forced_contact"]) <= CONTACTS_APART / 10
    assert np.nanmean(found["free_contact"]) <= CONTACTS_APART


@pytest.mark.slow
@pytest.mark.parametrize("robot", robots.names())
def test_parity_mjx(tmp_path, robot):
    assert_parity(tmp_path, robot, "mjx")


@pytest.mark.slow
@pytest.mark.parametrize("robot", robots.names())
def test_parity_mjx_in_float64(tmp_path, robot):
    """Where rounding hides nothing, a second on one is a second on the other."""
    found = measured(tmp_path, "parity", robot, "mjx", JAX_ENABLE_X64="1")
    assert found["ended"][-1].sum() <= 2
    assert not found["parted"].any()
    for name, most in {"joint_pos": 2e-5, "joint_vel": 1e-3, "reward": 1e-3}.items():
        assert np.nanmax(found[f"forced_{name}"]) <= most, name
        assert np.nanmax(found[f"free_{name}"]) <= most, name


@pytest.mark.slow
@needs_warp
@pytest.mark.parametrize("robot", robots.names())
def test_parity_warp(tmp_path, robot):
    assert_parity(tmp_path, robot, "warp")


def assert_alike(tmp_path, robot, backend):
    """1,000 episodes of the shipped policy: what differs is what chance explains."""
    found = measured(tmp_path, "statistics", robot, backend)
    for name, most in {"reward": 0.05, "planar": 0.005, "yaw": 0.005}.items():
        one, other = found[f"native_{name}"], found[f"other_{name}"]
        assert len(one) == len(other) == 1000
        chance = np.sqrt(one.var() / len(one) + other.var() / len(other))
        assert abs(one.mean() - other.mean()) <= most * max(1.0, abs(one.mean())) + 3 * chance, name
    one, other = found["native_fell"].mean(), found["other_fell"].mean()
    pooled = (one + other) / 2
    assert abs(one - other) <= 3 * np.sqrt(2 * pooled * (1 - pooled) / 1000) + 1e-9


@pytest.mark.slow
def test_statistics_parity_mjx(tmp_path):
    assert_alike(tmp_path, "g1", "mjx")


@pytest.mark.slow
@needs_warp
def test_statistics_parity_warp(tmp_path):
    assert_alike(tmp_path, "g1", "warp")


PENDULUM = """
<mujoco>
  <option timestep="0.005" integrator="{integrator}"/>
  <worldbody>
    <body>
      <joint name="hinge" axis="0 1 0" armature="0.01"/>
      <geom type="capsule" size="0.02" fromto="0 0 0 0 0 -0.3" mass="0.5"/>
    </body>
  </worldbody>
  <actuator><position joint="hinge" kp="80" kv="2" forcerange="-5 5"/></actuator>
</mujoco>
"""


@pytest.mark.parametrize("integrator", ["implicitfast", "Euler"])
@pytest.mark.parametrize("target", [1.0, 0.02], ids=["at the limit", "within it"])
def test_mjx_takes_a_step_as_mujoco_does_where_a_motor_is(integrator, target):
    from mujoco import mjx

    from pipeline.physics.accelerated import step_mjx

    model = mujoco.MjModel.from_xml_string(PENDULUM.format(integrator=integrator))
    data = mujoco.MjData(model)
    data.qvel[:], data.ctrl[:] = 0.3, target
    there = mjx.make_data(model).replace(qvel=data.qvel.copy(), ctrl=data.ctrl.copy())
    there = jax.jit(step_mjx)(mjx.put_model(model), there)
    mujoco.mj_step(model, data)
    assert (abs(data.actuator_force[0]) == 5) == (target == 1.0)
    np.testing.assert_allclose(there.qvel, data.qvel, rtol=1e-4)


# Choosing


@pytest.mark.parametrize(
    ("platform", "wanted"),
    [("cpu", "native"), ("cuda", "mjx"), ("rocm", "mjx"), ("tpu", "mjx")],
)
def test_auto_takes_what_trains_fastest(monkeypatch, make_config, platform, wanted):
    monkeypatch.setattr(make, "platform", lambda: platform)
    assert fastest(platform) == wanted
    assert for_training(make_config({"physics.backend": "auto"})).physics.backend == wanted
    for named in ("native", "mjx", "warp"):
        assert for_training(make_config({"physics.backend": named})).physics.backend == named


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
@pytest.mark.parametrize("backend", ["native", "mjx"])
def test_more_environments_where_an_accelerator_steps_them(
    monkeypatch, make_config, platform, backend
):
    monkeypatch.setattr(make, "platform", lambda: platform)
    config = make_config({"physics.backend": backend})
    found = for_training(config).ppo
    many = platform != "cpu" and backend == "mjx"
    wanted = config.ppo.on_accelerator if many else config.ppo
    assert (found.num_envs, found.num_minibatches) == (wanted.num_envs, wanted.num_minibatches)
    scale = config.ppo.on_accelerator.num_timesteps_scale if many else 1
    assert found.num_timesteps == scale * config.ppo.num_timesteps
    assert config.ppo.on_accelerator.num_envs > config.ppo.num_envs


def test_a_few_robots_are_done_on_native_before_mjx_has_compiled(make_config):
    assert on_cpu(make_config({"physics.backend": "mjx"})).physics.backend == "native"


# Refusals


@without_warp
def test_warp_that_is_missing_is_one_line(make_config, go2):
    config = make_config({"physics.backend": "warp"})
    with pytest.raises(BackendError) as caught:
        make_physics(config, go2, make_model(config, go2), num_envs=2)
    assert "physics.backend: warp needs warp-lang" in str(caught.value)
    assert "GPU=1" in str(caught.value) and "\n" not in str(caught.value)


def adhesion(mjcf):
    mjcf.add_actuator(
        name="suction", trntype=mujoco.mjtTrn.mjTRN_BODY, target="base_link", ctrlrange=[0, 1]
    )


def mesh_beside_log(mjcf):
    corners = [[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]]
    mjcf.add_mesh(name="tetra", uservert=np.ravel(corners))
    rock = mjcf.worldbody.add_body(name="rock", pos=[3, 0, 1])
    rock.add_freejoint()
    rock.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="tetra", contype=4, conaffinity=4)
    log = mjcf.worldbody.add_body(name="log", pos=[3, 1, 1])
    log.add_freejoint()
    log.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[0.1, 0.1, 0], contype=4, conaffinity=4)


@pytest.mark.parametrize(
    ("edit", "named"),
    [(adhesion, ["mjTRN_BODY"]), (mesh_beside_log, ["mjGEOM_CYLINDER", "mjGEOM_MESH"])],
)
def test_what_a_backend_lacks_is_named_with_those_that_have_it(go2, edit, named):
    from pipeline.physics.accelerated import AcceleratedPhysics

    model = build_model(go2, sim_dt=0.005, edit=edit)
    model.opt.disableflags |= DISABLED  # as training has it, and Warp will not
    with pytest.raises(BackendError) as caught:
        AcceleratedPhysics(model, go2, name="mjx", num_envs=2, n_substeps=4)
    message = str(caught.value)
    assert message.startswith("physics.backend: mjx cannot step go2: ")
    for word in named:
        assert word in message
    able = message.split("these can: ")[1].split(", ")
    assert able == (["native", "warp"] if HAS_WARP else ["native"])
    mujoco.mj_step(model, mujoco.MjData(model))  # native can


@needs_warp
def test_warp_says_nothing_of_the_iterations_that_training_limits(make_config, go2):
    from mujoco.mjx.third_party.mujoco_warp import OverflowType

    from pipeline.physics.accelerated import AcceleratedPhysics

    model = make_model(make_config(), go2)
    physics = AcceleratedPhysics(model, go2, name="warp", num_envs=2, n_substeps=3)
    warned = physics._shared.opt._impl.warn_overflow
    assert not warned & (OverflowType.ITERATIONS | OverflowType.LS_ITERATIONS)
    assert warned & OverflowType.NARROWPHASE  # contacts that were dropped


@pytest.mark.parametrize("robot", robots.names())
def test_mjx_solves_for_half_as_many_contacts_again_as_standing_takes(make_config, robot):
    from mujoco import mjx

    model = make_model(make_config({"robot": robot}), robots.load(robot))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    data.ctrl[:] = data.qpos[7:]
    standing = 0
    for _ in range(100):
        mujoco.mj_step(model, data)
        standing = max(standing, data.ncon)
    assert 4 <= standing <= make.MJX_CONTACTS / 1.5
    model.opt.disableflags = 0
    assert mjx.make_data(model)._impl.contact.dist.shape == (make.MJX_CONTACTS,)  # of 162 or more


@pytest.mark.parametrize("robot", robots.names())
def test_the_room_that_warp_sets_aside_is_twice_what_tumbling_takes(make_config, robot):
    from pipeline.physics.accelerated import CONSTRAINTS, CONTACTS

    model = make_model(make_config(), robots.load(robot))
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    contacts = constraints = 0
    for _ in range(12):
        mujoco.mj_resetDataKeyframe(model, data, 0)
        data.qvel[:6] = 1.5 * rng.standard_normal(6)
        for step in range(300):
            if step % 30 == 0:
                data.ctrl[:] = data.qpos[7:] + rng.standard_normal(model.nu)
            mujoco.mj_step(model, data)
            contacts, constraints = max(contacts, data.ncon), max(constraints, data.nefc)
    assert 4 < contacts <= CONTACTS / 2
    assert contacts < constraints <= CONSTRAINTS / 2
