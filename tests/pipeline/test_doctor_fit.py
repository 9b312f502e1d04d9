"""The doctor: does a policy fit its robot, and do the descriptions beside it fit the policy?"""

import numpy as np
import pytest
from onnx import helper

from pipeline.doctor.__main__ import main
from pipeline.doctor.checks import examine
from pipeline.doctor.subject import gather
from pipeline.provenance import ROOT
from tests import doctor_policies as plant

GO2, H1 = (ROOT / "robots" / name / "model.xml" for name in ("go2", "h1"))
OF_ANOTHER = "one of the two is of another policy: take the description that was exported with it"
UNNAMED = "name the joints in the metadata, or give the robot's own MJCF with --model"
UPRIGHT = "correct the default pose: its order, its signs, radians and not degrees"


@pytest.fixture(autouse=True)
def _without_walk(monkeypatch):
    plant.leave_out_walk(monkeypatch)


def found(path, *files, **named):
    """Severity, check, what and fix of each finding, and where each is."""
    findings = examine(gather(path, *files, **named))
    said = [(str(f.severity), f.check, f.what, f.fix) for f in findings]
    return said, [f.where for f in findings]


# As many actions as joints


def ten_actions(model):
    plant.after_output(model, "Gather", np.arange(10))
    model.graph.node[-1].attribute.append(helper.make_attribute("axis", 1))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 10


def test_fewer_actions_than_the_contract_has_joints(tmp_path):
    path = plant.write(tmp_path, graph=ten_actions)
    said, where = found(path)
    assert said == [("error", "shapes", "10 actions for 12 joints", OF_ANOTHER)]
    assert where == [f"{path}: output 'action'; metadata surefoot_contract: joint_names"]


def test_the_deploy_yaml_of_a_robot_with_other_joints(tmp_path):
    """The contract fits, what Unitree's program would go by does not."""
    path, deploy = plant.write(tmp_path, "h1"), plant.deploy_yaml(tmp_path, "go2")
    said, where = found(path, deploy=deploy)
    assert ("error", "shapes", "10 actions for 12 joints", OF_ANOTHER) in said
    assert f"{path}: output 'action'; {deploy}: joint_ids_map" in where
    apart = [
        what for severity, check, what, _ in said if (severity, check) == ("error", "agreement")
    ]
    assert apart == [
        f"{n} has 10 numbers and 12" for n in ("joint_pos", "joint_vel", "last_action")
    ]


def test_other_scales_at_the_same_size_are_told_by_their_place(tmp_path):
    def edit(raw):
        raw["observations"]["base_ang_vel"]["scale"][2] = 0.5

    path = plant.write(tmp_path)
    said, _ = found(path, deploy=plant.deploy_yaml(tmp_path, "go2", edit))
    ((severity, check, what, _),) = said
    assert (severity, check) == ("error", "agreement")
    assert what == "gyro[2] is scaled by 0.25 and by 0.5"


@pytest.mark.parametrize(
    ("metadata", "joints", "key"),
    [
        ({"action_scale": "0.25,0.25"}, 2, "action_scale"),
        ({"joint_stiffness": "40.0,40.0,40.0", "action_scale": "0.25"}, 3, "joint_stiffness"),
    ],
)
def test_whichever_list_is_there_is_counted(tmp_path, metadata, joints, key):
    path = plant.write(tmp_path, metadata=metadata)
    said, where = found(path)
    assert said[0] == ("error", "shapes", f"12 actions for {joints} joints", OF_ANOTHER)
    assert where[0] == f"{path}: output 'action'; mjlab metadata: {key}"
    assert not any("different lengths" in what for _, _, what, _ in said)


def test_a_list_without_entries_is_counted_too(tmp_path):
    deploy = plant.deploy_yaml(tmp_path, "go2", lambda raw: raw.update(joint_ids_map=[]))
    said, _ = found(plant.write(tmp_path, metadata={}), deploy=deploy)
    assert ("error", "shapes", "12 actions for 0 joints", OF_ANOTHER) in said


@pytest.mark.parametrize(
    ("robot", "model", "severity", "numbers"),
    [("h1", GO2, "warning", (10, 12)), ("go2", H1, "error", (12, 10))],
)
def test_actions_against_the_model_where_nothing_else_is_said(
    tmp_path, robot, model, severity, numbers
):
    path = plant.write(tmp_path, robot, metadata={})
    said, where = found(path, model)
    actions, joints = numbers
    name = model.relative_to(ROOT)
    ((_, _, what, _),) = shapes = [each for each in said if each[1] == "shapes"]
    assert shapes == [(severity, "shapes", what, UNNAMED)]
    assert what.startswith(f"{actions} actions, but ")
    assert f"{name} has {joints} joints, and nothing says which joint an action is for" in what
    assert f"{path}: output 'action'" in where


def test_the_model_of_another_robot(tmp_path):
    ((severity, check, what, fix), *_), _ = found(plant.write(tmp_path, "h1"), GO2)
    assert (severity, check) == ("error", "joints")
    assert what.startswith("left_hip_yaw_joint, left_hip_roll_joint,")
    assert "and 6 more: no such joint in " in what and "robots/go2/model.xml" in what
    assert fix.startswith("use the robot's names; give its own MJCF with --model")


# The robot's own joints


def test_a_joint_named_twice(tmp_path):
    def spoil(raw):
        raw["joint_names"][1] = "FL_hip_joint"

    said, where = found(plant.write(tmp_path, contract=spoil))
    severity, check, what, fix = said[0]
    assert (severity, check, what) == ("error", "metadata", "joint_names has 'FL_hip_joint' twice")
    assert where[0] == "metadata surefoot_contract" and fix.startswith("export the policy again")


def test_a_joint_named_twice_by_another_trainer(tmp_path):
    names = plant.mjlab("go2")["joint_names"].replace("FL_thigh_joint", "FL_hip_joint")
    path = plant.write(tmp_path, metadata=plant.mjlab("go2", joint_names=names))
    said, where = found(path, robot="go2")
    assert said[0] == ("error", "joints", "names FL_hip_joint twice", "one joint, one entry")
    assert where[0] == "mjlab metadata: joint_names"
    assert any(what == "nothing drives FL_thigh_joint" for _, _, what, _ in said)


def with_a_tail(folder):
    """The Go2's MJCF with one more joint."""
    tail = '<body name="tail"><joint name="tail_joint" axis="0 1 0" range="-1 1"/>'
    mass = '<inertial pos="0 0 0" mass="0.1" diaginertia="1e-4 1e-4 1e-4"/></body>'
    base, end, rest = GO2.read_text().rpartition("</body>")
    path = folder / "tailed.xml"
    path.write_text(base + tail + mass + end + rest)
    return path


def test_a_joint_that_nothing_drives(tmp_path):
    said, where = found(plant.write(tmp_path), with_a_tail(tmp_path))
    hold = "whoever runs the policy has to hold them, at the pose of training"
    assert said == [("note", "joints", "nothing drives tail_joint", hold)]
    assert where == ["metadata surefoot_contract: joint_names"]


def test_a_joint_that_is_said_to_be_held(tmp_path):
    tail = {"name": "tail_joint", "motor_index": 12, "position": 0.0, "kp": 9.0, "kd": 1.0}
    path = plant.write(tmp_path, contract=lambda raw: raw.update(held_joints=[tail]))
    assert found(path, with_a_tail(tmp_path)) == ([], [])


def test_a_model_that_fits_is_a_success(tmp_path, capsys):
    """Somebody's own copy: the finding-free verdict is about that file."""
    model = tmp_path / "mine.xml"
    model.write_text(GO2.read_text())
    assert main([str(plant.shipped("go2")), "--model", str(model), "--strict"]) == 0
    verdict, looked_at, _ = capsys.readouterr().out.splitlines()
    assert verdict == f"{plant.shipped('go2')}: sound, no finding"
    assert f"Unitree Go2, {model}" in looked_at


# On its feet


def legs(thigh, calf):
    def spoil(raw):
        raw["default_joint_pos"] = [0.0, thigh, calf] * 4

    return spoil


@pytest.mark.parametrize(
    "pose",
    [
        legs(2.0, -2.7),  # it lies on its belly, feet beside it
        legs(2.6, -1.5),  # the same, feet up in the air: no foot is near the floor
    ],
)
def test_a_pose_that_stands_on_something_else(tmp_path, pose):
    said, where = found(plant.write(tmp_path, contract=pose))
    assert said == [("error", "stance", "stands on base_link, not on its feet", UPRIGHT)]
    assert where == ["metadata surefoot_contract: default_joint_pos"]
