"""RobotSpec refuses what cannot be, and says which robot, which joint and which values."""

import dataclasses
import re

import pytest

import robots
from robots import Foot, HeldJoint, Joint, RobotError, RobotSpec

JOINT = Joint(
    name="knee",
    axis="y",
    motor_index=3,
    default_pos=0.5,
    kp=40.0,
    kd=1.0,
    lower=-1.25,
    upper=1.75,
    effort_limit=20.0,
    velocity_limit=30.0,
    armature=0.01,
    damping=0.1,
    frictionloss=0.2,
)
ANKLE = dataclasses.replace(JOINT, name="ankle", motor_index=4)
FOOT = Foot("sole", radius=0.02, gait_offset=0.5)


def make_spec(tmp_path, **changes):
    mjcf = tmp_path / "model.xml"
    mjcf.touch()
    fields = {
        "name": "hopper",
        "title": "Hopper",
        "model_path": mjcf,
        "base_body": "base",
        "imu_site": "imu",
        "imu_frame": "base",
        "spawn_height": 0.5,
        "spawn_pitch": 0.0,
        "joints": (JOINT, ANKLE),
        "feet": (FOOT,),
    }
    return RobotSpec(**(fields | changes))


def test_names_finds_the_robots():
    assert "go2" in robots.names()
    assert list(robots.names()) == sorted(set(robots.names()))


@pytest.mark.parametrize("name", robots.names())
def test_load_returns_the_robot_asked_for(name):
    robot = robots.load(name)
    assert robot.name == name
    assert len(robot.joint_names) == len(robot.default_joint_pos) == len(robot.joints) > 0


@pytest.mark.parametrize("name", ["g0", "", "../go2", "GO2"])
def test_load_refuses_an_unknown_robot(name):
    with pytest.raises(RobotError, match=re.escape(repr(name)) + ".*go2"):
        robots.load(name)


def test_a_spec_is_frozen(tmp_path):
    spec = make_spec(tmp_path)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.spawn_height = 1.0


@pytest.mark.parametrize("value", [-1.2500001, 1.7500001, float("nan")])
def test_default_pose_outside_its_range_is_refused(tmp_path, value):
    joints = (JOINT, dataclasses.replace(ANKLE, default_pos=value))
    with pytest.raises(RobotError, match=rf"hopper: .*ankle is {value} rad.*-1\.25 to 1\.75"):
        make_spec(tmp_path, joints=joints)


@pytest.mark.parametrize("value", [-1.25, 1.75])
def test_default_pose_at_the_end_of_its_range_is_accepted(tmp_path, value):
    joints = (dataclasses.replace(JOINT, default_pos=value), ANKLE)
    assert make_spec(tmp_path, joints=joints).default_joint_pos == (value, 0.5)


def test_repeated_joint_name_is_refused(tmp_path):
    joints = (JOINT, dataclasses.replace(ANKLE, name="knee"))
    with pytest.raises(RobotError, match="hopper: joint name 'knee' is given twice"):
        make_spec(tmp_path, joints=joints)


def test_repeated_motor_index_is_refused(tmp_path):
    joints = (JOINT, dataclasses.replace(ANKLE, motor_index=3))
    with pytest.raises(RobotError, match="hopper: motor_index 3 is given twice"):
        make_spec(tmp_path, joints=joints)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (HeldJoint("knee", 9, 0.0, 50.0, 1.0), "joint name 'knee'"),
        (HeldJoint("waist", 4, 0.0, 50.0, 1.0), "motor_index 4"),
    ],
)
def test_a_held_joint_may_not_repeat_a_driven_one(tmp_path, held, message):
    with pytest.raises(RobotError, match=f"hopper: {message} is given twice"):
        make_spec(tmp_path, held_joints=(held,))


def test_repeated_foot_is_refused(tmp_path):
    with pytest.raises(RobotError, match="hopper: foot site 'sole' is given twice"):
        make_spec(tmp_path, feet=(FOOT, FOOT))


def test_missing_mjcf_is_refused(tmp_path):
    missing = tmp_path / "elsewhere.xml"
    with pytest.raises(RobotError, match=f"hopper: no MJCF at {re.escape(str(missing))}"):
        make_spec(tmp_path, model_path=missing)


@pytest.mark.parametrize("field", ["joints", "feet"])
def test_a_robot_without_joints_or_feet_is_refused(tmp_path, field):
    with pytest.raises(RobotError, match="hopper: needs at least one joint and one foot"):
        make_spec(tmp_path, **{field: ()})


@pytest.mark.parametrize("field", ["kp", "effort_limit", "velocity_limit"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_figure_that_must_be_positive_is(tmp_path, field, value):
    joints = (JOINT, dataclasses.replace(ANKLE, **{field: value}))
    with pytest.raises(RobotError, match=rf"hopper: {field} of ankle is {value}, want > 0"):
        make_spec(tmp_path, joints=joints)


@pytest.mark.parametrize("field", ["kd", "armature", "damping", "frictionloss"])
@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf")])
def test_a_figure_that_may_not_be_negative_is_not(tmp_path, field, value):
    joints = (JOINT, dataclasses.replace(ANKLE, **{field: value}))
    with pytest.raises(RobotError, match=rf"hopper: {field} of ankle is {value}, want >= 0"):
        make_spec(tmp_path, joints=joints)


@pytest.mark.parametrize("offset", [-0.1, 1.0])
def test_gait_offset_outside_the_cycle_is_refused(tmp_path, offset):
    feet = (dataclasses.replace(FOOT, gait_offset=offset),)
    with pytest.raises(RobotError, match=f"hopper: gait_offset of sole is {offset}"):
        make_spec(tmp_path, feet=feet)


def test_spawn_quat_pitches_the_nose_down(tmp_path):
    w, x, y, z = make_spec(tmp_path, spawn_pitch=0.2).spawn_quat
    # The base's x axis in the world, R(q) e_x: nose down is a negative z component.
    assert 2 * (x * z - w * y) == pytest.approx(-0.19866933)
    assert (x, z) == (0.0, 0.0)
