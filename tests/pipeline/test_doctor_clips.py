"""The doctor on clips: read, held against what walking takes, and applied where it walks."""

import dataclasses
import math

import numpy as np
import pytest

import robots
from pipeline.doctor.adapter import Adapter
from pipeline.doctor.checks import examine
from pipeline.doctor.checks.walk import check_walk
from pipeline.doctor.fitting import PER_ROBOT, Order, fit, in_order_of
from pipeline.doctor.samples import readings, walking
from pipeline.doctor.subject import gather
from tests import doctor_policies as plant

ACTION = "actions.JointPositionAction.clip"


@pytest.fixture
def without_walk(monkeypatch):
    plant.leave_out_walk(monkeypatch)


def clipped(action=None, **terms):
    """Clip the targets to bounds of each joint, and terms to their bounds."""

    def edit(raw):
        raw["actions"]["JointPositionAction"]["clip"] = action
        for name, clip in terms.items():
            raw["observations"][name]["clip"] = clip

    return edit


def about_pose(width, robot="go2"):
    return [[p - width, p + width] for p in plant.contract_of(robot)["default_joint_pos"]]


def subject_of(folder, edit, metadata=None):
    """Go2's policy, with a deploy.yaml alone or beside its metadata."""
    path = plant.write(folder, metadata=metadata if metadata is not None else {})
    return gather(path, deploy=plant.deploy_yaml(folder, "go2", edit), robot="go2")


def findings_of(folder, edit, **more):
    findings = examine(subject_of(folder, edit, **more))
    return [f for f in findings if (f.severity, f.check) != ("note", "order")]


# Reading


def test_a_clip_is_read(tmp_path):
    edit = clipped(
        about_pose(0.5), base_ang_vel=[-0.5, math.inf], joint_vel_rel=[], gait_phase=None
    )
    said = subject_of(tmp_path, edit).described
    assert [term.clip for term in said.observation] == [(-0.5, math.inf), *[None] * 6]
    assert said.action_clip == tuple((low, high) for low, high in about_pose(0.5))
    assert said.where("action_clip", 2).endswith(f"{ACTION}[2] (FL_calf_joint)")


@pytest.mark.parametrize("none", [None, []])
def test_no_clip_is_none(tmp_path, none):
    assert subject_of(tmp_path, clipped(none)).described.action_clip is None


PAIR = "is no clip: want [lower, upper]"


@pytest.mark.parametrize(
    ("edit", "key", "what"),
    [
        (clipped(base_ang_vel=0.5), "observations.base_ang_vel.clip", f"0.5 {PAIR}"),
        (clipped(base_ang_vel=[1, -1]), "observations.base_ang_vel.clip", f"[1, -1] {PAIR}"),
        (clipped(base_ang_vel=[-1, "up"]), "observations.base_ang_vel.clip", f"[-1, 'up'] {PAIR}"),
        (clipped(base_ang_vel=[[-1, 1]]), "observations.base_ang_vel.clip", f"[[-1, 1]] {PAIR}"),
        (clipped(joint_vel_rel=[-1, math.nan]), "observations.joint_vel_rel.clip", "[-1, nan]"),
        (clipped(joint_vel_rel=[math.inf] * 2), "observations.joint_vel_rel.clip", "[inf, inf]"),
        (clipped(1.0), ACTION, f"1.0 {PAIR} for each joint"),
        (clipped([-1, 1]), f"{ACTION}[0]", f"-1 {PAIR}"),
        (clipped([[-9, 9], None]), f"{ACTION}[1]", f"[None] {PAIR}"),
        (clipped([[-9, 9], [0, 1, 2]]), f"{ACTION}[1]", f"[0, 1, 2] {PAIR}"),
    ],
)
def test_what_is_no_clip_is_refused_by_name(tmp_path, without_walk, edit, key, what):
    (finding,) = findings_of(tmp_path, edit)
    assert (finding.severity, finding.check) == ("error", "metadata")
    assert finding.where == f"{tmp_path / 'deploy.yaml'}: {key}"
    assert finding.what.startswith(what)


def test_a_clip_for_fewer_joints_is_told_and_costs_the_walk(tmp_path):
    lengths, walk = findings_of(tmp_path, clipped([[-9, 9]] * 11))
    assert "lists of different lengths: joint_ids_map 12, " in lengths.what
    assert f"{ACTION} 11" in lengths.what
    assert walk.what == f"was not walked: {ACTION} has 11 entries for 12 joints"


def test_mjlabs_clips_are_read(tmp_path, without_walk):
    entries = ["-0.500;0.500", *["-inf;inf"] * 6]
    metadata = plant.mjlab("go2", observation_terms_clip=",".join(entries))
    said = gather(plant.write(tmp_path, metadata=metadata)).described
    assert [term.clip for term in said.observation] == [(-0.5, 0.5), *[(-math.inf, math.inf)] * 6]
    metadata["observation_terms_clip"] = ",".join(["-0.500", *entries[1:]])
    (finding, *_) = examine(gather(plant.write(tmp_path, metadata=metadata)))
    assert finding.where == "mjlab metadata: observation_terms_clip[0]"
    assert finding.what == f"['-0.500'] {PAIR}"


# Findings


@pytest.mark.parametrize(
    ("clip", "severity", "what"),
    [
        ([0, 0], "error", "[0, 0], leaves nothing of it: it always reads 0"),
        ([5, 9], "error", "[5, 9], leaves nothing of it: it always reads 5"),
        ([-0.1, 0.1], "warning", "[-0.1, 0.1], cuts off 8"),
        ([-0.9, 0.9], "note", "[-0.9, 0.9], cuts off 8"),
    ],
)
def test_an_observation_clip_that_binds(tmp_path, without_walk, clip, severity, what):
    findings = findings_of(tmp_path, clipped(base_ang_vel=clip))
    (finding,) = [f for f in findings if f.check == "clips"]
    assert finding.severity == severity
    assert finding.what.startswith(f"the clip of base_ang_vel, {what}")
    assert finding.where == f"{tmp_path / 'deploy.yaml'}: observations"
    if severity != "error":
        assert "of what a walking robot reads in base_ang_vel[" in finding.what


def test_a_command_is_held_against_the_ranges(tmp_path, without_walk):
    """vx is asked for up to 1 m/s, vy up to 0.5."""
    vx, vy = (plant.contract_of("go2")["command_ranges"][axis] for axis in ("vx", "vy"))
    assert vx[1] > 0.6 >= vy[1]
    (finding,) = findings_of(tmp_path, clipped(velocity_commands=[-0.6, 0.6]))
    assert "of what a walking robot reads in velocity_commands[" in finding.what


def test_a_clip_that_no_reading_comes_near_is_no_finding(tmp_path, without_walk):
    names = plant.UNITREE_NAMES.values()
    assert (
        findings_of(tmp_path, clipped([[-100, 100]] * 12, **{n: [-100, 100] for n in names})) == []
    )


def test_a_reading_that_nobody_knows_is_judged_by_its_bounds_alone(tmp_path, without_walk):
    def edit(raw, clip):
        terms = {"smell" if name == "base_ang_vel" else name: term for name, term in raw.items()}
        terms["smell"]["clip"] = clip
        raw.clear()
        raw.update(terms)

    def clips(clip):
        found = findings_of(tmp_path, lambda raw: edit(raw["observations"], clip))
        return [f.severity for f in found if f.check == "clips"]

    assert clips([-0.01, 0.01]) == []
    assert clips([0.01, 0.01]) == ["error"]


def test_a_term_that_is_wider_than_the_input_is_not_drawn(tmp_path, monkeypatch, without_walk):
    def drawn(rng, term, ranges, n):
        assert term.size <= 47
        return readings(rng, term, ranges, n)

    def edit(raw):
        raw["observations"]["joint_vel_rel"].update(clip=[-1, 1], scale=[0.05] * 9000)
        raw["joint_ids_map"] = list(range(9000))

    monkeypatch.setattr("pipeline.doctor.checks.clips.readings", drawn)
    assert "clips" not in [f.check for f in findings_of(tmp_path, edit)]


def test_a_target_clip_that_leaves_the_pose_out(tmp_path, without_walk):
    """As if it were of the raw action."""
    (finding,) = findings_of(tmp_path, clipped([[-0.01, 0.01]] * 12))
    pose = plant.contract_of("go2")["default_joint_pos"]
    assert min(map(abs, pose)) > 0.02
    assert (finding.severity, finding.check) == ("error", "clips")
    assert finding.what == (
        "keeps FL_hip_joint, FL_thigh_joint, FL_calf_joint, FR_hip_joint and 8 more from the "
        f"default pose: FL_hip_joint may be told [-0.01, 0.01] rad, and its pose is {pose[0]:g}"
    )
    assert finding.where == f"{tmp_path / 'deploy.yaml'}: {ACTION}"


@pytest.mark.parametrize(("width", "severity"), [(0.01, "warning"), (0.35, "note")])
def test_a_target_clip_that_binds(tmp_path, without_walk, width, severity):
    """One joint is clipped, the others as good as not."""
    clip = [[-9.0, 9.0]] * 12
    clip[2] = about_pose(width)[2]
    (finding,) = findings_of(tmp_path, clipped(clip))
    assert (finding.severity, finding.check) == (severity, "clips")
    assert finding.what.startswith("cuts off what the policy asks of FL_calf_joint: FL_calf_joint")


def test_a_clip_beside_a_contract_counts_too(tmp_path, without_walk):
    both = {k: v for k, v in gather(plant.shipped("go2")).graph.metadata.items() if "surefoot" in k}
    findings = findings_of(
        tmp_path, clipped([[-0.01, 0.01]] * 12, base_ang_vel=[0, 0]), metadata=both
    )
    assert [(f.severity, f.check) for f in findings] == [("error", "clips")] * 2
    said = subject_of(tmp_path, clipped(base_ang_vel=[0, 0]), metadata=both).described
    assert said.source == "metadata surefoot_contract"
    assert said.observation[0].clip == (0, 0)


def test_two_clips_that_differ_contradict_each_other(tmp_path, without_walk):
    entries = ",".join(["-2.000;2.000", *["-inf;inf"] * 6])
    metadata = plant.mjlab("go2", observation_terms_clip=entries)
    for clip, told in (([-2, 2], False), ([-3, 3], True)):
        findings = findings_of(tmp_path, clipped(base_ang_vel=clip), metadata=metadata)
        words = [f.what for f in findings if (f.severity, f.check) == ("error", "agreement")]
        assert words == ["base_ang_vel is clipped to [-3, 3] and to [-2, 2]"] * told


# Applied


def test_samples_are_clipped_before_they_are_scaled(tmp_path):
    said = subject_of(tmp_path, clipped(base_ang_vel=[-0.1, 0.2])).described
    assert said.observation[0].scale == (0.25,) * 3
    gyro = walking(said, 47, 500)[:, :3]
    assert (gyro.min(), gyro.max()) == (np.float32(-0.025), np.float32(0.05))


def test_the_adapter_clips_as_unitrees_program_does(tmp_path):
    """Readings before their scale, targets after scale and offset; the last action not at all."""
    spec, seen = robots.load("go2"), []
    clip = [[p - 0.01 * (1 + i), p + 0.02 * (1 + i)] for i, (p, _) in enumerate(about_pose(0.0))]
    said = subject_of(tmp_path, clipped(clip, base_ang_vel=[-0.5, 1.0])).described
    swapped = (*said.joint_names[3:6], *said.joint_names[:3], *said.joint_names[6:])
    fitted = fit(said, spec, Order(swapped), 0.8)
    places = np.asarray([[spec.joint_names.index(joint) for joint in swapped]])
    asked = np.float32([1, -1] * 6)

    def network(obs):
        seen.append(obs[0])
        return asked[None]

    adapter = Adapter(network, fitted, places)
    obs = np.zeros((1, 47), np.float32)
    obs[0, :3] = 0.25 * np.float32([-9, 0.25, 9])
    for _ in range(2):
        action = adapter(obs)[0]
    assert seen[0][:3] == pytest.approx([-0.125, 0.0625, 0.25])
    raw = np.empty(12)
    raw[places[0]] = asked
    wanted = [0.02 * (1 + i) if a > 0 else -0.01 * (1 + i) for i, a in enumerate(raw)]
    assert action * said.action_scale == pytest.approx(wanted, abs=1e-6)
    last = sum(term.size for term in said.observation[:5])
    assert [term.kind for term in said.observation][5] == "last_action"
    assert seen[0][last : last + 12] == pytest.approx(np.zeros(12))
    assert seen[1][last : last + 12] == pytest.approx(asked)


def test_clips_belong_to_the_joints_that_gains_belong_to(tmp_path):
    said = subject_of(tmp_path, clipped(about_pose(0.1))).described
    said = dataclasses.replace(said, action_clip=tuple((-9.0 - i, 9.0) for i in range(12)))
    spec = robots.load("go2")
    turned = said.joint_names[::-1]
    for by_place in (False, True):
        lower = [low for low, _ in fit(said, spec, Order(turned, by_place), 0.8).target_clip]
        owners = turned if by_place else said.joint_names
        assert lower == [-9.0 - owners.index(joint) for joint in spec.joint_names]


def test_clips_alone_make_two_guesses_of_an_order(tmp_path):
    alike = {name: (1.0,) * 12 for name in PER_ROBOT}
    said = dataclasses.replace(subject_of(tmp_path, None).described, **alike)
    turned = said.joint_names[::-1]
    assert in_order_of(said, turned) == [Order(turned)]
    said = dataclasses.replace(said, action_clip=tuple((-9.0 - i, 9.0) for i in range(12)))
    assert in_order_of(said, turned) == [Order(turned), Order(turned, by_place=True)]


def test_what_may_not_move_is_walked_as_it_is_deployed(tmp_path):
    """Every target is the default pose: it stands, whatever it is told."""
    subject = subject_of(tmp_path, clipped(about_pose(0.0)))
    (finding,) = check_walk(subject)
    assert (finding.severity, finding.check) == ("warning", "walk")
    assert "off its commands" in finding.what
