"""The doctor walks policies that drive other joints than our robots, on a model that has them."""

import mujoco
import numpy as np
import onnx
import pytest
from onnx import helper

import robots
from pipeline.doctor.body import body, fix_all_but
from pipeline.doctor.checks import examine
from pipeline.doctor.checks.walk import check_walk
from pipeline.doctor.fitting import CannotWalkError
from pipeline.doctor.orders import known_orders
from pipeline.doctor.subject import gather
from robots.model import SPAWN_KEY, build_model
from tests import doctor_policies as plant

UPPER = {
    "torso_link": ("waist_yaw_joint", (0, 0, 1)),
    **{
        f"{side}_{link}": (f"{side}_{joint}_joint", axis)
        for side in ("left", "right")
        for link, joint, axis in (
            ("shoulder_pitch_link", "shoulder_pitch", (0, 1, 0)),
            ("shoulder_roll_link", "shoulder_roll", (1, 0, 0)),
            ("shoulder_yaw_link", "shoulder_yaw", (0, 0, 1)),
            ("elbow_link", "elbow", (0, 1, 0)),
            ("wrist_roll_rubber_hand", "wrist_roll", (1, 0, 0)),
        )
    },
}
"""Joints of a G1 of 23 joints that ours holds, by the link they move."""
EFFORT = 50.0
"""Of waist and arms, N m."""
DAMPING = 5.0
"""Of waist and arms, N m s/rad: the policy was trained without them moving."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A G1 whose waist and arms move, as others write one: floor, keyframe, meshes, no sites."""
    folder = tmp_path_factory.mktemp("model")
    _write_tetrahedron(folder / "meshes" / "chest.stl")
    mjcf = mujoco.MjSpec.from_file(str(robots.load("g1").model_path))
    for link, (joint, axis) in UPPER.items():
        mjcf.body(link).add_joint(
            name=joint,
            axis=axis,
            range=[-1.5707963, 1.5707963],
            armature=0.010177523,
            damping=[DAMPING, 0, 0],
            actfrcrange=[-EFFORT, EFFORT],
        )
    mjcf.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[5, 5, 0.1], pos=[0, 0, -0.2])
    for site in list(mjcf.sites):
        mjcf.delete(site)
    mjcf.add_key(name="home", qpos=[0.0] * (7 + 23))
    mjcf.meshdir = str(folder / "meshes")
    for name, file in (("chest", "chest.stl"), ("looks", "chest.stl")):
        mjcf.add_mesh(name=name, file=file)
        mjcf.body("torso_link").add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            mass=0,
            contype=int(name == "chest"),
            conaffinity=int(name == "chest"),
        )
    path = folder / "g1_23dof.xml"
    path.write_text(mjcf.to_xml().replace(mjcf.meshdir, "meshes"))
    return path


def _write_tetrahedron(path):
    """5 cm wide, inside the chest."""
    corners = np.asarray([(0, 0, 0.15), (0.05, 0, 0.15), (0, 0.05, 0.15), (0, 0, 0.2)], "<f4")
    faces = [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]
    path.parent.mkdir()
    body_ = b"".join(
        np.zeros(3, "<f4").tobytes() + corners[list(f)].tobytes() + bytes(2) for f in faces
    )
    path.write_bytes(bytes(80) + len(faces).to_bytes(4, "little") + body_)


def policy_of_all_joints(folder, model, order=None, told=None):
    """The shipped G1 policy as one of 23 joints, which keeps waist and arms where they are.

    Args:
        folder: Where to.
        model: The MJCF.
        order: Joints as the network has them; None: as the MJCF has them.
        told: Joints as the description has them; None: as the network.
    """
    machine = robot_of(model)
    legs = plant.contract_of("g1")["joint_names"]
    names = list(order or machine.joint_names)
    place = [names.index(leg) for leg in legs]

    def graph(onnx_model):
        inputs = [*range(9)]
        inputs += [9 + block * len(names) + at for block in range(3) for at in place]
        inputs += [9 + 3 * len(names), 10 + 3 * len(names)]
        plant.before_input(onnx_model, "Gather", np.asarray(inputs))
        onnx_model.graph.node[0].attribute.append(helper.make_attribute("axis", 1))
        onnx_model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 11 + 3 * len(names)
        spread = np.zeros((12, len(names)), np.float32)
        spread[np.arange(12), place] = 1.0
        plant.after_output(onnx_model, "MatMul", spread)
        onnx_model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = len(names)

    def contract(raw):
        own = {name: i for i, name in enumerate(legs)}
        held = {joint.pop("name"): joint for joint in raw["held_joints"]}
        raw["held_joints"] = [j | {"name": n} for n, j in held.items() if n not in names]
        for key, other in (
            ("motor_indices", lambda n: held[n]["motor_index"]),
            ("default_joint_pos", lambda n: 0.0),
            ("kp", lambda n: held[n]["kp"]),
            ("kd", lambda n: held[n]["kd"]),
            ("action_scale", lambda n: 0.25),
            ("joint_lower", lambda n: -1.5),
            ("joint_upper", lambda n: 1.5),
            ("effort_limit", lambda n: EFFORT),
            ("velocity_limit", lambda n: 37.0),
        ):
            raw[key] = [raw[key][own[n]] if n in own else other(n) for n in names]
        raw["joint_names"] = list(told or names)
        for term in raw["observation"][3:6]:
            term["scale"] = [term["scale"][0]] * len(names)

    return plant.write(folder, "g1", graph=graph, contract=contract)


def robot_of(model):
    """The shipped G1's robot, held against a model."""
    return machine_of(gather(plant.shipped("g1"), model))


def machine_of(subject):
    assert subject.robot is not None
    return subject.robot


def said_of_walking(path, model):
    return [(str(f.severity), f.what) for f in check_walk(gather(path, model))]


def test_a_policy_of_all_joints_walks_on_the_model_it_names(tmp_path, whole):
    path = policy_of_all_joints(tmp_path, whole)
    assert onnx.load(path).graph.output[0].type.tensor_type.shape.dim[1].dim_value == 23
    severe = [f.what for f in examine(gather(path, whole)) if str(f.severity) == "error"]
    assert len(severe) == 1 and "waist_yaw_joint" in severe[0] and "never changes" in severe[0]
    assert said_of_walking(path, whole) == []


def test_another_order_of_all_joints_is_found_by_walking(tmp_path, whole):
    """Trained in Isaac's order, and described in that of the MJCF."""
    machine = robot_of(whole)
    with body(machine, gather(policy_of_all_joints(tmp_path, whole), whole).described) as spec:
        orders = known_orders(machine, spec)
    by_depth = orders["joint by joint over all legs, as Isaac has it"]
    path = policy_of_all_joints(tmp_path, whole, by_depth, told=machine.joint_names)
    ((severity, what),) = said_of_walking(path, whole)
    assert severity == "error"
    assert "joint by joint over all legs, as Isaac has it" in what and "falls in" in what


def test_without_a_model_that_has_its_joints_it_says_which_is_missing(tmp_path, whole):
    path = policy_of_all_joints(tmp_path, whole)
    ((severity, what),) = said_of_walking(path, None)
    assert severity == "note"
    assert "it drives 23 joints, and" in what and "has no waist_yaw_joint" in what
    assert "--model" in what


def test_the_body_is_the_model_with_what_is_not_driven_fixed(tmp_path, whole):
    """Waist driven, arms held: one joint more than ours, mass and height as they were."""
    machine = robot_of(whole)
    names = [*robots.load("g1").joint_names, "waist_yaw_joint"]
    path = policy_of_all_joints(tmp_path, whole, names)
    with body(machine, gather(path, whole).described) as spec:
        made = build_model(spec, sim_dt=0.002, self_collision=True)
    ours = build_model(robots.load("g1"), sim_dt=0.002, self_collision=True)
    assert spec.joint_names == tuple(names)
    assert spec.joints[-1].motor_index == 12 and spec.joints[-1].effort_limit == EFFORT
    assert made.body_subtreemass[0] == pytest.approx(ours.body_subtreemass[0])
    assert spec.spawn_height == pytest.approx(robots.load("g1").spawn_height, abs=1e-3)
    data = mujoco.MjData(made)
    mujoco.mj_resetDataKeyframe(made, data, made.key(SPAWN_KEY).id)
    mujoco.mj_forward(made, data)
    floor = made.geom("floor").id
    assert data.ncon and (data.contact.geom == floor).any(axis=1).all()


def test_our_own_joints_walk_on_our_own_robot():
    subject = gather(plant.shipped("h1"))
    with body(machine_of(subject), subject.described) as spec:
        assert spec is machine_of(subject).spec


def test_a_model_whose_base_is_fixed_is_refused(tmp_path, whole):
    path = policy_of_all_joints(tmp_path, whole)
    mjcf = mujoco.MjSpec.from_file(str(whole))
    mjcf.delete(mjcf.joints[0])
    for key in list(mjcf.keys):
        mjcf.delete(key)
    fixed = tmp_path / "fixed.xml"
    mjcf.meshdir = str(whole.parent / "meshes")
    fixed.write_text(mjcf.to_xml())
    subject = gather(path, fixed)
    with (
        pytest.raises(CannotWalkError, match="0 free joints"),
        body(machine_of(subject), subject.described),
    ):
        pass


@pytest.mark.parametrize("unit", ["radian", "degree"])
def test_a_joint_without_a_range_may_turn_once_either_way(unit):
    leg = '<body><joint name="leg"/><geom size="0.1"/></body>'
    mjcf = mujoco.MjSpec.from_string(
        f'<mujoco><compiler angle="{unit}"/><worldbody>{leg}</worldbody></mujoco>'
    )
    fix_all_but(mjcf, ["leg"])
    assert mjcf.compile().joint("leg").range == pytest.approx([-2 * np.pi, 2 * np.pi])
    fix_all_but(mjcf, [])
    assert mjcf.compile().njnt == 0
