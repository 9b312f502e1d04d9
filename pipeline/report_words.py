"""Numbers of the gate's report as a person reads them: units, digits, plain words."""

import math
from typing import Any

NARROW = "\u202f"  # a thin space that does not break the line

CRITERIA = {
    "nominal_falls": "Falls, nominal",
    "planar_rmse": "Planar velocity error",
    "yaw_rmse": "Yaw rate error",
    "swept_survival": "Survival, all sweeps",
}
COMPARISONS = {"<=": "at most", ">=": "at least"}
# Title, and what the sweep changes.
AXES = {
    "friction": ("Floor friction", "Sliding friction coefficient of the floor."),
    "payload_kg": ("Payload", "Mass added to the trunk; negative: taken away."),
    "motor_strength": ("Motor strength", "Share of its torque that each motor gives."),
    "latency_s": ("Latency", "Delay between the policy's action and the motors."),
    "noise_scale": ("Sensor noise", "Multiple of the sensor noise in params.yaml."),
    "push_speed": ("Pushes", "Jump of the trunk's velocity at each shove."),
}
# Key of gate.json's `nominal`, title, unit, digits, what it tells.
QUALITY = (
    (
        "power_w",
        "Power",
        "W",
        0,
        "Mean mechanical power of all motors, driving or braking: how long a battery lasts.",
    ),
    (
        "torque_use_p99",
        "Torque use",
        "%",
        0,
        "Share of the motor's torque limit that 99 % of all samples stay below. "
        "Near 100 % there is nothing left to catch a stumble with.",
    ),
    (
        "velocity_use_p99",
        "Speed use",
        "%",
        0,
        "Share of the motor's speed limit that 99 % of all samples stay below.",
    ),
    (
        "foot_slip_mps",
        "Foot slip",
        "m/s",
        3,
        "How fast feet slide while they carry weight. High values wear feet and upset odometry.",
    ),
    (
        "action_rate_mean",
        "Target speed, mean",
        "rad/s",
        2,
        "How fast the policy moves the joints' targets. Low is smooth and quiet.",
    ),
    (
        "action_rate_p99",
        "Target speed, peak",
        "rad/s",
        1,
        "99 % of all samples are below. Peaks are heard as clacking, and heat the motors.",
    ),
)


def number(value: float | None, unit: str = "", digits: int = 3) -> str:
    """A number with its unit; `%` takes a share. Integers stay whole, NaN is `not measured`."""
    if value is None or not math.isfinite(value):
        return "not measured"
    if unit == "%":
        return _percent(value, digits)
    words = f"{value}" if isinstance(value, int) else f"{round(value, digits) + 0.0:.{digits}f}"
    return f"{words}{NARROW}{unit}".rstrip(NARROW).replace("-", "\u2212")


def _percent(share: float, digits: int) -> str:
    """A share as a percentage that says 100 only where it is 100."""
    whole = abs(share - 1) < 1e-6
    while digits < 4 and not whole and f"{100 * share:.{digits}f}" == f"{100:.{digits}f}":
        digits += 1
    return f"{100 * share:.{digits}f}{NARROW}%"


def brief(value: float, unit: str = "") -> str:
    """A setting as short as it goes; the unit `1` is left out, small durations are in ms."""
    if unit == "s" and value and abs(value) < 0.1:
        value, unit = 1e3 * value, "ms"
    return f"{value:.6g}{NARROW}{'' if unit == '1' else unit}".rstrip(NARROW).replace("-", "\u2212")


def measured_and_required(criterion: dict[str, Any]) -> tuple[str, str]:
    """Both sides of a criterion, with digits enough to tell them apart where they differ."""
    measured, required, unit = (criterion[key] for key in ("measured", "required", "unit"))
    digits = 3
    if measured is None:
        measured = math.nan
    if "survival" in criterion["name"]:
        unit, digits = "%", 1
    elif not unit and all(_is_whole(value) for value in (measured, required)):
        measured, required = int(measured), int(required)
    pair = number(measured, unit, digits), number(required, unit, digits)
    while measured != required and pair[0] == pair[1] and digits < 9:
        digits += 1
        pair = number(measured, unit, digits), number(required, unit, digits)
    if not math.isfinite(measured):
        pair = "nothing (every robot fell)", pair[1]
    return pair[0], f"{COMPARISONS[criterion['comparison']]} {pair[1]}"


def _is_whole(value: float) -> bool:
    return math.isfinite(value) and value == int(value)


def limit_use(criterion: dict[str, Any]) -> float | None:
    """How much of what is allowed was used: 1 at the threshold, more beyond; None: no scale."""
    measured, required = criterion["measured"], criterion["required"]
    if measured is None or not math.isfinite(measured):
        return None
    if "survival" in criterion["name"]:  # what is allowed are the episodes that may fall
        measured, required = 1 - measured, 1 - required
    elif criterion["comparison"] == ">=":
        measured, required = required, measured
    if required > 0:
        return measured / required
    return 0.0 if measured <= required else None


def command_words(vx: float, vy: float, yaw_rate: float) -> str:
    """A velocity command as one says it: `forward 0.5 m/s, turn left 0.3 rad/s`."""
    parts = (
        (vx, "forward", "backward", "m/s"),
        (vy, "left", "right", "m/s"),
        (yaw_rate, "turn left", "turn right", "rad/s"),
    )
    words = [
        f"{ahead if value > 0 else back} {abs(value):.3g}{NARROW}{unit}"
        for value, ahead, back, unit in parts
        if value
    ]
    return ", ".join(words) or "stand still"


def axis_words(axis: str) -> tuple[str, str]:
    """Title of a sweep, and what it changes."""
    return AXES.get(axis, (plain(axis), ""))


def plain(name: str) -> str:
    """A key as words: `sim_dt` gives `Sim dt`."""
    return name.replace("_", " ").capitalize()


def joint_kind(name: str) -> str:
    """What a joint is on either side and every leg: `FL_hip_joint` gives `hip`."""
    sides = {"fl", "fr", "rl", "rr", "hl", "hr", "left", "right", "l", "r", "joint"}
    kept = [word for word in name.split("_") if word.lower() not in sides]
    return " ".join(kept) or name
