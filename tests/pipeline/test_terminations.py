"""A fall is a tilt or a height beyond its limit, or a robot that cannot be measured."""

import math

import jax.numpy as jnp
import pytest

from pipeline.terminations import fell

UPRIGHT = [0.0, 0.0, -1.0]


@pytest.fixture(scope="module")
def limits(make_config):
    changes = {"task.terminations.max_tilt": 1.0, "task.terminations.min_base_height": 0.15}
    return make_config(changes).task.terminations


def rolled(angle):
    return [0.0, -math.sin(angle), -math.cos(angle)]


def pitched(angle):
    return [math.sin(angle), 0.0, -math.cos(angle)]


@pytest.mark.parametrize(
    ("gravity", "height", "wanted"),
    [
        (UPRIGHT, 0.3, False),
        (rolled(0.99), 0.3, False),
        (rolled(1.01), 0.3, True),
        (rolled(-1.01), 0.3, True),
        (pitched(0.99), 0.3, False),
        (pitched(1.01), 0.3, True),
        (pitched(-1.01), 0.3, True),
        ([0.0, 0.0, 1.0], 0.3, True),  # on its back
        (UPRIGHT, 0.151, False),
        (UPRIGHT, 0.149, True),
        (UPRIGHT, -1.0, True),
        (UPRIGHT, math.nan, True),
        ([math.nan] * 3, 0.3, True),
    ],
)
def test_fell(limits, gravity, height, wanted, strict_jax):
    assert fell(limits, jnp.array([gravity]), jnp.array([height])).tolist() == [wanted]


def test_each_environment_by_itself(limits):
    gravity = jnp.array([UPRIGHT, rolled(2.0), UPRIGHT, UPRIGHT])
    height = jnp.array([0.3, 0.3, 0.1, 0.3])
    assert fell(limits, gravity, height).tolist() == [False, True, True, False]


def test_limits_come_from_the_configuration(make_config):
    changes = {"task.terminations.max_tilt": 0.5, "task.terminations.min_base_height": 0.25}
    strict = make_config(changes).task.terminations
    heights, gravity = jnp.array([0.3, 0.3, 0.2]), jnp.array([UPRIGHT, rolled(0.6), UPRIGHT])
    assert fell(strict, gravity, heights).tolist() == [False, True, True]
