"""`python -m bench.dds_topics`: topics made while another program's types come and go.

Cyclone's Python binding reads what DDS knows of a type without DDS's lock (`make_topic` in
`deploy/wire/topics.py`). Here a second process joins with 31 topics and leaves, again and again,
while processes of this one's make topics as fast as they can. Printed as JSON: how many were made,
how many DDS could not make at first, and how many processes of either kind a signal ended.
"""

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from typing import Any

from deploy.wire.messages import HG_LOW_CMD

DOMAIN = 79
TYPES = 30
STAY_S = 0.02
"""How long the other process has its topics, s."""
PART_S = 10.0
"""How long one process makes topics, s, if it lives."""


def main() -> None:
    """Count, and print."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.dds_topics")
    parser.add_argument("--seconds", type=float, default=120.0, help="[%(default)g]")
    print(json.dumps(measure(parser.parse_args().seconds), indent=2))


def make(counts: Any, seconds: float) -> None:
    """Make topics of one type, which DDS knows already.

    Args:
        counts: Made, and not made at first.
        seconds: For how long.
    """
    from cyclonedds.core import DDSException
    from cyclonedds.topic import Topic

    from deploy.wire.domain import open_participant
    from deploy.wire.idl import sample_type

    participant, kind = open_participant(DOMAIN, "lo"), sample_type(HG_LOW_CMD)
    known = Topic(participant, "known", kind)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            Topic(participant, "rt/lowcmd", kind)
            counts[0] += 1
        except DDSException:
            counts[1] += 1
    del known


def measure(seconds: float, make: Callable[[Any, float], None] = make) -> dict[str, int]:
    """Make topics for so many seconds.

    Args:
        seconds: For how long.
        make: What is run in a process of its own, again and again, for `PART_S` each.

    Returns:
        `made`, `not_at_first`, `processes`, `died`; of the other `rounds`, and how often it died.

    Raises:
        RuntimeError: If a process failed, which is not dying of a signal.
    """
    spawn = multiprocessing.get_context("spawn")
    counts, end = spawn.Array("q", 3), spawn.Event()

    def comer() -> Any:
        process = spawn.Process(target=_come_and_go, args=(counts, end), daemon=True)
        process.start()
        return process

    other, processes, died, other_died = comer(), 0, 0, 0
    while not counts[2] and other.is_alive():
        time.sleep(0.05)
    until = time.monotonic() + seconds
    try:
        while (left_s := until - time.monotonic()) > 0:
            if not other.is_alive():
                other_died += _died(other)
                other = comer()
            maker = spawn.Process(target=make, args=(counts, min(left_s, PART_S)), daemon=True)
            maker.start()
            maker.join()
            processes += 1
            died += _died(maker)
    finally:
        end.set()
        other.join()
    made, not_at_first, rounds = counts[:]
    return {
        "made": made,
        "not_at_first": not_at_first,
        "processes": processes,
        "died": died,
        "rounds": rounds,
        "other_died": other_died,
    }


def _died(process: Any) -> bool:
    """Whether a signal ended a process that is over."""
    if process.exitcode > 0:
        raise RuntimeError(f"{process.name} failed; see above")
    return process.exitcode < 0


def _come_and_go(counts: Any, end: Event) -> None:
    """Join with topics of types that share parts, and leave."""
    from cyclonedds.domain import DomainParticipant
    from cyclonedds.idl import types
    from cyclonedds.pub import DataWriter

    from deploy.wire.domain import open_participant
    from deploy.wire.idl import declare, sample_type
    from deploy.wire.topics import make_topic

    kinds = {"rt/lowcmd": sample_type(HG_LOW_CMD)}
    for index in range(TYPES):
        inner = declare(f"bench.Inner{index}_", {"x": types.array[types.float32, 4]})
        middle = declare(f"bench.Middle{index}_", {"inner": types.array[inner, 3], "name": str})
        outer = declare(f"bench.Outer{index}_", {"middle": types.array[middle, 2], "inner": inner})
        kinds[f"rt/topic{index}"] = outer
    keeps_the_domain = open_participant(DOMAIN, "lo")
    while not end.is_set():
        participant = DomainParticipant(DOMAIN)
        held = [DataWriter(participant, make_topic(participant, *kind)) for kind in kinds.items()]
        counts[2] += 1
        time.sleep(STAY_S)
        del held, participant
    del keeps_the_domain


if __name__ == "__main__":
    main()
