"""The conditions the gate makes a policy walk in, as data."""

from dataclasses import dataclass, replace

from pipeline.config_sections import Sim2Sim

NOMINAL_FRICTION = 0.8
"""Friction of feet and floor where nothing else is said."""
UNITS = {
    "friction": "1",
    "payload_kg": "kg",
    "motor_strength": "1",
    "latency_s": "s",
    "noise_scale": "1",
    "push_speed": "m/s",
}
"""Unit of each axis."""


@dataclass(frozen=True)
class Scenario:
    """One condition the policy has to walk in. `axis` names what differs from nominal."""

    axis: str
    value: float
    friction: float = NOMINAL_FRICTION
    payload_kg: float = 0.0
    motor_strength: float = 1.0
    latency_s: float = 0.0
    noise_scale: float = 0.0
    push_speed: float = 0.0


NOMINAL = Scenario("nominal", 0.0)


def scenarios(settings: Sim2Sim) -> list[Scenario]:
    """All swept scenarios, one per value of each axis."""
    sweeps = settings.sweeps.model_dump()
    return [
        replace(NOMINAL, axis=axis, value=value, **{axis: value})
        for axis, values in sweeps.items()
        for value in values
    ]
