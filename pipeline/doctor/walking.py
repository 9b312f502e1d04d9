"""A described policy walked in the gate's simulator, in one or another order of joints."""

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import yaml

from deploy.contract import ContractError, PolicyContract
from pipeline.command_grid import command_grid
from pipeline.config import Config, ConfigError, parse
from pipeline.config_gate import Sim2Sim
from pipeline.doctor.adapter import Adapter
from pipeline.doctor.described import Described
from pipeline.doctor.fitting import CannotWalkError, Fitted, Order, fit
from pipeline.provenance import ROOT
from pipeline.quality import Episodes, rms, tracking_errors
from pipeline.sim2sim.scenarios import NOMINAL, episodes_of
from pipeline.sim2sim.simulator import GateSimulator
from robots import RobotSpec

SETTLE_SHARE = 0.5
"""Share of a walk that is not measured."""


@dataclass(frozen=True)
class Walk:
    """How one order of joints walked.

    Args:
        falls: Walks that ended on the floor.
        walks: Walks.
        planar: RMSE of planar velocity where it did not fall, m/s; NaN where it always did.
        yaw: RMSE of the yaw rate, rad/s.
        upright: Mean share of the time until it fell.
    """

    falls: int
    walks: int
    planar: float
    yaw: float
    upright: float


def walk(
    network: Callable[[np.ndarray], np.ndarray],
    said: Described,
    spec: RobotSpec,
    orders: Sequence[Order],
    grid: Sequence[int],
    duration_s: float,
) -> list[Walk]:
    """Walk a policy in several orders of joints, all in the gate's nominal conditions.

    Args:
        network: (n, observation) -> (n, action).
        said: The description.
        spec: The robot.
        orders: What to try.
        grid: Which commands of `command_grid`.
        duration_s: Of each walk, s.

    Raises:
        CannotWalkError: If the policy cannot be put on the robot.
    """
    try:
        return _walk(network, said, spec, orders, grid, duration_s)
    except ContractError as problem:
        raise CannotWalkError(str(problem)) from problem


def _walk(
    network: Callable[[np.ndarray], np.ndarray],
    said: Described,
    spec: RobotSpec,
    orders: Sequence[Order],
    grid: Sequence[int],
    duration_s: float,
) -> list[Walk]:
    config = _config(spec.name)
    period_s = config.task.control.gait_period_s
    groups: dict[Fitted, list[int]] = {}
    for index, order in enumerate(orders):
        groups.setdefault(fit(said, spec, order, period_s), []).append(index)
    found: dict[int, Walk] = {}
    for fitted, members in groups.items():
        places = np.asarray(
            [[spec.joint_names.index(j) for j in orders[m].joints] for m in members]
        )
        commands = command_grid(fitted.contract.command_ranges)[list(grid)]
        rows = np.tile(commands, (len(members), 1))
        adapter = Adapter(network, fitted, np.repeat(places, len(grid), axis=0))
        episodes = _simulate(fitted.contract, spec, config.sim2sim, adapter, rows, duration_s)
        for place, member in enumerate(members):
            which = np.arange(place * len(grid), (place + 1) * len(grid))
            found[member] = _judge(episodes.select(which))
    return [found[index] for index in range(len(orders))]


def _config(robot: str) -> Config:
    try:
        raw = yaml.safe_load((ROOT / "params.yaml").read_text())
        return parse({**raw, "robot": robot})
    except (OSError, yaml.YAMLError, ConfigError) as problem:
        raise CannotWalkError(f"params.yaml has no gate for {robot}: {problem}") from problem


def _simulate(
    contract: PolicyContract,
    spec: RobotSpec,
    settings: Sim2Sim,
    adapter: Adapter,
    rows: np.ndarray,
    duration_s: float,
) -> Episodes:
    """Run one contract; MuJoCo logs its warnings into the working directory, so to nowhere."""
    steps = round(duration_s / contract.ctrl_dt)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        episodes = episodes_of(NOMINAL, len(rows))
        substeps = max(1, round(contract.ctrl_dt / settings.sim_dt))
        fitting = settings.model_copy(update={"sim_dt": contract.ctrl_dt / substeps})
        simulator = GateSimulator(contract, spec, fitting, episodes, seed=0)
        found = simulator.run(adapter, np.broadcast_to(rows, (steps, *rows.shape)))
    return found.episodes


def _judge(episodes: Episodes) -> Walk:
    steps = len(episodes.command)
    planar, yaw = tracking_errors(episodes, round(SETTLE_SHARE * steps))
    return Walk(
        falls=int(episodes.fell.sum()),
        walks=len(episodes.fell_at),
        planar=rms(planar),
        yaw=rms(yaw),
        upright=float(episodes.fell_at.mean() / steps),
    )
