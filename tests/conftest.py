"""Fixtures that several folders of tests use."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import robots


@pytest.fixture
def strict_jax() -> Iterator[None]:
    """Refuse implicit promotion of dtypes and ranks; a fixture, because Brax relies on both."""
    import jax

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@pytest.fixture
def raw_params() -> dict[str, Any]:
    """What params.yaml says, to be changed at will."""
    return read_params()


@pytest.fixture(scope="session")
def make_config() -> Callable[..., Any]:
    """Give the configuration with some dotted keys of params.yaml changed; one physics thread."""
    from pipeline.config import parse

    def make(changes: dict[str, Any] | None = None) -> Any:
        raw = read_params()
        for key, value in {"physics.threads": 1, **(changes or {})}.items():
            set_key(raw, key, value)
        return parse(raw)

    return make


@pytest.fixture(scope="session")
def go2() -> robots.RobotSpec:
    """The Go2."""
    return robots.load("go2")


def read_params() -> dict[str, Any]:
    """Contents of params.yaml."""
    return yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())


def set_key(raw: dict[str, Any], key: str, value: Any) -> None:
    """Change one dotted key that is there."""
    *sections, last = key.split(".")
    for section in sections:
        raw = raw[section]
    assert last in raw, key
    raw[last] = value
