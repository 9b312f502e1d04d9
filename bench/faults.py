"""`python -m bench.faults`: what a walking robot is told between a fault and damping.

Every fault of docs/deploy.md's table, planted into a robot simulated in this process, by a clock of
its own: so a time is the runtime's share, to a command, and none of this machine's. Printed as a
Markdown table; exit status 1 where a fault ended otherwise than it should, or anything but damping
was sent from the command on in which it was detected.
"""

import signal
import sys
from typing import NamedTuple

import numpy as np

from bench import no_arguments
from bench.faults_planted import (
    ANKLE_ROLL,
    MOTOR,
    TOO_FAR,
    Plant,
    acting,
    arm_elsewhere,
    busy_policy,
    changed,
    element,
    event,
    later_and_later,
    no_operator,
    raising,
    signalled,
    slow_input,
    stall,
    two_commanders,
)
from bench.faults_walk import Walk
from deploy.link import LinkError
from deploy.policy import Policy

ROBOT = "g1"


class Case(NamedTuple):
    """A fault.

    Args:
        what: In words.
        rules: Any of the rules that should see it.
        plant: Plants it into a walk.
    """

    what: str
    rules: tuple[str, ...]
    plant: Plant


CASES = (
    Case("no message any more", ("stale state",), event("drop:1")),
    Case("messages 100 ms late", ("stale state",), event("delay:0.1")),
    Case("every message garbled", ("bad messages",), event("corrupt:1")),
    Case("one in five garbled", ("bad messages",), event("corrupt:0.2")),
    Case("the same message for ever", ("frozen robot",), event("freeze")),
    Case("messages later and later", ("delayed states",), later_and_later),
    Case("NaN in a joint position", ("sensors",), element("joint_pos", np.nan)),
    Case("quaternion of zeros", ("sensors",), changed(quat=np.zeros(4, np.float32))),
    Case("a motor reports an error", ("motor error",), event(f"error:{MOTOR}:16")),
    Case("a motor has 95 deg C", ("temperature",), event(f"hot:{MOTOR}:95")),
    Case("says that it is another robot", ("mode_machine",), changed(mode_machine=6)),
    Case("remote control out of reach", ("remote",), event("unpair")),
    Case("terminal closed", ("operator",), no_operator),
    Case("another program commands it, too", ("other commander",), two_commanders),
    Case("pushed to the side, 3 m/s", ("tilt",), event("push:3:90")),
    Case("a joint says 3 rad", ("joint position",), element("joint_pos", 3.0)),
    Case("an arm's joint says 1 rad", ("held joint",), arm_elsewhere),
    Case("a joint says 60 rad/s", ("joint velocity",), element("joint_vel", 60.0)),
    Case("a joint says 400 N m", ("joint torque",), element("torque", 400.0)),
    Case("the policy says NaN", ("action",), acting(np.nan)),
    Case("the policy's code fails", ("policy crash",), raising("on_step", ValueError("planted"))),
    Case("the policy hangs", ("policy overrun",), busy_policy),
    Case("the process stands still for 60 ms", ("command stream",), stall),
    Case("it stands still for 60 ms within a command", ("command stream",), slow_input),
    Case("an ankle's target out of reach for ever", ("clamped",), acting(TOO_FAR, ANKLE_ROLL)),
    Case("a knee's target out of range for ever", ("joint position", "tilt"), acting(50.0)),
    Case("one command is not sent", ("link",), raising("on_send", LinkError("planted"), 1)),
    Case("an input's code fails", ("runtime",), raising("on_poll", ValueError("planted"))),
    Case("SIGTERM, as init systems send it", ("leave",), signalled(signal.SIGTERM)),
    Case("SIGINT: Ctrl-C", ("leave",), signalled(signal.SIGINT)),
    Case("SIGHUP: the terminal closes", ("leave",), signalled(signal.SIGHUP)),
)


def main() -> int:
    """Measure every fault, print the table, and return the exit status."""
    no_arguments("bench.faults", __doc__)
    policy = Policy(f"policies/{ROBOT}/policy.onnx")
    print("| fault | seen as | damping after | commands in between | after detection |")
    print("|---|---|---|---|---|")
    failed: list[str] = []
    for case in CASES:
        walk = Walk(policy)
        seen = walk.to_damping(case.plant)
        ms = 1e3 * (seen.damped_s - seen.detected_s)
        print(
            f"| {case.what} | `{seen.rule}` | {1e3 * seen.damped_s:.0f} ms | {seen.between} | "
            f"{ms:.0f} ms |"
        )
        if seen.rule not in case.rules or seen.others or not ms <= 20:
            failed.append(f"{case.what}: {seen}, want {' or '.join(case.rules)}")
    print("\n".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
