"""Published figures of the robots: one module a robot, with LINKS, MASS and ASYMMETRY."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Link:
    """A published link: kg, m, and the inertia about the COM as xx yy zz xy xz yz, kg m^2."""

    mass: float
    com: tuple[float, float, float]
    inertia: tuple[float, float, float, float, float, float]

    @property
    def matrix(self):
        xx, yy, zz, xy, xz, yz = self.inertia
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])

    def mirrored(self, x=1, y=1):
        """Reflect in the planes whose sign is -1."""
        xx, yy, zz, xy, xz, yz = self.inertia
        com = (x * self.com[0], y * self.com[1], self.com[2])
        return Link(self.mass, com, (xx, yy, zz, x * y * xy, x * xz, y * yz))


def weld(*parts):
    """Join links given in one frame: total mass, common COM, parallel-axis inertia."""
    mass = sum(link.mass for link in parts)
    com = sum(link.mass * np.array(link.com) for link in parts) / mass
    matrix = np.zeros((3, 3))
    for link in parts:
        d = np.array(link.com) - com
        matrix += link.matrix + link.mass * (d @ d * np.eye(3) - np.outer(d, d))
    return from_matrix(mass, com, matrix)


def from_matrix(mass, com, matrix):
    """A link whose inertia is given as a 3x3 matrix."""
    (xx, xy, xz), (_, yy, yz), (_, _, zz) = matrix
    return Link(mass, tuple(com), (xx, yy, zz, xy, xz, yz))


def principal(mass, com, moments, quat):
    """A link published by its principal moments and the rotation of their axes (wxyz)."""
    axes = rotation(quat)
    return from_matrix(mass, com, axes @ np.diag(moments) @ axes.T)


def rotation(quat):
    """The matrix of a rotation given as wxyz."""
    w, *v = np.array(quat) / np.linalg.norm(quat)
    return (2 * w * w - 1) * np.eye(3) + 2 * np.outer(v, v) + 2 * w * np.cross(np.eye(3), v)
