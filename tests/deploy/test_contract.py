"""The contract survives JSON exactly, and refuses anything that is not one."""

import dataclasses
import json
import math
import re

import pytest

import robots
from deploy.contract import (
    SCHEMA_VERSION,
    CommandRanges,
    ContractError,
    ObservationTerm,
    PolicyContract,
    make_contract,
)
from robots import HeldJoint

PER_JOINT = [
    "motor_indices",
    "default_joint_pos",
    "kp",
    "kd",
    "action_scale",
    "joint_lower",
    "joint_upper",
    "effort_limit",
    "velocity_limit",
]
RANGES = CommandRanges(vx=(-0.6, 1.0), vy=(-0.4, 0.4), yaw_rate=(-1.0, 1.0))


def contract_of(name):
    return make_contract(
        robots.load(name),
        ctrl_dt=0.02,
        action_scale=0.25,
        gait_period_s=0.5,
        command_ranges=RANGES,
        command_dead_zone=0.2,
    )


@pytest.fixture(params=robots.names())
def contract(request):
    return contract_of(request.param)


@pytest.fixture
def raw():
    """A contract as its JSON object, to spoil."""
    return json.loads(contract_of("go2").to_json())


def refusal(raw):
    with pytest.raises(ContractError) as error:
        PolicyContract.from_json(json.dumps(raw))
    return str(error.value)


# What make_contract states


def test_joints_are_those_of_the_robot_in_its_order(contract):
    robot = robots.load(contract.robot)
    assert contract.joint_names == robot.joint_names
    assert contract.default_joint_pos == robot.default_joint_pos
    assert contract.held_joints == robot.held_joints
    assert contract.imu_frame == robot.imu_frame
    for index, joint in enumerate(robot.joints):
        assert contract.motor_indices[index] == joint.motor_index
        assert (contract.kp[index], contract.kd[index]) == (joint.kp, joint.kd)
        assert contract.joint_lower[index] == joint.lower
        assert contract.joint_upper[index] == joint.upper
        assert contract.effort_limit[index] == joint.effort_limit
        assert contract.velocity_limit[index] == joint.velocity_limit


def test_timing_scale_and_commands_are_those_asked_for(contract):
    assert contract.ctrl_dt == 0.02
    assert contract.gait_period_s == 0.5
    assert contract.action_scale == (0.25,) * contract.action_size
    assert contract.command_ranges == RANGES
    assert contract.command_dead_zone == 0.2


def test_observation_layout(contract):
    n = contract.action_size
    assert [(term.name, term.scale) for term in contract.observation] == [
        ("gyro", (0.25, 0.25, 0.25)),
        ("projected_gravity", (1.0, 1.0, 1.0)),
        ("command", (2.0, 2.0, 0.25)),
        ("joint_pos", (1.0,) * n),
        ("joint_vel", (0.05,) * n),
        ("last_action", (1.0,) * n),
        ("phase", (1.0, 1.0)),
    ]
    assert contract.observation_size == 3 + 3 + 3 + 3 * n + 2


def test_go2_observation_has_47_numbers():
    assert contract_of("go2").observation_size == 47
    assert contract_of("go2").action_size == 12


def test_go2_motors_count_the_right_leg_first():
    """unitree_sdk2_python, unitree_legged_const.py: FR 0 to 2, FL 3 to 5, RR 6 to 8, RL 9 to 11."""
    contract = contract_of("go2")
    parts = ("hip", "thigh", "calf")
    legs = ("FL", "FR", "RL", "RR")
    assert contract.joint_names == tuple(f"{leg}_{part}_joint" for leg in legs for part in parts)
    assert contract.motor_indices == (3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8)


# JSON


def test_json_round_trip_is_exact(contract):
    n = contract.action_size
    awkward = dataclasses.replace(
        contract,
        default_joint_pos=tuple(math.sin(i + 1) for i in range(n)),
        kp=tuple((0.1 + 0.2) * (i + 1) for i in range(n)),
        kd=tuple(math.pi**i for i in range(n)),
        action_scale=tuple(1 / (3 + i) for i in range(n)),
        joint_lower=(-5e-324,) * n,
        effort_limit=(1.7976931348623157e308,) * n,
        ctrl_dt=math.nextafter(0.02, 1),
        observation=(ObservationTerm("gyro", (1 / 3, 1e-17, math.e)),),
        command_ranges=CommandRanges((-1 / 7, 0.1), (-0.3, 0.3), (-2 / 3, math.tau)),
        command_dead_zone=0.1 + 0.2,
        held_joints=(HeldJoint("waist", 20, 1 / 9, 300.0, 2 / 3),),
        imu_frame="torso",
    )
    assert PolicyContract.from_json(awkward.to_json()) == awkward
    assert PolicyContract.from_json(contract.to_json()) == contract


def test_json_is_the_same_text_each_time(contract):
    text = contract.to_json()
    assert PolicyContract.from_json(text).to_json() == text
    assert json.loads(text)["schema_version"] == SCHEMA_VERSION


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 0, str(SCHEMA_VERSION), None])
def test_another_schema_version_is_refused(raw, version):
    message = refusal(raw | {"schema_version": version})
    assert f"schema_version is {version!r}, this code reads {SCHEMA_VERSION}" in message


def test_the_version_is_looked_at_first(raw):
    later = {"schema_version": SCHEMA_VERSION + 1, "a_later_key": 0}
    assert "schema_version" in refusal(later)


def test_no_schema_version_is_refused(raw):
    del raw["schema_version"]
    assert "schema_version is None" in refusal(raw)


@pytest.mark.parametrize("key", [field.name for field in dataclasses.fields(PolicyContract)][:-1])
def test_a_missing_key_is_refused(raw, key):
    del raw[key]
    assert refusal(raw) == f"contract: lacks {key}"


def test_unknown_keys_are_refused(raw):
    assert refusal(raw | {"zeta": 1, "alpha": 2}) == "contract: has unknown keys alpha, zeta"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"contract"', "null"])
def test_text_that_is_no_contract_is_refused(text):
    with pytest.raises(ContractError, match=r"^contract: "):
        PolicyContract.from_json(text)


def test_json_cut_short_is_refused():
    text = contract_of("go2").to_json()
    for length in range(0, len(text), 97):
        with pytest.raises(ContractError, match=r"^contract: not JSON"):
            PolicyContract.from_json(text[:length])


# Values


@pytest.mark.parametrize("field", PER_JOINT)
@pytest.mark.parametrize("length", [11, 13])
def test_a_list_of_wrong_length_is_refused(raw, field, length):
    raw[field] = (raw[field] * 2)[:length]
    assert refusal(raw) == (
        f"contract: {field} has {length} values, want one for each of the 12 joints"
    )


@pytest.mark.parametrize("field", PER_JOINT)
@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None])
def test_a_value_that_is_no_finite_number_is_refused(raw, field, value):
    raw[field][5] = value
    assert refusal(raw).startswith("contract: ")


@pytest.mark.parametrize("field", ["ctrl_dt", "gait_period_s"])
@pytest.mark.parametrize("value", [0.0, -0.02, math.nan, math.inf])
def test_a_period_that_is_not_positive_is_refused(raw, field, value):
    assert refusal(raw | {field: value}) == f"contract: {field} is {value}, want > 0"


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None])
def test_an_observation_scale_that_is_no_finite_number_is_refused(raw, value):
    raw["observation"][2]["scale"][1] = value
    assert refusal(raw).startswith("contract: ")


@pytest.mark.parametrize("limits", [[1.0, -1.0], [0.0, math.nan], [0.0], [0.0, 1.0, 2.0], ["0", 1]])
def test_command_ranges_that_are_no_ranges_are_refused(raw, limits):
    raw["command_ranges"]["vy"] = limits
    assert refusal(raw).startswith("contract: ")


def test_a_command_range_of_another_axis_is_refused(raw):
    raw["command_ranges"]["vz"] = raw["command_ranges"].pop("vy")
    assert re.match("contract: malformed .*vz", refusal(raw))


@pytest.mark.parametrize("field", ["joint_names", "motor_indices"])
def test_a_joint_or_motor_given_twice_is_refused(raw, field):
    raw[field][7] = raw[field][2]
    assert refusal(raw) == f"contract: {field} has {raw[field][2]!r} twice"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("observation", [{"name": "gyro"}]),
        ("observation", [{"name": "gyro", "scale": 1.0}]),
        ("observation", 3),
        ("held_joints", [{"name": "waist"}]),
        ("command_ranges", []),
        ("ctrl_dt", "0.02"),
        ("joint_names", 12),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(raw, field, value):
    assert refusal(raw | {field: value}).startswith("contract: malformed")


@pytest.mark.parametrize("value", [-0.1, 1e400])
def test_a_dead_zone_that_is_no_size_is_refused(raw, value):
    message = refusal(raw | {"command_dead_zone": value})
    assert message == f"contract: command_dead_zone is {value}, want >= 0"
