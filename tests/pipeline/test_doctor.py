"""The doctor: nothing to say of the shipped policies, and each trap, planted once, is found."""

import dataclasses
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import robots
from deploy.policy import CONTRACT_KEY
from pipeline.doctor import checks
from pipeline.doctor.checks import examine
from pipeline.doctor.orders import known_orders
from pipeline.doctor.subject import gather
from tests import doctor_policies as plant


@pytest.fixture
def without_walk(monkeypatch):
    plant.leave_out_walk(monkeypatch)


def found(path, **files):
    """Severity and check of each finding, and all their words."""
    findings = examine(gather(path, **files))
    words = " | ".join(f"{f.what} @ {f.where} -> {f.fix}" for f in findings)
    return [(str(f.severity), f.check) for f in findings], words


def wrong(path, **files):
    """The same, without notes."""
    said, words = found(path, **files)
    return [each for each in said if each[0] != "note"], words


# Nothing to find


@pytest.mark.parametrize("robot", robots.names())
def test_the_shipped_policies_give_no_finding(robot):
    subject = gather(plant.shipped(robot))
    assert examine(subject) == []
    assert subject.robot and subject.robot.spec and subject.robot.spec.name == robot
    assert len(subject.statements) == 2  # the contract and mjlab's keys: both were read


def test_a_policy_described_by_unitree_alone_gives_notes_at_most(tmp_path):
    path = plant.write(tmp_path, "h1", metadata={})
    said, words = found(path, deploy=plant.deploy_yaml(tmp_path, "h1"), robot="h1")
    # What is in motor order: stiffness and damping. It walked: no finding says otherwise.
    assert said == [("note", "order")] * 2
    assert "gives left_hip_yaw_joint" not in words
    assert "motor order" in words


def test_a_policy_described_by_mjlab_alone_is_rounded(tmp_path, without_walk):
    said, words = found(plant.write(tmp_path, "go2", metadata=plant.mjlab("go2")))
    assert said == [("warning", "rounding"), ("note", "metadata")]
    assert "nothing says how often it is asked" in words
    assert "the period of its gait clock" in words
    assert "by what its readings are scaled" in words


# The graph


def new_opset(model):
    model.opset_import[0].version = 18


def new_ir(model):
    model.ir_version = 10


def contributed(model):
    model.opset_import.add(domain="com.microsoft", version=1)
    plant.after_output(model, "QuickGelu", domain="com.microsoft")


def nan_weight(model):
    spoil_weight(model, np.nan)


def infinite_weight(model):
    spoil_weight(model, np.inf)


def spoil_weight(model, value):
    tensor = max(model.graph.initializer, key=lambda t: np.prod(t.dims))
    values = numpy_helper.to_array(tensor).copy()
    values.flat[7] = value
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def free_axis(model):
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "n"


def eight_robots(model):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8


def memory(model):
    tensor = helper.make_tensor_value_info("memory", TensorProto.FLOAT, [1, 12])
    model.graph.input.append(tensor)
    for node in model.graph.node:
        node.output[:] = ["own" if name == "action" else name for name in node.output]
    model.graph.node.append(helper.make_node("Add", ["own", "memory"], ["action"]))


def in_doubles(model):
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in model.graph.node:
        node.input[:] = ["single" if name == "obs" else name for name in node.input]
    cast = helper.make_node("Cast", ["obs"], ["single"], to=TensorProto.FLOAT)
    model.graph.node.insert(0, cast)


def batch_of_one_inside(model):
    """What is right for the first row only: its slice is given to all."""
    first = numpy_helper.from_array(np.array([0], np.int64), "first")
    model.graph.initializer.append(first)
    for node in model.graph.node:
        node.input[:] = ["row" if name == "obs" else name for name in node.input]
    model.graph.node.insert(0, helper.make_node("Gather", ["obs", "first"], ["row"], axis=0))
    for node in model.graph.node:
        node.output[:] = ["own" if name == "action" else name for name in node.output]
    shape = helper.make_node("Shape", ["obs"], ["shape"], end=1)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "ones"))
    repeats = helper.make_node("Concat", ["shape", "ones"], ["repeats"], axis=0)
    model.graph.node.extend(
        [shape, repeats, helper.make_node("Tile", ["own", "repeats"], ["action"])]
    )


def mask_of(size, *dead):
    mask = np.ones(size, np.float32)
    mask[list(dead)] = 0
    return mask


def deaf_to_turning(model):
    plant.before_input(model, "Mul", mask_of(47, 8))


def deaf_to_a_speed(model):
    plant.before_input(model, "Mul", mask_of(47, 9 + 12 + 4))


def deaf(model):
    plant.before_input(model, "Mul", mask_of(47, *range(47)))


def lame(model):
    plant.after_output(model, "Mul", mask_of(12, 2))


def switched(model):
    plant.before_tanh(model, 300.0)


def without_input(model):
    """The observation of the export, kept as a constant."""
    del model.graph.input[:]
    model.graph.initializer.append(
        numpy_helper.from_array(np.zeros((1, 47), np.float32), name="obs")
    )


def divided_by_itself(model):
    plant.before_input(model, "Div")


@pytest.mark.parametrize(
    ("spoil", "expected", "named"),
    [
        (new_opset, [("error", "opset")], "opset 18: ONNX Runtime 1.12 reads up to 17"),
        (new_ir, [("error", "opset")], "IR version 10"),
        (contributed, [("error", "operators")], "QuickGelu is of the domain 'com.microsoft'"),
        (nan_weight, [("error", "weights"), ("error", "finite")], "1 NaN and 0 infinite"),
        (infinite_weight, [("error", "weights"), ("error", "finite")], "0 NaN and 1 infinite"),
        (free_axis, [("error", "shapes")], "the second axis is free"),
        (eight_robots, [("error", "shapes")], "8 robots at a time"),
        (memory, [("warning", "shapes")], "beside 'obs' there are memory"),
        (in_doubles, [("error", "shapes")], "is double, want float"),
        (batch_of_one_inside, [("error", "batch")], "3 rows at once"),
        (deaf_to_turning, [("error", "dead inputs")], "command[2] (yaw rate): no effect"),
        (deaf_to_a_speed, [("warning", "dead inputs")], "joint_vel[4] (FR_thigh_joint)"),
        (deaf, [("error", "dead inputs")], "no input has any effect"),
        (lame, [("error", "dead outputs")], "the action of FL_calf_joint never changes"),
        (switched, [("warning", "saturation")], "it is switched, not steered"),
        (without_input, [("error", "shapes")], "has no input: its answer is always the same"),
        (divided_by_itself, None, "answers zeros with NaN"),
    ],
)
def test_traps_in_the_graph(tmp_path, without_walk, spoil, expected, named):
    said, words = wrong(plant.write(tmp_path, graph=spoil))
    if expected is not None:
        assert said == expected, words
    assert named in words


@pytest.mark.parametrize(
    ("operator", "opset", "what"),
    [
        ("Upsample", 17, "is deprecated from opset 10 on, and the file is of opset 17: ONNX "),
        ("Gelu", 17, "came with opset 20: ONNX Runtime 1.12 has up to 17"),
        ("Gelu", 20, "came with opset 20: ONNX Runtime 1.12 has up to 17"),
        ("HardSwish", 13, "came with opset 14, but the file is of opset 13"),
        (
            "HardSwish",
            -(2**63),
            "came with opset 14, but the file is of opset -9223372036854775808",
        ),
        ("Frobnicate", 17, "is none of ONNX's"),
    ],
)
def test_operators_that_a_runtime_lacks(tmp_path, without_walk, operator, opset, what):
    def spoil(model):
        model.opset_import[0].version = opset
        inputs = [np.ones(2, np.float32)] if operator == "Upsample" else []
        plant.after_output(model, operator, *inputs)

    path = plant.write(tmp_path, graph=spoil)
    (finding,) = [
        f
        for f in examine(gather(path))
        if f.check == "operators" and f"operator {operator} " in f.what
    ]
    assert finding.severity == "error"
    assert finding.what.startswith(f"operator {operator} {what}")
    assert finding.where == f"{path}: node 'action'"
    assert finding.fix.startswith("export with opset_version=17")


def test_an_operator_that_is_not_onnxs(tmp_path, without_walk):
    findings = examine(gather(plant.write(tmp_path, graph=contributed)))
    assert [f.fix for f in findings] == [
        "ship the file as exported: operators that are not ONNX's come from optimized files"
    ]


def test_an_infinite_bound_is_none(tmp_path, without_walk):
    infinity = (np.float32(-np.inf), np.float32(np.inf))
    path = plant.write(tmp_path, graph=lambda model: plant.after_output(model, "Clip", *infinity))
    assert found(path)[0] == []


@pytest.mark.parametrize(
    ("location", "severity", "named"),
    [
        ("weights.bin", "warning", "tensors are in weights.bin"),
        ("gone.bin", "error", "gone.bin, not there"),
        ("../weights.bin", "error", "outside the policy's folder"),
    ],
)
def test_weights_in_other_files(tmp_path, without_walk, location, severity, named):
    folder = tmp_path / "policy"
    folder.mkdir()
    path = plant.write(folder)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=256)
    if location != "weights.bin":
        (tmp_path / "weights.bin").write_bytes((folder / "weights.bin").read_bytes())
        model = onnx.load(path, load_external_data=False)
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                entry.value = location if entry.key == "location" else entry.value
        path.write_bytes(model.SerializeToString())
    said, words = wrong(path)
    assert said == [(severity, "external data")]
    assert named in words


def test_a_loop_is_worth_a_warning(tmp_path, without_walk):
    def loop(model):
        kinds = {"c": TensorProto.BOOL, "x": TensorProto.FLOAT, "i": TensorProto.INT64}
        info = helper.make_tensor_value_info
        ends = [info("i", kinds["i"], []), info("c", kinds["c"], []), info("x", kinds["x"], None)]
        outs = [info("c_out", kinds["c"], []), info("x_out", kinds["x"], None)]
        nodes = [helper.make_node("Identity", [n], [f"{n}_out"]) for n in ("c", "x")]
        for node in model.graph.node:
            node.output[:] = ["own" if name == "action" else name for name in node.output]
        trips = numpy_helper.from_array(np.array(3, np.int64), "trips")
        model.graph.initializer.append(trips)
        body = helper.make_graph(nodes, "body", ends, outs)
        model.graph.node.append(
            helper.make_node("Loop", ["trips", "", "own"], ["action"], body=body)
        )

    said, words = wrong(plant.write(tmp_path, graph=loop))
    assert said == [("warning", "operators")]
    assert "has Loop" in words


# The description


def change(**changes):
    """Set fields, or entries of per-joint fields given as {place: value}."""

    def spoil(raw):
        for name, value in changes.items():
            if isinstance(value, dict):
                for place, entry in value.items():
                    raw[name][place] = entry
            else:
                raw[name] = value

    return spoil


def everywhere(name, value):
    return lambda raw: raw.update({name: [value] * len(raw[name])})


def term(name, scale, place=None):
    """Put a term in the place of another of its size, or at the end."""

    def spoil(raw):
        new = {"name": name, "scale": scale}
        if place is None:
            raw["observation"].append(new)
        else:
            raw["observation"][place] = new

    return spoil


def thighs(angle):
    return change(default_joint_pos=dict.fromkeys((1, 4, 7, 10), angle))


@pytest.mark.parametrize(
    ("spoil", "expected", "named"),
    [
        (
            change(schema_version=1),
            [("error", "metadata")],
            "schema_version",
        ),
        (change(joint_names={2: "FL_calve_joint"}), [("error", "joints")], "it has FL_calf_joint"),
        (change(motor_indices={0: 0, 3: 3}), [("error", "motors")] * 2, "on a Unitree Go2 it is 3"),
        (change(imu_frame="torso"), [("error", "motors")], "has it in the base"),
        (
            change(default_joint_pos=dict.fromkeys((2, 5, 8, 11), -0.8)),
            [*[("error", "default pose")] * 4, ("warning", "stance")],
            "-0.8 rad is outside its range, -2.7227 to -0.83776",
        ),
        (change(joint_upper={0: 3.0}), [("error", "limits")], "3 rad is beyond the robot's 1.0472"),
        (change(effort_limit={0: 40.0}), [("error", "limits")], "40 N m is more than the motor's"),
        (
            change(velocity_limit={2: 200.7}),
            [("error", "limits")],
            "200.7 rad/s is more than the motor's 20.07 @ metadata surefoot_contract: "
            "velocity_limit[2] (FL_calf_joint)",
        ),
        (change(ctrl_dt=2e-5), [("error", "metadata")], "asked every 2e-05 s, want 0.002 to 0.1 s"),
        (change(velocity_limit={0: 0.0}), [("error", "limits")], "velocity_limit[0]"),
        (change(kp={2: 60.0}), [("warning", "order")], "FL_calf_joint differ from the other side"),
        (change(default_joint_pos={0: -0.1}), [("warning", "order")], "FL_hip_joint differ"),
        (everywhere("kp", 0.0), [("error", "gains")], "nothing moves the joint"),
        (everywhere("action_scale", -0.25), [("error", "gains")], "the wrong way"),
        (everywhere("kd", -1.0), [("error", "gains")], "it drives the joint"),
        (everywhere("kd", 0.0), [("warning", "gains")], "nothing damps the joint"),
        (everywhere("action_scale", 2.0), [("warning", "torque")], "3.4 times the motor's torque"),
        (everywhere("action_scale", 15.0), [("error", "torque")], "25.3 times"),
        (everywhere("action_scale", 0.001), [("warning", "torque")], "less than 1% of"),
        (thighs(1.6), [("error", "stance")], "outside the feet, to the front"),
        (thighs(-0.5), [("error", "stance")], "kneels: FL_calf, FR_calf, RL_calf, RR_calf"),
        (
            change(default_joint_pos={2: -1.9, 5: -1.9}),
            [("warning", "stance")],
            "FL_calf, FR_calf hangs 0.056 m above",
        ),
        (
            lambda raw: raw["observation"].pop(),
            [("error", "observation")],
            "47 inputs, but the terms add up to 45",
        ),
        (term("phase", [1.0], 6), [("error", "observation")] * 2, "phase has 1 numbers, want 2"),
        (term("gyro", [0.25, 0.0, 0.25], 0), [("error", "observation")], "scaled by zero"),
        (term("smell", [1.0] * 3, 0), [("error", "observation")], "'smell' is no term"),
    ],
)
def test_traps_in_the_contract(tmp_path, without_walk, spoil, expected, named):
    said, words = wrong(plant.write(tmp_path, contract=spoil))
    if expected is not None:
        assert said == expected, words
    assert named in words


def test_what_no_robot_measures(tmp_path, without_walk):
    names = plant.mjlab("go2")["observation_names"]
    for ours, theirs, severity in (
        ("gyro", "base_lin_vel", "error"),
        ("gyro", "local_linvel", "error"),
        ("gyro", "linvel", "error"),
        ("gyro", "root_lin_vel_b", "error"),
        ("gyro", "base_velocity", "error"),
        ("gyro", "imu_linear_velocity", "error"),
        ("gyro", "estimated_lin_vel", "warning"),
        ("phase", "friction", "error"),
        ("phase", "height_scan", "warning"),
        ("phase", "foot_contact", "warning"),
    ):
        metadata = plant.mjlab("go2", observation_names=names.replace(ours, theirs))
        said, words = found(plant.write(tmp_path, metadata=metadata))
        assert (severity, "sensors") in said, words
        assert f"the actor sees {theirs}" in words


@pytest.mark.parametrize(
    "name",
    ["velocity_commands", "command_lin_vel", "lin_vel_cmd", "base_velocity_command", "ref_linvel"],
)
def test_a_velocity_that_it_is_told_is_measured(tmp_path, without_walk, name):
    names = plant.mjlab("go2")["observation_names"].replace("command", name)
    metadata = plant.mjlab("go2", observation_names=names)
    said, words = found(plant.write(tmp_path, metadata=metadata))
    assert "sensors" not in [check for _, check in said], words


def test_a_policy_without_any_description(tmp_path, without_walk):
    said, words = found(plant.write(tmp_path, metadata={}))
    assert ("error", "metadata") in said
    assert "nothing says which joint is which" in words


# mjlab's keys


@pytest.mark.parametrize(
    ("changes", "expected", "named"),
    [
        ({"joint_stiffness": "40.000,abc"}, ("error", "metadata"), "joint_stiffness[1]"),
        ({"joint_stiffness": "40.000,nan"}, ("error", "metadata"), "'nan' is no finite number"),
        ({"joint_damping": "1.000,1.000"}, ("error", "metadata"), "joint_damping 2"),
        ({"action_scale": ",".join(["0.013"] * 12)}, ("warning", "rounding"), "be off by 3.85%"),
        ({"action_scale": ",".join(["0.000"] * 12)}, ("error", "gains"), "rounded to three"),
        ({"observation_terms_scale": "1.000"}, ("error", "metadata"), "1 entries for 7"),
        ({"observation_terms_history_length": "5," * 6 + "x"}, ("error", "metadata"), "no length"),
        ({"observation_terms_history_length": "5," * 6 + "5"}, ("error", "observation"), "x 5"),
    ],
)
def test_traps_in_mjlabs_keys(tmp_path, without_walk, changes, expected, named):
    said, words = found(plant.write(tmp_path, metadata=plant.mjlab("go2", **changes)))
    assert expected in said, words
    assert named in words


def test_one_scale_for_all_joints_is_read(tmp_path, without_walk):
    path = plant.write(tmp_path, metadata=plant.mjlab("go2", action_scale="0.25"))
    assert gather(path).described.action_scale == (0.25,) * 12


@pytest.mark.parametrize(
    ("scale", "damping", "what"),
    [
        ("0.75", "0.013", "numbers have three decimals: 0.013 may be off by 3.85%"),
        ("0.05", "1.000", "numbers have three decimals, so nothing tells what they were"),
    ],
)
def test_one_scale_for_all_joints_hides_no_rounding(tmp_path, without_walk, scale, damping, what):
    """mjlab writes lists with three decimals and a single number in full."""
    changes = {"action_scale": scale, "joint_damping": ",".join([damping] * 12)}
    metadata = {**plant.mjlab("go2"), **changes}
    (finding,) = [
        f
        for f in examine(gather(plant.write(tmp_path, metadata=metadata)))
        if f.check == "rounding"
    ]
    assert (finding.severity, finding.what) == ("warning", what)
    assert finding.where.startswith("mjlab metadata: joint_damping[")


def both(robot, contract=None, **changes):
    raw = plant.contract_of(robot)
    if contract:
        contract(raw)
    exact = {
        "joint_stiffness": ",".join(map(str, raw["kp"])),
        "joint_damping": ",".join(map(str, raw["kd"])),
        "action_scale": ",".join(map(str, raw["action_scale"])),
        "default_joint_pos": ",".join(map(str, raw["default_joint_pos"])),
    }
    return {CONTRACT_KEY: json.dumps(raw), **plant.mjlab(robot, **{**exact, **changes})}


def test_two_statements_that_agree(tmp_path, without_walk):
    assert found(plant.write(tmp_path, "g1", metadata=both("g1")))[0] == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"joint_stiffness": ",".join(["100.0"] * 12)}, "left_ankle_pitch_joint has 40 and 100"),
        ({"observation_names": "gyro,command"}, "name different terms"),
        ({"joint_names": ",".join(sorted(plant.contract_of("g1")["joint_names"]))}, "at place 0"),
    ],
)
def test_two_statements_that_contradict_each_other(tmp_path, without_walk, changes, named):
    said, words = found(plant.write(tmp_path, "g1", metadata=both("g1", **changes)))
    assert ("error", "agreement") in said, words
    assert named in words


def test_rounding_is_no_contradiction(tmp_path, without_walk):
    def seven_digits(raw):
        raw["action_scale"] = [0.0734567] * 12

    rounded = ",".join(["0.073"] * 12)
    exact = plant.mjlab("g1")
    metadata = {**both("g1", seven_digits), **exact, "action_scale": rounded}
    said, words = wrong(plant.write(tmp_path, "g1", metadata=metadata))
    assert said == [("warning", "rounding")] * 2
    assert "left_hip_pitch_joint has 0.0734567 and 0.073" in words


# Unitree's deploy.yaml


@pytest.fixture
def h1_with(tmp_path, without_walk):
    """What is found of H1's policy, described by a spoilt deploy.yaml alone; H1's gains differ."""

    def examined(edit=None, text=None):
        path = plant.write(tmp_path, "h1", metadata={})
        deploy = plant.deploy_yaml(tmp_path, "h1", edit)
        if text:
            deploy.write_text(text(deploy.read_text()))
        said, words = found(path, deploy=deploy, robot="h1")
        return [finding for finding in said if finding != ("note", "order")], words

    return examined


def in_simulator_order(raw):
    raw["stiffness"] = [raw["stiffness"][motor] for motor in raw["joint_ids_map"]] + [40.0, 40.0]


@pytest.mark.parametrize(
    ("edit", "expected", "named"),
    [
        (in_simulator_order, [("error", "order")], "seems to be in the simulator's order"),
        (lambda raw: raw.update(stiffness=raw["stiffness"][:8]), None, "reaches motors 10, 8, 11"),
        (lambda raw: raw.pop("joint_ids_map"), None, "lacks joint_ids_map"),
        (lambda raw: raw.update(step_dt=-1), None, "step_dt"),
        (
            lambda raw: raw["commands"]["base_velocity"]["ranges"].update(lin_vel_x=[1, -1]),
            [("error", "metadata")],
            "lin_vel_x",
        ),
        (lambda raw: raw["damping"].__setitem__(0, "soft"), None, "damping[0]"),
        (lambda raw: raw["joint_ids_map"].__setitem__(0, 3), None, "motor 3 is driven by several"),
        (
            lambda raw: raw["actions"]["JointPositionAction"].update(offset=[0.0] * 10),
            [("warning", "gains")],
            "a zero action does not lead left_hip_pitch_joint",
        ),
        (
            lambda raw: raw["observations"]["joint_vel_rel"].update(history_length=5),
            [("error", "observation")],
            "joint_vel_rel 10 x 5",
        ),
    ],
)
def test_traps_in_deploy_yaml(h1_with, edit, expected, named):
    said, words = h1_with(edit)
    if expected is not None:
        assert said == expected, words
    assert named in words


def test_a_pose_in_motor_order_is_found_out(tmp_path, without_walk):
    """As Isaac has it, joint by joint over the legs; the pose as the motors have it, leg by leg."""
    isaac = [3 * leg + joint for joint in range(3) for leg in range(4)]

    def in_motor_order(raw):
        raw["default_joint_pos"] = [
            -0.1,
            0.8,
            -1.5,
            0.1,
            0.8,
            -1.5,
            -0.1,
            1.0,
            -1.5,
            0.1,
            1.0,
            -1.5,
        ]

    path = plant.write(tmp_path, metadata={})
    right, _ = wrong(path, deploy=plant.deploy_yaml(tmp_path, "go2", order=isaac), robot="go2")
    assert right == []
    deploy = plant.deploy_yaml(tmp_path, "go2", in_motor_order, order=isaac)
    said, words = wrong(path, deploy=deploy, robot="go2")
    assert ("error", "order") in said, words
    assert "read in motor order none does" in words


def test_python_objects_are_data_and_a_finding(h1_with):
    tag = "joint_ids: !!python/object/apply:os.system [touch planted]"
    said, words = h1_with(text=lambda text: text.replace("joint_ids: null", tag))
    assert said == [("error", "python objects")]
    assert "actions.JointPositionAction.joint_ids is !!python/object/apply:os.system" in words


@pytest.mark.parametrize(
    ("key", "where"),
    [
        ("stiffness: [*a9]", "stiffness[0]"),
        ("damping: {a: *a9}", "damping"),
        ("step_dt: *a9", "step_dt"),
    ],
)
def test_what_is_no_number_is_shown_in_short(tmp_path, without_walk, key, where):
    """Three to the ninth times two entries, in half a page of aliases."""
    deploy = tmp_path / "deploy.yaml"
    aliases = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 3)}]\n" for i in range(1, 10))
    deploy.write_text(f"a0: &a0 [x, x]\n{aliases}{key}\n")
    subject = gather(plant.write(tmp_path, metadata={}), deploy=deploy)
    (finding,) = [f for f in subject.reading if f.where == f"{deploy}: {where}"]
    assert len(finding.what) < 300


def test_a_history_that_is_none_is_named(h1_with):
    said, words = h1_with(
        lambda raw: raw["observations"]["joint_vel_rel"].update(history_length="five")
    )
    assert said == [("error", "metadata")]
    assert "'five' is no length" in words


def test_gains_are_read_in_motor_order(tmp_path):
    path = plant.write(tmp_path, "h1", metadata={})
    said = gather(path, deploy=plant.deploy_yaml(tmp_path, "h1"), robot="h1").described
    raw = plant.contract_of("h1")
    assert said.joint_names == tuple(raw["joint_names"])
    for name in ("kp", "kd", "default_joint_pos", "action_scale", "motor_indices"):
        assert list(getattr(said, name)) == raw[name]


def test_deploy_yaml_against_the_contract(tmp_path, without_walk):
    def stiffer(raw):
        raw["stiffness"] = [2 * value for value in raw["stiffness"]]

    path = plant.write(tmp_path, "h1")
    said, words = wrong(path, deploy=plant.deploy_yaml(tmp_path, "h1", stiffer))
    assert said == [("error", "agreement")]
    assert "left_hip_yaw_joint has 150 and 300" in words


def test_three_significant_digits(tmp_path, without_walk):
    def rounded(raw):
        scale = raw["actions"]["JointPositionAction"]
        scale["scale"] = [0.123] * 10

    path = plant.write(tmp_path, "h1", contract=everywhere("action_scale", 0.12345))
    said, words = wrong(path, deploy=plant.deploy_yaml(tmp_path, "h1", rounded))
    assert said == [("warning", "rounding")]
    assert "differ by rounding" in words


# Walking


@pytest.mark.parametrize(("robot", "moved"), [("go2", False), ("h1", True)])
def test_another_order_of_joints_is_found_by_walking(tmp_path, robot, moved):
    """Names swapped, alone or with all that belongs to them: the network's own order walks."""
    right = plant.contract_of(robot)["joint_names"]
    machine = gather(plant.shipped(robot)).robot
    (wrong,) = [
        order
        for label, order in known_orders(machine, machine.spec).items()
        if label == "leg by leg, left and right swapped"
    ]

    def spoil(raw):
        places = [right.index(name) for name in wrong]
        raw["joint_names"] = list(wrong)
        for name in plant.PER_JOINT[1:] if moved else ("motor_indices",):
            raw[name] = [raw[name][place] for place in places]

    findings = examine(gather(plant.write(tmp_path, robot, contract=spoil)))
    (walk,) = [finding for finding in findings if finding.check == "walk"]
    assert walk.severity == "error"
    assert "leg by leg, as the MJCF and unitree_rl_gym have it" in walk.what
    assert f"trained in the order {', '.join(right)}" in walk.fix


def test_what_walks_in_no_order(tmp_path):
    path = plant.write(tmp_path, contract=everywhere("kp", 4.0))
    said, words = wrong(path)
    assert said == [("error", "walk")]
    assert "in no well-known order" in words


def test_what_walks_elsewhere_than_it_is_told(tmp_path):
    def timid(raw):
        raw["observation"][2]["scale"] = [0.01, 0.01, 0.25]

    said, words = found(plant.write(tmp_path, contract=timid))
    assert ("warning", "walk") in said, words
    assert "m/s" in words


def test_orders_are_those_of_trainers_and_motors():
    machine = gather(plant.shipped("h1")).robot
    orders = known_orders(machine, machine.spec)
    assert orders["by motor"][:4] == (
        "right_hip_roll_joint",
        "right_hip_pitch_joint",
        "right_knee_joint",
        "left_hip_roll_joint",
    )
    by_depth = orders["joint by joint over all legs, as Isaac has it"]
    assert by_depth[:4] == (
        "left_hip_yaw_joint",
        "right_hip_yaw_joint",
        "left_hip_roll_joint",
        "right_hip_roll_joint",
    )
    assert len(set(orders.values())) == len(orders)
    for order in orders.values():
        assert sorted(order) == sorted(machine.spec.joint_names)


@pytest.mark.parametrize(
    ("shorten", "named"),
    [
        (lambda raw: raw["default_joint_pos"].pop(), "default_joint_pos has 11 entries"),
        (
            lambda raw: raw["actions"]["JointPositionAction"]["offset"].pop(),
            "actions.JointPositionAction.offset has 11 entries",
        ),
    ],
)
def test_a_list_that_is_too_short_costs_the_walk_and_not_the_report(tmp_path, shorten, named):
    path = plant.write(tmp_path, metadata={})
    deploy = plant.deploy_yaml(tmp_path, "go2", shorten)
    findings = examine(gather(path, deploy=deploy, robot="go2"))
    lengths, *others = findings
    assert lengths.severity == "error" and "lists of different lengths" in lengths.what
    (walk,) = [finding for finding in others if finding.check == "walk"]
    assert walk.what == f"was not walked: {named} for 12 joints"


def blind(raw):
    raw["observation"][0]["name"] = "base_lin_vel"


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (blind, "no sensor for 'base_lin_vel'"),
        (change(ctrl_dt=1e-6), "nobody asks it every 1e-06 s"),
        (lambda raw: raw["observation"].pop(), "its sizes are not those described"),
    ],
)
def test_walking_is_left_out_with_a_reason(tmp_path, spoil, named):
    said, words = found(plant.write(tmp_path, contract=spoil))
    assert ("note", "walk") in said
    assert named in words


def test_every_check_is_listed_once():
    assert len({check.__name__ for check in checks.CHECKS}) == len(checks.CHECKS)
    assert all(check.__doc__ for check in checks.CHECKS)


def test_a_finding_names_what_where_and_how():
    subject = gather(plant.shipped("go2"))
    said = dataclasses.replace(subject.described, kp=None)
    (finding,) = [
        f
        for f in examine(dataclasses.replace(subject, statements=(said,)))
        if f.check == "metadata"
    ]
    assert finding.as_dict() == {
        "severity": "warning",
        "check": "metadata",
        "what": "nothing says kp (position gains)",
        "where": finding.where,
        "fix": finding.fix,
    }
