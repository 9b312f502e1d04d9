"""Frames, against MuJoCo's own kinematics."""

import mujoco
import numpy as np
import pytest

from deploy.frames import heading, projected_gravity, rotate_inverse, torso_to_base

WAIST = """
<mujoco>
  <option gravity="0 0 0"/>
  <worldbody>
    <body name="base">
      <freejoint/>
      <geom size="0.1" mass="1"/>
      <site name="base_imu"/>
      <body name="torso" pos="0 0 0.2">
        <joint name="waist" axis="0 0 1"/>
        <geom size="0.1" mass="1"/>
        <site name="torso_imu"/>
      </body>
    </body>
  </worldbody>
  <sensor>
    <framequat name="base_quat" objtype="site" objname="base_imu"/>
    <gyro name="base_gyro" site="base_imu"/>
    <framequat name="torso_quat" objtype="site" objname="torso_imu"/>
    <gyro name="torso_gyro" site="torso_imu"/>
  </sensor>
</mujoco>
"""


@pytest.fixture(scope="module")
def model():
    return mujoco.MjModel.from_xml_string(WAIST)


@pytest.mark.parametrize("seed", range(20))
def test_an_imu_in_the_torso_says_what_one_in_the_base_would(model, seed):
    rng = np.random.default_rng(seed)
    data = mujoco.MjData(model)
    quat = rng.normal(size=4)
    data.qpos[3:7] = quat / np.linalg.norm(quat)
    data.qpos[7] = rng.uniform(-2.35, 2.35)
    data.qvel[:] = rng.normal(size=model.nv)
    mujoco.mj_forward(model, data)
    said = {name: data.sensor(name).data for name in ("torso_quat", "torso_gyro")}
    quat, gyro = torso_to_base(said["torso_quat"], said["torso_gyro"], data.qpos[7], data.qvel[6])
    assert gyro == pytest.approx(data.sensor("base_gyro").data, abs=1e-12)
    wanted = data.sensor("base_quat").data
    assert quat * np.sign(quat @ wanted) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("yaw", [-3.0, -1.2, 0.0, 0.4, 2.0])
def test_heading_is_the_yaw_whatever_roll_and_pitch(yaw):
    axis, about = np.array([0.0, 0.0, 1.0]), np.zeros(4)
    for pitch, roll in ((0.0, 0.0), (0.5, -0.3), (-0.9, 0.7)):
        quat = np.zeros(4)
        mujoco.mju_axisAngle2Quat(about, axis, yaw)
        mujoco.mju_euler2Quat(quat, np.array([roll, pitch, 0.0]), "XYZ")
        mujoco.mju_mulQuat(quat, about, quat.copy())
        assert heading(quat) == pytest.approx(yaw, abs=1e-6)


def test_a_torso_in_line_changes_nothing():
    quat, gyro = np.array([0.6, 0.0, 0.8, 0.0]), np.array([1.0, 2.0, 3.0])
    found = torso_to_base(quat, gyro, np.float64(0), np.float64(0))
    assert found[0].tolist() == quat.tolist()
    assert found[1].tolist() == gyro.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_gravity_and_vectors_turn_as_in_mujoco(seed):
    quat = np.random.default_rng(seed).normal(size=4)
    quat /= np.linalg.norm(quat)
    inverse, turned = np.zeros(4), np.zeros(3)
    mujoco.mju_negQuat(inverse, quat)
    mujoco.mju_rotVecQuat(turned, np.array([0.0, 0.0, -1.0]), inverse)
    assert projected_gravity(quat) == pytest.approx(turned, abs=1e-6)
    vector = np.array([0.3, -0.5, 0.9])
    mujoco.mju_rotVecQuat(turned, vector, inverse)
    assert rotate_inverse(quat, vector) == pytest.approx(turned, abs=1e-6)
