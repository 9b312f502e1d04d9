"""The gate's section of params.yaml: what a robot meets there, and what is asked of it."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional, Self

from pydantic import Field, create_model, field_validator, model_validator

from pipeline.command_grid import SHARES
from pipeline.config_task import Noise
from pipeline.config_types import Count, NonNegative, Positive, Section, Share


def _axis(nominal: Any, unit: str, **allowed: Any) -> Any:
    return Field(nominal, json_schema_extra={"unit": unit}, **allowed)


class Conditions(Section):
    """What a robot meets in one episode. Each default is nominal: what is there if nothing is said.

    Every field is an axis: `sim2sim.scenarios` mixes them, `sim2sim.sweeps` and
    `sim2sim.margins.search` change one at a time.
    """

    # The floor
    friction: float = _axis(0.8, "1", gt=0, le=10)
    floor_softness_s: float = _axis(0.02, "s", gt=0, le=0.2)
    slope: float = _axis(0.0, "rad", ge=-0.6, le=0.6)
    bump_height: float = _axis(0.0, "m", ge=0, le=0.3)
    step_height: float = _axis(0.0, "m", ge=0, le=0.3)
    # The body
    payload_kg: float = _axis(0.0, "kg", ge=-1000, le=1000)
    com_x: float = _axis(0.0, "m", ge=-0.5, le=0.5)
    com_y: float = _axis(0.0, "m", ge=-0.5, le=0.5)
    com_z: float = _axis(0.0, "m", ge=-0.5, le=0.5)
    # The motors
    motor_strength: float = _axis(1.0, "1", gt=0, le=3)
    kp_scale: float = _axis(1.0, "1", gt=0, le=5)
    kd_scale: float = _axis(1.0, "1", ge=0, le=5)
    full_torque_share: float = _axis(0.6, "1", ge=0, lt=1)
    battery_sag: float = _axis(0.0, "1", ge=0, lt=1)
    # The way from sensor to motor
    latency_s: float = _axis(0.0, "s", ge=0, le=0.5)
    jitter_s: float = _axis(0.0, "s", ge=0, le=0.5)
    dropped_frames: float = _axis(0.0, "1", ge=0, lt=1)
    noise_scale: float = _axis(0.0, "1", ge=0, le=100)
    gyro_bias: float = _axis(0.0, "rad/s", ge=0, le=100)
    encoder_offset: float = _axis(0.0, "rad", ge=0, le=3)
    # What happens
    push_speed: float = _axis(0.0, "m/s", ge=0, le=100)
    drop_height: float = _axis(0.0, "m", ge=0, le=2)
    stumble: float = _axis(0.0, "rad", ge=0, le=1.5)
    commands: Literal["grid", "stand", "start_stop", "reverse"] = _axis("grid", "")
    # The simulator; none: as in sim2sim.sim_dt and sim2sim.integrator
    sim_dt: float | None = _axis(None, "s", ge=1e-4)
    integrator: Literal["Euler", "implicitfast", "RK4"] | None = _axis(None, "")
    cone: Literal["elliptic", "pyramidal"] = _axis("elliptic", "")

    @model_validator(mode="after")
    def _one_shape_of_floor(self) -> Self:
        shapes = {
            axis: height
            for axis in ("slope", "bump_height", "step_height")
            if (height := getattr(self, axis))
        }
        if len(shapes) > 1:
            named = " and ".join(f"{axis}: {height:g}" for axis, height in shapes.items())
            raise ValueError(f"{named}: a floor has one of slope, bumps and steps")
        return self


def _unit(axis: str) -> str:
    extra: Any = Conditions.model_fields[axis].json_schema_extra
    return extra["unit"]


UNITS = {axis: _unit(axis) for axis in Conditions.model_fields}
"""Unit of each axis; empty where values are words."""
MEASURABLE = tuple(
    axis for axis, field in Conditions.model_fields.items() if isinstance(field.default, float)
)
"""Axes along which there is more and less of something."""


def _value_of(axis: str) -> Any:
    field = Conditions.model_fields[axis]
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _per_axis(name: str, axes: tuple[str, ...], at_most: int | None = None) -> type[Section]:
    """A section with an optional tuple of values for each axis, held to what the axis allows."""
    several = Field(min_length=1, max_length=at_most)
    fields: dict[str, Any] = {
        axis: (Optional[Annotated[tuple[_value_of(axis), ...], several]], None)  # noqa: UP045
        for axis in axes
    }
    return create_model(name, __base__=Section, **fields)


if TYPE_CHECKING:

    class Sweeps(Section):
        """Values to try of each axis."""

    class Search(Section):
        """How far to search along an axis: one end, or one on each side of nominal."""
else:
    Sweeps = _per_axis("Sweeps", tuple(Conditions.model_fields))
    Search = _per_axis("Search", MEASURABLE, at_most=2)


class Margins(Section):
    """The search for the largest disturbance that nearly all episodes survive."""

    survival: Annotated[float, Field(gt=0, lt=1)]
    sim_dt: Positive | None
    rounds: Annotated[int, Field(ge=1, le=12)]
    search: Search

    @field_validator("search")
    @classmethod
    def _away_from_nominal(cls, search: Any) -> Any:
        nominal = Conditions()
        for axis, ends in given(search).items():
            start = getattr(nominal, axis)
            if start in ends:
                raise ValueError(f"{axis}: {start} is nominal, want a value away from it")
            if len(ends) == 2 and (ends[0] - start) * (ends[1] - start) > 0:
                raise ValueError(f"{axis}: both ends are on one side of the nominal {start}")
        return search


def given(per_axis: Section) -> dict[str, tuple[Any, ...]]:
    """The axes that were given, in the order of `Conditions`."""
    return per_axis.model_dump(exclude_none=True)


class Thresholds(Section):
    """What the gate demands."""

    nominal_falls: Annotated[int, Field(ge=0)]
    planar_rmse: Positive
    yaw_rmse: Positive
    fast_action_share: Share
    swept_survival: Share
    each_swept_survival: Share
    scenario_survival: Share
    each_scenario_survival: Share


class Profile(Section):
    """How many episodes: nominal ones, and of each swept value, scenario and value of a margin.

    Nominal ones are enough for every command to be walked. Without any for the margins, none is
    looked for.
    """

    nominal: Annotated[int, Field(ge=len(SHARES))]
    sweep: Count
    scenario: Count
    margin: Annotated[int, Field(ge=0)]


class FullProfile(Profile):
    """The profile that finds margins; a baseline is held to as many episodes of each."""

    margin: Count  # pyright: ignore[reportIncompatibleVariableOverride]


class Profiles(Section):
    """What there is to choose from."""

    quick: Profile
    full: FullProfile


class Sim2Sim(Section):
    """The gate."""

    enabled: bool
    profile: Literal["quick", "full"]
    profiles: Profiles
    baseline: str | None
    sim_dt: Positive
    integrator: Literal["Euler", "implicitfast", "RK4"]
    episode_s: Positive
    settle_s: NonNegative
    thresholds: Thresholds
    sweeps: Sweeps
    scenarios: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], Conditions]
    margins: Margins
    noise: Noise
    push_interval_s: Positive

    @field_validator("scenarios")
    @classmethod
    def _nominal_is_taken(cls, scenarios: dict[str, Any]) -> dict[str, Any]:
        if "nominal" in scenarios:
            raise ValueError("nominal: is what the nominal episodes are called; choose another")
        return scenarios

    @field_validator("sweeps")
    @classmethod
    def _each_value_once(cls, sweeps: Any) -> Any:
        for axis, values in given(sweeps).items():
            if None in values:
                raise ValueError(f"{axis}: null is nominal, and no value to sweep")
            if len(set(values)) < len(values):
                raise ValueError(f"{axis}: {list(values)} has a value twice; name each once")
        return sweeps

    def asked(self, axis: str) -> dict[str, Any]:
        """Values of an axis that sweeps, scenarios and margins ask for, by their keys."""
        swept, ends = (given(part).get(axis, ()) for part in (self.sweeps, self.margins.search))
        named = {
            name: value
            for name, conditions in self.scenarios.items()
            if (value := getattr(conditions, axis)) is not None
        }
        return {
            **{f"sim2sim.sweeps.{axis}.{k}": value for k, value in enumerate(swept)},
            **{f"sim2sim.scenarios.{name}.{axis}": value for name, value in named.items()},
            **{f"sim2sim.margins.search.{axis}.{k}": value for k, value in enumerate(ends)},
        }

    @property
    def episodes(self) -> Profile:
        """How many, as the chosen profile says."""
        return getattr(self.profiles, self.profile)
