"""Weights that are no numbers."""

from collections.abc import Iterator

import numpy as np

from pipeline.doctor.findings import Finding, error
from pipeline.doctor.subject import Subject
from pipeline.onnx_tensors import graphs

BOUNDS = ("Clip", "Min", "Max", "Where")
"""Operators to which an infinite constant may be a bound that is none."""


def check_weights(subject: Subject) -> Iterator[Finding]:
    """NaN anywhere, and infinity where it is no bound."""
    for name, values in subject.graph.weights():
        if not np.issubdtype(values.dtype, np.floating):
            continue
        nan, inf = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        if not nan and (not inf or _only_bounds(subject, name)):
            continue
        yield error(
            "weights",
            f"{nan} NaN and {inf} infinite of {values.size} values",
            f"{subject.where}: tensor {name!r}",
            "training has diverged, or the file was damaged: export an earlier checkpoint",
        )


def _only_bounds(subject: Subject, name: str) -> bool:
    """Whether nothing but bounds uses a tensor."""
    nodes = [node for graph in graphs(subject.graph.model) for node in graph.node]
    used = [node.op_type for node in nodes if name in node.input]
    return bool(used) and all(operator in BOUNDS for operator in used)
