"""What compiles is what the spec and the published figures say, for every robot."""

import dataclasses
import importlib

import mujoco
import numpy as np
import pytest

import robots
from robots import RobotError
from robots.model import SPAWN_KEY, VISUAL_GROUP, build_model

NAMES = robots.names()
QUADRUPEDS = [name for name in NAMES if len(robots.load(name).feet) == 4]
ACTUATIONS = ["position", "torque"]
SIM_DT = 0.005


@pytest.fixture(params=NAMES)
def robot(request):
    return robots.load(request.param)


@pytest.fixture
def model(robot):
    return build_model(robot, sim_dt=SIM_DT)


def figures(robot):
    """The published figures of a robot."""
    return importlib.import_module(f"tests.figures.{robot.name}")


def spawn(model):
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key(SPAWN_KEY).id)
    mujoco.mj_forward(model, data)
    return data


def foot_heights(robot, data):
    """How far each sole is above the floor, m."""
    return np.array([data.site(foot.site).xpos[2] - foot.radius for foot in robot.feet])


def mirrored_name(name):
    """The name of the same thing on the other side; the name itself where it has no side."""
    for left, right in (("FL_", "FR_"), ("RL_", "RR_"), ("left_", "right_")):
        for here, there in ((left, right), (right, left)):
            if name.startswith(here):
                return there + name.removeprefix(here)
    return name


# What is compiled


@pytest.mark.parametrize("actuation", ACTUATIONS)
def test_joints_are_those_of_the_spec_in_its_order(robot, actuation):
    model = build_model(robot, sim_dt=SIM_DT, actuation=actuation)
    assert model.joint(0).type == mujoco.mjtJoint.mjJNT_FREE
    assert model.body(model.joint(0).bodyid[0]).name == robot.base_body
    found = tuple(model.joint(i).name for i in range(1, model.njnt))
    assert found == robot.joint_names
    assert len(found) > 0


@pytest.mark.parametrize("actuation", ACTUATIONS)
@pytest.mark.parametrize("field", ["armature", "damping", "frictionloss"])
def test_joint_properties_are_those_of_the_spec(robot, actuation, field):
    model = build_model(robot, sim_dt=SIM_DT, actuation=actuation)
    compiled = getattr(model, f"dof_{field}")
    assert compiled[6:] == pytest.approx([getattr(joint, field) for joint in robot.joints])
    assert not compiled[:6].any()


@pytest.mark.parametrize("actuation", ACTUATIONS)
def test_joint_ranges_are_those_of_the_spec(robot, actuation):
    model = build_model(robot, sim_dt=SIM_DT, actuation=actuation)
    assert model.jnt_limited[1:].all()
    assert model.jnt_range[1:].tolist() == [[joint.lower, joint.upper] for joint in robot.joints]


@pytest.mark.parametrize("actuation", ACTUATIONS)
def test_each_joint_has_one_actuator_in_the_order_of_the_spec(robot, actuation):
    model = build_model(robot, sim_dt=SIM_DT, actuation=actuation)
    driven = tuple(model.joint(joint_id).name for joint_id in model.actuator_trnid[:, 0])
    assert driven == robot.joint_names
    assert (model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT).all()
    assert (model.actuator_gear[:, 0] == 1).all()


@pytest.mark.parametrize("actuation", ACTUATIONS)
def test_torque_limits_are_those_of_the_spec(robot, actuation):
    model = build_model(robot, sim_dt=SIM_DT, actuation=actuation)
    assert model.actuator_forcelimited.all()
    wanted = [[-joint.effort_limit, joint.effort_limit] for joint in robot.joints]
    assert model.actuator_forcerange.tolist() == wanted


def test_position_actuators_have_the_gains_of_the_spec(robot, model):
    wanted = [(joint.kp, -joint.kp, -joint.kd) for joint in robot.joints]
    found = zip(model.actuator_gainprm[:, 0], *model.actuator_biasprm[:, 1:3].T, strict=True)
    assert list(found) == wanted
    assert not model.actuator_ctrllimited.any()


def test_a_position_actuator_gives_the_torque_of_the_pd_law(robot, model):
    data = spawn(model)
    error = 0.01 * (1 + np.arange(model.nu))
    data.qvel[6:] = 0.1 * np.arange(model.nu)
    data.ctrl[:] = data.qpos[7:] + error
    mujoco.mj_forward(model, data)
    kp = np.array([joint.kp for joint in robot.joints])
    kd = np.array([joint.kd for joint in robot.joints])
    assert data.actuator_force == pytest.approx(kp * error - kd * data.qvel[6:])


def test_a_torque_actuator_gives_the_torque_asked_for_up_to_its_limit(robot):
    model = build_model(robot, sim_dt=SIM_DT, actuation="torque")
    data = spawn(model)
    limit = np.array([joint.effort_limit for joint in robot.joints])
    data.ctrl[:] = 0.5 * limit
    data.ctrl[0] = -2 * limit[0]
    mujoco.mj_forward(model, data)
    assert data.actuator_force == pytest.approx([-limit[0], *(0.5 * limit[1:])])


def test_sim_dt_is_compiled(robot):
    assert build_model(robot, sim_dt=0.0015).opt.timestep == 0.0015


def test_sensors_are_those_of_the_imu_and_the_feet(robot, model):
    found = {model.sensor(i).name for i in range(model.nsensor)}
    parts = ("pos", "vel", "force")
    feet = {f"{foot.site}_{part}" for foot in robot.feet for part in parts}
    assert found == {"gyro", "orientation"} | feet


def test_edit_is_applied_last(robot):
    def halve(mjcf):
        assert [key.name for key in mjcf.keys] == [SPAWN_KEY]
        mjcf.option.timestep /= 2

    assert build_model(robot, sim_dt=SIM_DT, edit=halve).opt.timestep == SIM_DT / 2


# Masses


def test_total_mass_is_the_published_one(robot, model):
    assert mujoco.mj_getTotalmass(model) == pytest.approx(figures(robot).MASS, abs=1e-9)


def test_each_link_has_the_published_mass_and_com(robot, model):
    published = figures(robot).LINKS
    assert {model.body(i).name for i in range(1, model.nbody)} == set(published)
    for name, link in published.items():
        assert model.body(name).mass == pytest.approx(link.mass, abs=1e-9)
        assert model.body(name).ipos == pytest.approx(link.com, abs=1e-6)


def test_each_link_has_the_published_inertia(robot, model):
    for name, link in figures(robot).LINKS.items():
        body = model.body(name)
        axes = np.zeros(9)
        mujoco.mju_quat2Mat(axes, body.iquat)
        axes = axes.reshape(3, 3)
        found = axes @ np.diag(body.inertia) @ axes.T
        assert found == pytest.approx(link.matrix, abs=1e-8), name


def test_the_mass_matrix_is_the_same_left_and_right(robot, model):
    """Reflect a random pose in the xz plane: the joints' rows of M are reflected with it."""
    names = list(robot.joint_names)
    twin = [names.index(mirrored_name(name)) for name in names]
    assert all(i != j for i, j in enumerate(twin))
    # A rotation about y is kept by the reflection; one about x or z turns round.
    sign = np.where(np.abs(model.jnt_axis[1:, 1]) > 0.5, 1.0, -1.0)
    base_sign = [1, -1, 1, -1, 1, -1]
    dof_sign = np.array([*base_sign, *sign])
    dof_twin = np.array([*range(6), *(6 + np.array(twin))])
    pose = np.random.default_rng(0).uniform(*model.jnt_range[1:].T)
    here = joint_rows_of_mass_matrix(model, pose)
    there = joint_rows_of_mass_matrix(model, sign * pose[twin])
    wanted = dof_sign[6:, None] * there[twin][:, dof_twin] * dof_sign
    assert here == pytest.approx(wanted, abs=figures(robot).ASYMMETRY)


def joint_rows_of_mass_matrix(model, pose):
    data = mujoco.MjData(model)
    data.qpos[7:] = pose
    mujoco.mj_forward(model, data)
    matrix = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, matrix)
    return matrix[6:]


# Shapes


def test_visuals_are_there_only_when_asked_for(robot, model):
    seen = build_model(robot, sim_dt=SIM_DT, visuals=True)
    is_visual = seen.geom_group == VISUAL_GROUP
    assert is_visual.any()
    assert not seen.geom_contype[is_visual].any()
    assert not seen.geom_conaffinity[is_visual].any()
    assert not (model.geom_group == VISUAL_GROUP).any()
    assert model.ngeom == np.count_nonzero(~is_visual)


def test_visuals_weigh_nothing(robot, model):
    seen = build_model(robot, sim_dt=SIM_DT, visuals=True)
    for field in ("body_mass", "body_inertia", "body_ipos", "body_iquat"):
        assert getattr(seen, field).tolist() == getattr(model, field).tolist()


def test_the_right_side_is_the_mirror_image_of_the_left(robot):
    model = build_model(robot, sim_dt=SIM_DT, visuals=True)
    sided = [model.body(i).name for i in range(model.nbody)]
    sided = [name for name in sided if mirrored_name(name) != name]
    assert sided
    for name in sided:
        here, there = shapes(model, name), shapes(model, mirrored_name(name), reflect=True)
        assert len(here) == len(there) > 0
        for one, other in zip(here, there, strict=True):
            assert one == pytest.approx(other, abs=1e-9), name


def shapes(model, body, reflect=False):
    """Each geom of a body as numbers: kind, look, size, place, and the space it takes up."""
    flip = np.diag([1.0, -1.0, 1.0]) if reflect else np.eye(3)
    result = []
    for geom in np.flatnonzero(model.geom_bodyid == model.body(body).id):
        axes = np.zeros(9)
        mujoco.mju_quat2Mat(axes, model.geom_quat[geom])
        half = np.diag(half_extents(model.geom_type[geom], model.geom_size[geom]) ** 2)
        spread = flip @ axes.reshape(3, 3) @ half @ axes.reshape(3, 3).T @ flip
        look = [model.geom_type[geom], model.geom_matid[geom], model.geom_group[geom]]
        place = flip @ model.geom_pos[geom]
        result.append([*look, *model.geom_size[geom], *place, *spread.ravel()])
    return result


def half_extents(kind, size):
    if kind in (mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_CYLINDER):
        return np.array([size[0], size[0], size[1]])
    return np.full(3, size[0]) if kind == mujoco.mjtGeom.mjGEOM_SPHERE else np.array(size)


# The spawn pose


def test_spawn_pose_is_the_default_pose(robot, model):
    data = spawn(model)
    assert data.qpos[7:].tolist() == list(robot.default_joint_pos)
    assert data.ctrl.tolist() == list(robot.default_joint_pos)


def test_spawn_pose_stands_on_its_feet(robot, model):
    assert foot_heights(robot, spawn(model)) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("self_collision", [False, True])
def test_spawn_pose_touches_nothing_but_the_floor_with_its_feet(robot, self_collision):
    model = build_model(robot, sim_dt=SIM_DT, self_collision=self_collision)
    data = spawn(model)
    data.qpos[2] -= 1e-3
    mujoco.mj_forward(model, data)
    feet = {int(model.site(foot.site).bodyid[0]) for foot in robot.feet}
    touching = {int(model.geom_bodyid[geom]) for contact in data.contact for geom in contact.geom}
    assert touching == feet | {0}
    assert data.ncon >= len(feet)
    for contact in data.contact:
        assert model.geom("floor").id in contact.geom
        assert abs(contact.pos[2]) < 2e-3


@pytest.mark.parametrize("name", QUADRUPEDS)
def test_holding_the_default_pose_stands(name):
    robot = robots.load(name)
    model = build_model(robot, sim_dt=SIM_DT)
    data = spawn(model)
    mujoco.mj_step(model, data, nstep=round(1 / SIM_DT))
    mujoco.mj_forward(model, data)
    assert all(data.sensor(f"{foot.site}_force").data[0] > 1 for foot in robot.feet)
    assert data.qpos[2] > max(0.2, 0.8 * robot.spawn_height)
    assert data.body(robot.base_body).xmat.reshape(3, 3)[2, 2] > 0.98
    assert np.abs(data.qvel).max() < 0.1


# Self-collision


@pytest.fixture
def overlapping_pose(robot):
    """A pose with two of the robot's parts inside each other, high above the floor."""
    model = build_model(robot, sim_dt=SIM_DT, self_collision=True)
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        data.qpos[2] = 5.0
        data.qpos[7:] = rng.uniform(*model.jnt_range[1:].T)
        mujoco.mj_forward(model, data)
        if data.ncon and data.contact.dist.min() < -0.005:
            return data.qpos.copy()
    pytest.fail("no pose in range makes the robot's parts overlap")


def test_self_collision_pushes_overlapping_parts_apart(robot, overlapping_pose):
    model = build_model(robot, sim_dt=SIM_DT, self_collision=True)
    data = mujoco.MjData(model)
    data.qpos[:] = overlapping_pose
    data.ctrl[:] = overlapping_pose[7:]
    mujoco.mj_forward(model, data)
    force = np.zeros(6)
    mujoco.mj_contactForce(model, data, int(data.contact.dist.argmin()), force)
    assert force[0] > 1
    assert not (data.contact.geom == model.geom("floor").id).any()


def test_without_self_collision_parts_pass_through_each_other(model, overlapping_pose):
    data = mujoco.MjData(model)
    data.qpos[:] = overlapping_pose
    mujoco.mj_forward(model, data)
    assert data.ncon == 0


# Refusals


def with_joint(robot, index, **changes):
    joints = list(robot.joints)
    joints[index] = dataclasses.replace(joints[index], **changes)
    return dataclasses.replace(robot, joints=tuple(joints))


def refusal(robot):
    with pytest.raises(RobotError) as error:
        build_model(robot, sim_dt=SIM_DT)
    return str(error.value)


def test_a_joint_that_the_mjcf_lacks_is_refused(robot):
    message = refusal(with_joint(robot, -1, name="tail_joint"))
    assert message == f"{robot.name}: joint tail_joint is in robot.py but not in the MJCF"


def test_a_joint_that_the_spec_lacks_is_refused(robot):
    missing = robot.joint_names[-1]
    message = refusal(dataclasses.replace(robot, joints=robot.joints[:-1]))
    assert message == f"{robot.name}: joint {missing} is in the MJCF but not in robot.py"


def test_joints_in_another_order_are_refused(robot):
    first, second, *rest = robot.joints
    message = refusal(dataclasses.replace(robot, joints=(second, first, *rest)))
    assert message.startswith(f"{robot.name}: joints are ordered {first.name}, {second.name}")
    assert f"but {second.name}, {first.name}" in message


@pytest.mark.parametrize("field", ["lower", "upper", "armature", "damping", "frictionloss"])
def test_a_figure_that_differs_is_refused(robot, field):
    joint = robot.joints[1]
    compiled = getattr(joint, field)
    declared = compiled + (-1e-4 if field == "lower" else 1e-4)
    message = refusal(with_joint(robot, 1, **{field: declared}))
    where = f"{robot.name}: {field} of {joint.name}"
    assert message == f"{where} is {declared} in robot.py but {compiled} in the MJCF"


def test_an_imu_or_foot_site_that_the_mjcf_lacks_is_refused(robot):
    foot = dataclasses.replace(robot.feet[0], site="hoof")
    for changes in ({"imu_site": "hoof"}, {"feet": (foot, *robot.feet[1:])}):
        message = refusal(dataclasses.replace(robot, **changes))
        assert message == f"{robot.name}: site hoof is in robot.py but not in the MJCF"


def test_a_base_body_that_the_mjcf_lacks_is_refused(robot):
    message = refusal(dataclasses.replace(robot, base_body="pelvic_fin"))
    assert message == f"{robot.name}: the MJCF has no body pelvic_fin"
