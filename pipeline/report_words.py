"""Numbers of the gate's report as a person reads them: units, digits, plain words."""

import math
from typing import Any

NARROW = "\u202f"  # a thin space that does not break the line

CRITERIA = {
    "nominal_falls": "Falls, nominal",
    "planar_rmse": "Planar velocity error",
    "yaw_rmse": "Yaw rate error",
    "fast_action_share": "Shaking",
    "swept_survival": "Survival, all sweeps",
    "each_swept_survival": "Survival, hardest value of a sweep",
    "scenario_survival": "Survival, named scenarios",
    "each_scenario_survival": "Survival, hardest scenario",
    "regressions": "Values lost against the baseline",
}
COMPARISONS = {"<=": "at most", ">=": "at least"}
# Title, and what it is.
AXES = {
    "friction": ("Floor friction", "Sliding friction coefficient of the floor."),
    "floor_softness_s": ("Soft floor", "Time constant in which a contact gives way."),
    "slope": ("Slope", "Of the floor; positive: uphill for who walks forward from the start."),
    "bump_height": ("Bumps", "Height of the highest bump above the lowest hollow."),
    "step_height": ("Steps", "Height of the edges between the slabs of the floor."),
    "payload_kg": ("Payload", "Mass added at the trunk's centre of mass; negative: taken away."),
    "com_x": ("Centre of mass, forward", "Shift of the trunk's centre of mass."),
    "com_y": ("Centre of mass, sideways", "Shift of the trunk's centre of mass."),
    "com_z": ("Centre of mass, upward", "Shift of the trunk's centre of mass."),
    "motor_strength": ("Motor strength", "Share of its torque that each motor gives."),
    "kp_scale": ("Position gain", "Multiple of every motor's kp."),
    "kd_scale": ("Velocity gain", "Multiple of every motor's kd."),
    "full_torque_share": ("Torque-speed curve", "Share of the no-load speed with full torque."),
    "battery_sag": ("Battery sag", "Share of the voltage, and of the no-load speed, that is lost."),
    "latency_s": ("Latency", "Delay between the policy's action and the motors."),
    "jitter_s": ("Latency jitter", "Up to this much delay, drawn anew at each control step."),
    "dropped_frames": ("Lost sensor frames", "Share of the control steps without a new reading."),
    "noise_scale": ("Sensor noise", "Multiple of the sensor noise in params.yaml."),
    "gyro_bias": ("Gyro bias", "Constant error of the angular velocity, in any direction."),
    "encoder_offset": ("Encoder offset", "Up to this much constant error of each joint's angle."),
    "push_speed": ("Pushes", "Jump of the trunk's velocity at each shove."),
    "drop_height": ("Drop", "Height the robot is let go at."),
    "stumble": ("Stumble", "Tilt at the start, with turning and joints off by as much."),
    "commands": ("Commands", "What is asked for during the episode."),
    "sim_dt": ("Physics step", "Of the simulator."),
    "integrator": ("Integrator", "Of the simulator."),
    "cone": ("Friction cone", "Of the simulator."),
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

# The same of `gait`.
GAIT = (
    ("cost_of_transport", "Cost of transport", "", 2, "Mechanical power over weight times speed."),
    (
        "settling_time_s",
        "Settling time",
        "s",
        2,
        "Until a command is reached and kept, strides averaged.",
    ),
    ("standing_drift_mps", "Drift, standing", "m/s", 4, "Of the base where nothing is asked."),
    ("standing_turn_radps", "Turning, standing", "rad/s", 4, "The same of the heading."),
    ("bias_vx", "Bias, forward", "m/s", 3, "Mean of measured minus asked, over all commands."),
    ("bias_vy", "Bias, sideways", "m/s", 3, "The same to the left."),
    ("bias_yaw_rate", "Bias, turning", "rad/s", 3, "The same counter-clockwise."),
    ("foot_clearance_m", "Foot clearance", "m", 3, "Median height of a swing above the floor."),
    (
        "impact_bodyweights",
        "Impact",
        "body weights",
        2,
        "99 % of all samples of the force on a foot are below.",
    ),
    (
        "joint_limit_use_p99",
        "Joint range use",
        "%",
        0,
        "How near joints come to their limits, at the 99th percentile: 100 % is at one.",
    ),
    (
        "fast_action_share",
        "Action above 5 Hz",
        "%",
        1,
        "Share of the actions' variance faster than a gait asks for.",
    ),
    ("self_contacts_per_s", "Self-collisions", "/s", 2, "Control steps with one, per second."),
    (
        "mirror_error_rad",
        "Mirror error",
        "rad",
        6,
        "How far the targets of a mirrored view are from the mirrored targets.",
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


def brief(value: float | str, unit: str = "") -> str:
    """A setting as short as it goes; the unit `1` is left out, small durations are in ms."""
    if isinstance(value, str):
        return plain(value).lower()
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
