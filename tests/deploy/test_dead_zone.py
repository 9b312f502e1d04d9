"""The dead zone of commands: what is too slow becomes zero, and nothing else changes."""

import jax.numpy as jnp
import numpy as np
import pytest

from deploy.commands import apply_dead_zone

COMMANDS = np.float32(
    [
        [0.19, 0.0, 0.19],  # too slow both ways
        [0.15, 0.15, 0.0],  # fast enough only together
        [-0.1, 0.0, -0.5],  # turns on the spot
        [0.5, -0.05, 0.1],  # a small share of a fast walk is kept
        [0.2, 0.0, -0.2],  # the edge is outside
        [0.0, 0.0, 0.0],
    ]
)
WANTED = np.float32(
    [[0, 0, 0], [0.15, 0.15, 0], [0, 0, -0.5], [0.5, -0.05, 0], [0.2, 0, -0.2], [0, 0, 0]]
)


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 3)])
def test_slow_velocity_and_slow_turning_become_zero_each_by_itself(xp, shape):
    result = apply_dead_zone(xp.asarray(COMMANDS.reshape(shape)), 0.2, xp)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(result), WANTED.reshape(shape))


def test_one_command_without_a_batch():
    np.testing.assert_array_equal(apply_dead_zone(COMMANDS[3], 0.2), WANTED[3])


def test_no_dead_zone_leaves_every_command_alone():
    np.testing.assert_array_equal(apply_dead_zone(COMMANDS, 0.0), COMMANDS)
