"""A wrong params.yaml is one message: the dotted key, the value, and what is allowed."""

import copy
import math
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

import robots
from pipeline import config
from pipeline.config import Config, ConfigError, load, parse

PARAMS = Path(__file__).parents[2] / "params.yaml"


def change(raw, key, value):
    """Set a dotted key; the last part may be new."""
    *sections, last = key.split(".")
    for section in sections:
        raw = raw[section]
    raw[last] = value


def message(raw):
    with pytest.raises(ConfigError) as caught:
        parse(raw)
    return str(caught.value)


# What is right


def test_params_yaml_loads():
    settings = load(PARAMS)
    assert settings.robot == yaml.safe_load(PARAMS.read_text())["robot"]
    assert settings.task.randomization.friction[0] > 0


def test_what_is_loaded_is_what_is_written(raw_params):
    raw_params["ppo"]["learning_rate"] = 0.125
    raw_params["task"]["commands"]["vx"] = [-0.25, 0.75]
    raw_params["evaluate"]["randomized"] = False
    settings = parse(raw_params)
    assert settings.ppo.learning_rate == 0.125
    assert settings.task.commands.vx == (-0.25, 0.75)
    assert settings.evaluate.randomized is False


def test_parse_leaves_its_argument_alone(raw_params):
    before = copy.deepcopy(raw_params)
    parse(raw_params)
    assert raw_params == before


def test_exponents_without_a_point_are_numbers(raw_params):
    # YAML 1.1 reads 1e-3 as a string, and `dvc exp run -S` writes it so.
    change(raw_params, "ppo.learning_rate", yaml.safe_load("1e-3"))
    assert isinstance(raw_params["ppo"]["learning_rate"], str)
    assert parse(raw_params).ppo.learning_rate == 0.001


def test_frozen(make_config):
    settings = make_config()
    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 2
    with pytest.raises(ValidationError, match="frozen"):
        settings.task.control.action_scale = 2.0
    with pytest.raises(TypeError):
        settings.task.commands.vx[0] = 2.0


# What is wrong: key as it is written, a value, and what the message has to say besides


WRONG = {
    "misspelt key": ("ppo.learning_rat", 1.0, ["unknown key", "learning_rate"]),
    "unknown section": ("rendering", {}, ["unknown key", "render"]),
    "unknown reward": ("task.rewards.weights.jump", 1.0, ["unknown key", "foot_slip"]),
    "unknown sweep": ("sim2sim.sweeps.gravity", [9.0], ["unknown key", "friction"]),
    "word for a number": ("ppo.learning_rate", "fast", ["'fast'", "number"]),
    "number for a list": ("task.commands.vx", 3, ["3", "valid tuple"]),
    "list for a number": ("physics.sim_dt", [0.005], ["[0.005]", "number"]),
    "number for a section": ("ppo", 5, ["5", "dictionary"]),
    "fraction for a count": ("ppo.num_envs", 10.5, ["10.5", "integer"]),
    "true for a number": ("task.control.action_scale", True, ["True", "a number"]),
    "true for a count": ("ppo.num_envs", True, ["True", "a number"]),
    "number for true": ("sim2sim.enabled", 1, ["1", "true or false"]),
    "word for true": ("evaluate.randomized", "off", ["'off'", "true or false"]),
    "range the wrong way": ("task.commands.vx", [1.0, 0.0], ["[1.0, 0.0]", "1.0 is above", "0.0"]),
    "negative friction": ("task.randomization.friction", [-0.1, 1.0], ["-0.1", "greater than 0"]),
    "negative push": ("task.randomization.push_speed", [-1.0, 1.0], ["-1.0", "at least 0"]),
    "zero time": ("task.control.ctrl_dt", 0.0, ["0.0", "greater than 0"]),
    "no environments": ("ppo.num_envs", 0, ["0", "greater than or equal to 1"]),
    "share above one": ("task.commands.zero_share", 1.5, ["1.5", "less than or equal to 1"]),
    "reward for falling": ("task.rewards.weights.tilt", 2.0, ["2.0", "less than or equal to 0"]),
    "cost of tracking": (
        "task.rewards.weights.track_lin_vel",
        -1.0,
        ["-1.0", "greater than or equal to 0"],
    ),
    "odd picture": ("render.width", 961, ["961", "multiple of 2"]),
    "unknown backend": ("physics.backend", "cuda", ["'cuda'", "'native'", "'warp'"]),
    "unknown integrator": ("sim2sim.integrator", "rk", ["'rk'", "'RK4'"]),
    "unknown opset": ("export.opset", 18, ["18", "17"]),
    "two shapes of floor": (
        "sim2sim.scenarios.bumps",
        {"slope": 0.1, "bump_height": 0.03},
        ["slope: 0.1 and bump_height: 0.03", "one of slope, bumps and steps"],
    ),
    "empty sweep": ("sim2sim.sweeps.friction", [], ["[]", "at least 1 item"]),
    "empty script": ("render.script", [], ["[]", "at least 1 item"]),
    "no hidden layer": ("ppo.policy_hidden_layer_sizes", [], ["[]", "at least 1 item"]),
    "no regular expression": (
        "task.rewards.posture_weights",
        [["[hip", 1.0]],
        ["'[hip'", "regular expression"],
    ),
    "unknown robot": ("robot", "cheetah", ["'cheetah'", *robots.names()]),
    "no robot": ("robot", None, ["None", *robots.names()]),
    "seed below zero": ("seed", -1, ["-1", "greater than or equal to 0"]),
    "word as seed": ("seed", "lucky", ["'lucky'", "integer"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_value(raw_params, case):
    key, value, wanted = WRONG[case]
    change(raw_params, key, value)
    said = message(raw_params)
    assert said.startswith(f"params.yaml: {key}: ")
    assert "\n" not in said
    for words in wanted:
        assert words in said


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "nan", "inf", "-Infinity"])
@pytest.mark.parametrize("key", ["physics.sim_dt", "ppo.entropy_cost", "task.rewards.weights.tilt"])
def test_not_finite(raw_params, key, value):
    change(raw_params, key, value)
    said = message(raw_params)
    assert said.startswith(f"params.yaml: {key}: {float(value)!r} is not allowed: ")
    assert said.count("\n") == 0
    assert "finite number" in said


def test_not_finite_inside_a_list_names_its_place(raw_params):
    change(raw_params, "task.commands.vy", [-0.5, math.nan])
    assert message(raw_params).startswith("params.yaml: task.commands.vy.1: nan is not allowed")


def test_wrong_inside_a_list_is_one_message(raw_params):
    change(raw_params, "render.script", [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    said = message(raw_params)
    assert said.startswith("params.yaml: render.script.1.0: 0.0 is not allowed")
    assert "\n" not in said


def test_missing_key(raw_params):
    del raw_params["ppo"]["num_envs"]
    assert message(raw_params) == "params.yaml: ppo.num_envs: is missing"


def test_missing_section(raw_params):
    del raw_params["task"]["commands"]
    assert message(raw_params) == "params.yaml: task.commands: is missing"


def test_two_wrong_entries_are_two_lines(raw_params):
    change(raw_params, "ppo.num_envs", 0)
    change(raw_params, "render.fps", 1000)
    lines = message(raw_params).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["ppo.num_envs", "render.fps"]


# What is wrong together


def test_sim_dt_has_to_divide_ctrl_dt(raw_params):
    change(raw_params, "physics.sim_dt", 0.003)
    said = message(raw_params)
    assert said == ("params.yaml: physics.sim_dt: 0.003 does not divide task.control.ctrl_dt 0.02")


def test_the_gates_sim_dt_has_to_divide_ctrl_dt_too(raw_params):
    change(raw_params, "sim2sim.sim_dt", 0.04)
    assert message(raw_params).startswith("params.yaml: sim2sim.sim_dt: 0.04 does not divide ")


@pytest.mark.parametrize("key", ["sim2sim.margins.sim_dt", "sim2sim.scenarios.fine_physics.sim_dt"])
def test_every_step_of_the_gate_has_to_divide_ctrl_dt(raw_params, key):
    change(raw_params, key, 0.003)
    assert message(raw_params).startswith(f"params.yaml: {key}: 0.003 does not divide ")


def test_swept_steps_have_to_divide_ctrl_dt(raw_params):
    raw_params["sim2sim"]["sweeps"]["sim_dt"] = [0.001, 0.0015]
    assert message(raw_params).startswith("params.yaml: sim2sim.sweeps.sim_dt.1: 0.0015 does not")


def test_the_full_profile_looks_for_margins(raw_params):
    change(raw_params, "sim2sim.profiles.full.margin", 0)
    assert message(raw_params).startswith("params.yaml: sim2sim.profiles.full.margin: 0 ")


def test_every_command_is_walked_nominally(raw_params):
    change(raw_params, "sim2sim.profiles.quick.nominal", 12)
    said = message(raw_params)
    assert said.startswith("params.yaml: sim2sim.profiles.quick.nominal: 12 ") and "13" in said


@pytest.mark.parametrize("interval_s", [10.0, 12.0])
def test_a_push_comes_before_the_episode_ends(raw_params, interval_s):
    change(raw_params, "sim2sim.push_interval_s", interval_s)
    assert message(raw_params) == (
        f"params.yaml: sim2sim.push_interval_s: {interval_s} leaves no push in an episode of "
        "10.0 s (sim2sim.episode_s)"
    )


def test_the_profile_chosen_says_how_many_episodes(make_config):
    counts = {"nominal": 13, "sweep": 2, "scenario": 3, "margin": 4}
    changes = {"sim2sim.profile": "full", "sim2sim.profiles.full": counts}
    assert make_config(changes).sim2sim.episodes.model_dump() == counts
    assert make_config().sim2sim.episodes.margin == 0  # quick


@pytest.mark.parametrize("sim_dt", [0.02, 0.01, 0.005, 0.004, 0.0025, 0.002, 0.001])
def test_sim_dt_that_divides_is_fine(raw_params, sim_dt):
    change(raw_params, "physics.sim_dt", sim_dt)
    assert parse(raw_params).physics.sim_dt == sim_dt


def test_minibatches_have_to_divide_environments(raw_params):
    change(raw_params, "ppo.num_envs", 100)
    change(raw_params, "ppo.num_minibatches", 8)
    assert message(raw_params) == (
        "params.yaml: ppo.num_minibatches: 8 does not divide ppo.num_envs 100"
    )


def test_action_delay_is_at_most_a_control_period(raw_params):
    change(raw_params, "task.randomization.action_delay_s", [0.0, 0.021])
    assert message(raw_params) == (
        "params.yaml: task.randomization.action_delay_s: 0.021 is more than one "
        "task.control.ctrl_dt (0.02)"
    )
    change(raw_params, "task.randomization.action_delay_s", [0.0, 0.02])
    parse(raw_params)


@pytest.mark.parametrize(
    ("section", "length"), [("evaluate", "duration_s"), ("sim2sim", "episode_s")]
)
@pytest.mark.parametrize("settle_s", [3.0, 4.0, 2.995])  # the last leaves less than a step
def test_settling_leaves_something_of_an_episode(raw_params, section, length, settle_s):
    change(raw_params, f"{section}.{length}", 3.0)
    change(raw_params, f"{section}.settle_s", settle_s)
    said = message(raw_params)
    assert said.startswith(f"params.yaml: {section}.settle_s: {settle_s} leaves nothing")
    assert "3.0 s" in said


@pytest.mark.parametrize("key", ["task.control.episode_length_s", "sim2sim.push_interval_s"])
def test_shorter_than_a_step(raw_params, key):
    change(raw_params, key, 0.01)
    said = message(raw_params)
    assert said == f"params.yaml: {key}: 0.01 is less than one task.control.ctrl_dt (0.02)"


# Overrides


def test_overrides_are_applied_and_touch_nothing_else(raw_params):
    plain = parse(raw_params)
    change(
        raw_params,
        "overrides.go2",
        {"ppo": {"learning_rate": 0.25}, "task": {"commands": {"vx": [-0.1, 0.1]}}},
    )
    changed = parse(raw_params)
    assert changed.ppo.learning_rate == 0.25
    assert changed.task.commands.vx == (-0.1, 0.1)
    wanted = plain.model_dump()
    wanted["ppo"]["learning_rate"] = 0.25
    wanted["task"]["commands"]["vx"] = (-0.1, 0.1)
    assert changed.model_dump() == wanted


def test_overrides_do_not_leak_into_the_next_reading(raw_params):
    before = parse(raw_params)
    overridden = copy.deepcopy(raw_params)
    change(overridden, "overrides.go2", {"ppo": {"learning_rate": 0.25}})
    parse(overridden)
    assert parse(raw_params) == before


def test_overrides_of_another_robot_do_nothing(raw_params, monkeypatch):
    plain = parse(raw_params)
    known = (*config.robots.names(), "other")
    monkeypatch.setattr(config.robots, "names", lambda: known)
    change(raw_params, "overrides.other", {"ppo": {"learning_rate": 0.25}})
    assert parse(raw_params) == plain


@pytest.mark.parametrize("absent", [None, {}])
def test_overrides_may_be_absent(raw_params, absent):
    wanted = parse(raw_params)
    raw_params["overrides"] = absent
    assert parse(raw_params) == wanted
    del raw_params["overrides"]
    assert parse(raw_params) == wanted


WRONG_OVERRIDES = {
    "unknown robot": ("overrides.cheetah", {}, ["no such robot", "go2"]),
    "unknown section": ("overrides.go2.rendering", {}, ["unknown key", "render"]),
    "misspelt key": ("overrides.go2.ppo.learning_rat", 1.0, ["unknown key", "learning_rate"]),
    "of the robot": ("overrides.go2.robot", "go2", ["unknown key", "physics"]),
    "of the seed": ("overrides.go2.seed", 2, ["unknown key", "physics"]),
    "no mapping": ("overrides.go2.ppo", 5, ["5", "not a mapping"]),
    "wrong value": ("overrides.go2.ppo.learning_rate", -1.0, ["-1.0", "greater than 0"]),
    "mapping for a number": (
        "overrides.go2.ppo.learning_rate",
        {"first": 1.0},
        ["{'first': 1.0}", "no mapping"],
    ),
}


@pytest.mark.parametrize("case", WRONG_OVERRIDES)
def test_wrong_override(raw_params, case):
    key, value, wanted = WRONG_OVERRIDES[case]
    change(raw_params, key, value)
    said = message(raw_params)
    assert said.startswith(f"params.yaml: {key}: ")
    assert "\n" not in said
    for words in wanted:
        assert words in said


def test_overrides_that_are_no_mapping(raw_params):
    raw_params["overrides"] = [1]
    assert message(raw_params).startswith("params.yaml: overrides: [1] is not allowed")


# The file


def test_no_such_file(tmp_path):
    path = tmp_path / "nowhere.yaml"
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file; run from the project"):
        load(path)


@pytest.mark.parametrize("value", ["&a [*a]", "&a {b: *a}", "[" * 40 + "]" * 40])
def test_what_is_nested_without_end_is_named(tmp_path, value):
    path = tmp_path / "params.yaml"
    path.write_text(f"robot: go2\ntask: {{rewards: {value}}}")
    with pytest.raises(ConfigError, match=r"params\.yaml: task\.rewards.*: is nested more than 20"):
        load(path)


@pytest.mark.parametrize("line", ["seed: 0x{}", "robot: {{? 0x{} : 1}}"])
def test_numbers_too_long_to_show_are_named(tmp_path, line):
    path = tmp_path / "params.yaml"
    path.write_text("robot: go2\n" + line.format("f" * 5000))
    with pytest.raises(ConfigError, match=r"(seed|robot): is a number of more"):
        load(path)


@pytest.mark.parametrize("key", [1, None, True, 0.5])
def test_a_key_that_yaml_takes_for_something_else_is_named(raw_params, key):
    raw_params["task"]["rewards"]["weights"][key] = 1.0
    with pytest.raises(ConfigError, match=rf"params\.yaml: task\.rewards\.weights\.{key}: "):
        parse(raw_params)
    raw_params["overrides"]["go2"]["task"] = {key: 1.0}
    with pytest.raises(ConfigError, match=rf"overrides\.go2\.task\.{key}: unknown key; allowed: "):
        parse(raw_params)


@pytest.mark.parametrize("content", [b"robot: [go2", b"a: b: c", b"\xff\xfe\x00robot", b"\x00"])
def test_not_yaml(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"params\.yaml: not valid YAML: "):
        load(path)


@pytest.mark.parametrize(("content", "kind"), [("", "NoneType"), ("- 1", "list"), ("go2", "str")])
def test_not_a_mapping(tmp_path, content, kind):
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=f"want a mapping of sections, got {kind}"):
        load(path)


def test_every_entry_has_a_case_of_a_wrong_type(raw_params):
    """No entry of params.yaml, however deep, takes a value of another type."""
    leaves = list(walk(raw_params))
    assert len(leaves) > 100
    for key in leaves:
        raw = copy.deepcopy(raw_params)
        change(raw, key, {"a": 1})
        assert f"params.yaml: {key}: " in message(raw)


def walk(node, prefix=""):
    for name, value in node.items():
        if name == "overrides" and not prefix:
            continue
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            yield from walk(value, f"{key}.")
        else:
            yield key


def test_every_section_is_frozen_and_refuses_unknown_keys():
    for section in sections(Config):
        assert section.model_config["frozen"], section
        assert section.model_config["extra"] == "forbid", section
        assert section.model_config["allow_inf_nan"] is False, section


def sections(of):
    yield of
    for field in of.model_fields.values():
        if hasattr(field.annotation, "model_fields"):
            yield from sections(field.annotation)
