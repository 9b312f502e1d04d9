"""Show a vendor's meshes in films, from a folder the user has; physics never sees them."""

from pathlib import Path

import mujoco

from robots import RobotSpec
from robots.errors import UserError
from robots.model import VISUAL_GROUP
from robots.spec import Mesh

ENDINGS = (".obj", ".stl")
"""Files that MuJoCo reads, in the order they are taken."""


class MeshError(UserError):
    """The folder of meshes does not fit the robot."""


def add_meshes(mjcf: mujoco.MjSpec, robot: RobotSpec, folder: Path) -> None:
    """Replace the shapes that are only looked at by meshes, link by link.

    A link's mesh is `<link>.obj` or `<link>.stl`, or in pieces `<link>_0.obj`, `<link>_1.obj`, ...,
    upper or lower case alike, unless `robot.meshes` names other files. A link without a mesh keeps
    its shapes.

    Args:
        mjcf: The robot's MJCF, with its visual shapes; changed.
        robot: The robot.
        folder: Holds the files; subfolders are not searched.

    Raises:
        MeshError: If there is no such folder, or no mesh of this robot in it.
    """
    if not folder.is_dir():
        raise MeshError(f"render.meshes: {folder} is not a folder")
    files = {path.name.lower(): path for path in sorted(folder.iterdir())}
    found = False
    for body in list(mjcf.bodies):
        wanted = [mesh for mesh in robot.meshes if mesh.body == body.name]
        placed = [
            (mesh, path)
            for mesh in wanted or [Mesh(body.name, body.name)]
            for path in _pieces(files, mesh.file.lower())
        ]
        if placed:
            _replace(mjcf, body, placed)
            found = True
    if not found:
        raise MeshError(
            f"render.meshes: {folder} holds no mesh of {robot.name}: looked for "
            f"{robot.base_body}.stl and the like; robots/{robot.name}/README.md names the files"
        )


def _pieces(files: dict[str, Path], name: str) -> list[Path]:
    for ending in ENDINGS:
        if name + ending in files:
            return [files[name + ending]]
        pieces: list[Path] = []
        while (piece := f"{name}_{len(pieces)}{ending}") in files:
            pieces.append(files[piece])
        if pieces:
            return pieces
    return []


def _replace(mjcf: mujoco.MjSpec, body: mujoco.MjsBody, placed: list[tuple[Mesh, Path]]) -> None:
    """Put meshes where a body's visual shapes were, in the first shape's material."""
    shapes = [geom for geom in body.geoms if geom.group == VISUAL_GROUP]
    material = shapes[0].material if shapes else ""
    for shape in shapes:
        mjcf.delete(shape)
    for mesh, path in placed:
        name = f"{body.name}/{path.stem}"
        # Looked at only, and often not closed: a shell always compiles.
        shell = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
        mjcf.add_mesh(name=name, file=str(path.resolve()), inertia=shell)
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            material=material,
            pos=mesh.pos,
            quat=mesh.quat,
            group=VISUAL_GROUP,
            contype=0,
            conaffinity=0,
            mass=0,
        )
