"""Well-known orders of a robot's joints."""

from pipeline.doctor.robot import Robot, other_side
from robots import RobotSpec

HIP_ORDERS = (("pitch", "roll", "yaw"), ("yaw", "roll", "pitch"), ("yaw", "pitch", "roll"))
"""Of G1, H1 and H1_2."""


def known_orders(robot: Robot, spec: RobotSpec) -> dict[str, tuple[str, ...]]:
    """Orders in which trainers, simulators and motor buses have the joints.

    Returns:
        Name for people to order; orders that are the same appear once.
    """
    by_leg = spec.joint_names
    by_depth = tuple(sorted(by_leg, key=robot.depth))
    orders = {
        "leg by leg, as the MJCF and unitree_rl_gym have it": by_leg,
        "leg by leg, left and right swapped": _swapped(by_leg),
        "joint by joint over all legs, as Isaac has it": by_depth,
        "joint by joint over all legs, left and right swapped": _swapped(by_depth),
        "by motor": tuple(j.name for j in sorted(spec.joints, key=lambda j: j.motor_index)),
    }
    for hips in HIP_ORDERS:
        orders[f"leg by leg, hips {', '.join(hips)}"] = _with_hips(by_leg, hips)
    unique: dict[tuple[str, ...], str] = {}
    for label, order in orders.items():
        unique.setdefault(order, label)
    return {label: order for order, label in unique.items()}


def _swapped(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(other_side(name) or name for name in names)


def _with_hips(names: tuple[str, ...], hips: tuple[str, ...]) -> tuple[str, ...]:
    """The same places, with each leg's hip joints in another order."""
    ordered = list(names)
    for side in {name.partition("_")[0] for name in names}:
        places = [i for i, name in enumerate(names) if name.startswith(f"{side}_hip_")]
        wanted = [f"{side}_hip_{axis}_joint" for axis in hips]
        if sorted(wanted) == sorted(names[i] for i in places):
            for place, name in zip(places, wanted, strict=True):
                ordered[place] = name
    return tuple(ordered)
