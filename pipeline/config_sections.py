"""The sections of params.yaml: names, types and what is allowed."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


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
    self_collision: bool


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
    posture_weights: Annotated[tuple[tuple[str, NonNegative], ...], AfterValidator(_patterns)]
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

    nominal_share: Share
    friction: PositiveRange
    base_mass: Range
    base_com: Range
    link_mass_scale: PositiveRange
    motor_strength: PositiveRange
    kp_scale: PositiveRange
    kd_scale: NonNegativeRange
    armature_scale: PositiveRange
    frictionloss_scale: NonNegativeRange
    damping_scale: NonNegativeRange
    encoder_offset: Range
    action_delay_s: NonNegativeRange
    initial_joint_pos: Range
    initial_lin_vel: Range
    noise: Noise
    push_interval_s: PositiveRange
    push_level_step: Share
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
    symmetry: bool
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
    preview_length_s: Positive
    meshes: str | None
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
