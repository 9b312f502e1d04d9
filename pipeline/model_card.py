"""The README.md beside a shipped policy: what it is, what it did in the gate, where it ends."""

import json
import textwrap
from pathlib import Path
from typing import Any

import robots
from deploy.contract import PolicyContract
from deploy.policy import Policy
from pipeline.files import POLICY_JSON
from pipeline.report_words import AXES

PHYSICS = {
    "native": "MuJoCo on CPU",
    "mjx": "MJX-JAX on {device}",
    "warp": "MJX-Warp on {device}",
}
"""What a policy was trained in, by backend."""
CARD = "README.md"
"""Name of the card, in the policy's folder."""
GATE_HEADING = "## In the sim2sim gate\n"
LIMITS_HEADING = "## Limits of use\n"
LIMITS = """\
- Flat, hard ground. Slopes, stairs, soft or slippery ground below friction 0.3 were never seen.
- It is blind and has no memory: it reacts to what the IMU and the joints say now.
- Everything was measured in simulation. A passing gate is necessary, not sufficient: first steps on
  a real robot belong on a hoist, with a thumb on the remote's damping button.
"""


def model_card(source: Path) -> str:
    """Write the card of a policy from what the pipeline measured.

    Args:
        source: A robot's artifact folder, proven.

    Returns:
        Markdown.
    """
    contract = Policy(source / "policy.onnx").contract
    gate = json.loads((source / "gate.json").read_text())
    trained = json.loads((source / "train" / "metrics.json").read_text())
    made = json.loads((source / "policy" / POLICY_JSON).read_text())
    where = PHYSICS[made["backend"]].format(device=made["device"])
    title = robots.load(contract.robot).title
    parts = [
        f"# {title}: walking policy\n",
        "![The policy walking in simulation](preview.webp)\n",
        _what(title, contract, trained, where),
        GATE_HEADING,
        _judged(gate),
        LIMITS_HEADING,
        LIMITS,
    ]
    return "\n".join(parts)


def with_gate(card: str, gate: dict[str, Any]) -> str:
    """Replace what a card says of the gate, where its policy was judged anew.

    Args:
        card: Markdown that `model_card` wrote.
        gate: Contents of the new gate.json.
    """
    before, _, rest = card.partition(GATE_HEADING)
    _, _, after = rest.partition(LIMITS_HEADING)
    return f"{before}{GATE_HEADING}\n{_judged(gate)}\n{LIMITS_HEADING}{after}"


def _judged(gate: dict[str, Any]) -> str:
    parts = [
        _table(("", "measured", "required"), _criteria(gate)),
        _table(("nominal episodes", "measured"), _quality(gate["nominal"])),
        "Episodes without a fall, of those run, when one thing changes:\n",
        _table(("", "survived"), _sweeps(gate)),
        "Or in one of these situations:\n",
        _table(("", "survived"), _scenarios(gate)),
    ]
    if gate["margins"]:
        share = f"{gate['settings']['margin_survival']:.0%}".replace("%", " %")
        head = ("", "stands", "searched to", "survived there")
        parts += [
            f"The largest disturbance that at least {share} of the episodes stand:\n",
            _table(head, _margins(gate)),
        ]
    parts.append(
        "[report.html](report.html) has every command and curve, gate.json every number.\n"
    )
    return "\n".join(parts)


def _what(title: str, contract: PolicyContract, trained: dict[str, Any], where: str) -> str:
    ranges = contract.command_ranges
    minutes, cores = (trained["training_s"] + trained["calibration_s"]) / 60, trained["cpu_cores"]
    intro = (
        f"`policy.onnx` maps an observation of {contract.observation_size} numbers to targets of "
        f"{contract.action_size} joints at {1 / contract.ctrl_dt:g} Hz; its contract (order, "
        "scales, gains, limits) is in the file's metadata. `controller.onnx` is the same policy "
        "with all of the contract inside: sensor readings in, joint targets out "
        "([how](../../docs/controller.md))."
    )
    points = (
        f"Robot: {title}, driven joints {', '.join(contract.joint_names)}.",
        f"Commands: vx {_range(ranges.vx)} m/s, vy {_range(ranges.vy)} m/s, yaw "
        f"{_range(ranges.yaw_rate)} rad/s; slower than {contract.command_dead_zone:g} m/s or rad/s "
        "means zero (`deploy.commands`), and zero means stand still.",
        f"Training: PPO from scratch in {where}, flat ground, randomized bodies, sensors, "
        f"latency and pushes (`params.yaml`): {trained['step'] / 1e6:.1f} million environment "
        f"steps in {minutes:.1f} minutes of wall time on {cores:g} CPU core{'s'[: cores > 1]}, "
        "calibration included.",
        f"Again: `dvc exp run -S robot={contract.robot}`.",
    )
    lines = [textwrap.fill(intro, 100), ""]
    lines += [textwrap.fill(f"- {point}", 100, subsequent_indent="  ") for point in points]
    return "\n".join(lines) + "\n"


def _range(limits: tuple[float, float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g}"


def _criteria(gate: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            criterion["description"],
            f"{criterion['measured']:.3g} {criterion['unit']}".strip(),
            f"{criterion['comparison']} {criterion['required']:g}",
        )
        for criterion in gate["criteria"]
    ]


def _quality(nominal: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            "speed of joint targets, mean and 99th percentile",
            f"{nominal['action_rate_mean']:.2f} and {nominal['action_rate_p99']:.1f} rad/s",
        ),
        (
            "torque, share of the limit, mean and 99th percentile",
            f"{nominal['torque_use_mean']:.0%} and {nominal['torque_use_p99']:.0%}",
        ),
        (
            "joint speed, share of the limit, mean and 99th percentile",
            f"{nominal['velocity_use_mean']:.0%} and {nominal['velocity_use_p99']:.0%}",
        ),
        ("mechanical power", f"{nominal['power_w']:.0f} W"),
        ("foot slip", f"{nominal['foot_slip_mps']:.3f} m/s"),
    ]


def _sweeps(gate: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (f"{AXES[row['axis']][0]} {_amount(row['value'], row['unit'])}", _survived(row))
        for row in gate["sweeps"]
    ]


def _scenarios(gate: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(row["name"].replace("_", " "), _survived(row)) for row in gate["scenarios"]]


def _margins(gate: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for row in gate["margins"]:
        there = next((tried for tried in row["tried"] if tried["value"] == row["value"]), None)
        stands = _amount(row["value"], row["unit"])
        rows.append(
            (
                AXES[row["axis"]][0],
                f"{stands} and more" if row["beyond_limit"] else stands,
                _amount(row["limit"], row["unit"]),
                _survived(there) if there else "not beyond nominal",
            )
        )
    return rows


def _amount(value: float, unit: str) -> str:
    return f"{value:.3g}" if unit == "1" else f"{value:.3g} {unit}"


def _survived(row: dict[str, Any]) -> str:
    return f"{row['episodes'] - row['falls']} of {row['episodes']}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
