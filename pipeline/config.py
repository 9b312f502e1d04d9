"""params.yaml as frozen, typed objects; a wrong entry is one message that names its dotted key."""

from pathlib import Path
from typing import Annotated, Any, cast, get_args

import yaml
from pydantic import Field, ValidationError

import robots
from pipeline.config_gate import Sim2Sim
from pipeline.config_sections import Evaluate, Export, Physics, Ppo, Render
from pipeline.config_task import Task
from pipeline.config_types import Section
from robots.errors import UserError

DEEPEST = 20
"""Levels of mappings and lists in params.yaml; its own has seven."""


class ConfigError(UserError):
    """params.yaml has an unknown key, a wrong type or an impossible value."""


class Config(Section):
    """All of params.yaml, with the chosen robot's overrides applied."""

    robot: str
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    physics: Physics
    task: Task
    ppo: Ppo
    evaluate: Evaluate
    render: Render
    export: Export
    sim2sim: Sim2Sim


def load(path: Path | str = "params.yaml", robot: str | None = None) -> Config:
    """Read params.yaml for the robot it names, or another.

    Raises:
        ConfigError: One message per wrong entry: dotted key, value, what is allowed.
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; run from the project's folder") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: want a mapping of sections, got {type(raw).__name__}")
    contents = cast("dict[str, Any]", raw)
    return parse({**contents, "robot": robot} if robot else contents)


def parse(raw: dict[str, Any]) -> Config:
    """Validate the contents of params.yaml; see `load`."""
    raw = _with_numbers(raw)
    robot = raw.get("robot")
    if robot not in robots.names():
        raise ConfigError(
            f"params.yaml: robot: {robot!r} is unknown; allowed: {', '.join(robots.names())}"
        )
    overrides: dict[str, Any] = raw.pop("overrides", None) or {}
    if not isinstance(overrides, dict):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigError(
            f"params.yaml: overrides: {overrides!r} is not allowed: want a mapping of robots"
        )
    for name in overrides:
        if name not in robots.names():
            raise ConfigError(
                f"params.yaml: overrides.{name}: no such robot; "
                f"allowed: {', '.join(robots.names())}"
            )
    changes: dict[str, Any] = overrides.get(robot) or {}
    sections = {key: value for key, value in raw.items() if key not in ("robot", "seed")}
    merged = {**raw, **_merge(sections, changes, f"overrides.{robot}")}
    try:
        config = Config.model_validate(merged)
    except ValidationError as error:
        lines = [_explain(item, robot, changes) for item in _deepest(error.errors())]
        raise ConfigError("\n".join(lines)) from error
    _check_booleans(merged, config.model_dump(), "")
    _check_together(config)
    return config


def _with_numbers(node: Any, key: str = "", depth: int = 0) -> Any:
    """Turn strings that are numbers into numbers: YAML 1.1 reads `1e-3` as a string."""
    if depth > DEEPEST:
        raise ConfigError(
            f"params.yaml: {key}: is nested more than {DEEPEST} deep, or holds itself (`&a [*a]`)"
        )
    if isinstance(node, int) and abs(node) >= 2**63:
        raise ConfigError(f"params.yaml: {key}: is a number of more than 64 bits")
    if isinstance(node, dict):
        # Keys as strings: one that YAML takes for a number is a misspelt one, too.
        values = {
            str(_with_numbers(k, key) if isinstance(k, int) else k): v
            for k, v in cast("dict[Any, Any]", node).items()
        }
        return {
            k: _with_numbers(v, f"{key}.{k}" if key else k, depth + 1) for k, v in values.items()
        }
    if isinstance(node, list):
        return [_with_numbers(value, key, depth + 1) for value in cast("list[Any]", node)]
    if isinstance(node, str):
        try:
            return float(node)
        except ValueError:
            return node
    return node


def _merge(base: dict[str, Any], changes: Any, where: str) -> dict[str, Any]:
    if not isinstance(changes, dict):
        raise ConfigError(f"params.yaml: {where}: {changes!r} is not a mapping")
    merged = dict(base)
    for key, value in cast("dict[str, Any]", changes).items():
        if key not in base:
            raise ConfigError(
                f"params.yaml: {where}.{key}: unknown key; allowed: {', '.join(sorted(base))}"
            )
        if isinstance(base[key], dict):
            merged[key] = _merge(base[key], value, f"{where}.{key}")
        elif isinstance(value, dict) and value:
            raise ConfigError(
                f"params.yaml: {where}.{key}: {value!r} is not allowed: what it changes is "
                f"{base[key]!r}, no mapping"
            )
        elif value != {}:  # an empty mapping changes nothing
            merged[key] = value
    return merged


def _deepest(errors: list[Any]) -> list[Any]:
    """Drop the errors of a list or section that only follow from one inside it."""
    inside = {item["loc"][:depth] for item in errors for depth in range(len(item["loc"]))}
    return [item for item in errors if item["loc"] not in inside]


def _written_at(loc: tuple[Any, ...], robot: str, changes: dict[str, Any]) -> str:
    """Dotted key of the place a value was written: the robot's overrides, or its own section."""
    key = ".".join(str(part) for part in loc)
    node: Any = changes
    for part in loc:
        if not isinstance(node, dict):
            break
        node = cast("dict[str, Any]", node).get(part, {})
    return key if isinstance(node, dict) else f"overrides.{robot}.{key}"


def _explain(item: Any, robot: str, changes: dict[str, Any]) -> str:
    key = _written_at(item["loc"], robot, changes)
    if item["type"] == "extra_forbidden":
        allowed = _allowed_keys(item["loc"])
        return f"params.yaml: {key}: unknown key; allowed: {', '.join(allowed)}"
    if item["type"] == "missing":
        return f"params.yaml: {key}: is missing"
    message = item["msg"].removeprefix("Value error, ")
    return f"params.yaml: {key}: {item['input']!r} is not allowed: {message}"


def _allowed_keys(loc: tuple[Any, ...]) -> list[str]:
    section: Any = Config
    for part in loc[:-1]:
        fields = getattr(section, "model_fields", None)
        # A mapping of the user's own names holds sections of one kind.
        section = fields[part].annotation if fields else get_args(section)[1]
    return sorted(section.model_fields)


def _check_booleans(raw: Any, parsed: Any, key: str) -> None:
    """Refuse `true` for a number, and a number or a word for `true`: pydantic converts them."""
    if isinstance(raw, dict):
        for name, value in cast("dict[str, Any]", raw).items():
            _check_booleans(value, parsed[name], f"{key}.{name}" if key else name)
    elif isinstance(raw, list):
        for index, value in enumerate(cast("list[Any]", raw)):
            _check_booleans(value, parsed[index], f"{key}.{index}")
    elif isinstance(raw, bool) != isinstance(parsed, bool):
        wanted = "true or false" if isinstance(parsed, bool) else "a number"
        raise ConfigError(f"params.yaml: {key}: {raw!r} is not allowed: want {wanted}")


def _gate_steps(gate: Sim2Sim) -> dict[str, float]:
    """Every physics step that the gate is told to take, by its key, s."""
    found = {"sim2sim.sim_dt": gate.sim_dt, **gate.asked("sim_dt")}
    if gate.margins.sim_dt is not None:
        found["sim2sim.margins.sim_dt"] = gate.margins.sim_dt
    return found


def _check_together(config: Config) -> None:
    """Refuse values that are fine alone and impossible together."""
    ppo, control, physics = config.ppo, config.task.control, config.physics
    for key, sim_dt in {"physics.sim_dt": physics.sim_dt, **_gate_steps(config.sim2sim)}.items():
        substeps = control.ctrl_dt / sim_dt
        if abs(substeps - round(substeps)) > 1e-6 or substeps < 1:
            raise ConfigError(
                f"params.yaml: {key}: {sim_dt} does not divide "
                f"task.control.ctrl_dt {control.ctrl_dt}"
            )
    for key, sizes in (("ppo", ppo), ("ppo.on_accelerator", ppo.on_accelerator)):
        if sizes.num_envs % sizes.num_minibatches:
            raise ConfigError(
                f"params.yaml: {key}.num_minibatches: {sizes.num_minibatches} does not divide "
                f"{key}.num_envs {sizes.num_envs}"
            )
    lengths = {
        "evaluate": (config.evaluate.settle_s, config.evaluate.duration_s),
        "sim2sim": (config.sim2sim.settle_s, config.sim2sim.episode_s),
    }
    for key, (settle_s, length_s) in lengths.items():
        if round(settle_s / control.ctrl_dt) >= round(length_s / control.ctrl_dt):
            raise ConfigError(
                f"params.yaml: {key}.settle_s: {settle_s} leaves nothing of an episode of "
                f"{length_s} s"
            )
    if config.sim2sim.push_interval_s >= config.sim2sim.episode_s:
        raise ConfigError(
            f"params.yaml: sim2sim.push_interval_s: {config.sim2sim.push_interval_s} leaves no "
            f"push in an episode of {config.sim2sim.episode_s} s (sim2sim.episode_s)"
        )
    at_least_a_step = {
        "task.control.episode_length_s": control.episode_length_s,
        "sim2sim.push_interval_s": config.sim2sim.push_interval_s,
    }
    for key, seconds in at_least_a_step.items():
        if seconds < control.ctrl_dt:
            raise ConfigError(
                f"params.yaml: {key}: {seconds} is less than one "
                f"task.control.ctrl_dt ({control.ctrl_dt})"
            )
    delay = config.task.randomization.action_delay_s[1]
    if delay > control.ctrl_dt:
        raise ConfigError(
            f"params.yaml: task.randomization.action_delay_s: {delay} is more than one "
            f"task.control.ctrl_dt ({control.ctrl_dt})"
        )
