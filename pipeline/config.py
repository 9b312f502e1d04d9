"""params.yaml as frozen, typed objects; a wrong entry is one message that names its dotted key."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

import robots
from robots.errors import UserError


class ConfigError(UserError):
    """params.yaml has an unknown key, a wrong type or an impossible value."""


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError(f"lower end {limits[0]} is above upper end {limits[1]}")
    return limits


def _positive_range(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] <= 0:
        raise ValueError(f"lower end {limits[0]} should be greater than 0")
    return limits


def _non_negative_range(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] < 0:
        raise ValueError(f"lower end {limits[0]} should be at least 0")
    return limits


def _patterns(shares: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    for pattern, _ in shares:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression ({error})") from error
    return shares


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
PositiveRange = Annotated[Range, AfterValidator(_positive_range)]
NonNegativeRange = Annotated[Range, AfterValidator(_non_negative_range)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
HiddenSizes = Annotated[tuple[Count, ...], Field(min_length=1)]


class Section(BaseModel):
    """Base of all sections: frozen, no unknown keys, no NaN, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Physics(Section):
    """How training steps physics."""

    backend: Literal["auto", "native"]
    threads: Annotated[int, Field(ge=0)]
    sim_dt: Positive
    integrator: Literal["Euler", "implicitfast"]
    iterations: Count
    ls_iterations: Count


class Control(Section):
    """Timing and action of the policy."""

    ctrl_dt: Positive
    action_scale: Positive
    gait_period_s: Positive
    stance_ratio: Share
    episode_length_s: Positive


class Commands(Section):
    """Velocity commands."""

    vx: Range
    vy: Range
    yaw_rate: Range
    resample_s: PositiveRange
    zero_share: Share
    single_axis_share: Share


class RewardWeights(Section):
    """Weight of each reward term, by the name of its function in `pipeline.rewards`."""

    alive: NonNegative
    track_lin_vel: NonNegative
    track_yaw_rate: NonNegative
    gait: NonNegative
    swing_height: Annotated[float, Field(le=0)]
    foot_slip: Annotated[float, Field(le=0)]
    lin_vel_z: Annotated[float, Field(le=0)]
    ang_vel_xy: Annotated[float, Field(le=0)]
    tilt: Annotated[float, Field(le=0)]
    base_height: Annotated[float, Field(le=0)]
    posture: Annotated[float, Field(le=0)]
    stand_still: Annotated[float, Field(le=0)]
    action_rate: Annotated[float, Field(le=0)]
    torque: Annotated[float, Field(le=0)]
    power: Annotated[float, Field(le=0)]
    joint_acc: Annotated[float, Field(le=0)]
    joint_limits: Annotated[float, Field(le=0)]
    effort_limits: Annotated[float, Field(le=0)]


class Rewards(Section):
    """Reward weights and the quantities they refer to."""

    weights: RewardWeights
    lin_vel_sigma: Positive
    yaw_rate_sigma: Positive
    base_height: Positive
    swing_height: Positive
    posture_weights: Annotated[
        tuple[tuple[str, NonNegative], ...], AfterValidator(_patterns)
    ]
    soft_limit: Share


class Terminations(Section):
    """When an episode ends as a fall."""

    max_tilt: Annotated[float, Field(gt=0, lt=3.15)]
    min_base_height: NonNegative


class Noise(Section):
    """Half width of the uniform noise on each reading."""

    gyro: NonNegative
    projected_gravity: NonNegative
    joint_pos: NonNegative
    joint_vel: NonNegative


class Randomization(Section):
    """What differs between environments, episodes and steps."""

    friction: PositiveRange
    base_mass: Range
    base_com: Range
    link_mass_scale: PositiveRange
    motor_strength: PositiveRange
    kp_scale: PositiveRange
    kd_scale: NonNegativeRange
    armature_scale: PositiveRange
    frictionloss_scale: NonNegativeRange
    encoder_offset: Range
    action_delay_s: NonNegativeRange
    initial_joint_pos: Range
    initial_lin_vel: Range
    noise: Noise
    push_interval_s: PositiveRange
    push_speed: NonNegativeRange


class Task(Section):
    """The environment: one definition for every physics backend."""

    control: Control
    commands: Commands
    rewards: Rewards
    terminations: Terminations
    randomization: Randomization


class Ppo(Section):
    """Proximal policy optimization; names as in Brax."""

    num_timesteps: Count
    num_envs: Count
    unroll_length: Count
    num_minibatches: Count
    num_epochs: Count
    learning_rate: Positive
    final_learning_rate: Positive
    discounting: Share
    gae_lambda: Share
    clipping_epsilon: Positive
    entropy_cost: NonNegative
    init_noise_std: Positive
    max_grad_norm: Positive
    policy_hidden_layer_sizes: HiddenSizes
    value_hidden_layer_sizes: HiddenSizes
    checkpoint_interval_s: Positive


class Evaluate(Section):
    """The evaluation grid."""

    num_envs: Count
    duration_s: Positive
    settle_s: NonNegative
    randomized: bool


class Render(Section):
    """The film."""

    width: Annotated[int, Field(ge=64, le=3840, multiple_of=2)]
    height: Annotated[int, Field(ge=64, le=2160, multiple_of=2)]
    fps: Annotated[int, Field(ge=1, le=60)]
    preview_s: NonNegative
    script: Annotated[
        tuple[tuple[Positive, float, float, float], ...],
        Field(min_length=1),
    ]


class Export(Section):
    """ONNX and its parity check."""

    opset: Literal[17]
    on_distribution: Count
    extreme: Count
    max_abs_error: Positive
    rollout_s: Positive
    max_rollout_divergence: Positive


class Thresholds(Section):
    """What the gate demands."""

    nominal_falls: Annotated[int, Field(ge=0)]
    planar_rmse: Positive
    yaw_rmse: Positive
    swept_survival: Share


Values = Annotated[tuple[float, ...], Field(min_length=1)]
PositiveValues = Annotated[tuple[Positive, ...], Field(min_length=1)]
NonNegativeValues = Annotated[tuple[NonNegative, ...], Field(min_length=1)]


class Sweeps(Section):
    """Values of each disturbance the gate tries, one at a time."""

    friction: PositiveValues
    payload_kg: Values
    motor_strength: PositiveValues
    latency_s: NonNegativeValues
    noise_scale: NonNegativeValues
    push_speed: NonNegativeValues


class Sim2Sim(Section):
    """The gate."""

    enabled: bool
    sim_dt: Positive
    integrator: Literal["Euler", "implicitfast", "RK4"]
    episode_s: Positive
    settle_s: NonNegative
    nominal_episodes: Count
    sweep_episodes: Count
    thresholds: Thresholds
    sweeps: Sweeps
    noise: Noise
    push_interval_s: Positive


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


def load(path: Path | str = "params.yaml") -> Config:
    """Read params.yaml for the robot it names.

    Raises:
        ConfigError: One message per wrong entry: dotted key, value, what is allowed.
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; run from the project's folder") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: want a mapping of sections, got {type(raw).__name__}")
    return parse(cast("dict[str, Any]", raw))


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


def _with_numbers(node: Any) -> Any:
    """Turn strings that are numbers into numbers: YAML 1.1 reads `1e-3` as a string."""
    if isinstance(node, dict):
        return {k: _with_numbers(v) for k, v in cast("dict[str, Any]", node).items()}
    if isinstance(node, list):
        return [_with_numbers(value) for value in cast("list[Any]", node)]
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
        section = section.model_fields[part].annotation
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


def _check_together(config: Config) -> None:
    """Refuse values that are fine alone and impossible together."""
    ppo, control, physics = config.ppo, config.task.control, config.physics
    for key, sim_dt in (("physics", physics.sim_dt), ("sim2sim", config.sim2sim.sim_dt)):
        substeps = control.ctrl_dt / sim_dt
        if abs(substeps - round(substeps)) > 1e-6 or substeps < 1:
            raise ConfigError(
                f"params.yaml: {key}.sim_dt: {sim_dt} does not divide "
                f"task.control.ctrl_dt {control.ctrl_dt}"
            )
    if ppo.num_envs % ppo.num_minibatches:
        raise ConfigError(
            f"params.yaml: ppo.num_minibatches: {ppo.num_minibatches} does not divide "
            f"ppo.num_envs {ppo.num_envs}"
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
