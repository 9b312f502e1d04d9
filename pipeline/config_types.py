"""Types that the sections of params.yaml are made of."""

import re
from typing import Annotated

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


def patterns(shares: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    """Refuse a first element that is no regular expression."""
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
