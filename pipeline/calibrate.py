"""Calibrate a trained policy: find the command map with which it walks as fast as it is asked to.

A policy that cannot measure its speed walks at what was best on average over noisy, different and
pushed robots. On the robot of the figures that is off by up to a tenth of a metre per second, and
by the same amount every time: it can be measured and taken out.
"""

import math
from collections.abc import Callable

import jax
import mujoco
import numpy as np

from pipeline.command_map import MIRROR, CommandMap, nodes, on_mirror
from pipeline.config import Config
from pipeline.env import Env, contract_of
from pipeline.physics.make import make_model, make_physics, on_cpu
from pipeline.randomize import joint_scales, nominal_bodies
from pipeline.rollout import Act, Driver
from robots import RobotSpec

OnRound = Callable[[int, np.ndarray], None]
SECONDS, SETTLE_S = 8.0, 2.0
"""How long each command is walked, and how much of that is left out of the mean."""
EXACT = {"iterations": 50, "ls_iterations": 50}
"""Solver settings of the calibration: training cuts the solver short, which shifts speeds too."""
EXACT_DT = 0.002
"""Longest physics step of the calibration, s. Longer ones change strides: a G1 that walked 1.02 m/s
at 4 ms walked 1.10 at 2."""
REACH = 0.6
"""How far a command is moved, as a share of its range: policies have not seen much more."""
PATIENCE = 4.0
"""Rounds after which corrections are made at half size: a walk is not the same every time."""


def make_walkers(config: Config, robot: RobotSpec) -> Env:
    """Nominal robots, but joints and floor in the middle of their ranges, and contacts solved well.

    One for each command of the table.

    Args:
        config: The configuration.
        robot: The robot.
    """
    num_envs = len(nodes(contract_of(config.task, robot)))
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
    env: Env, act: Act, rounds: int, key: jax.Array, on_round: OnRound = lambda count, off: None
) -> CommandMap:
    """Walk the commands of the table, correct each by what is missing, and walk again.

    Args:
        env: What `make_walkers` gives.
        act: The policy, without a correction.
        rounds: How often to correct. Of each command the best round counts, the one without
            correction included.
        key: Random key of the robots' starts.
        on_round: Told after each round how many there were before, and what the best rounds so far
            are off by: (n, 3) m/s, m/s, rad/s, of the commands at which the robot ever stood.
    """
    wanted = nodes(env.contract)
    ranges = env.contract.command_ranges
    reach = REACH * np.abs([ranges.vx, ranges.vy, ranges.yaw_rate]).max(axis=1)
    added, best = np.zeros_like(wanted), np.zeros_like(wanted)
    left = np.full_like(wanted, np.inf)
    driver = Driver(env, act)
    for count in range(rounds + 1):
        # Every second round walks in the mirror: a symmetric policy may still prefer a side.
        mirror = MIRROR if count % 2 else np.ones(3)
        walked, stood = _walk(driver, env.contract.ctrl_dt, (wanted + added) * mirror, key)
        off = wanted - walked * mirror
        # What a mirror leaves alone is told no side.
        off = np.where(on_mirror(wanted)[:, None], off * [1, 0, 0], off)
        better = stood & (np.linalg.norm(off, axis=1) < np.linalg.norm(left, axis=1))
        best[better], left[better] = added[better], off[better]
        on_round(count, left[np.isfinite(left).all(axis=1)])
        if not stood.any():
            break
        step = off / (1 + count / PATIENCE)
        # Where it fell, half-way back to the best of before; that may be no correction.
        added = np.where(stood[:, None], np.clip(added + step, -reach, reach), (added + best) / 2)
    if not best.any():
        return CommandMap()
    return CommandMap(tuple((vx, vy, yaw_rate) for vx, vy, yaw_rate in best.tolist()))


def _walk(
    driver: Driver, ctrl_dt: float, told: np.ndarray, key: jax.Array
) -> tuple[np.ndarray, np.ndarray]:
    """Mean velocities of robots told (n, 3), (n, 3), and which of them stood, (n,)."""
    steps, settle = round(SECONDS / ctrl_dt), round(SETTLE_S / ctrl_dt)
    commands = np.broadcast_to(told.astype(np.float32), (steps, *told.shape))
    episodes = driver.drive(commands, key).episodes
    return episodes.velocity[settle:].mean(axis=0), episodes.fell_at >= steps
