"""Does the default pose stand on its feet?"""

from collections.abc import Iterator

from pipeline.doctor.findings import Finding, error, warning
from pipeline.doctor.stance import stand
from pipeline.doctor.subject import Subject
from pipeline.words import listed

MAX_LIFT = 0.03
"""Height that a foot may have above the lowest one, m: some for the slope of a leaning trunk."""
MAX_OUTSIDE = 0.01
"""How far the centre of mass may be outside the soles, m."""
FIX = "correct the default pose: its order, its signs, radians and not degrees"


def check_stance(subject: Subject) -> Iterator[Finding]:
    """Links that are lower than the feet, feet in the air, and a trunk beside its feet."""
    said, robot = subject.described, subject.robot
    pose = said.default_joint_pos
    if robot is None or pose is None or not subject.joints_are_known:
        return
    if len(pose) != len(said.joint_names or ()):
        return
    stance = stand(robot, dict(zip(said.joint_names or (), pose, strict=True)))
    if stance is None:
        return
    where = said.where("default_joint_pos")
    if stance.lower:
        names = list(stance.lower)
        yield error("stance", f"stands on {listed(names)}, not on its feet", where, FIX)
    if stance.folded:
        what = f"kneels: {listed(list(stance.folded))} touches the floor next to its joint"
        yield error("stance", what, where, FIX)
    if lifted := [name for name, height in stance.feet.items() if height > MAX_LIFT]:
        yield warning(
            "stance",
            f"{listed(lifted)} hangs {max(stance.feet.values()):.3f} m above the other feet",
            where,
            FIX,
        )
    if stance.outside > MAX_OUTSIDE:
        yield error(
            "stance",
            f"the centre of mass is {stance.outside:.3f} m outside the feet, to the "
            f"{stance.direction}: the pose tips over",
            where,
            FIX,
        )
