"""What all episodes of a gate have in common, as gate.json says it."""

from pipeline.config_gate import Conditions, Sim2Sim


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
