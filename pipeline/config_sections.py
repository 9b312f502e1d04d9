"""The sections of params.yaml but the task: names, types and what is allowed."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config_types import (
    Count,
    HiddenSizes,
    NonNegative,
    Positive,
    Section,
    Share,
)


class Physics(Section):
    """How training steps physics."""

    backend: Literal["auto", "native", "mjx", "warp"]
    threads: Annotated[int, Field(ge=0)]
    matmul_precision: Literal["float32", "tensorfloat32", "bfloat16"]
    sim_dt: Positive
    integrator: Literal["Euler", "implicitfast"]
    iterations: Count
    ls_iterations: Count
    self_collision: bool


class OnAccelerator(Section):
    """What of `Ppo` is different where a GPU or TPU steps physics."""

    num_envs: Count
    num_minibatches: Count
    num_timesteps_scale: Positive


class Ppo(Section):
    """Proximal policy optimization; names as in Brax."""

    num_timesteps: Count
    num_envs: Count
    unroll_length: Count
    num_minibatches: Count
    on_accelerator: OnAccelerator
    num_epochs: Count
    learning_rate: Positive
    final_learning_rate: Positive
    discounting: Share
    gae_lambda: Share
    clipping_epsilon: Positive
    entropy_cost: NonNegative
    init_noise_std: Positive
    quiet_share: Share
    final_loudness: Annotated[float, Field(gt=0, le=1)]
    max_grad_norm: Positive
    symmetry: bool
    averaged_share: Share
    policy_hidden_layer_sizes: HiddenSizes
    value_hidden_layer_sizes: HiddenSizes
    calibration_rounds: Annotated[int, Field(ge=0, le=20)]
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
