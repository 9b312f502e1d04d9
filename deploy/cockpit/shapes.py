"""A robot's shapes in viser: what its MJCF wants looked at, body by body."""

from typing import Any

import mujoco
import numpy as np
from trimesh import creation as untyped_creation

from robots.model import VISUAL_GROUP

creation: Any = untyped_creation
BRIGHTER = 0.55
"""Exponent of a colour's brightness. The models' colours are made for MuJoCo's renderer; viser's
shows dark ones nearly black."""


def add_shapes(scene: Any, model: mujoco.MjModel, root: str) -> dict[int, Any]:
    """Add a frame for every body that is looked at, and its shapes in it.

    Args:
        scene: viser's.
        model: The robot, visual shapes kept.
        root: Name of the scene node that they hang from.

    Returns:
        Frames by the body's number.
    """
    frames: dict[int, Any] = {}
    for geom in np.flatnonzero(model.geom_group == VISUAL_GROUP):
        body = int(model.geom_bodyid[geom])
        if body not in frames:
            frames[body] = scene.add_frame(f"{root}/{body}", show_axes=False)
        _add_shape(scene, model, int(geom), f"{root}/{body}/{geom}")
    return frames


def _add_shape(scene: Any, model: mujoco.MjModel, geom: int, name: str) -> None:
    kinds = mujoco.mjtGeom
    radius, half, third = (float(size) for size in model.geom_size[geom])
    rgba = _rgba(model, geom)
    common: dict[str, Any] = {
        "color": tuple(round(255 * float(part) ** BRIGHTER) for part in rgba[:3]),
        "opacity": None if rgba[3] >= 1 else float(rgba[3]),
        "position": tuple(model.geom_pos[geom]),
        "wxyz": tuple(model.geom_quat[geom]),
    }
    match int(model.geom_type[geom]):
        case kinds.mjGEOM_BOX:
            scene.add_box(name, dimensions=(2 * radius, 2 * half, 2 * third), **common)
        case kinds.mjGEOM_SPHERE:
            scene.add_icosphere(name, radius=radius, **common)
        case kinds.mjGEOM_ELLIPSOID:
            scene.add_icosphere(name, radius=1.0, scale=(radius, half, third), **common)
        case kinds.mjGEOM_CYLINDER:
            scene.add_cylinder(name, radius=radius, height=2 * half, **common)
        case kinds.mjGEOM_CAPSULE:
            # No constructor of viser's has the hemispheres.
            capsule = creation.capsule(2 * half, radius, count=(24, 24))
            capsule.apply_translation((0.0, 0.0, -half - capsule.bounds[0][2] - radius))
            scene.add_mesh_simple(name, capsule.vertices, capsule.faces, **common)
        case kind:
            raise ValueError(f"{model.geom(geom).name or geom}: cannot show type {kind}")


def _rgba(model: mujoco.MjModel, geom: int) -> np.ndarray:
    material = int(model.geom_matid[geom])
    return model.geom_rgba[geom] if material < 0 else model.mat_rgba[material]
