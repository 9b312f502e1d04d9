"""The default pose put on a floor: which links touch it, and does the robot stay up?"""

from dataclasses import dataclass

import mujoco
import numpy as np

from pipeline.doctor.robot import Robot

TOUCH = 0.01
"""Height above the lowest point of a link that still belongs to its sole, m."""
LEG_SHARE = 0.5
"""Share of the base's height below which an end of the tree is taken for a foot, not a hand."""
DIRECTIONS = 64
"""In which the centre of mass is held against the soles."""


@dataclass(frozen=True)
class Stance:
    """A robot standing level in a pose.

    Args:
        feet: Height of each foot's lowest point above the lowest of all, m; none where all are up.
        lower: Other links that reach as low as the feet, by how much lower than the lowest foot, m;
            without feet, all that touch the floor.
        folded: Feet's links that touch the floor with the end at their joint, as a kneeling leg.
        outside: How far the centre of mass is outside the soles, m; negative inside, 0 without.
        direction: Where it is outside: front, back, left or right.
    """

    feet: dict[str, float]
    lower: dict[str, float]
    folded: tuple[str, ...]
    outside: float
    direction: str


def stand(robot: Robot, pose: dict[str, float]) -> Stance | None:
    """Work out how a robot stands.

    Args:
        robot: The robot.
        pose: Angle of joints, rad; others are where they are held, or at zero.

    Returns:
        None where the model has no shapes at its ends, or none below its base.
    """
    model, data = robot.model, _posed(robot, pose)
    root = int(model.body_rootid[model.joint(robot.joint_names[0]).bodyid[0]])
    points = {link: np.concatenate(found) for link, found in _points(model, data, root).items()}
    if not points:
        return None
    lowest = {link: float(found[:, 2].min()) for link, found in points.items()}
    ends = {link for link in points if not _carries_joints(model, link)}
    base = float(data.xpos[root, 2])
    floor = min(lowest.values())
    if not ends or base <= floor:
        return None
    feet = {link for link in ends if lowest[link] - floor < LEG_SHARE * (base - floor)}
    if not feet:
        down = [link for link, low in lowest.items() if low < floor + TOUCH]
        lying = {model.body(link).name: floor - lowest[link] for link in down}
        return Stance(feet={}, lower=lying, folded=(), outside=0.0, direction="")
    ground = min(lowest[link] for link in feet)
    soles = np.concatenate(
        [points[link][points[link][:, 2] < lowest[link] + TOUCH] for link in feet]
    )
    outside, direction = _outside(data.subtree_com[root, :2], soles[:, :2])
    return Stance(
        feet={model.body(link).name: lowest[link] - ground for link in sorted(feet)},
        lower={
            model.body(link).name: ground - low
            for link, low in lowest.items()
            if link not in feet and low < ground + TOUCH
        },
        folded=tuple(
            model.body(link).name
            for link in sorted(feet)
            if _is_folded(model, data, link, points[link])
        ),
        outside=outside,
        direction=direction,
    )


def _posed(robot: Robot, pose: dict[str, float]) -> mujoco.MjData:
    data = mujoco.MjData(robot.model)
    held = {joint.name: joint.position for joint in robot.spec.held_joints} if robot.spec else {}
    for name in robot.joint_names:
        address = robot.model.joint(name).qposadr[0]
        data.qpos[address] = pose.get(name, held.get(name, data.qpos[address]))
    if robot.model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE:
        data.qpos[:7] = (0, 0, 0, 1, 0, 0, 0)
    mujoco.mj_kinematics(robot.model, data)
    mujoco.mj_comPos(robot.model, data)
    return data


def _carries_joints(model: mujoco.MjModel, link: int) -> bool:
    """Whether a further joint hangs on a link, or on what is welded to it."""
    return any(
        model.body_weldid[model.body_parentid[body]] == link
        for body in range(1, model.nbody)
        if model.body_weldid[body] == body
    )


def _is_folded(model: mujoco.MjModel, data: mujoco.MjData, link: int, points: np.ndarray) -> bool:
    """Whether all that touches the floor is in the half of the link that is next to its joint."""
    joint = int(model.body_jntadr[link]) + int(model.body_jntnum[link]) - 1
    reach = np.linalg.norm(points - data.xanchor[joint], axis=1)
    return bool(reach[points[:, 2] < points[:, 2].min() + TOUCH].max() < reach.max() / 2)


def _points(model: mujoco.MjModel, data: mujoco.MjData, root: int) -> dict[int, list[np.ndarray]]:
    """Of each moving link, points (n, 3) among which are its lowest ones."""
    own = model.body_rootid[model.geom_bodyid] == root
    collides = (model.geom_contype | model.geom_conaffinity).astype(bool)
    wanted = own & collides if (own & collides).any() else own
    found: dict[int, list[np.ndarray]] = {}
    for geom in np.flatnonzero(wanted):
        points = _lowest_points(model, data, int(geom))
        if points is not None:
            link = int(model.body_weldid[model.geom_bodyid[geom]]) or int(model.geom_bodyid[geom])
            found.setdefault(link, []).append(points)
    return found


def _lowest_points(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> np.ndarray | None:
    """(n, 3) points of a shape among which is the lowest; None for shapes without end."""
    kinds = mujoco.mjtGeom
    kind, size = model.geom_type[geom], model.geom_size[geom]
    place, turn = data.geom_xpos[geom], data.geom_xmat[geom].reshape(3, 3)
    down = np.array([0.0, 0.0, -1.0])
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    if kind == kinds.mjGEOM_SPHERE:
        return place[None] + size[0] * down
    if kind == kinds.mjGEOM_CAPSULE:
        return place + np.outer([-1, 1], turn[:, 2]) * size[1] + size[0] * down
    if kind == kinds.mjGEOM_ELLIPSOID:
        local = size * (turn.T @ down)
        return (place + turn @ (size * local / np.linalg.norm(local)))[None]
    if kind == kinds.mjGEOM_CYLINDER:
        return place + (signs * (size[0], size[0], size[1]) * (0.5**0.5, 0.5**0.5, 1)) @ turn.T
    if kind == kinds.mjGEOM_BOX:
        return place + (signs * size) @ turn.T
    if kind == kinds.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        first = model.mesh_vertadr[mesh]
        return place + model.mesh_vert[first : first + model.mesh_vertnum[mesh]] @ turn.T
    return None


def _outside(com: np.ndarray, soles: np.ndarray) -> tuple[float, str]:
    """How far a point is outside the hull of others, and on which side."""
    angle = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    ways = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    beyond = ways @ com - (soles @ ways.T).max(axis=0)
    worst = int(beyond.argmax())
    x, y = ways[worst]
    side = ("front" if x > 0 else "back") if abs(x) > abs(y) else ("left" if y > 0 else "right")
    return float(beyond[worst]), side
