"""The layout of gate.json: one definition, published as JSON Schema in docs/gate.schema.json."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from robots.errors import UserError

SCHEMA_VERSION = 5
"""Version of gate.json's layout."""
Measured = float | None
"""A figure; none where every robot fell."""
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class GateFileError(UserError):
    """A gate.json cannot be read."""


class _Part(BaseModel):
    # Strict: a number in quotation marks is none, and fails where it is used.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Criterion(_Part):
    """One thing that is required."""

    name: str
    description: str
    measured: Measured
    required: float
    comparison: Literal["<=", ">="]
    unit: str
    passed: bool


class CommandRow(_Part):
    """One command of the nominal episodes: m/s and rad/s, as asked and as walked on average.

    A bias is what was walked minus what was asked; a stride's error is that of the velocity
    averaged over a stride (`pipeline.sim2sim.strides`).
    """

    vx: float
    vy: float
    yaw_rate: float
    episodes: Count
    falls: Count
    planar_error: Measured
    yaw_error: Measured
    measured_vx: Measured
    measured_vy: Measured
    measured_yaw_rate: Measured
    bias_vx: Measured
    bias_vy: Measured
    bias_yaw_rate: Measured
    stride_planar_rmse: Measured
    stride_yaw_rmse: Measured


class Nominal(_Part):
    """Figures of the nominal episodes; see `pipeline.quality.summarize`."""

    episodes: Count
    falls: Count
    planar_rmse: Measured
    yaw_rmse: Measured
    action_rate_mean: Measured
    action_rate_p99: Measured
    torque_use_mean: Measured
    torque_use_p99: Measured
    velocity_use_mean: Measured
    velocity_use_p99: Measured
    power_w: Measured
    foot_slip_mps: Measured
    commands: Annotated[list[CommandRow], Field(min_length=1)]


class Gait(_Part):
    """How the robot moves in the nominal episodes; see `pipeline.sim2sim.gait`."""

    settling_time_s: Measured
    standing_drift_mps: Measured
    standing_turn_radps: Measured
    bias_vx: Measured
    bias_vy: Measured
    bias_yaw_rate: Measured
    cost_of_transport: Measured
    fast_action_share: Measured
    joint_limit_use_p99: Measured
    self_contacts_per_s: Measured
    foot_clearance_m: Measured
    impact_bodyweights: Measured
    mirror_error_rad: Measured


class Settings(_Part):
    """What the episodes had in common."""

    sim_dt: float
    integrator: str
    cone: str
    episode_s: float
    settle_s: float
    push_interval_s: float
    noise_gyro: float
    noise_projected_gravity: float
    noise_joint_pos: float
    noise_joint_vel: float
    margin_survival: Share
    margin_sim_dt: float


class Survival(_Part):
    """Episodes of one scenario, with Wilson's 95 % interval of the share that survive."""

    episodes: Count
    falls: Count
    survival: Share
    survival_low: Share
    survival_high: Share
    planar_rmse: Measured
    yaw_rmse: Measured


class SweepRow(Survival):
    """One value of one axis."""

    axis: str
    unit: str
    value: float | str


class ScenarioRow(Survival):
    """One named scenario; the conditions that were given, the others are nominal."""

    name: str
    conditions: dict[str, float | str]


class Tried(Survival):
    """One value the search tried."""

    value: float


class Margin(_Part):
    """How far a policy stands along an axis: `value` is the farthest that enough survive."""

    axis: str
    unit: str
    nominal: float
    limit: float
    value: float
    beyond_limit: bool
    fails_at: float | None
    survival: Share | None
    survival_low: Share | None
    survival_high: Share | None
    episodes: Count
    tried: list[Tried]


class Regression(Survival):
    """A value that the baseline stood, tried again; regressed if surely fewer survive it."""

    axis: str
    unit: str
    value: float
    baseline_survival: Share
    baseline_survival_low: Share
    regressed: bool


class Worst(_Part):
    """The episode shown: scenario and number, with the seed, give it again."""

    scenario: str
    value: float | str | None
    number: Count
    fell_at_s: float | None
    planar_error: Measured


class Gate(_Part):
    """What the sim2sim gate measured of a policy, and its verdict."""

    schema_version: Literal[5]
    passed: bool
    enabled: bool
    robot: str
    policy_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    seed: int
    profile: Literal["quick", "full"]
    criteria: list[Criterion]
    nominal: Nominal
    gait: Gait
    sweeps: list[SweepRow]
    scenarios: list[ScenarioRow]
    margins: list[Margin]
    regressions: list[Regression]
    worst: Worst
    episodes: Count
    settings: Settings
    versions: dict[str, str]


def read_gate(path: Path) -> dict[str, Any]:
    """Read a gate.json and hold it against the schema.

    Raises:
        GateFileError: If it is not there, no JSON, or of another layout; names the field.
    """
    if not path.is_file():
        raise GateFileError(f"{path}: no such file; the sim2sim stage writes one")
    try:
        content: Any = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise GateFileError(f"{path}: is no JSON ({error})") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise GateFileError(
            f"{path}: schema_version is {version!r}, this code reads {SCHEMA_VERSION}; run the "
            "gate again on its policy"
        )
    try:
        Gate.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise GateFileError(f"{path}: {where}: {first['msg']}") from error
    return content


def read_gate_of(path: Path, robot: str, asked_by: str) -> dict[str, Any]:
    """Read a gate.json that is to be compared with a policy of a robot.

    Args:
        path: The file.
        robot: Whose gate it has to be.
        asked_by: The key or argument that names the file, for the error.

    Raises:
        GateFileError: If it cannot be read, or is of another robot.
    """
    gate = read_gate(path)
    if gate["robot"] != robot:
        raise GateFileError(f"{asked_by}: {path} is of {gate['robot']!r}, want {robot!r}")
    return gate


def json_schema() -> str:
    """The layout as JSON Schema."""
    return json.dumps(Gate.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(json_schema(), end="")
