"""The gate's report: one file, verdict first, nothing left out."""

import base64
import copy
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import files, report_maps, report_margins, report_plots, report_svg, report_words
from pipeline.config_gate import UNITS
from pipeline.quality import wilson
from pipeline.report import Films, Traces, verdict, write_report

SWEEPS = {
    "friction": ("1", [0.3, 0.5, 0.8, 1.2]),
    "payload_kg": ("kg", [-1.0, 1.5, 3.0]),
    "motor_strength": ("1", [0.8, 0.9, 1.1]),
    "latency_s": ("s", [0.01, 0.02, 0.03]),
    "noise_scale": ("1", [1.0, 2.0]),
    "push_speed": ("m/s", [0.5, 1.0]),
}
KINDS = ("hip", "thigh", "calf")
COMMANDS = [
    *[(vx, 0.0, 0.0) for vx in (0.0, 0.3, 0.5, 1.0, 1.5, -0.5, -1.0)],
    *[(0.0, 0.4, 0.0), (0.0, -0.4, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)],
    *[(0.6, 0.0, 0.6), (0.8, 0.3, -0.5)],
]
MP4 = b"\x00\x00\x00\x18ftypmp42 not a film"
NONE = Films(None, None)


def make_commands(good: bool, scale: float) -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    commands = []
    for vx, vy, yaw_rate in COMMANDS:
        planar = scale * (0.018 + 0.045 * np.hypot(vx, vy) + 0.008 * rng.random())
        yaw = scale * (0.012 + 0.03 * abs(yaw_rate) + 0.008 * rng.random())
        row = (
            {"vx": vx, "vy": vy, "yaw_rate": yaw_rate, "episodes": 8}
            | {"falls": 0 if good or vx < 1.5 else 3, "planar_error": planar, "yaw_error": yaw}
            | {"measured_vx": vx * (1 - 0.04 * scale), "measured_vy": vy * (1 - 0.08 * scale)}
            | {"measured_yaw_rate": yaw_rate * (1 - 0.02 * scale) + 0.004}
        )
        bias = {f"bias_{a}": row[f"measured_{a}"] - row[a] for a in ("vx", "vy", "yaw_rate")}
        strides = {"stride_planar_rmse": 1.5 * planar, "stride_yaw_rmse": 1.5 * yaw}
        commands.append(row | bias | strides)
    return commands


def make_sweeps(good: bool, scale: float) -> list[dict[str, Any]]:
    falls = {("friction", 0.3): 1, ("push_speed", 1.0): 3}
    if not good:
        falls = {("friction", 0.3): 29, ("friction", 0.5): 6, ("push_speed", 1.0): 21}
        falls |= {("latency_s", 0.03): 11, ("latency_s", 0.02): 1, ("payload_kg", 3.0): 4}
    sweeps = []
    for axis, (unit, values) in SWEEPS.items():
        for value in values:
            fell = falls.get((axis, value), 0)
            low, high = wilson(48 - fell, 48)
            sweeps.append(
                {"axis": axis, "unit": unit, "value": value, "episodes": 48, "falls": fell}
                | {"survival": 1 - fell / 48, "survival_low": low, "survival_high": high}
                | {"planar_rmse": scale * 0.06 + fell / 400, "yaw_rmse": scale * 0.05}
            )
    return sweeps


def make_criteria(fallen: int, planar: float, yaw: float, survival: float) -> list[dict[str, Any]]:
    tracking = "nominal tracking of"
    swept = "share of 816 swept episodes of 10 s without a fall"
    criteria = [
        ("nominal_falls", "falls in 104 nominal episodes of 10 s", fallen, 0, "<=", ""),
        (
            "planar_rmse",
            f"{tracking} planar velocity, RMSE over commands",
            planar,
            0.1,
            "<=",
            "m/s",
        ),
        ("yaw_rmse", f"{tracking} yaw rate, RMSE over commands", yaw, 0.1, "<=", "rad/s"),
        ("swept_survival", swept, survival, 0.97, ">=", ""),
    ]
    keys = ("name", "description", "measured", "required", "comparison", "unit")
    rows: list[dict[str, Any]] = []
    for values in criteria:
        row: dict[str, Any] = dict(zip(keys, values, strict=True))
        sign = 1 if row["comparison"] == "<=" else -1
        row["passed"] = sign * row["measured"] <= sign * row["required"]
        rows.append(row)
    return rows


def make_gate(good: bool = True) -> dict[str, Any]:
    scale = 1.0 if good else 2.6
    commands, sweeps = make_commands(good, scale), make_sweeps(good, scale)
    survival = 1 - sum(row["falls"] for row in sweeps) / sum(row["episodes"] for row in sweeps)
    planar = float(np.sqrt(np.mean([row["planar_error"] ** 2 for row in commands])))
    yaw = float(np.sqrt(np.mean([row["yaw_error"] ** 2 for row in commands])))
    fallen = sum(row["falls"] for row in commands)
    rows = make_criteria(fallen, planar, yaw, survival)
    nominal = {"episodes": 104, "falls": fallen, "planar_rmse": planar, "yaw_rmse": yaw}
    nominal |= {"action_rate_mean": 2.31, "action_rate_p99": 11.42, "torque_use_p99": 0.714}
    nominal |= {"velocity_use_p99": 0.386, "power_w": 87.4, "foot_slip_mps": 0.041}
    settings = {"sim_dt": 0.002, "integrator": "Euler", "cone": "elliptic", "episode_s": 10.0}
    versions = {"mujoco": "4.0.0", "onnxruntime": "1.32.0", "numpy": "2.4.6", "surefoot": "0.1.0"}
    return {
        "schema_version": 5,
        "passed": all(row["passed"] for row in rows),
        "enabled": True,
        "robot": "go2",
        "policy_sha256": "3f7a" * 16,
        "seed": 1,
        "criteria": rows,
        "nominal": nominal | {"commands": commands},
        "sweeps": sweeps,
        "profile": "full",
        "gait": {key: 0.01 * place for place, (key, *_) in enumerate(report_words.GAIT, 1)},
        "scenarios": [
            {"name": "stand_still", "conditions": {"commands": "stand"}} | survival_of(0),
            {"name": "icy", "conditions": {"friction": 0.1, "latency_s": 0.02}} | survival_of(4),
        ],
        "margins": [
            margin("friction", 0.8, 0.05, 0.31, 0.25),
            margin("latency_s", 0.0, 0.06, 0.046, 0.05),
            margin("payload_kg", 0.0, 10.0, 10.0, None),
            margin("stumble", 0.0, 0.8, 0.0, 0.1),
        ],
        "regressions": [],
        "worst": {"scenario": "push_speed", "value": 1.0, "number": 7, "fell_at_s": 6.34}
        | {"planar_error": None},
        "episodes": 1234,
        "settings": settings | {"settle_s": 2.0, "margin_survival": 0.95},
        "versions": versions,
    }


def survival_of(falls: int, episodes: int = 24) -> dict[str, Any]:
    low, high = wilson(episodes - falls, episodes)
    share = 1 - falls / episodes
    return {"episodes": episodes, "falls": falls, "survival": share, "survival_low": low} | {
        "survival_high": high,
        "planar_rmse": 0.05,
        "yaw_rmse": 0.04,
    }


def margin(
    axis: str, nominal: float, limit: float, value: float, fails_at: float | None
) -> dict[str, Any]:
    """A margin with the two values it was found between."""
    stood = survival_of(1, 40)
    tried = [{"value": value, **stood}]
    if fails_at is not None:
        tried.append({"value": fails_at, **survival_of(20, 40)})
    found = value != nominal
    return {
        "axis": axis,
        "unit": UNITS[axis],
        "nominal": nominal,
        "limit": limit,
        "value": value,
        "beyond_limit": fails_at is None,
        "fails_at": fails_at,
        "survival": stood["survival"] if found else None,
        "survival_low": stood["survival_low"] if found else None,
        "survival_high": stood["survival_high"] if found else None,
        "episodes": 40,
        "tried": tried,
    }


def make_traces(good: bool = True, steps: int = 500) -> Traces:
    rng = np.random.default_rng(5)
    time = np.arange(steps) * 0.02
    shown = [COMMANDS[index] for index in (0, 3, 5, 7, 9, 12)]
    command = np.repeat(np.array(shown)[:, None], steps, axis=1)
    rise = (1 - np.exp(-time / 0.3))[None, :, None]
    sway = np.sin(2 * np.pi * 4 * time)[None, :, None] * np.array([0.03, 0.05, 0.09])
    velocity = command * rise * (0.97 if good else 0.86) + sway + rng.normal(0, 0.02, command.shape)
    names = [f"{leg}_{kind}_joint" for leg in ("FL", "FR", "RL", "RR") for kind in KINDS]
    effort, top_speed = np.tile([23.7, 23.7, 35.55], 4), np.tile([30.1, 30.1, 20.07], 4)
    phase = 2 * np.pi * 2 * time[None, :, None] + np.arange(12) + rng.normal(0, 0.2, (6, steps, 12))
    reach = (0.15 if good else 0.35) * (1 + np.abs(command[:, :, :1]))
    joint_vel = top_speed * reach * np.sin(phase) + rng.normal(0, 0.8, phase.shape)
    torque = effort * (0.2 + reach * np.cos(phase + 0.6)) + rng.normal(0, 1.5, phase.shape)
    torque = np.clip(torque, -effort, effort)
    if not good:
        velocity[1, 380:], torque[1, 380:], joint_vel[1, 380:] = np.nan, np.nan, np.nan
    labels = [report_words.command_words(*row) for row in shown]
    return Traces(time, labels, command, velocity, names, torque, joint_vel, effort, top_speed)


class Page(HTMLParser):
    """Tags with their attributes, and the text a reader sees."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._hidden = False
        self.feed(source)
        self.text = re.sub(r"[\s\u202f]+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else data


@pytest.fixture
def write(tmp_path: Path):
    def write_and_read(gate=None, traces=None, video=None, reason="", against=None) -> str:
        path = tmp_path / "out" / "report.html"
        films = Films(video, video, reason)
        write_report(path, gate or make_gate(), traces or make_traces(), films, against)
        return path.read_text()

    return write_and_read


@pytest.mark.parametrize("good", [True, False])
def test_one_file_without_network_or_scripts(write, good):
    source = write(make_gate(good), make_traces(good), MP4)
    assert "http://" not in source and "https://" not in source
    assert "@import" not in source and "url(" not in source
    assert len(source) < 1_000_000
    page = Page(source)
    assert "script" not in {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "srcset", "poster", "action", "data"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, name)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_a_pass_says_so_first(write):
    page = Page(write())
    assert page.text.index("Pass") < page.text.index("meets all 4 criteria") < 200
    assert "not met" not in page.text and "Fail" not in page.text


def test_a_failure_names_what_failed_before_anything_else(write):
    page = Page(write(make_gate(good=False), make_traces(good=False)))
    banner = page.text[: page.text.index("A bar that")]
    assert "Fail" in banner and "3 of 4 criteria are not met" in banner
    assert "Falls, nominal: measured 3, required at most 0" in banner
    assert "Planar velocity error: measured 0.131 m/s, required at most 0.100 m/s" in banner
    assert "Survival, all sweeps: measured 91.2 %, required at least 97.0 %" in banner
    assert "Yaw rate error" not in banner


@pytest.mark.parametrize(("good", "outlook"), [(True, "would pass"), (False, "3 of 4 criteria")])
def test_a_gate_switched_off_judges_nothing(write, good, outlook):
    page = Page(write(make_gate(good) | {"enabled": False}))
    banner = page.text[: page.text.index("A bar that")]
    assert "Not judged" in banner and outlook in banner
    assert "Pass" not in banner and "Fail" not in banner


def test_never_a_pass_while_a_criterion_is_missed():
    gate = make_gate(good=False) | {"passed": True}
    assert verdict(gate).word == "Fail"
    assert verdict(make_gate() | {"passed": False}).word == "Fail"


@pytest.mark.parametrize("good", [True, False])
def test_every_criterion_and_number_is_there(write, good):
    gate = make_gate(good)
    page = Page(write(gate, make_traces(good)))
    for item in gate["criteria"]:
        measured, required = report_words.measured_and_required(item)
        for words in (item["name"], item["description"], measured, required):
            assert words.replace("\u202f", " ") in page.text
    for row in gate["sweeps"]:
        assert f"{row['falls']} of {row['episodes']}" in page.text
    for row in gate["nominal"]["commands"]:
        assert (
            report_words.command_words(row["vx"], row["vy"], row["yaw_rate"]).replace("\u202f", " ")
            in page.text
        )
    for words in (gate["policy_sha256"], "onnxruntime 1.32.0", "integrator Euler", "sim_dt 2 ms"):
        assert words in page.text


def test_the_video_is_inside(write):
    videos = [a for tag, a in Page(write(video=MP4)).tags if tag == "video"]
    assert len(videos) == 2 and videos[0]["src"] == videos[1]["src"]
    video = videos[0]
    kind, content = (video["src"] or "").split(",")
    assert kind == "data:video/mp4;base64" and base64.b64decode(content) == MP4
    assert {"controls", "loop", "muted", "autoplay", "playsinline"} <= set(video)


def test_without_a_video_it_says_why(write):
    page = Page(write(reason="this machine has no <EGL>"))
    assert "No video: this machine has no <EGL>." in page.text
    assert "video" not in {tag for tag, _ in page.tags}


def test_odd_strings_stay_text(write):
    odd = "<b onload=x>\"'&{{ 7 * 7 }}</b>"
    gate = make_gate(good=False) | {"robot": odd}
    gate["criteria"][0] |= {"description": odd, "name": odd}
    gate["sweeps"][0] |= {"axis": odd, "unit": odd}
    gate["settings"]["integrator"], gate["versions"]["mujoco"] = odd, odd
    traces = dataclasses.replace(make_traces(), labels=[odd] * 6, joint_names=[odd] * 12)
    page = Page(write(gate, traces, reason=odd))
    assert "onload" not in {name for _, attributes in page.tags for name in attributes}
    assert page.text.count(odd) >= 12


def test_same_input_same_bytes_and_input_untouched(write):
    gate = make_gate()
    before = copy.deepcopy(gate)
    assert write(gate, video=MP4) == write(make_gate(), video=MP4)
    assert gate == before


def test_the_old_report_survives_a_failure(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    broken = make_gate()
    del broken["nominal"]["power_w"]
    with pytest.raises(Exception, match="power_w"):
        write_report(path, broken, make_traces(), NONE)
    with pytest.raises(ValueError, match="schema_version 1; this report reads 5"):
        write_report(path, make_gate() | {"schema_version": 1}, make_traces(), NONE)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_report(path, make_gate(), make_traces(), NONE)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "old"


def test_what_could_not_be_measured_is_said(write):
    gate = make_gate(good=False)
    gate["criteria"][1] |= {"measured": None}
    gate["nominal"] |= dict.fromkeys(("planar_rmse", "power_w", "torque_use_p99"))
    gate["nominal"]["commands"][4] |= {"planar_error": None, "measured_vx": None}
    gate["sweeps"][0] |= {"planar_rmse": None}
    traces = make_traces()
    for array in (traces.velocity, traces.torque, traces.joint_vel):
        array[:] = np.nan
    page = Page(write(gate, traces))
    assert "measured nothing (every robot fell), required at most 0.100 m/s" in page.text
    assert page.text.count("not measured") >= 5
    assert not re.search(r"\b(nan|None)\b", page.text)


def test_nothing_swept_and_nothing_shown(write):
    traces = make_traces()
    empty = {name: getattr(traces, name)[:0] for name in ("command", "velocity", "torque")}
    nothing = dataclasses.replace(traces, labels=[], joint_vel=traces.joint_vel[:0], **empty)
    page = Page(write(make_gate() | {"sweeps": []}, nothing))
    assert "No sweep was run." in page.text and "swept episodes of 10 s in" not in page.text


def test_traces_refuse_shapes_that_disagree():
    traces = make_traces()
    with pytest.raises(ValueError, match=r"Traces.torque: want \(6, 500, 12\), got \(6, 500, 11\)"):
        dataclasses.replace(traces, torque=traces.torque[..., 1:])


def test_joints_of_one_kind_share_a_chart_unless_their_limits_differ(write):
    traces = make_traces()
    assert write(traces=traces).count("Torque against speed") == 3
    effort_limit = traces.effort_limit.copy()
    effort_limit[0] = 20.0
    odd_one = dataclasses.replace(traces, effort_limit=effort_limit)
    assert write(traces=odd_one).count("Torque against speed") == 4


@pytest.mark.parametrize(
    ("measured", "required", "want"),
    [
        (0.061, 0.10, ("0.061 m/s", "at most 0.100 m/s")),
        (0.10002, 0.10, ("0.10002 m/s", "at most 0.10000 m/s")),
        (float("nan"), 0.10, ("nothing (every robot fell)", "at most 0.100 m/s")),
    ],
)
def test_digits_tell_measured_from_required(measured, required, want):
    item = {"name": "planar_rmse", "unit": "m/s", "comparison": "<="}
    pair = report_words.measured_and_required(item | {"measured": measured, "required": required})
    assert tuple(words.replace("\u202f", " ") for words in pair) == want


def test_words():
    flat = {
        report_words.number(0.9999, "%", 1): "99.99 %",
        report_words.number(1.0, "%", 1): "100.0 %",
        report_words.number(-0.0001, "m/s", 2): "0.00 m/s",
        report_words.number(None, "m/s"): "not measured",
        report_words.brief(0.02, "s"): "20 ms",
        report_words.brief(-1.0, "kg"): "\u22121 kg",
        report_words.brief(0.3, "1"): "0.3",
        report_words.command_words(0, 0, 0): "stand still",
        report_words.command_words(-0.5, 0.25, -1): "backward 0.5 m/s, left 0.25 m/s, "
        "turn right 1 rad/s",
        report_words.joint_kind("left_hip_pitch_joint"): "hip pitch",
        report_words.joint_kind("FL_calf_joint"): "calf",
        report_words.joint_kind("left"): "left",
    }
    assert [words.replace("\u202f", " ") for words in flat] == list(flat.values())


def test_share_of_the_limit_used():
    item = {"name": "planar_rmse", "comparison": "<=", "measured": 0.05, "required": 0.1}
    assert report_words.limit_use(item) == pytest.approx(0.5)
    swept = {"name": "swept_survival", "comparison": ">=", "measured": 0.985, "required": 0.97}
    assert report_words.limit_use(swept) == pytest.approx(0.5)
    falls = {"name": "nominal_falls", "comparison": "<=", "measured": 2, "required": 0}
    assert report_words.limit_use(falls) is None
    assert report_words.limit_use(falls | {"measured": 0}) == 0


def test_sweep_chart_marks_falls():
    assert [
        report_plots.sweep_class(falls, high, 0.97)
        for falls, high in ((0, 1.0), (1, 0.99), (9, 0.9))
    ] == ["steady", "fell", "below"]
    survival = [(1.0, 0.93, 1.0), (0.5, 0.4, 0.6)]
    chart = report_plots.sweep_chart("Pushes", ["0.5", "1"], survival, [0, 24], 0.97, 0.0)
    assert chart.count("marker steady") == chart.count("marker below") == 1
    assert "24 falls" in chart and chart.count('class="required"') == 1


def test_curves_keep_their_peaks_and_break_where_nothing_was_measured():
    y = np.zeros(20_000)
    y[777], y[15_001] = 5.0, -5.0
    kept = report_plots.thinned(y)
    assert {0, 777, 15_001, 19_999} <= set(kept.tolist())
    assert len(kept) <= report_plots.MAX_POINTS + 2
    gap = np.array([0.0, 1.0, np.nan, 1.0, 0.0])
    chart = report_plots.time_chart("", np.arange(5.0), gap * 0, gap, (-1, 2), 0.0)
    measured = re.search(r'class="measured" d="([^"]+)"', chart)
    assert measured and measured[1].count("M") == 2 and measured[1].count("L") == 2


def test_torque_at_the_limit_is_within_and_beyond_it_is_marked():
    at_limit, beyond = np.array([0.0, 10.0]), np.array([20.0, 21.0])
    within = report_plots.torque_chart("", at_limit, np.array([20.0, -20.0]), 10.0, 20.0, 0.6)
    assert within.count('class="inside') == 1 and 'class="over' not in within
    assert 'class="over' in report_plots.torque_chart("", at_limit, beyond, 10.0, 20.0, 0.6)


def test_ticks():
    assert report_svg.ticks_between(-1.0, 1.5, 5) == [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
    assert report_svg.tick_label(-0.5) == "\u22120.5" and report_svg.tick_label(-0.0) == "0"


# Margins, scenarios, comparison


def test_margins_are_told_in_words(write):
    text = Page(write()).text
    for words in (
        "down to 0.31",
        "up to 46 ms",
        "10 kg or more",
        "0.1 rad is too much",
    ):
        assert words in text, words
    assert "Margins at a glance" in text and "Survival curves" in text


@pytest.mark.parametrize(
    ("row", "words", "share"),
    [
        (margin("friction", 0.8, 0.05, 0.31, 0.25), "down to 0.31", 0.49 / 0.75),
        (margin("friction", 0.8, 1.5, 1.5, None), "1.5 or more", 1.0),
        (margin("friction", 0.8, 0.05, 0.05, None), "0.05 or less", 1.0),
        (margin("push_speed", 0.0, 2.5, 1.25, 1.5), "up to 1.25\u202fm/s", 0.5),
        (margin("push_speed", 0.0, 2.5, 0.0, 0.1), "nothing found: 0.1\u202fm/s is too much", 0.0),
    ],
)
def test_a_margin_in_words_and_as_a_share_of_the_search(row, words, share):
    assert report_margins.tolerates(row) == words
    assert report_margins.share(row, row["value"]) == pytest.approx(share)


def test_scenarios_say_what_they_mix(write):
    text = Page(write()).text
    assert "Icy" in text and "floor friction 0.1, latency 20 ms" in text
    assert "4 of 24" in text


def test_the_worst_episode_is_named_so_that_it_can_be_run_again(write):
    words = "pushes 1 m/s, episode 7 of seed 1: falls after 6.3 s"
    assert words in Page(write(video=MP4)).text.lower()
    assert words in Page(write()).text.lower()


def test_another_gate_stands_beside(write):
    other = make_gate(good=False)
    other["margins"][0]["value"] = 0.5
    other["policy_sha256"] = "beef" * 16
    page = Page(write(against=other))
    assert "Compared gate" in page.text and "down to 0.5" in page.text
    assert "beef" * 16 in page.text
    alone = Page(write())
    assert "Compared gate" not in alone.text and len(alone.text) < len(page.text)


def test_what_differs_in_the_making_of_two_gates_is_said(write):
    other = make_gate(good=False)
    assert (
        "made with the same settings, seed, versions and number of"
        in Page(write(against=other)).text
    )
    other["settings"] |= {"sim_dt": 0.004}
    other |= {"profile": "quick", "versions": other["versions"] | {"mujoco": "3.9.0"}}
    text = Page(write(against=other)).text
    assert "sim_dt 0.004 there, 0.002 here; mujoco 3.9.0 there, 4.0.0 here" in text
    assert "profile quick there, full here" in text and "same settings" not in text
    del other["versions"]["numpy"]
    assert "numpy unknown there, 2.4.6 here" in Page(write(against=other)).text


def test_a_scenario_of_other_conditions_is_no_comparison():
    gate, other = make_gate(), make_gate()
    other["scenarios"][1]["conditions"] = {"friction": 0.2}
    still, icy = report_margins.scenarios(gate, other)
    assert (still["against"], icy["against"]) == (1.0, None)


def test_strides_of_each_command_are_in_the_table(write):
    gate = make_gate()
    gate["nominal"]["commands"][2] |= {"stride_planar_rmse": 0.1234, "stride_yaw_rmse": 0.4321}
    assert "0.123, 0.432" in Page(write(gate)).text


def test_a_gate_without_margins_and_scenarios_has_no_such_sections(write):
    page = Page(write(make_gate() | {"margins": [], "scenarios": []}))
    assert "Margins at a glance" not in page.text and "Scenarios" not in page.text


def test_every_figure_of_the_gait_has_words():
    from pipeline.sim2sim.gait import NAMES

    assert {key for key, *_ in report_words.GAIT} == set(NAMES)


# Tracking maps and baseline


def test_maps_show_every_command_and_redden_what_is_beyond_the_threshold():
    gate = make_gate()
    limits = {"planar_rmse": 0.1, "yaw_rmse": 0.1}
    for row in gate["nominal"]["commands"]:
        row |= {"planar_error": 0.05, "yaw_error": 0.05}
    gate["nominal"]["commands"][3] |= {"planar_error": 0.2}
    planar, turning = (chart["chart"] for chart in report_maps.maps(gate, limits))
    for chart in (planar, turning):
        assert chart.count('class="asked"') == len(COMMANDS)
    assert (planar.count("marker below"), planar.count("marker steady")) == (1, 12)
    assert (turning.count("marker below"), turning.count("marker steady")) == (0, 13)
    assert "forward 1\u202fm/s: off by 0.200\u202fm/s" in planar


def test_a_command_that_nobody_walked_has_no_dot_in_the_map():
    gate = make_gate()
    gate["nominal"]["commands"][3] |= {"measured_vx": None, "measured_vy": None}
    gate["nominal"]["commands"][3] |= {"planar_error": None}
    planar = next(iter(report_maps.maps(gate, {"planar_rmse": 9.0, "yaw_rmse": 9.0})))["chart"]
    assert planar.count('class="asked"') == 13 and planar.count("marker") == 12


def test_maps_put_points_where_the_velocities_are():
    gate = make_gate()
    gate["nominal"]["commands"] = gate["nominal"]["commands"][:2]
    gate["nominal"]["commands"][1] |= {"vx": 1.0, "vy": 0.0, "measured_vx": 0.5, "measured_vy": 0.0}
    gate["nominal"]["commands"][0] |= {"vx": 0.0, "vy": 0.0, "measured_vx": 0.0, "measured_vy": 0.0}
    planar = next(iter(report_maps.maps(gate, {"planar_rmse": 9.0, "yaw_rmse": 9.0})))["chart"]
    asked = [float(x) for x in re.findall(r'class="asked" cx="([\d.]+)"', planar)]
    walked = [float(x) for x in re.findall(r'class="marker steady" cx="([\d.]+)"', planar)]
    assert walked[0] == asked[0]
    assert walked[1] == pytest.approx((asked[0] + asked[1]) / 2, abs=0.1)


def test_the_baseline_has_a_table_lost_margins_first(write):
    gate = make_gate()
    assert "Against the baseline" not in write(gate)
    row = {"axis": "latency_s", "unit": "s", "value": 0.046, **survival_of(0)}
    row |= {"baseline_survival": 1.0, "baseline_survival_low": 0.9, "regressed": False}
    lost = {**row, "axis": "push_speed", "unit": "m/s", "value": 1.5, **survival_of(20)}
    gate["regressions"] = [row, lost | {"regressed": True}]
    text = Page(write(gate)).text
    assert "Latency 46 ms 0 of 24" in text and "Pushes 1.5 m/s 20 of 24" in text
    assert text.index("\u2715 lost") < text.index("\u2713 kept")
