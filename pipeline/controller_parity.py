"""Parity of controller.onnx and the code in `deploy` that it stands for."""

from dataclasses import dataclass

import numpy as np
import onnxruntime

import robots
from deploy.contract import PolicyContract
from deploy.frames import torso_to_base
from deploy.observations import Inputs, joint_targets, observe
from deploy.policy import Policy
from deploy.sensors import Sensors, has_torso_imu, policy_inputs
from pipeline.command_grid import command_grid
from pipeline.config import Config
from pipeline.parity import COLLECT_ENVS, EXTREME_SCALES
from pipeline.sim2sim.scenarios import NOMINAL, episodes_of
from pipeline.sim2sim.simulator import GateSimulator

STRIDES_BEFORE = 1000
"""Each recorded robot has walked so many strides more than the one before it: the last, hours."""
MAX_TORSO_POS, MAX_TORSO_VEL = 0.5, 2.0
"""Angle (rad) and rate (rad/s) up to which a torso that has the IMU is turned."""
MAX_TIME_S = 1e6
"""Latest time, of extreme readings."""


@dataclass(frozen=True)
class Samples:
    """Readings to compare on.

    Args:
        sensors: (n, ...) each, for the code; the phase is that of the time.
        time: (n,) s, float64, for the controller.
    """

    sensors: Sensors
    time: np.ndarray

    def feeds(self) -> dict[str, np.ndarray]:
        """What the controller is fed."""
        said = {name: value for name, value in self.sensors._asdict().items() if value is not None}
        return {"time": self.time} | {k: v for k, v in said.items() if k != "phase"}


def recorded(config: Config, policy: Policy, count: int) -> Samples:
    """What robots in the gate's simulator read while the policy walks them.

    Args:
        config: The configuration; `sim2sim` has the physics.
        policy: The policy.
        count: How many samples.
    """
    contract = policy.contract
    steps = -(-count // COLLECT_ENVS)
    simulator = GateSimulator(
        contract,
        robots.load(contract.robot),
        config.sim2sim,
        episodes_of(NOMINAL, COLLECT_ENVS),
        config.seed,
    )
    commands = np.resize(command_grid(contract.command_ranges), (COLLECT_ENVS, 3))
    commands = commands * np.linspace(0, 1, COLLECT_ENVS)[:, None]  # some in the dead zone
    said: list[Sensors] = []

    def watch(inputs: Inputs, quat: np.ndarray) -> None:
        known = inputs._asdict()
        del known["projected_gravity"]  # made of the orientation
        said.append(Sensors(quat=quat, **known))

    simulator.run(policy, np.broadcast_to(commands, (steps, COLLECT_ENVS, 3)), watch)
    before = np.arange(COLLECT_ENVS) * STRIDES_BEFORE * contract.gait_period_s
    time = (np.arange(steps)[:, None] * contract.ctrl_dt + before).ravel()[:count]

    known = {
        name: np.concatenate([getattr(sensors, name) for sensors in said])[:count]
        for name, first in said[0]._asdict().items()
        if first is not None
    }
    rng = np.random.default_rng(config.seed)
    return _as_worn(contract, Sensors(**known), time, rng)


def extreme(config: Config, policy: Policy, count: int) -> Samples:
    """Readings that no robot should give: any attitude, and numbers up to a million.

    Args:
        config: The configuration, for the seed.
        policy: The policy.
        count: How many samples.
    """
    contract, rng = policy.contract, np.random.default_rng(config.seed)
    scale = np.resize(EXTREME_SCALES, (count, 1))

    def draw(size: int) -> np.ndarray:
        return (scale * rng.normal(size=(count, size))).astype(np.float32)

    quat = rng.normal(size=(count, 4))
    sensors = Sensors(
        gyro=draw(3),
        quat=(quat / np.linalg.norm(quat, axis=1, keepdims=True)).astype(np.float32),
        joint_pos=draw(contract.action_size),
        joint_vel=draw(contract.action_size),
        command=draw(3),
        last_action=rng.uniform(-1, 1, (count, contract.action_size)).astype(np.float32),
        phase=np.zeros(count, np.float32),
    )
    return _as_worn(contract, sensors, rng.uniform(0, MAX_TIME_S, count), rng)


def _as_worn(
    contract: PolicyContract, base: Sensors, time: np.ndarray, rng: np.random.Generator
) -> Samples:
    """Readings at a time, of an IMU where the robot wears it: a torso is turned at random.

    The phase is the time's, not what `advance_phase` counted: in single precision that loses 4e-7
    of a stride with every one.
    """
    phase = np.modf(time / contract.gait_period_s)[0].astype(np.float32)
    sensors = base._replace(phase=phase)
    if has_torso_imu(contract):
        limits = (MAX_TORSO_POS, MAX_TORSO_VEL)
        pos, vel = (rng.uniform(-x, x, len(time)).astype(np.float32) for x in limits)
        quat, gyro = torso_to_base(base.quat, base.gyro, -pos, -vel)  # and back
        sensors = sensors._replace(quat=quat, gyro=gyro, torso_pos=pos, torso_vel=vel)
    return Samples(sensors, time)


def by_code(policy: Policy, sensors: Sensors) -> np.ndarray:
    """Joint targets (rad) and action, side by side, as the code in `deploy` makes them."""
    contract = policy.contract
    action = policy(observe(contract, policy_inputs(contract, sensors)))
    return np.concatenate([joint_targets(contract, action), action], axis=-1)


def by_controller(controller: bytes, samples: Samples, batch: int) -> np.ndarray:
    """Joint targets (rad) and action, side by side, as a controller.onnx makes them.

    Args:
        controller: Content of the file.
        samples: n of them.
        batch: How many rows it sees at a time.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(controller, options, providers=["CPUExecutionProvider"])
    feeds = samples.feeds()
    rows = [
        session.run(
            ["joint_targets", "action"], {k: v[start : start + batch] for k, v in feeds.items()}
        )
        for start in range(0, len(samples.time), batch)
    ]
    return np.concatenate([np.concatenate(row, axis=-1) for row in rows])


def controller_errors(config: Config, policy: Policy, controller: bytes) -> dict[str, float]:
    """Largest difference of targets (rad) or actions between code and controller.

    Args:
        config: The configuration; `export` says on how many samples.
        policy: The policy that is baked.
        controller: Content of the controller.onnx.

    Returns:
        By kind of sample and batch; NaN counts as infinite.
    """
    samples = {
        "recorded": recorded(config, policy, config.export.on_distribution),
        "extreme": extreme(config, policy, config.export.extreme),
    }
    errors: dict[str, float] = {}
    for name, some in samples.items():
        expected = by_code(policy, some.sensors)
        for batch in (1, len(expected)):
            error = np.abs(by_controller(controller, some, batch) - expected).max()
            found = float(error) if np.isfinite(error) else float("inf")
            errors[f"controller_{name}_batch_{batch}"] = found
    return errors
