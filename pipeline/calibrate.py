"""Calibrate a trained policy: find the command map with which it walks as fast as it is asked to.

A policy that cannot measure its speed walks at what was best on average over noisy, different and
pushed robots. On the robot of the figures that is off by up to a tenth of a metre per second, and
by the same amount every time: it can be measured and taken out.
"""

import math

import jax
import mujoco
import numpy as np

from deploy.contract import PolicyContract
from pipeline import commands
from pipeline.command_map import CommandMap, features
from pipeline.config import Config
from pipeline.env import Env
from pipeline.physics.make import make_model, make_physics, on_cpu
from pipeline.randomize import joint_scales, nominal_bodies
from pipeline.rollout import Act, rollout
from robots import RobotSpec

SECONDS, SETTLE_S = 8.0, 2.0
"""How long each command is walked, and how much of that is left out of the mean."""
DRAWN = {"zero_share": 0.0, "single_axis_share": 0.6}
"""Commands that are walked: as in training, but more along one axis, as people steer."""
EXACT = {"iterations": 50, "ls_iterations": 50}
"""Solver settings of the calibration: training cuts the solver short, which shifts speeds too."""
EXACT_DT = 0.002
"""Longest physics step of the calibration, s. Longer ones change strides: a G1 that walked 1.02 m/s
at 4 ms walked 1.10 at 2."""
RIDGE = 0.002
"""Share of a feature's mean square that keeps its weight small where the commands say little."""
LEAST_USUAL, USUAL_TIMES = 0.015, 4.0
"""An error counts half at so many times the median, taken to be at least this, m/s or rad/s."""
REACH = 0.4
"""How far a command is moved, as a share of its range: at its limits a robot obeys no more."""


def make_walkers(config: Config, robot: RobotSpec, num_envs: int) -> Env:
    """Nominal robots, but joints and floor in the middle of their ranges, and contacts solved well.

    Args:
        config: The configuration.
        robot: The robot.
        num_envs: How many, one command each.
    """
    ctrl_dt = config.task.control.ctrl_dt
    sim_dt = min(config.physics.sim_dt, ctrl_dt / math.ceil(ctrl_dt / EXACT_DT - 1e-6))
    physics = config.physics.model_copy(update={**EXACT, "sim_dt": sim_dt})
    exact = on_cpu(config.model_copy(update={"physics": physics}))
    model = make_model(exact, robot)
    model.opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    ranges = config.task.randomization
    model.geom_friction[:, 0] = np.mean(ranges.friction)
    for field, limits in joint_scales(ranges).items():
        getattr(model, field)[:] *= np.mean(limits)
    mujoco.mj_setConst(model, mujoco.MjData(model))
    bodies = nominal_bodies(model, robot, num_envs)
    backend = make_physics(exact, robot, model, num_envs=num_envs)
    return Env(config.task, robot, backend, bodies, randomized=False)


def calibrate(
    env: Env, act: Act, rounds: int, key: jax.Array
) -> tuple[CommandMap, list[tuple[float, float]]]:
    """Walk, compare, correct, and walk again.

    Args:
        env: What `make_walkers` gives.
        act: The policy, without a correction.
        rounds: How often to correct. The best round counts, the one without correction included.
        key: Random key of the commands.

    Returns:
        The map, and the mean planar, m/s, and yaw error, rad/s, of each round, the uncorrected one
        first; infinite, and the last, where every robot fell. The mean, not its square: commands
        that cannot be walked, however they are told, would decide alone.
    """
    ctrl_dt = env.contract.ctrl_dt
    drawn = env.task.commands.model_copy(update=DRAWN)
    reach = REACH * np.abs([drawn.vx, drawn.vy, drawn.yaw_rate]).max(axis=1)
    wanted = np.asarray(commands.sample(key, drawn, env.num_envs, ctrl_dt).value)
    steps, settle = round(SECONDS / ctrl_dt), round(SETTLE_S / ctrl_dt)
    tried: list[CommandMap] = []
    errors: list[tuple[float, float]] = []
    command_map = CommandMap()
    for _ in range(rounds + 1):
        told = np.asarray(command_map.told(env.contract, wanted))
        episodes = rollout(env, act, np.broadcast_to(told, (steps, *told.shape)), key).episodes
        stood = episodes.fell_at >= steps
        tried.append(command_map)
        if not stood.any():
            errors.append((math.inf, math.inf))
            break
        off = (wanted - episodes.velocity[settle:].mean(axis=0))[stood]
        errors.append((_mean(off[:, :2]), _mean(off[:, 2:])))
        # What was told, and what is missing on top of it: about what should have been told.
        added = np.clip(told[stood] + off - wanted[stood], -reach, reach)
        command_map = _fit(env.contract, wanted[stood], added, _trust(off))
    best = min(range(len(tried)), key=lambda i: sum(errors[i]))
    return tried[best], errors


def _trust(off: np.ndarray) -> np.ndarray:
    """(n, 3) in (0, 1]: small where much more is missing than usual (Cauchy's weights).

    A robot at its limits walks no faster, whatever it is told: telling it ever more would bend the
    map for all others.
    """
    usual = np.maximum(np.median(np.abs(off), axis=0), LEAST_USUAL)
    return 1.0 / (1.0 + np.square(off / usual / USUAL_TIMES))


def _fit(
    contract: PolicyContract, wanted: np.ndarray, added: np.ndarray, trust: np.ndarray
) -> CommandMap:
    """The map that adds to commands what is nearest to `added`, squared and weighted by `trust`.

    Args:
        contract: Says what the ranges are.
        wanted: (n, 3) commands.
        added: (n, 3) what should be added to them.
        trust: (n, 3) how much each number counts.
    """
    even, odd = (np.asarray(x, np.float64) for x in features(contract, wanted))

    def solve(x: np.ndarray, axis: int) -> tuple[float, ...]:
        y = added[:, axis]
        weighted = trust[:, axis, None] * x
        square = x.T @ weighted
        ridge = np.diag(RIDGE * np.diag(square) + 1e-9)
        return tuple(float(w) for w in np.linalg.solve(square + ridge, weighted.T @ y))

    return CommandMap(solve(even, 0), solve(odd, 1), solve(odd, 2))


def _mean(off: np.ndarray) -> float:
    """Mean length of the rows."""
    return float(np.linalg.norm(off, axis=-1).mean())
