"""What the network answers: measured, on ONNX Runtime."""

from collections.abc import Iterator

import numpy as np

from pipeline.doctor.findings import Finding, error, note, warning
from pipeline.doctor.samples import walking, wild
from pipeline.doctor.subject import Subject
from pipeline.words import listed

ROWS, STEP_ROWS = 256, 32
"""Observations drawn, and those at which inputs are moved."""
MANY = 512
"""Inputs from which on they are moved at fewer observations, to be done in seconds."""
EXTREME = 100.0
"""Width of observations that no robot makes but a fallen one, or a broken sensor, comes near."""
STILL = 1e-6
"""Change of an action that is none."""
LEAST_STEP = 0.1
"""Least by which an input is moved."""
AT_BOUND, TOO_OFTEN = 0.98, 0.5
"""Share of its largest value from which an action counts as saturated, and of the time."""
COMMAND = ("vx", "vy", "yaw rate")


def check_finite(subject: Subject) -> Iterator[Finding]:
    """NaN or infinity out of finite observations."""
    if subject.network is None or subject.input_size is None:
        return
    size = subject.input_size
    tries = {
        "zeros": (np.zeros((1, size), np.float32), error),
        "observations of walking": (walking(subject.described, size, ROWS), error),
        f"observations {EXTREME:g} times too large": (wild(size, ROWS, EXTREME), warning),
    }
    for what, (obs, make) in tries.items():
        bad = ~np.isfinite(subject.network(obs)).all(axis=1)
        if bad.any():
            yield make(
                "finite",
                f"answers {what} with NaN or infinity ({int(bad.sum())} of {len(obs)})",
                f"{subject.where}: output {subject.graph.outputs[0].name!r}",
                "look for a division by a standard deviation of zero, a logarithm or an "
                "exponential; clip the normalized observation",
            )
            return


def check_batches(subject: Subject) -> Iterator[Finding]:
    """A free batch axis that gives other answers than single rows."""
    if subject.network and subject.network.batch_problem:
        yield error(
            "batch",
            f"its batch axis is free, but it {subject.network.batch_problem}",
            subject.where,
            "some node still has the batch of the export written into it (a Slice, a Reshape): "
            "export with that axis dynamic, or fix it to 1 and say so",
        )


def check_dead_inputs(subject: Subject) -> Iterator[Finding]:
    """Inputs that change nothing, at any of many observations."""
    reach = _reach(subject)
    if reach is None:
        return
    dead = [index for index, change in enumerate(reach) if change <= STILL]
    said = subject.described
    if not dead:
        return
    if len(dead) == len(reach):
        yield error(
            "dead inputs",
            "no input has any effect: the answer is always the same",
            subject.where,
            "export the trained network: this one is empty, or saturated throughout",
        )
        return
    commands, others = [], []
    for index in dead:
        term, place = _element(subject, index)
        (commands if term == "command" else others).append(place)
    fix = "see that the term is fed during training, that no scale is zero, and that none is masked"
    where = f"{subject.where}: input {subject.graph.inputs[0].name!r}; {said.where('observation')}"
    if commands:
        what = f"{listed(commands)}: no effect, so the robot cannot be told"
        yield error("dead inputs", what, where, fix)
    if others:
        yield warning("dead inputs", f"{listed(others, most=6)}: no effect", where, fix)


def _reach(subject: Subject) -> np.ndarray | None:
    """(inputs,) how far moving each input moves the action at most."""
    if subject.network is None or subject.input_size is None:
        return None
    size = subject.input_size
    rows = STEP_ROWS if subject.network.free_batch and size <= MANY else STEP_ROWS // 8
    at = walking(subject.described, size, rows)
    step = np.maximum(walking(subject.described, size, ROWS).std(axis=0), LEAST_STEP)
    base = subject.network(at)
    if not np.isfinite(base).all():
        return None
    moved = np.zeros(size)
    for index in range(size):
        pushed = np.repeat(at[None], 2, axis=0)
        pushed[0, :, index] += step[index]
        pushed[1, :, index] -= step[index]
        answers = subject.network(pushed.reshape(-1, size)).reshape(2, rows, -1)
        moved[index] = np.abs(answers - base).max()
    return moved


def _element(subject: Subject, index: int) -> tuple[str, str]:
    """Kind of the term that an input belongs to, and words for the input."""
    said = subject.described
    for term, columns in zip(said.observation or (), said.columns, strict=False):
        if index in columns:
            element = int(np.nonzero(columns == index)[1][0])
            if term.kind == "command" and term.size == len(COMMAND):
                return "command", f"{term.name}[{element}] ({COMMAND[element]})"
            joint = f" ({said.joint(element)})" if term.size == said.num_joints else ""
            return term.kind or "", f"{term.name}[{element}]{joint}"
    return "", f"input {index}"


def check_dead_outputs(subject: Subject) -> Iterator[Finding]:
    """Actions that never change."""
    if subject.network is None or subject.input_size is None:
        return
    answers = subject.network(wild(subject.input_size, ROWS, 3.0))
    still = np.flatnonzero(answers.std(axis=0) <= STILL)
    if 0 < len(still) < answers.shape[1]:
        names = [subject.described.joint(int(index)) for index in still]
        yield error(
            "dead outputs",
            f"the action of {listed(names)} never changes",
            f"{subject.where}: output {subject.graph.outputs[0].name!r}",
            "see whether the exporter has left a layer out, or the joint was locked in training",
        )


def check_saturation(subject: Subject) -> Iterator[Finding]:
    """Bounded actions that are at their bound most of the time."""
    if subject.network is None or subject.input_size is None:
        return
    if subject.described.observation is None:
        fix = "state the terms"
        what = "its observation is not described, so what it does while walking was not measured"
        yield note("saturation", what, subject.where, fix)
        return
    size = subject.input_size
    bound = np.abs(subject.network(wild(size, ROWS, EXTREME))).max(axis=0)
    answers = np.abs(subject.network(walking(subject.described, size, ROWS)))
    if not np.isfinite(bound).all() or not np.isfinite(answers).all():
        return
    if answers.std(axis=0).max() <= STILL:
        return  # check_dead_inputs says so
    share = (answers >= AT_BOUND * np.maximum(bound, STILL)).mean(axis=0)
    often = [index for index in np.argsort(-share) if share[index] > TOO_OFTEN]
    if often and bound.max() > STILL:
        yield warning(
            "saturation",
            f"the action of {listed([subject.described.joint(int(i)) for i in often])} is at its "
            f"bound {share[often].mean():.0%} of the time: it is switched, not steered",
            f"{subject.where}: output {subject.graph.outputs[0].name!r}",
            "see that observations are scaled as in training; train with a larger action scale or "
            "a cost on large actions",
        )
