"""What all episodes of a gate have in common, as gate.json says it, and what two gates have not."""

import importlib.metadata
from typing import Any

from pipeline.config_gate import Conditions, Sim2Sim

LIBRARIES = ("mujoco", "numpy", "onnxruntime")
"""What the figures rest on, beside the settings."""


def versions() -> dict[str, str]:
    """Version of each library."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def in_common(settings: Sim2Sim) -> dict[str, float | str]:
    """The settings without which figures of two gates cannot be compared."""
    noise = settings.noise.model_dump()
    return {
        "sim_dt": settings.sim_dt,
        "integrator": settings.integrator,
        "cone": Conditions().cone,
        "episode_s": settings.episode_s,
        "settle_s": settings.settle_s,
        "push_interval_s": settings.push_interval_s,
        **{f"noise_{reading}": width for reading, width in noise.items()},
        "margin_survival": settings.margins.survival,
        "margin_sim_dt": settings.margins.sim_dt or settings.sim_dt,
    }


def differences(gate: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Why figures of two gates may differ though their policies walk alike.

    Args:
        gate: Contents of gate.json.
        other: That of the gate it is compared with.

    Returns:
        One phrase for each setting, each version and the number of episodes, where they differ.
    """
    mine, theirs = (
        {
            **row["settings"],
            **row["versions"],
            "profile": row["profile"],
            "seed": row["seed"],
            "episodes": row["episodes"],
        }
        for row in (gate, other)
    )
    return [
        f"{name} {theirs.get(name, 'unknown')} there, {mine.get(name, 'unknown')} here"
        for name in {**mine, **theirs}
        if mine.get(name) != theirs.get(name)
    ]
