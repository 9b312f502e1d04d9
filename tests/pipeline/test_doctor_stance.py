"""The default pose on a floor, worked out by hand for one shape of each kind."""

import numpy as np
import pytest

from pipeline.doctor.robot import load_robot, other_side, recognise
from pipeline.doctor.stance import stand

MODEL = """
<mujoco>
  <compiler angle="radian"/>
  <asset>
    <mesh name="wedge" vertex="-0.1 -0.1 0  0.1 -0.1 0  0.1 0.1 0  -0.1 0.1 0  0 0 0.1"/>
  </asset>
  <worldbody>
    <geom type="plane" size="1 1 1" pos="0 0 -5"/>
    <body name="trunk" pos="0 0 1">
      <freejoint/>
      <inertial pos="0.05 0 0" mass="10" diaginertia="1 1 1"/>
      <geom type="box" size="0.1 0.1 0.1"/>
      <body name="left_foot_link" pos="0 0.2 -0.9">
        <joint name="left_hip_joint" axis="1 0 0" range="-1 1"/>
        <inertial pos="0 0 0" mass="0.001" diaginertia="0.001 0.001 0.001"/>
        {foot}
      </body>
      <body name="right_foot_link" pos="0 -0.2 -0.9">
        <joint name="right_hip_joint" axis="1 0 0" range="-1 1"/>
        <inertial pos="0 0 0" mass="0.001" diaginertia="0.001 0.001 0.001"/>
        {foot}
      </body>
      {more}
    </body>
  </worldbody>
</mujoco>
"""
SHAPES = {
    # kind: its MJCF, how far below the link it reaches, and how far in front, m
    "sphere": ('<geom type="sphere" size="0.03"/>', 0.03, 0.0),
    "box": ('<geom type="box" size="0.1 0.05 0.02"/>', 0.02, 0.1),
    "capsule": ('<geom type="capsule" size="0.02" fromto="-0.1 0 0 0.1 0 0"/>', 0.02, 0.1),
    "cylinder": ('<geom type="cylinder" size="0.1 0.02"/>', 0.02, 0.1 * 0.5**0.5),
    "ellipsoid": ('<geom type="ellipsoid" size="0.1 0.05 0.02"/>', 0.02, 0.0),
}


def robot_of(folder, foot, more=""):
    path = folder / "robot.xml"
    path.write_text(MODEL.format(foot=foot, more=more))
    return load_robot(None, path)


@pytest.mark.parametrize("kind", SHAPES)
def test_a_sole_of_each_shape(tmp_path, kind):
    foot, depth, ahead = SHAPES[kind]
    robot = robot_of(tmp_path, foot)
    stance = stand(robot, {})
    assert stance.feet == pytest.approx({"left_foot_link": 0.0, "right_foot_link": 0.0}, abs=1e-12)
    assert stance.lower == {}
    # The mass is 0.05 m ahead of the feet's middle, and the soles reach `ahead`.
    assert stance.outside == pytest.approx(max(0.05 - ahead, -0.05), abs=2e-3)
    # A shape that another link lowers to just where the foot ends is counted by its depth.
    low = -0.9 - depth - 0.001
    sting = f'<geom type="sphere" size="0.01" pos="0 0 {low + 0.01}"/>'
    assert stand(robot_of(tmp_path, foot, sting), {}).lower == pytest.approx({"trunk": 0.001})


def test_a_sole_that_is_a_mesh(tmp_path):
    stance = stand(robot_of(tmp_path, '<geom type="mesh" mesh="wedge"/>'), {})
    assert stance.outside == pytest.approx(0.05 - 0.1, abs=2e-3)


def test_a_lifted_foot(tmp_path):
    robot = robot_of(tmp_path, '<geom type="sphere" size="0.03" pos="0 0.3 0"/>')
    stance = stand(robot, {"left_hip_joint": 0.2})
    assert stance.feet["left_foot_link"] == pytest.approx(0.3 * np.sin(0.2))


def test_the_mass_beside_the_feet(tmp_path):
    foot = '<geom type="sphere" size="0.03" pos="-0.3 0 0"/>'
    stance = stand(robot_of(tmp_path, foot), {})
    assert stance.direction == "front"
    assert stance.outside == pytest.approx(0.35, abs=2e-3)


def test_a_model_without_shapes_says_nothing(tmp_path):
    path = tmp_path / "robot.xml"
    mass = '<joint name="j"/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'
    path.write_text(f"<mujoco><worldbody><body>{mass}</body></worldbody></mujoco>")
    assert stand(load_robot(None, path), {}) is None


def test_feet_in_the_air_leave_what_touches_the_floor(tmp_path):
    stance = stand(robot_of(tmp_path, '<geom type="sphere" size="0.03" pos="0 0 1.5"/>'), {})
    assert stance.feet == {} and stance.folded == ()
    assert stance.lower == {"trunk": 0.0}
    assert stance.outside == 0.0


def test_without_shapes_at_the_ends_nobody_knows_the_feet(tmp_path):
    assert stand(robot_of(tmp_path, ""), {}) is None


def test_a_base_on_the_floor_tells_no_feet_from_hands(tmp_path):
    path = tmp_path / "robot.xml"
    text = MODEL.format(foot='<geom type="sphere" size="0.03" pos="0 0 0.93"/>', more="")
    trunk = '<geom type="box" size="0.1 0.1 0.1"'
    assert trunk in text
    path.write_text(text.replace(trunk, f'{trunk} pos="0 0 0.5"'))
    assert stand(load_robot(None, path), {}) is None


def test_robots_that_share_all_names_are_told_apart():
    for name in ("g1", "h1_2"):
        spec = load_robot(name, None).spec
        by_kind = [
            f"{side}_{j}"
            for j in (n.partition("_")[2] for n in spec.joint_names[:6])
            for side in ("left", "right")
        ]
        for names in (spec.joint_names, by_kind, ["waist_yaw_joint", *spec.joint_names]):
            assert recognise(names).name == name
    assert recognise(["left_hip_joint"]) is None


def test_partners():
    assert other_side("FL_hip_joint") == "FR_hip_joint"
    assert other_side("right_knee_joint") == "left_knee_joint"
    assert other_side("waist_yaw_joint") is None


@pytest.mark.parametrize(
    ("actuator", "effort"),
    [
        ('<motor joint="left_hip_joint" ctrlrange="-20 20"/>', 20.0),
        ('<motor joint="left_hip_joint" ctrlrange="-2 2" gear="10"/>', 20.0),
        ('<position joint="left_hip_joint" kp="50" forcerange="-30 30"/>', 30.0),
        ('<position joint="left_hip_joint" kp="50" ctrlrange="-1 1"/>', None),
        ("", None),
    ],
)
def test_torque_limits_of_any_mjcf(tmp_path, actuator, effort):
    path = tmp_path / "robot.xml"
    text = MODEL.format(foot=SHAPES["sphere"][0], more="")
    actuators = f"<actuator>{actuator}</actuator></mujoco>"
    path.write_text(text.replace("</mujoco>", actuators))
    assert load_robot(None, path).effort("left_hip_joint") == effort


def test_a_joints_own_torque_limit(tmp_path):
    path = tmp_path / "robot.xml"
    text = MODEL.format(foot=SHAPES["sphere"][0], more="")
    path.write_text(text.replace('axis="1 0 0"', 'axis="1 0 0" actuatorfrcrange="-25 25"', 1))
    assert load_robot(None, path).effort("left_hip_joint") == 25.0


def test_mirrored_axes(tmp_path):
    robot = load_robot("g1", None)
    assert robot.mirror_sign("left_hip_roll_joint", "right_hip_roll_joint") == -1
    assert robot.mirror_sign("left_knee_joint", "right_knee_joint") == 1
    assert robot.limits("left_knee_joint") == pytest.approx((-0.087267, 2.8798))
