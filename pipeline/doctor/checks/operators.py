"""Does every ONNX Runtime from 1.12 on load this file?

ONNX Runtime 1.12 reads IR version 8, opset 17 and ai.onnx.ml 3
(https://onnxruntime.ai/docs/reference/compatibility.html). It refuses a file that is stamped with a
higher one, whatever the file uses of it.
"""

from collections.abc import Iterator

import onnx

from pipeline.doctor.findings import Finding, error, warning
from pipeline.doctor.subject import Subject
from pipeline.onnx_tensors import graphs
from pipeline.words import listed

OLDEST = "ONNX Runtime 1.12"
MAX_IR = 8
MAX_OPSET = {"": 17, "ai.onnx.ml": 3}
"""Domains there are, and their newest version that `OLDEST` reads."""
DEFAULT = ("", "ai.onnx")
"""Two names of one domain."""
RUNTIMES = {18: "1.14", 19: "1.15", 20: "1.17", 21: "1.18", 22: "1.20", 23: "1.23"}
"""First ONNX Runtime that reads an opset, same source."""


def domain_of(name: str) -> str:
    """One name per domain."""
    return "" if name in DEFAULT else name


def check_versions(subject: Subject) -> Iterator[Finding]:
    """IR version and opsets that are too new."""
    model = subject.graph.model
    if model.ir_version > MAX_IR:
        yield error(
            "opset",
            f"IR version {model.ir_version}: {OLDEST} reads up to {MAX_IR}",
            f"{subject.where}: ir_version",
            f"set `model.ir_version = {MAX_IR}` with the onnx package and save: operators do not "
            "depend on it",
        )
    used = {domain_of(node.domain) for graph in graphs(model) for node in graph.node}
    for entry in model.opset_import:
        newest = MAX_OPSET.get(domain_of(entry.domain))
        if domain_of(entry.domain) in used and newest and entry.version > newest:
            needed = RUNTIMES.get(entry.version) if not domain_of(entry.domain) else None
            yield error(
                "opset",
                f"opset {entry.version}: {OLDEST} reads up to {newest}"
                + (f"; this one needs {needed} or newer" if needed else ""),
                f"{subject.where}: opset_import {entry.domain or 'ai.onnx'}",
                f"export with opset_version={newest}, or convert with "
                f"onnx.version_converter.convert_version(model, {newest})",
            )


def check_operators(subject: Subject) -> Iterator[Finding]:
    """Operators that are not in every ONNX Runtime from 1.12 on, and loops."""
    model = subject.graph.model
    own = {(domain_of(function.domain), function.name) for function in model.functions}
    opsets = {domain_of(entry.domain): entry.version for entry in model.opset_import}
    nodes = [node for graph in graphs(model) for node in graph.node]
    seen: set[tuple[str, str]] = set()
    for node in nodes:
        operator = (domain_of(node.domain), node.op_type)
        if operator in seen or operator in own:
            continue
        seen.add(operator)
        if problem := _problem(*operator, opsets):
            yield error(
                "operators",
                f"operator {node.op_type} {problem}",
                f"{subject.where}: node {node.name or next(iter(node.output), '')!r}",
                f"export with opset_version={MAX_OPSET['']}: the exporter then writes the same in "
                "operators that there are"
                if operator[0] in MAX_OPSET
                else "ship the file as exported: operators that are not ONNX's come from "
                "optimized files",
            )
    loops = sorted({node.op_type for node in nodes if node.op_type in ("Loop", "Scan")})
    if loops:
        yield warning(
            "operators",
            f"has {listed(loops)}: how long a step takes may depend on what it is fed",
            subject.where,
            "unroll it when exporting; a control step of 20 ms waits for nobody",
        )


def _problem(domain: str, name: str, opsets: dict[str, int]) -> str | None:
    if domain not in MAX_OPSET:
        return f"is of the domain {domain!r}, which not every ONNX Runtime has"
    if domain not in opsets:
        return f"has no opset: opset_import lacks {domain or 'ai.onnx'!r}"
    stamped, newest = opsets[domain], MAX_OPSET[domain]
    try:
        schema = onnx.defs.get_schema(name, max(0, min(stamped, newest)), domain)
    except onnx.defs.SchemaError:
        return _why_absent(domain, name, stamped)
    if schema.deprecated:
        return (
            f"is deprecated from opset {schema.since_version} on, and the file is of opset "
            f"{stamped}: ONNX Runtime has no code for it"
        )
    return None


def _why_absent(domain: str, name: str, stamped: int) -> str:
    """What is wrong with an operator that neither the file's opset nor the newest allowed has."""
    versions = [
        schema.since_version
        for schema in onnx.defs.get_all_schemas_with_history()
        if (schema.domain, schema.name) == (domain, name)
    ]
    if not versions:
        return "is none of ONNX's"
    if min(versions) > MAX_OPSET[domain]:
        return f"came with opset {min(versions)}: {OLDEST} has up to {MAX_OPSET[domain]}"
    return f"came with opset {min(versions)}, but the file is of opset {stamped}"


def check_external(subject: Subject) -> Iterator[Finding]:
    """Weights in other files."""
    files = sorted(set(subject.graph.external.values()))
    fix = "save in one file: onnx.save(onnx.load(path), path, save_as_external_data=False)"
    if subject.graph.missing:
        tensor = next(
            name for name, file in subject.graph.external.items() if file in subject.graph.missing
        )
        yield error(
            "external data",
            f"weights are in {listed(list(subject.graph.missing))}, not there or outside the "
            "policy's folder",
            f"{subject.where}: tensor {tensor!r}",
            fix,
        )
    elif files:
        yield warning(
            "external data",
            f"{len(subject.graph.external)} tensors are in {listed(files)}: a copy of the .onnx "
            "alone does not run, and its hash does not cover its weights",
            subject.where,
            fix,
        )
