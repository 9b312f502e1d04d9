"""The task section of params.yaml: control, commands, rewards, terminations, randomization."""

from typing import Annotated

from pydantic import AfterValidator, Field

from pipeline.config_types import (
    NonNegative,
    NonNegativeRange,
    Positive,
    PositiveRange,
    Range,
    Section,
    Share,
    patterns,
)


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
    dead_zone: NonNegative
    single_axis_share: Share
    full_share: Share


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
    posture_weights: Annotated[tuple[tuple[str, NonNegative], ...], AfterValidator(patterns)]
    soft_limit: Share


class Terminations(Section):
    """When an episode ends as a fall."""

    max_tilt: Annotated[float, Field(gt=0, lt=3.15)]
    min_base_height: NonNegative
    fall_price: NonNegative


class Noise(Section):
    """Half width of the uniform noise on each reading."""

    gyro: NonNegative
    projected_gravity: NonNegative
    joint_pos: NonNegative
    joint_vel: NonNegative


class Randomization(Section):
    """What differs between environments, episodes and steps."""

    nominal_share: Share
    pushed_share: Share
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
