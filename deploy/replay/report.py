"""What a replay found, in words for a terminal, and in numbers for a spreadsheet."""

import csv
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import numpy as np

from deploy.contract import PolicyContract
from deploy.log import LogError, LogHeader, Tick
from deploy.replay.compare import Pair
from deploy.replay.run import Watch
from deploy.replay.tally import Findings, Spot

SHOWN_GAPS = 5


def introduction(header: LogHeader, contract: PolicyContract, sha256: str) -> list[str]:
    """Say what log and policy are, and, loudly, whether they belong together.

    Args:
        header: The log's header.
        contract: The policy's contract.
        sha256: The policy's hash.
    """
    lines = [f"log of {header.source}, robot {contract.robot}, policy {header.policy_sha256[:12]}"]
    if sha256 != header.policy_sha256:
        lines += [
            f"NOTE: this log was made by another policy: {header.policy_sha256[:12]}, not "
            f"{sha256[:12]}. Comparing anyway: actions and joint targets will differ, and that is "
            "no fault."
        ]
    if changed := changed_fields(header.contract, contract):
        lines.append(f"NOTE: log and policy have contracts that differ in {', '.join(changed)}.")
    return lines


def changed_fields(log: PolicyContract, policy: PolicyContract) -> list[str]:
    """Names of the fields in which two contracts differ."""
    names = [field.name for field in fields(PolicyContract)]
    return [name for name in names if getattr(log, name) != getattr(policy, name)]


def summary(found: Findings) -> list[str]:
    """Give the differences of every part, then the verdict."""
    lines = [f"{found.ticks} steps, the policy ran in {found.compared}", ""]
    lines.append(f"{'':38}{'max':>10}{'mean':>10}   first over {found.tolerance:g}")
    for name, tally in found.tallies.items():
        row = f"{name:38}{tally.worst:10.3g}{tally.mean:10.3g}   "
        where = f"step {tally.first.step}, {tally.first.element}" if tally.first else "-"
        may = " (may differ)" if tally.first and name in found.expected else ""
        lines.append(row + where + may)
    lines.append("")
    lines += [f"GAP: {gap}" for gap in found.gaps[:SHOWN_GAPS]]
    if len(found.gaps) > SHOWN_GAPS:
        lines.append(f"GAP: and {len(found.gaps) - SHOWN_GAPS} more")
    lines += [f"CUT OFF: {damage}; what was whole is compared" for damage in found.damage]
    return [*lines, verdict(found)]


def verdict(found: Findings) -> str:
    """One line: the same, or the first step and element that differs and should not."""
    if found.diverged is None and "action" in found.expected:
        action, targets = found.tallies["action"], found.tallies["joint_targets"]
        return (
            f"no fault in {found.compared} steps; actions differ by {action.mean:.3g} on average "
            f"and {action.worst:.3g} at most, joint targets by {targets.mean:.3g} and "
            f"{targets.worst:.3g} rad"
        )
    if found.diverged is None:
        return f"same: {found.compared} steps agree to {found.tolerance:g}"
    name, spot = found.diverged
    return f"DIVERGES at {_place(spot)}: {name}, {_values(spot)}, tolerance {found.tolerance:g}"


def _place(spot: Spot) -> str:
    return f"step {spot.step} ({spot.time_s:.3f} s)"


def _values(spot: Spot) -> str:
    return f"{spot.element}: logged {spot.logged:.9g}, computed {spot.computed:.9g}"


@contextmanager
def step_table(path: Path | None, layout: dict[str, tuple[str, ...]]) -> Generator[Watch | None]:
    """Write computed minus logged of every element of every step as CSV; whole, or not at all.

    Args:
        path: Where to; None writes nothing.
        layout: The columns, by part.

    Raises:
        LogError: If it cannot be written.
    """
    if path is None:
        yield None
        return
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", newline="") as stream:
            table = csv.writer(stream)
            columns = [f"{name}: {element}" for name, of in layout.items() for element in of]
            table.writerow(["step", "time_s", *columns])

            def write(tick: Tick, pairs: dict[str, Pair]) -> None:
                row: list[object] = [tick.step, tick.time_s]
                for name, of in layout.items():
                    pair = pairs.get(name)
                    row += [""] * len(of) if pair is None else _signed(pair)
                table.writerow(row)

            yield write
        os.replace(partial, path)
    except OSError as error:
        raise LogError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _signed(pair: Pair) -> list[float]:
    return (pair.computed.astype(np.float64) - pair.logged).tolist()
