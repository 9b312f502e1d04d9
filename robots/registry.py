"""The robots there are: one folder each."""

import importlib
from pathlib import Path

from robots.mirror import mirror_feet, mirror_joints
from robots.spec import RobotError, RobotSpec

ROBOTS_DIR = Path(__file__).resolve().parent
"""The folder that holds one folder per robot."""
FILES = ("robot.py", "model.xml")
"""What makes a folder a robot."""


def names() -> tuple[str, ...]:
    """Names of the robots there are, sorted."""
    return tuple(
        sorted({path.parent.name for file in FILES for path in ROBOTS_DIR.glob(f"*/{file}")})
    )


def load(name: str) -> RobotSpec:
    """Load one robot's description.

    Raises:
        RobotError: If there is no such robot, or its description contradicts itself.
    """
    if name not in names():
        raise RobotError(f"robot: {name!r} is unknown; there are {', '.join(names())}")
    for file in FILES:
        if not (ROBOTS_DIR / name / file).is_file():
            raise RobotError(f"robots/{name}: lacks {file}; docs/add-a-robot.md says what goes in")
    spec = importlib.import_module(f"robots.{name}.robot").ROBOT
    if spec.name != name:
        raise RobotError(f"robots/{name}/robot.py describes {spec.name!r}, want {name!r}")
    mirror_joints(spec)
    mirror_feet(spec)
    return spec
