"""Everything that checks look at, gathered from the files."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import robots
from deploy.policy import POLICY_HASH_KEY
from pipeline.doctor.described import MAX_INPUTS, Described
from pipeline.doctor.findings import DoctorError, Finding, error
from pipeline.doctor.graph import Graph, read_graph
from pipeline.doctor.merging import merge
from pipeline.doctor.network import Network, NetworkError, TooLargeError
from pipeline.doctor.readers.contract import read_contract
from pipeline.doctor.readers.deploy_yaml import read_deploy
from pipeline.doctor.readers.mjlab import read_mjlab
from pipeline.doctor.robot import Robot, load_robot, motor_names, recognise


@dataclass(frozen=True)
class Subject:
    """A policy under examination.

    Args:
        graph: The ONNX file.
        network: The same, to be run; None where it cannot be.
        statements: What is said about it, the weightiest first.
        reading: What went wrong while reading.
        robot: The robot it is held against, or None.
    """

    graph: Graph
    network: Network | None
    statements: tuple[Described, ...]
    reading: tuple[Finding, ...]
    robot: Robot | None

    @cached_property
    def described(self) -> Described:
        """All that is said about it."""
        return merge(self.statements)

    @property
    def where(self) -> str:
        """The ONNX file's name, for findings."""
        return str(self.graph.path)

    @property
    def input_size(self) -> int | None:
        """Numbers in an observation; None where the file does not say."""
        shape = self.graph.inputs[0].shape if self.graph.inputs else ()
        return shape[-1] if shape and isinstance(shape[-1], int) else None

    @cached_property
    def output_size(self) -> int | None:
        """Numbers in an action; None where the file does not say."""
        shape = self.graph.outputs[0].shape
        return shape[-1] if shape and isinstance(shape[-1], int) else None

    @cached_property
    def joints_are_known(self) -> bool:
        """Whether every joint that is named is one of the robot's."""
        names = self.described.joint_names
        return bool(self.robot and names and set(names) <= set(self.robot.joint_names))


def gather(
    policy: Path, model: Path | None = None, deploy: Path | None = None, robot: str | None = None
) -> Subject:
    """Read all files.

    Args:
        policy: The ONNX file.
        model: The robot's MJCF.
        deploy: Unitree's deploy.yaml.
        robot: Name of one of our robots; None: found out from the files.

    Raises:
        UserError: If one of them cannot be examined. One line.
    """
    if robot is not None and robot not in robots.names():
        raise DoctorError(f"--robot {robot}: unknown; there are {', '.join(robots.names())}")
    graph = read_graph(policy)
    if POLICY_HASH_KEY in graph.metadata:
        raise DoctorError(
            f"{policy}: is a baked controller, which takes raw sensors; examine the policy.onnx it "
            "was made of"
        )
    contract, wrong_contract = read_contract(graph.metadata)
    mjlab, wrong_mjlab = read_mjlab(graph.metadata)
    said = contract or mjlab
    named = robot or (contract.robot if contract else None)
    if named is None and said and said.joint_names:
        known = recognise(said.joint_names)
        named = known.name if known else None
    machine = load_robot(named, model)
    fed = graph.inputs[0].name if graph.inputs else ""
    from_yaml, wrong_yaml = (
        read_deploy(deploy, motor_names(machine.spec if machine else None), fed)
        if deploy
        else (None, [])
    )
    # What a file beside the policy says is what Unitree's program goes by.
    statements = tuple(each for each in (contract, from_yaml, mjlab) if each is not None)
    network, wrong_network = _load(graph)
    reading = (*wrong_contract, *wrong_mjlab, *wrong_yaml, *wrong_network)
    return Subject(graph, network, statements, reading, machine)


def _load(graph: Graph) -> tuple[Network | None, list[Finding]]:
    """The network, where it has an input that can be fed."""
    shape = graph.inputs[0].shape if graph.inputs else ()
    if len(shape) != 2 or not isinstance(shape[1], int) or graph.missing:
        return None, []
    if shape[1] > MAX_INPUTS:
        raise DoctorError(
            f"{graph.path}: input {graph.inputs[0].name!r} has {shape[1]:,} numbers, want at most "
            f"{MAX_INPUTS:,}"
        )
    try:
        return Network(graph), []
    except TooLargeError as problem:
        raise DoctorError(f"{graph.path}: {problem}") from problem
    except NetworkError as problem:
        fix = "export it again"
        return None, [error("runtime", str(problem), str(graph.path), fix)]
