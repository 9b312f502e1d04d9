"""Fixtures that several folders of tests use."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def strict_jax() -> Iterator[None]:
    """Refuse implicit promotion of dtypes and ranks; a fixture, because Brax relies on both."""
    import jax

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield
