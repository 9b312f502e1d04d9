"""The doctor on how an observation is laid out: by term or by frame, clipped before or after."""

import math

import numpy as np
import pytest

import robots
from pipeline.doctor.adapter import Adapter
from pipeline.doctor.checks import examine
from pipeline.doctor.checks.behaviour import check_dead_inputs
from pipeline.doctor.checks.walk import check_walk
from pipeline.doctor.described import FREE, Term
from pipeline.doctor.fitting import CannotWalkError, Order, fit
from pipeline.doctor.layout import columns
from pipeline.doctor.readers.deploy_yaml import read_deploy
from pipeline.doctor.samples import walking
from pipeline.doctor.subject import gather
from tests import doctor_policies as plant

NOW = 0.98
"""Weight of the newest reading, in a policy that also looks at the one before."""


def held(readings, **switches):
    """Every term holds so many readings; switches stand among the terms."""

    def edit(raw):
        for term in raw["observations"].values():
            term["history_length"] = readings
        raw["observations"] = {**switches, **raw["observations"]}

    return edit


def of_two_frames(model):
    """Let Go2's policy see its readings, and those before, frame by frame."""
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 94
    weights = np.concatenate([(1 - NOW) * np.eye(47), NOW * np.eye(47)])
    plant.before_input(model, "MatMul", weights.astype(np.float32))


def subject_of(folder, edit, graph=None, metadata=None):
    path = plant.write(folder, graph=graph, metadata=metadata or {})
    return gather(path, deploy=plant.deploy_yaml(folder, "go2", edit), robot="go2")


def words_of(findings):
    return [(f.severity, f.check, f.what) for f in findings if f.check != "order"]


def test_columns_by_term_and_by_frame():
    by_term = columns([2, 1], [3, 2], frame_major=False)
    assert [x.tolist() for x in by_term] == [[[0, 1], [2, 3], [4, 5]], [[6], [7]]]
    by_frame = columns([2, 1], [3, 3], frame_major=True)
    assert [x.tolist() for x in by_frame] == [[[0, 1], [3, 4], [6, 7]], [[2], [5], [8]]]
    for frame_major in (False, True):
        assert columns([], [], frame_major=frame_major) == []


# Reading


@pytest.mark.parametrize("switch", [True, False, None])
def test_the_switch_of_layouts_is_read_and_no_term(tmp_path, switch):
    edit = held(1) if switch is None else held(1, use_gym_history=switch)
    said = subject_of(tmp_path, edit).described
    assert said.frame_major is switch
    assert [term.name for term in said.observation] == list(plant.UNITREE_NAMES.values())


def test_the_one_group_of_terms_is_read(tmp_path):
    def edit(raw):
        terms = {"use_gym_history": True, "scale_first": True, **raw["observations"]}
        raw["observations"] = {"obs": terms}

    said = subject_of(tmp_path, edit).described
    plain = subject_of(tmp_path, None).described
    assert said.frame_major and all(term.clip_scaled for term in said.observation)
    assert [t.scale for t in said.observation] == [t.scale for t in plain.observation]
    assert said.gait_period_s == plain.gait_period_s == contract_period()


def contract_period():
    return plant.contract_of("go2")["gait_period_s"]


def test_of_several_groups_the_one_of_the_input_is_read(tmp_path, monkeypatch):
    plant.leave_out_walk(monkeypatch)

    def edit(raw):
        picture = {"picture": {"params": {}, "scale": None}}
        raw["observations"] = {"depth": picture, "obs": raw["observations"]}

    (finding,) = words_of(examine(subject_of(tmp_path, edit)))
    assert finding == (
        "warning",
        "observation",
        "has groups of terms for 2 inputs, depth, obs: obs is read",
    )


def test_a_switch_above_the_groups_counts_for_each(tmp_path):
    def edit(raw):
        raw["observations"] = {"use_gym_history": True, "obs": raw["observations"]}

    assert subject_of(tmp_path, edit).described.frame_major is True


def test_one_odd_term_makes_no_groups(tmp_path):
    def edit(raw):
        raw["observations"]["gait_phase"] = {"param": {"period": 0.6}}

    said = subject_of(tmp_path, edit).described
    assert [term.name for term in said.observation] == list(plant.UNITREE_NAMES.values())


@pytest.mark.parametrize(("word", "value"), [("yes", True), ("True", True), ("off", False)])
def test_a_switch_may_be_a_word(tmp_path, word, value):
    said = subject_of(tmp_path, held(1, use_gym_history=word)).described
    assert said.frame_major is value


@pytest.mark.parametrize("name", ["use_gym_history", "scale_first"])
@pytest.mark.parametrize("value", ["maybe", 1, [True]])
def test_a_switch_that_is_none_is_named(tmp_path, monkeypatch, name, value):
    plant.leave_out_walk(monkeypatch)
    findings = examine(subject_of(tmp_path, held(1, **{name: value})))
    (finding,) = [f for f in findings if f.check == "metadata"]
    assert finding.where == f"{tmp_path / 'deploy.yaml'}: observations.{name}"
    assert finding.what.endswith("is neither true nor false")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("use_gym_history: false", "use_gym_history: {}"),
        ("history_length: 7", "history_length: {}"),
    ],
)
def test_a_number_too_long_to_show_is_refused(tmp_path, old, new):
    path = plant.deploy_yaml(tmp_path, "go2", held(7, use_gym_history=False))
    path.write_text(path.read_text().replace(old, new.format(f"0x{'f' * 5000}"), 1))
    _, (finding,) = read_deploy(path, {})
    assert finding.where.endswith(new.removesuffix(": {}"))
    assert finding.what.startswith("an integer too long to show is n")


def test_a_key_too_long_to_show_is_read(tmp_path):
    path = plant.deploy_yaml(tmp_path, "go2")
    path.write_text(path.read_text().replace("base_ang_vel:", f"? 0x{'f' * 5000}\n  :", 1))
    said, _ = read_deploy(path, {})
    assert said.observation[0].name == "an integer too long to show"


def test_scale_first_counts_for_the_terms_after_it_and_a_term_for_itself(tmp_path):
    def edit(raw):
        (first, gyro), *rest = raw["observations"].items()
        rest[1][1].update(scale_first=False)
        raw["observations"] = {first: gyro, "scale_first": True, **dict(rest)}

    said = subject_of(tmp_path, edit).described
    assert [term.clip_scaled for term in said.observation] == [False, True, False, *[True] * 4]


@pytest.mark.parametrize(("written", "length"), [(None, 1), (5, 5), (0, None), (-1, None)])
def test_a_length_is_one_or_more(tmp_path, monkeypatch, written, length):
    plant.leave_out_walk(monkeypatch)

    def edit(raw):
        raw["observations"]["base_ang_vel"]["history_length"] = written

    subject = subject_of(tmp_path, edit)
    assert subject.described.observation[0].history == (length or 1)
    told = [f.what for f in examine(subject) if f.where.endswith("base_ang_vel.history_length")]
    assert told == ([] if length else [f"{written} is no length"])


def test_an_observation_larger_than_any_is_not_laid_out(tmp_path, monkeypatch):
    plant.leave_out_walk(monkeypatch)

    def edit(raw):
        raw["observations"] = {
            name: {"scale": [1.0] * 5000, "history_length": 1000} for name in ("a", "b")
        }

    subject = subject_of(tmp_path, edit)
    assert subject.described.columns == []
    assert any("the terms add up to 10000000" in f.what for f in examine(subject))


# What is clipped


@pytest.mark.parametrize(
    ("scale", "clip_scaled", "bounds"),
    [
        ((0.25, 0.5), False, ((-1.0, 2.0), (-1.0, 2.0))),
        ((0.25, -0.5), True, ((-4.0, 8.0), (-4.0, 2.0))),
        ((0.0, 1.0), True, (FREE, (-1.0, 2.0))),
        (None, True, ((-1.0, 2.0), (-1.0, 2.0))),
    ],
)
def test_bounds_are_those_of_the_raw_reading(scale, clip_scaled, bounds):
    assert Term("gyro", 2, scale, clip=(-1.0, 2.0), clip_scaled=clip_scaled).bounds == bounds


def test_no_clip_has_no_bounds():
    assert Term("gyro", 3).bounds is None and Term("gyro", None, clip=(0.0, 1.0)).bounds is None


def clipped_after(raw, clip=(-0.1, 0.2)):
    raw["observations"]["base_ang_vel"].update(clip=list(clip), scale_first=True)


def test_samples_are_clipped_after_they_are_scaled(tmp_path):
    gyro = walking(subject_of(tmp_path, clipped_after).described, 47, 500)[:, :3]
    assert (gyro.min(), gyro.max()) == (np.float32(-0.1), np.float32(0.2))


def test_a_clip_of_scaled_readings_that_binds_says_so(tmp_path, monkeypatch):
    plant.leave_out_walk(monkeypatch)
    ((severity, check, what),) = words_of(
        examine(subject_of(tmp_path, lambda raw: clipped_after(raw, (-0.02, 0.02))))
    )
    assert (severity, check) == ("warning", "clips")
    assert what.startswith("the clip of base_ang_vel, [-0.02, 0.02], cuts off ")
    raw = subject_of(tmp_path, lambda raw: clipped_after(raw, (-0.02, 0.02))).described
    assert raw.observation[0].bounds == ((-0.08, 0.08),) * 3


def test_clips_that_differ_by_the_order_alone_contradict_each_other(tmp_path, monkeypatch):
    plant.leave_out_walk(monkeypatch)
    entries = ",".join(["-0.500;0.500", *["-inf;inf"] * 6])
    scales = ",".join(["0.25", *["1.0"] * 6])
    metadata = plant.mjlab("go2", observation_terms_clip=entries, observation_terms_scale=scales)
    for switch, told in ((False, False), (True, True)):

        def edit(raw, switch=switch):
            raw["observations"]["base_ang_vel"].update(clip=[-0.5, 0.5], scale_first=switch)

        findings = words_of(examine(subject_of(tmp_path, edit, metadata=metadata)))
        clipped = [what for _, _, what in findings if "is clipped to" in what]
        assert clipped == ["base_ang_vel is clipped to [-2, 2] and to [-0.5, 0.5]"] * told


# By frame


def test_samples_come_by_frame(tmp_path):
    said = subject_of(tmp_path, held(2, use_gym_history=True), of_two_frames).described
    drawn = walking(said, 94, 200)
    assert np.array_equal(drawn[:, :47], drawn[:, 47:])
    by_term = subject_of(tmp_path, held(2), of_two_frames).described
    gyro = walking(by_term, 94, 200)[:, :6]
    assert np.array_equal(gyro[:, :3], gyro[:, 3:])


def test_the_adapter_lays_out_by_frame(tmp_path):
    spec, seen = robots.load("go2"), []
    said = subject_of(tmp_path, held(2, use_gym_history=True)).described
    fitted = fit(said, spec, Order(said.joint_names), 0.8)

    def network(obs):
        seen.append(obs[0].copy())
        return np.zeros((1, 12), np.float32)

    adapter = Adapter(network, fitted, np.arange(12)[None])
    frames = [np.arange(47, dtype=np.float32)[None] + 100 * each for each in (1, 2)]
    for frame in frames:
        adapter(frame)
    last = slice(33, 45)  # the last action is the network's own: zeros
    for answer, (old, new) in zip(seen, [(0, 0), (0, 1)], strict=True):
        assert np.delete(answer[:47], last) == pytest.approx(np.delete(frames[old][0], last))
        assert np.delete(answer[47:], last) == pytest.approx(np.delete(frames[new][0], last))


def test_a_dead_input_is_named_by_its_frame(tmp_path):
    """No frame's yaw rate is looked at; by term these inputs would be other ones."""

    def graph(model):
        of_two_frames(model)
        matrix = next(x for x in model.graph.initializer if x.name == "planted_in")
        weights = np.frombuffer(matrix.raw_data, np.float32).reshape(94, 47).copy()
        weights[[8, 47 + 8]] = 0.0
        matrix.raw_data = weights.tobytes()

    subject = subject_of(tmp_path, held(2, use_gym_history=True), graph)
    (finding,) = check_dead_inputs(subject)
    assert finding.what.startswith(", ".join(["velocity_commands[2] (yaw rate)"] * 2))


def test_frames_of_different_lengths_are_no_frames(tmp_path):
    def edit(raw):
        held(2, use_gym_history=True)(raw)
        raw["observations"]["base_ang_vel"]["history_length"] = 5

    subject = subject_of(tmp_path, edit)
    assert subject.described.columns == []
    found = [what for _, check, what in words_of(examine(subject)) if check == "observation"]
    assert found[0] == "its readings come frame by frame, but terms hold 2 to 5 of them"
    with pytest.raises(CannotWalkError, match="frame by frame"):
        fit(subject.described, robots.load("go2"), Order(subject.described.joint_names), 0.8)


def test_two_layouts_contradict_each_other(tmp_path, monkeypatch):
    """A statement that says nothing of frames has each term by itself."""
    plant.leave_out_walk(monkeypatch)
    metadata = plant.mjlab("go2", observation_terms_history_length=",".join("2" * 7))
    subject = subject_of(tmp_path, held(2, use_gym_history=True), of_two_frames, metadata)
    findings = [f for f in examine(subject) if f.check == "agreement"]
    assert [f.what for f in findings] == [
        "one has the readings of all terms frame by frame, the other each term by itself"
    ]


@pytest.mark.parametrize("switch", [True, False])
def test_the_walk_takes_the_layout_as_stated(tmp_path, switch):
    """Trained on frames and described so, it walks; described by term it does not."""
    subject = subject_of(tmp_path, held(2, use_gym_history=switch), of_two_frames)
    findings = list(check_walk(subject))
    assert ([f.severity for f in findings] == []) == switch
    if not switch:
        assert findings[0].severity in ("error", "warning")


def test_infinite_bounds_survive_the_scale(tmp_path):
    said = subject_of(tmp_path, lambda raw: clipped_after(raw, (-math.inf, 0.2))).described
    assert said.observation[0].bounds == ((-math.inf, 0.8),) * 3
