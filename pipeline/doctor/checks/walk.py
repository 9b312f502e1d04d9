"""Does it walk as it is described, or in another order of joints?"""

import math
from collections.abc import Iterator

from pipeline.doctor.body import body
from pipeline.doctor.findings import Finding, error, note, warning
from pipeline.doctor.fitting import CannotWalkError, Order, in_order_of
from pipeline.doctor.orders import known_orders
from pipeline.doctor.subject import Subject
from pipeline.doctor.walking import Walk, walk
from robots import RobotSpec

AS_DESCRIBED, GUESSES = (0, 1, 5, 7, 9, 10), (5, 7, 9)
"""Commands of `pipeline.command_grid`: stand, back, forth, sideways, turn, curve; and three."""
DURATION_S, GUESS_S = 4.0, 2.0
MAX_PLANAR, MAX_YAW = 0.25, 0.35
"""Errors with which it still walks, m/s and rad/s: at least three times what the gate allows."""
BETTER = 0.5
"""Share of the walks by which another order has to fall less, to be called better."""
WHERE = "walk in the gate's simulator"


def check_walk(subject: Subject) -> Iterator[Finding]:
    """Walk it; where it walks badly, try the well-known orders of joints."""
    said, robot = subject.described, subject.robot
    if subject.network is None:
        return
    if robot is None or robot.spec is None:
        fix = "name it with --robot, if it is one of ours"
        yield note("walk", "the robot is none of ours, so it was not walked", WHERE, fix)
        return
    if subject.output_size != said.num_joints or not _adds_up(subject):
        fix = "mend the sizes first"
        yield note("walk", "its sizes are not those described, so it was not walked", WHERE, fix)
        return
    declared = Order(said.joint_names or ())
    try:
        with body(robot, said) as spec:
            (own,) = walk(subject.network, said, spec, [declared], AS_DESCRIBED, DURATION_S)
            if walks(own):
                return
            best, label, found = _best(subject, spec, declared)
    except CannotWalkError as reason:
        fix = "walk it in the simulator it was trained for"
        yield note("walk", f"was not walked: {reason}", WHERE, fix)
        return
    if walks(found) or found.falls / found.walks <= own.falls / own.walks - BETTER:
        yield error(
            "walk",
            f"as described it {_words(own)}; with its joints {label}"
            f"{', gains and pose moved along' if best.by_place else ''}, it {_words(found)}",
            f"{WHERE}; {said.where('joint_names')}",
            f"the network {'was' if walks(found) else 'may have been'} trained in the order "
            f"{', '.join(best.joints)}: correct joint_names, or the motor map",
        )
    elif own.falls:
        yield error(
            "walk",
            f"as described it {_words(own)}, and in no well-known order of joints does it walk",
            WHERE,
            "look at what else is described: gains, scales, clips, pose, terms and their order",
        )
    else:
        yield warning(
            "walk",
            f"as described it {_words(own)}",
            WHERE,
            "see that commands are scaled as in training, and what it was trained for",
        )


def _adds_up(subject: Subject) -> bool:
    """Whether the terms make up the input."""
    widths = [term.width or 0 for term in subject.described.observation or ()]
    return sum(widths) == subject.input_size


def _best(subject: Subject, spec: RobotSpec, declared: Order) -> tuple[Order, str, Walk]:
    """The well-known order, other than the declared one, that walks best."""
    said, robot = subject.described, subject.robot
    assert robot and subject.network
    guesses = [
        (order, label)
        for label, joints in known_orders(robot, spec).items()
        if joints != declared.joints
        for order in in_order_of(said, joints)
    ]
    orders = [order for order, _ in guesses]
    results = walk(subject.network, said, spec, orders, GUESSES, GUESS_S)
    ranked = sorted(zip(guesses, results, strict=True), key=lambda pair: _rank(pair[1]))
    (order, label), result = ranked[0]
    return order, label, result


def walks(result: Walk) -> bool:
    """Whether it walks: never falls, and goes about where it is told."""
    return not result.falls and result.planar <= MAX_PLANAR and result.yaw <= MAX_YAW


def _rank(result: Walk) -> tuple[float, ...]:
    """The smaller, the better."""
    error_ = math.inf if math.isnan(result.planar) else result.planar + result.yaw
    return (result.falls, -result.upright, error_)


def _words(result: Walk) -> str:
    if result.falls:
        return f"falls in {result.falls} of {result.walks} walks"
    return f"is {result.planar:.2f} m/s and {result.yaw:.2f} rad/s off its commands"
