"""The gate as a whole: what is run, what is judged, what gate.json says."""

import copy
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.command_grid import command_grid
from pipeline.config import ConfigError
from pipeline.env import contract_of
from pipeline.quality import Episodes
from pipeline.sim2sim import gate, reporting, trial
from pipeline.sim2sim.baseline import load_baseline
from pipeline.sim2sim.criteria import failures, judge, lines
from pipeline.sim2sim.gate import GateError, run_gate
from pipeline.sim2sim.recording import Recording
from pipeline.sim2sim.schema import Gate, GateFileError, json_schema, read_gate

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """MuJoCo logs its warnings into the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def contract(make_config, go2):
    return contract_of(make_config().task, go2)


def stand(obs):
    return np.zeros((len(obs), 12), np.float32)


# Criteria


NOMINAL_FIGURES = {"episodes": 100, "falls": 0, "planar_rmse": 0.05, "yaw_rmse": 0.06}
GAIT = {"fast_action_share": 0.1}
SWEEP = [
    {"axis": "friction", "value": 0.3, "episodes": 60, "falls": 1, "survival": 59 / 60},
    {"axis": "cone", "value": "pyramidal", "episodes": 40, "falls": 2, "survival": 0.95},
]
SCENARIOS = [
    {"name": "drop", "episodes": 10, "falls": 0, "survival": 1.0},
    {"name": "bumps", "episodes": 10, "falls": 2, "survival": 0.8},
]
CRITERIA = (
    "nominal_falls",
    "planar_rmse",
    "yaw_rmse",
    "fast_action_share",
    "swept_survival",
    "each_swept_survival",
    "scenario_survival",
    "each_scenario_survival",
)
LIMITS = {
    "nominal_falls": 1,
    "planar_rmse": 0.1,
    "yaw_rmse": 0.2,
    "fast_action_share": 0.3,
    "swept_survival": 0.97,
    "each_swept_survival": 0.5,
    "scenario_survival": 0.9,
    "each_scenario_survival": 0.5,
}


@pytest.fixture(scope="module")
def settings(make_config):
    return make_config({f"sim2sim.thresholds.{k}": v for k, v in LIMITS.items()}).sim2sim


def passed(rows):
    return {row["name"]: row["passed"] for row in rows}


def test_every_criterion_passes(settings):
    rows = judge(NOMINAL_FIGURES, GAIT, SWEEP, SCENARIOS, [], settings)
    assert passed(rows) == dict.fromkeys(CRITERIA, True)
    by_name = {row["name"]: row for row in rows}
    assert by_name["swept_survival"]["measured"] == pytest.approx(0.97)  # 97 of 100: just enough
    assert by_name["swept_survival"]["comparison"] == ">="
    assert by_name["planar_rmse"]["required"] == 0.1
    assert "100 nominal episodes of 10 s" in by_name["nominal_falls"]["description"]
    json.dumps(rows, allow_nan=False)


@pytest.mark.parametrize(
    ("figure", "good", "bad"),
    [
        ("falls", 1, 2),
        ("planar_rmse", 0.1, 0.1000001),
        ("planar_rmse", 0.0, float("nan")),
        ("yaw_rmse", 0.2, 0.2000001),
        ("yaw_rmse", 0.0, float("nan")),
    ],
)
def test_each_nominal_criterion_on_either_side(settings, figure, good, bad):
    name = "nominal_falls" if figure == "falls" else figure
    for value, wanted in ((good, True), (bad, False)):
        rows = judge({**NOMINAL_FIGURES, figure: value}, GAIT, SWEEP, SCENARIOS, [], settings)
        assert passed(rows) == {**dict.fromkeys(CRITERIA, True), name: wanted}


@pytest.mark.parametrize(("share", "wanted"), [(0.3, True), (0.31, False), (float("nan"), False)])
def test_what_shakes_does_not_pass(settings, share, wanted):
    rows = judge(NOMINAL_FIGURES, {"fast_action_share": share}, SWEEP, SCENARIOS, [], settings)
    assert passed(rows) == {**dict.fromkeys(CRITERIA, True), "fast_action_share": wanted}


@pytest.mark.parametrize("place", [0, 1])
def test_survival_on_either_side(settings, place):
    rows = [SWEEP, SCENARIOS]
    rows[place] = [rows[place][0], {**rows[place][1], "falls": 3, "survival": 0.7}]
    sweeps, scenarios = rows
    found = passed(judge(NOMINAL_FIGURES, GAIT, sweeps, scenarios, [], settings))
    together = ("swept_survival", "scenario_survival")[place]
    assert found == {**dict.fromkeys(CRITERIA, True), together: False}


def test_no_value_of_a_sweep_hides_among_the_others(settings):
    """Of forty, one at which all fall leaves 97.5 %."""
    row = {"axis": "friction", "episodes": 10, "falls": 0, "survival": 1.0}
    stood = [{**row, "value": 0.5 + k / 100} for k in range(39)]
    for survival, wanted in ((0.5, True), (0.4, False), (0.0, False)):
        bad = {**row, "value": 0.1, "falls": round(10 * (1 - survival)), "survival": survival}
        rows = judge(NOMINAL_FIGURES, GAIT, [*stood, bad], SCENARIOS, [], settings)
        assert passed(rows) == {**dict.fromkeys(CRITERIA, True), "each_swept_survival": wanted}
        (row_of,) = [row for row in rows if row["name"] == "each_swept_survival"]
        assert "fewest survive: friction 0.1" in row_of["description"]


def test_no_scenario_hides_among_the_others(settings):
    """Of sixteen, one at which all fall leaves 94 %."""
    stood = [{"name": f"s{k}", "episodes": 13, "falls": 0, "survival": 1.0} for k in range(15)]
    for survival, wanted in ((7 / 13, True), (6 / 13, False), (0.0, False)):
        falls = round(13 * (1 - survival))
        bad = {"name": "stand_still", "episodes": 13, "falls": falls, "survival": survival}
        rows = judge(NOMINAL_FIGURES, GAIT, SWEEP, [*stood, bad], [], settings)
        expected = {**dict.fromkeys(CRITERIA, True), "each_scenario_survival": wanted}
        assert passed(rows) == expected
        assert "fewest survive: stand_still" in rows[-1]["description"]


def test_a_margin_lost_against_the_baseline_fails_and_is_named(settings):
    kept = {"axis": "friction", "value": 0.3, "regressed": False}
    rows = judge(NOMINAL_FIGURES, GAIT, SWEEP, SCENARIOS, [kept], settings)
    assert rows[-1]["name"] == "regressions" and rows[-1]["passed"]
    lost = {"axis": "push_speed", "value": 1.25, "regressed": True}
    rows = judge(NOMINAL_FIGURES, GAIT, SWEEP, SCENARIOS, [kept, lost], settings)
    assert not rows[-1]["passed"] and rows[-1]["measured"] == 1
    assert "push_speed 1.25" in failures({"criteria": rows})[0]


def test_failures_name_what_was_measured_and_what_is_required(settings):
    figures = {**NOMINAL_FIGURES, "falls": 2, "planar_rmse": 0.25}
    told = failures({"criteria": judge(figures, GAIT, SWEEP, SCENARIOS, [], settings)})
    assert len(told) == 2
    assert told[0].startswith("nominal_falls: measured 2, required <= 1")
    assert told[1].startswith("planar_rmse: measured 0.25, required <= 0.1 m/s")


def test_every_criterion_is_told_on_a_line_with_its_unit(settings):
    figures = {**NOMINAL_FIGURES, "falls": 2, "planar_rmse": 0.0123456}
    rows = judge(figures, GAIT, SWEEP, SCENARIOS, [], settings)
    told = lines({"criteria": rows})
    assert len(told) == len(rows)
    assert told[0].split() == ["FAIL", "nominal_falls", "2", "required", "<=", "1"]
    assert told[1].split()[:4] == ["pass", "planar_rmse", "0.01235", "m/s"]
    assert len({line.index("required") for line in told}) == 1


def test_failures_say_where_nothing_could_be_measured(settings):
    rows = judge(
        {**NOMINAL_FIGURES, "yaw_rmse": float("nan")}, GAIT, SWEEP, SCENARIOS, [], settings
    )
    for row in rows:
        row["measured"] = None if row["measured"] != row["measured"] else row["measured"]
    assert "yaw_rmse: measured nothing (every robot fell)" in failures({"criteria": rows})[0]


# The gate as a whole


class Standing:
    """A policy that stands, behind the interface of one read from an ONNX file."""

    def __init__(self, contract, path):
        self.contract, self.path = contract, path
        path.write_bytes(b"a policy")

    def __call__(self, obs):
        assert obs.dtype == np.float32 and obs.shape[1] == self.contract.observation_size
        return stand(obs)


TINY = {
    "sim2sim.enabled": True,
    "sim2sim.profile": "full",
    "sim2sim.episode_s": 0.5,
    "sim2sim.settle_s": 0.2,
    "sim2sim.profiles.quick": {"nominal": 13, "sweep": 2, "scenario": 2, "margin": 0},
    "sim2sim.profiles.full": {"nominal": 13, "sweep": 3, "scenario": 2, "margin": 2},
    "sim2sim.push_interval_s": 0.2,
    "sim2sim.margins.rounds": 2,
    "sim2sim.margins.search": {"friction": [0.1, 1.4], "stumble": [1.4]},
}


@pytest.fixture(scope="module")
def policy(contract, tmp_path_factory):
    return Standing(contract, tmp_path_factory.mktemp("gate") / "policy.onnx")


@pytest.fixture(scope="module")
def verdict(policy, go2, make_config):
    return run_gate(policy, go2, make_config(TINY))


def test_gate_is_json_and_complete(verdict, raw_params):
    found = json.loads(json.dumps(verdict.gate, allow_nan=False))
    Gate.model_validate(found)
    assert [c["name"] for c in found["criteria"]] == list(CRITERIA)
    assert found["passed"] is False  # standing still is not following commands
    assert found["policy_sha256"] == hashlib.sha256(b"a policy").hexdigest()
    assert found["robot"] == "go2" and found["enabled"] is True
    assert found["nominal"]["episodes"] == 13
    assert len(found["nominal"]["commands"]) == 13
    for row in found["nominal"]["commands"]:
        # Shorter than a stride: all that is seen of an episode is one.
        assert row["stride_planar_rmse"] == pytest.approx(row["planar_error"])
        assert row["stride_yaw_rmse"] == pytest.approx(row["yaw_error"])
        for axis in ("vx", "vy", "yaw_rate"):
            assert row[f"bias_{axis}"] == row[f"measured_{axis}"] - row[axis]
    assert [row["name"] for row in found["scenarios"]] == list(raw_params["sim2sim"]["scenarios"])
    assert [(row["axis"], row["limit"]) for row in found["margins"]] == [
        ("friction", 0.1),
        ("friction", 1.4),
        ("stumble", 1.4),
    ]
    assert {row["episodes"] for row in found["sweeps"]} == {3}
    assert {row["episodes"] for row in found["scenarios"]} == {2}
    for row in [*found["sweeps"], *found["scenarios"]]:
        assert row["survival_low"] <= row["survival"] <= row["survival_high"]


def test_every_episode_is_counted(verdict):
    gate = verdict.gate
    tried = [row for margin in gate["margins"] for row in margin["tried"]]
    rows = [*gate["sweeps"], *gate["scenarios"], *tried]
    # The nominal ones, the demonstration, and once more the worst.
    assert gate["episodes"] == 13 + 1 + sum(row["episodes"] for row in rows)


def test_gate_measures_what_standing_misses(verdict, contract):
    asked = command_grid(contract.command_ranges)
    figures = verdict.gate["nominal"]
    assert figures["falls"] == 0
    # Each command's error is about the command itself.
    assert figures["planar_rmse"] == pytest.approx(
        np.sqrt(np.mean(np.sum(np.square(asked[:, :2]), axis=1))), abs=0.05
    )
    assert figures["yaw_rmse"] == pytest.approx(np.sqrt(np.mean(asked[:, 2] ** 2)), abs=0.05)


def test_gate_asks_for_the_grid_and_demonstrates_five_commands(verdict, contract):
    assert np.array_equal(verdict.nominal.command[0], command_grid(contract.command_ranges))
    demo = verdict.demo.episodes
    assert demo.command.shape == (25, 1, 3)
    assert len(np.unique(demo.command[:, 0], axis=0)) == 5
    assert verdict.demo.qpos.shape == (25, 1, 19)


def fell_late(name, value, number):
    """With much latency both episodes of `Labelled` fall, with little the first."""
    return name == "latency_s" and (value >= 0.02 or number == 0)


class Labelled:
    """A simulator in which robots miss their command by their scenario's value, in m/s."""

    def __init__(self, contract, robot, settings, episodes, seed, threads):
        self.episodes = episodes

    def run(self, policy, commands, lying_s=1.0):
        steps, n, _ = commands.shape
        velocity = commands.astype(float)
        values = [e.scenario.value or 0.0 for e in self.episodes]
        velocity[:, :, 0] += values
        late = [fell_late(e.scenario.name, e.scenario.value, e.number) for e in self.episodes]
        fell_at = np.where(late, 3 + np.array([e.number for e in self.episodes]), steps)
        zero = np.zeros((steps, n, 12))
        episodes = Episodes(commands, velocity, zero, zero, zero, np.zeros((steps, n)), fell_at)
        feet = np.zeros((steps, n, 4))
        obs = np.zeros((steps, n, 47), np.float32)
        return Recording(episodes, np.zeros((steps, n, 19)), obs, feet, feet, np.zeros((steps, n)))


def test_every_episode_is_counted_for_its_own_scenario(policy, go2, make_config, monkeypatch):
    monkeypatch.setattr(trial, "GateSimulator", Labelled)
    found = run_gate(policy, go2, make_config({**TINY, "sim2sim.profile": "quick"})).gate
    assert found["nominal"]["planar_rmse"] == 0 and found["nominal"]["falls"] == 0
    assert found["margins"] == []
    falls = sum(row["falls"] for row in found["sweeps"])
    total = sum(row["episodes"] for row in found["sweeps"])
    for row in found["sweeps"]:
        fell = [fell_late(row["axis"], row["value"], number) for number in range(2)]
        assert row["falls"] == sum(fell)
        assert row["survival"] == 1 - sum(fell) / 2
        if all(fell):
            assert row["planar_rmse"] is None and row["yaw_rmse"] is None
        else:
            assert row["planar_rmse"] == pytest.approx(abs(row["value"]), abs=1e-6)
    survival = next(c for c in found["criteria"] if c["name"] == "swept_survival")
    assert survival["measured"] == pytest.approx(1 - falls / total)
    # The worst: the scenario with most falls, and there the episode that fell first.
    worst = found["worst"]
    assert (worst["scenario"], worst["value"], worst["number"]) == ("latency_s", 0.02, 0)
    assert worst["fell_at_s"] == pytest.approx(4 * 0.02)


def test_the_worst_episode_is_run_again(policy, go2, make_config):
    hard = {"sim2sim.profile": "quick", "sim2sim.episode_s": 2.0, "sim2sim.scenarios": {}}
    pushed = {"sim2sim.sweeps": {"friction": [0.8], "push_speed": [0.1, 9.0]}}
    verdict = run_gate(policy, go2, make_config({**TINY, **hard, **pushed}))
    worst, again = verdict.gate["worst"], verdict.worst.episodes
    assert (worst["scenario"], worst["value"]) == ("push_speed", 9.0)
    assert again.command.shape[1] == 1 and again.fell[0]
    assert again.fell_at[0] * 0.02 == pytest.approx(worst["fell_at_s"], abs=0.021)


def test_gate_is_the_same_for_the_same_seed(verdict, policy, go2, make_config):
    again = run_gate(policy, go2, make_config(TINY))
    assert again.gate == verdict.gate
    assert np.array_equal(again.demo.qpos, verdict.demo.qpos)
    other = run_gate(policy, go2, make_config({**TINY, "seed": 2}))
    assert other.gate["nominal"]["planar_rmse"] != verdict.gate["nominal"]["planar_rmse"]


def test_thresholds_decide_and_change_nothing_that_is_measured(verdict, policy, go2, make_config):
    easy = {"nominal_falls": 13, "planar_rmse": 9.0, "yaw_rmse": 9.0, "fast_action_share": 1.0}
    easy |= dict.fromkeys([name for name in CRITERIA if "survival" in name], 0.0)
    easy = {f"sim2sim.thresholds.{name}": value for name, value in easy.items()}
    found = run_gate(policy, go2, make_config({**TINY, **easy})).gate
    assert found["passed"] is True and failures(found) == []
    for part in ("nominal", "sweeps", "scenarios", "margins", "gait"):
        assert found[part] == verdict.gate[part]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"sim2sim.margins.search": {"payload_kg": [-8.0]}}, "sim2sim.margins.search.payload_kg.0"),
        ({"sim2sim.sweeps.payload_kg": [1.0, -8.0]}, "sim2sim.sweeps.payload_kg.1"),
        (
            {"sim2sim.scenarios": {"light": {"payload_kg": -8.0}}},
            "sim2sim.scenarios.light.payload_kg",
        ),
    ],
)
def test_an_impossible_payload_is_refused_before_anything_runs(
    policy, go2, make_config, monkeypatch, change, key
):
    monkeypatch.setattr(gate, "Trials", None)
    with pytest.raises(ConfigError, match=rf"params.yaml: {key}: -8.0 is not .* 6\.921 kg"):
        run_gate(policy, go2, make_config({**TINY, **change}))


def test_a_policy_for_another_robot_is_refused(policy, go2, make_config):
    stranger = copy.copy(policy)
    stranger.contract = SimpleNamespace(robot="g1", ctrl_dt=0.02)
    with pytest.raises(GateError, match=r"policy\.onnx: is a policy for 'g1'.*asks for 'go2'"):
        run_gate(stranger, go2, make_config(TINY))


# gate.json read again


@pytest.fixture
def gate_file(verdict, tmp_path):
    def write(**changes):
        path = tmp_path / "gate.json"
        path.write_text(json.dumps({**verdict.gate, **changes}))
        return path

    return write


def test_a_gate_is_read_as_it_was_written(gate_file, verdict):
    assert read_gate(gate_file()) == json.loads(json.dumps(verdict.gate))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 1}, r"gate\.json: schema_version is 1, this code reads 5; run the"),
        ({"policy_sha256": "abc"}, r"gate\.json: policy_sha256: "),
        ({"margins": [{"axis": "friction"}]}, r"gate\.json: margins\.0\.unit: Field required"),
        ({"extra": 1}, r"gate\.json: extra: Extra inputs"),
        ({"seed": "1"}, r"gate\.json: seed: Input should be a valid integer"),
        ({"passed": 1}, r"gate\.json: passed: Input should be a valid boolean"),
    ],
)
def test_another_layout_is_refused_by_its_field(gate_file, changes, message):
    with pytest.raises(GateFileError, match=message):
        read_gate(gate_file(**changes))


@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00"])
def test_what_is_no_gate_is_refused(tmp_path, content):
    path = tmp_path / "gate.json"
    path.write_text(content)
    with pytest.raises(GateFileError, match=r"gate\.json"):
        read_gate(path)
    with pytest.raises(GateFileError, match="no such file"):
        read_gate(tmp_path / "none.json")


def test_the_published_schema_is_that_of_the_code():
    assert (DOCS / "gate.schema.json").read_text() == json_schema(), (
        "python -m pipeline.sim2sim.schema > docs/gate.schema.json"
    )


def test_a_baseline_is_held_to(policy, go2, make_config, gate_file, verdict):
    kept = make_config({**TINY, "sim2sim.baseline": str(gate_file())})
    found = run_gate(policy, go2, kept).gate
    held = {row["axis"] for row in verdict.gate["margins"] if row["survival"] is not None}
    assert {row["axis"] for row in found["regressions"]} == held != set()
    assert found["criteria"][-1]["name"] == "regressions"
    assert found["criteria"][-1]["passed"]


def margin(axis, value, tried=None):
    """Margins of a gate.json: one, at which nine of ten survive."""
    shares = dict.fromkeys(("survival", "survival_low", "survival_high"), 0.9)
    ends = {"nominal": 0.8, "limit": 0.9, "beyond_limit": False, "fails_at": None}
    tried = {"falls": 1, "planar_rmse": None, "yaw_rmse": None, "value": tried or value}
    tried |= {"episodes": 10, **shares}
    row = {"axis": axis, "unit": "1", "value": value, "episodes": 10, "tried": [tried]}
    return [{**row, **shares, **ends}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"robot": "g1"}, r"sim2sim\.baseline: .*gate\.json is of 'g1', want 'go2'"),
        ({"margins": []}, r"sim2sim\.baseline: .*gate\.json has no margins"),
        ({"margins": margin("friction", 0.8, tried=0.9)}, r"gate\.json: its policy stood nothing"),
        ({"margins": margin("friction", -1.0)}, r"gate\.json: margins: friction: -1\.0: .*than 0"),
        (
            {"margins": margin("friction", 0.9, tried=99.0)},
            r"gate\.json: margins: friction: 99\.0: .*to 10",
        ),
        ({"margins": margin("colour", 1.0)}, r"gate\.json: margins: 'colour' is no axis"),
    ],
)
def test_a_baseline_that_does_not_fit_is_refused(
    policy, go2, make_config, gate_file, changes, message
):
    config = make_config({**TINY, "sim2sim.baseline": str(gate_file(**changes))})
    with pytest.raises(GateFileError, match=message):
        run_gate(policy, go2, config)


def test_a_baseline_of_other_versions_is_held_to_with_a_note(
    go2, make_config, gate_file, verdict, capsys
):
    older = {**verdict.gate["versions"], "mujoco": "3.0.0"}
    settings = make_config({**TINY, "sim2sim.baseline": str(gate_file(versions=older))}).sim2sim
    assert load_baseline("go2", settings)["versions"] == older
    assert "note: params.yaml: sim2sim.baseline: " in (said := capsys.readouterr().err)
    assert "'mujoco': '3.0.0'" in said
    settings = make_config({**TINY, "sim2sim.baseline": str(gate_file())}).sim2sim
    load_baseline("go2", settings)
    assert capsys.readouterr().err == ""


# What is drawn and filmed


def test_one_command_of_each_kind_is_drawn_over_time_and_all_drive_the_motors(verdict, policy):
    found = reporting.traces(verdict, policy.contract)
    asked = found.command[:, -1]
    kinds = {tuple(command != 0) for command in asked}
    assert len(asked) == len(kinds) == 6  # standing, each axis by itself, and two mixtures
    assert max(abs(asked[:, 0])) == pytest.approx(max(abs(verdict.nominal.command[-1, :, 0])))
    assert found.torque.shape == found.joint_vel.shape == (13, len(found.time), 12)


def test_a_film_that_ffmpeg_cannot_make_is_missed_on_the_page(
    verdict, policy, go2, tmp_path, monkeypatch
):
    def broken(*_, **__):
        raise OSError("ffmpeg: Broken pipe")

    monkeypatch.setattr(reporting, "film", broken)
    reporting.report(tmp_path / "report.html", verdict, go2, policy.contract)
    assert "ffmpeg: Broken pipe" in (tmp_path / "report.html").read_text()
