"""What goes in and what comes out."""

from collections.abc import Iterator

from pipeline.doctor.described import PER_JOINT, Described
from pipeline.doctor.findings import Finding, error, warning
from pipeline.doctor.graph import Tensor
from pipeline.doctor.subject import Subject
from pipeline.words import listed

FIX = "export with one row per observation, the batch axis free and the other one fixed"


def check_input(subject: Subject) -> Iterator[Finding]:
    """Number, type and shape of the inputs."""
    inputs = subject.graph.inputs
    if not inputs:
        yield error("shapes", "has no input: its answer is always the same", subject.where, FIX)
        return
    yield from _check_tensor(subject, "input", inputs[0])
    if len(inputs) > 1:
        yield warning(
            "shapes",
            f"wants {len(inputs)} inputs: beside {inputs[0].name!r} there are "
            f"{listed([tensor.name for tensor in inputs[1:]])}; here they were fed zeros",
            subject.where,
            "Surefoot's runtime and Unitree's feed one: export without them, or see that whoever "
            "runs it feeds them (a network's memory has to be handed back each step)",
        )


def check_output(subject: Subject) -> Iterator[Finding]:
    """Type and shape of the action, and whether it has an entry for each joint."""
    yield from _check_tensor(subject, "output", subject.graph.outputs[0])
    size, robot = subject.output_size, subject.robot
    if size is None:
        return
    where = f"{subject.where}: output {subject.graph.outputs[0].name!r}"
    for said in subject.statements:
        if said.num_joints not in (None, size):
            yield error(
                "shapes",
                f"{size} actions for {said.num_joints} joints",
                f"{where}; {said.where(_first_list(said))}",
                "one of the two is of another policy: take the description that was exported with "
                "it",
            )
    if robot and not subject.described.joint_names and size != len(robot.joint_names):
        yield (error if size > len(robot.joint_names) else warning)(
            "shapes",
            f"{size} actions, but {robot.where} has {len(robot.joint_names)} joints, and nothing "
            "says which joint an action is for",
            where,
            "name the joints in the metadata, or give the robot's own MJCF with --model",
        )


def _first_list(said: Described) -> str:
    """Name of the list that `Described.num_joints` has counted."""
    return next(name for name in PER_JOINT if getattr(said, name) is not None)


def _check_tensor(subject: Subject, what: str, tensor: Tensor) -> Iterator[Finding]:
    where = f"{subject.where}: {what} {tensor.name!r}"
    shape = [dim if dim != "" else "?" for dim in tensor.shape]
    if tensor.dtype != "float":
        yield error(
            "shapes", f"is {tensor.dtype}, want float (32 bit)", where, "export it as float32"
        )
    if len(shape) != 2:
        yield error("shapes", f"has shape {shape}, want [batch, n]", where, FIX)
        return
    if not isinstance(shape[1], int):
        yield error(
            "shapes",
            f"has shape {shape}: the second axis is free, so nothing says how many numbers "
            f"{'go in' if what == 'input' else 'come out'}",
            where,
            FIX,
        )
    if isinstance(shape[0], int) and shape[0] != 1:
        yield error(
            "shapes", f"has shape {shape}: {shape[0]} robots at a time, and no fewer", where, FIX
        )
