"""Read, compare, keep count: a whole replay."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.log import LogError, LogReader, Tick
from deploy.policy import Policy
from deploy.replay.compare import Comparer, Pair
from deploy.replay.gaps import hole, not_finite
from deploy.replay.tally import Findings, Tally

TOLERANCE = 1e-5
"""Processors and library versions round differently by less; faults differ by more."""

Watch = Callable[[Tick, dict[str, Pair]], None]
"""Told of every step that was compared."""


def policy_sha256(policy: Policy) -> str:
    """Hex digest of a policy's file."""
    return hashlib.sha256(policy.path.read_bytes()).hexdigest()


def open_logs(paths: list[Path]) -> list[LogReader]:
    """Open the files of one run.

    Raises:
        LogError: If one is no log, or of another run than the first.
    """
    readers = [LogReader(path) for path in paths]
    first = readers[0]
    for reader in readers[1:]:
        for field in ("policy_sha256", "contract", "source", "epoch_s"):
            if getattr(reader.header, field) != getattr(first.header, field):
                raise LogError(
                    f"{reader.path}: {field} differs from that of {first.path}, so the two are not "
                    "parts of one run; replay one after the other"
                )
    return readers


def replay(
    readers: list[LogReader],
    comparer: Comparer,
    *,
    tolerance: float = TOLERANCE,
    allow_gaps: bool = False,
    watch: Watch | None = None,
) -> Findings:
    """Compute every step again in which the policy ran.

    Args:
        readers: The files of one run, in order.
        comparer: Computes a step.
        tolerance: Largest difference that is none.
        allow_gaps: Compare what lies between gaps, instead of refusing the log.
        watch: Told of every step that was compared.

    Raises:
        LogError: If the log has a gap that is not allowed, or no step to compare.
    """
    found = Findings({name: Tally() for name in comparer.layout}, comparer.expected, tolerance)
    for before, tick in _without_gaps(readers, found, allow_gaps):
        found.ticks += 1
        if tick.action is None:
            continue
        found.compared += 1
        pairs = comparer(before if before and before.action is not None else None, tick)
        for name, pair in pairs.items():
            found.tallies[name].add(tick, pair, comparer.layout[name], tolerance)
        if watch:
            watch(tick, pairs)
    if not found.compared:
        end = f" ({'; '.join(found.damage)})" if found.damage else ""
        raise LogError(f"{readers[0].path}: has no whole step in which the policy ran{end}")
    return found


def _without_gaps(
    readers: list[LogReader], found: Findings, allow_gaps: bool
) -> Iterator[tuple[Tick | None, Tick]]:
    """Ticks that are whole, each with the one before it where nothing is missing in between."""
    before: Tick | None = None
    for reader in readers:
        contract = reader.header.contract
        for tick in reader.ticks():
            missing = hole(before, tick, contract.ctrl_dt) if before else ""
            broken = not_finite(tick, contract)
            for gap in filter(None, (missing, broken)):
                found.gaps.append(gap)
                if not allow_gaps:
                    raise LogError(
                        f"{reader.path}: {gap}; --allow-gaps compares what lies between gaps"
                    )
            if not broken:
                yield (None if missing else before), tick
            before = None if broken else tick
        if reader.damage:
            found.damage.append(f"{reader.path} {reader.damage}")
