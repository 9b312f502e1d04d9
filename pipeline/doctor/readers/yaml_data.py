"""YAML as data: tags that would make Python objects are reported, never obeyed."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from pipeline.doctor.findings import DoctorError, Finding, error
from pipeline.doctor.readers.numbers import as_mapping
from pipeline.words import listed

MAX_BYTES = 2**18
"""A description of a robot is a few kB."""
STANDARD = "tag:yaml.org,2002:"
PLAIN = {
    STANDARD + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
}
MERGE = STANDARD + "merge"
FIX = (
    "write plain lists and numbers there (null for `joint_ids` means all joints): with a tag, "
    "yaml.safe_load refuses the whole file, and any loader that accepts it runs code"
)


def read_yaml(path: Path) -> tuple[dict[str, object], list[Finding]]:
    """Read a YAML file.

    Returns:
        The mapping, and what its tags are.

    Raises:
        DoctorError: If it is missing, too large, no YAML or no mapping.
    """
    root = _compose(path)
    tags = [f"{key} is {tag}" for key, tag in _untag(root, "", set())]
    loader = yaml.SafeLoader("")
    try:
        content = loader.construct_document(root)
    except (yaml.YAMLError, ValueError, TypeError) as problem:
        raise DoctorError(f"{path}: not valid YAML: {_one_line(problem)}") from problem
    if not isinstance(content, dict):
        raise DoctorError(f"{path}: want a mapping of keys, got {type(content).__name__}")
    content = dict(as_mapping(content))
    if not tags:
        return content, []
    what = f"has Python objects: {listed(tags)}; read as plain data here"
    return content, [error("python objects", what, str(path), FIX)]


def _compose(path: Path) -> yaml.Node:
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise DoctorError(f"{path}: cannot be read ({problem.strerror})") from problem
    if len(raw) > MAX_BYTES:
        raise DoctorError(f"{path}: has {len(raw):,} bytes, want at most {MAX_BYTES:,}")
    try:
        root = yaml.compose(raw, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise DoctorError(f"{path}: not valid YAML: {_one_line(problem)}") from problem
    except RecursionError as problem:
        raise DoctorError(f"{path}: is nested too deep to be a description") from problem
    if root is None:
        raise DoctorError(f"{path}: is empty")
    return root


def _untag(node: yaml.Node, key: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    """Give every node the tag of plain data; yield the dotted key and tag of those that had none.

    A node that aliases share is looked at once.
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.tag == MERGE:
        raise DoctorError(f"{key}: merge keys (<<) are not read; write the entries out")
    if node.tag not in PLAIN:
        yield key or "the whole file", "!!" + node.tag.removeprefix(STANDARD)
        node.tag = _plain_tag(node)
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            # A key of many parts cannot be looked up: as text it can.
            label = name.value if isinstance(name, yaml.ScalarNode) else "?"
            yield from _untag(name, f"{key}.{label}" if key else label, seen)
            yield from _untag(value, f"{key}.{label}" if key else label, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _untag(value, f"{key}[{index}]", seen)


def _plain_tag(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return yaml.SafeLoader("").resolve(yaml.ScalarNode, node.value, (True, False))
    return STANDARD + ("map" if isinstance(node, yaml.MappingNode) else "seq")


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split())
