"""Robots and policies to choose from, and the checks that each goes through before it moves."""

from pathlib import Path
from typing import NamedTuple

import robots
from deploy.cockpit import CockpitError
from deploy.policy import Policy
from deploy.runtime.gatecheck import SHIPPED, check_gate
from deploy.runtime.transports import check_robot
from robots.spec import RobotSpec

POLICY_NAME = "policy.onnx"
TRAINED = Path("artifacts")
"""Where `dvc repro` leaves a folder per robot."""


class Ready(NamedTuple):
    """A policy that may move a robot.

    Args:
        robot: The robot.
        policy: The policy.
        gate: The report that vouches for it.
    """

    robot: RobotSpec
    policy: Policy
    gate: Path


def get_ready(robot: str, policy: Path) -> Ready:
    """Load a policy, and see that it is this robot's and that a passing gate report names it.

    Raises:
        UserError: If any of that is not so.
    """
    if robot not in robots.names():
        raise CockpitError(f"robot: {robot!r} is unknown; there are {', '.join(robots.names())}")
    # As in the command line: a parser is no place for what nobody vouches for.
    gate = check_gate(policy, robot)
    spec, loaded = robots.load(robot), Policy(policy)
    check_robot(loaded.contract, spec)
    return Ready(spec, loaded, gate)


class Choices:
    """What a page may choose: policies by names, so that it can name no file.

    Args:
        given: A policy from the command line, for the robot it is of; None for none.
        shipped: Folder of the shipped policies.
        trained: Folder of the ones trained here.
    """

    def __init__(
        self,
        given: tuple[str, Path] | None = None,
        shipped: Path = SHIPPED,
        trained: Path = TRAINED,
    ) -> None:
        self._given, self._folders = given, {"shipped": shipped, "trained here": trained}

    def of(self, robot: str) -> dict[str, Path]:
        """Policies of a robot, by the names that pages know, the first to be preferred."""
        there: dict[str, Path] = {}
        if self._given and self._given[0] == robot:
            there[self._given[1].name] = self._given[1]
        for name, folder in self._folders.items():
            if (folder / robot / POLICY_NAME).is_file():
                there[name] = folder / robot / POLICY_NAME
        return there

    def all(self) -> dict[str, list[str]]:
        """Names of policies, by robot."""
        return {robot: list(self.of(robot)) for robot in robots.names()}

    def find(self, robot: str, name: str | None = None) -> Path:
        """A policy by its name, or the robot's first.

        Raises:
            CockpitError: If there is none.
        """
        there = self.of(robot)
        if not there:
            raise CockpitError(f"{robot}: there is no policy; train one, or name one with --policy")
        if name is None:
            return next(iter(there.values()))
        if name not in there:
            raise CockpitError(f"policy: {robot} has no {name!r}, but {', '.join(there)}")
        return there[name]
