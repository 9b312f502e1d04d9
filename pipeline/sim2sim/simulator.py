"""Many robots in plain CPU MuJoCo, each in a scenario of its own, driven by one policy.

A finer step than in training, elliptic cones, self-collision and motors with a torque-speed limit;
observation and action go through the same `deploy` code as on the robot.
"""

from collections import deque
from collections.abc import Callable

import mujoco
import numpy as np
from mujoco.batch import SimulationError

from deploy.contract import PolicyContract
from deploy.frames import projected_gravity, rotate_inverse
from deploy.observations import (
    Inputs,
    advance_phase,
    joint_targets,
    observe,
)
from pipeline.config import ConfigError
from pipeline.config_sections import Sim2Sim
from pipeline.physics.native import INTEGRATORS, diverged, make_batch
from pipeline.quality import Episodes
from pipeline.sim2sim.motor import motor_torque
from pipeline.sim2sim.scenarios import Scenario
from robots import RobotSpec
from robots.model import SPAWN_KEY, build_model

MAX_TILT = 1.0
"""Tilt that counts as a fall, rad."""
MIN_HEIGHT_SHARE = 0.5
"""Base height that counts as a fall, as a share of the spawn height."""
START_JOINT_ERROR = 0.05
"""Half width of the joints' error at the start of an episode, rad."""


class GateSimulator:
    """Many robots, each in its own scenario, driven by one policy.

    Args:
        contract: The policy's contract.
        robot: The robot.
        settings: The gate's settings.
        cases: Scenario of each simulation.
        seed: Seed of initial errors, noise and pushes.
    """

    def __init__(
        self,
        contract: PolicyContract,
        robot: RobotSpec,
        settings: Sim2Sim,
        cases: list[Scenario],
        seed: int,
    ) -> None:
        self.contract, self.settings, self.cases = contract, settings, cases
        self._robot = robot
        self._n_substeps = round(contract.ctrl_dt / settings.sim_dt)
        self._rng = np.random.default_rng(seed)
        model = build_model(robot, sim_dt=settings.sim_dt, actuation="torque", self_collision=True)
        model.opt.integrator = INTEGRATORS[settings.integrator]
        model.opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        self._batch = make_batch(model, len(cases), fields=self._bodies(model))
        self._key = model.key(SPAWN_KEY).id
        self._qpos, self._qvel = self._batch.bind("qpos"), self._batch.bind("qvel")
        self._ctrl = self._batch.bind("ctrl")
        self._gyro = self._batch.sensor("gyro").data
        self._quat = self._batch.sensor("orientation").data
        self._feet = [
            (self._batch.sensor(f"{f.site}_force").data, self._batch.sensor(f"{f.site}_vel").data)
            for f in robot.feet
        ]
        self._strength = self._column("motor_strength")
        self._broken = np.zeros(len(cases), bool)

    def _column(self, field: str) -> np.ndarray:
        return np.asarray([[getattr(case, field)] for case in self.cases])

    def _bodies(self, model: mujoco.MjModel) -> dict[str, np.ndarray]:
        """Model fields of each simulation: friction and payload."""
        n = len(self.cases)
        friction = np.repeat(model.geom_friction[None], n, axis=0)
        friction[:, :, 0] = self._column("friction")
        mass = np.repeat(model.body_mass[None], n, axis=0)
        base = model.body(self._robot.base_body).id
        mass[:, base] += self._column("payload_kg")[:, 0]
        if mass[:, base].min() <= 0:
            payload, own = self._column("payload_kg").min(), model.body_mass[base]
            raise ConfigError(
                f"params.yaml: sim2sim.sweeps.payload_kg: {payload} is not allowed: the base of "
                f"{self._robot.name} has {own:g} kg"
            )
        return {"geom_friction": friction, "body_mass": mass}

    def run(
        self, policy: Callable[[np.ndarray], np.ndarray], commands: np.ndarray
    ) -> tuple[Episodes, np.ndarray]:
        """Run every simulation through its commands.

        Args:
            policy: (n, observation_size) float32 -> (n, num_joints).
            commands: (T, n, 3) command of each control step.

        Returns:
            The episodes, and (T, n, nq) qpos. After a fall a robot is left lying.
        """
        n, steps = len(self.cases), len(commands)
        self._start()
        action = np.zeros((n, self.contract.action_size), np.float32)
        phase = np.zeros(n, np.float32)
        default = joint_targets(self.contract, action)
        # Targets of the last control periods, newest first: what latency reaches back to.
        depth = 2 + int(self._column("latency_s").max() / self.contract.ctrl_dt)
        sent = deque([default] * depth, maxlen=depth)
        fell_at = np.full(n, steps)
        rows: list[tuple[np.ndarray, ...]] = []
        for step in range(steps):
            self._push(step)
            obs = observe(self.contract, self._read(commands[step], action, phase))
            action = policy(obs)
            sent.appendleft(joint_targets(self.contract, action))
            torque = self._drive(sent)
            phase = advance_phase(self.contract, phase)
            fell_at = np.where((fell_at == steps) & self._fallen(), step, fell_at)
            rows.append(
                (
                    self._velocity(),
                    action,
                    torque,
                    self._qvel[:, 6:].copy(),
                    self._slip(),
                    self._qpos.copy(),
                )
            )
        velocity, actions, torques, joint_vel, slip, qpos = map(np.stack, zip(*rows, strict=True))
        episodes = Episodes(commands, velocity, actions, torques, joint_vel, slip, fell_at)
        return episodes, qpos

    def _start(self) -> None:
        self._broken[:] = False
        self._batch.reset(keyframe=self._key, stage=mujoco.mjtStage.mjSTAGE_NONE)
        error = self._rng.uniform(-START_JOINT_ERROR, START_JOINT_ERROR, self._ctrl.shape)
        self._qpos[:, 7:] += error
        self._batch.forward(stage=mujoco.mjtStage.mjSTAGE_VEL)

    def _read(self, command: np.ndarray, action: np.ndarray, phase: np.ndarray) -> Inputs:
        """Sensor readings, with each scenario's share of the noise."""
        noise = self.settings.noise
        scale = self._column("noise_scale")

        def measured(value: np.ndarray, half_width: float) -> np.ndarray:
            spread = self._rng.uniform(-half_width, half_width, value.shape)
            return (value + scale * spread).astype(np.float32)

        return Inputs(
            gyro=measured(self._gyro, noise.gyro),
            projected_gravity=measured(projected_gravity(self._quat), noise.projected_gravity),
            command=command.astype(np.float32),
            joint_pos=measured(self._qpos[:, 7:], noise.joint_pos),
            joint_vel=measured(self._qvel[:, 6:], noise.joint_vel),
            last_action=action,
            phase=phase,
        )

    def _drive(self, sent: "deque[np.ndarray]") -> np.ndarray:
        """Step one control period; every motor closes its loop at each physics step.

        Returns:
            (n, num_joints) N m, torque of the last physics step.
        """
        history = np.stack(sent)
        kp, kd = np.asarray(self.contract.kp), np.asarray(self.contract.kd)
        robots_ = np.arange(len(self.cases))
        torque = np.zeros_like(self._ctrl)
        for substep in range(self._n_substeps):
            age = self._column("latency_s")[:, 0] - substep * self.settings.sim_dt
            periods = np.ceil(np.maximum(age, 0.0) / self.contract.ctrl_dt - 1e-9).astype(int)
            target = history[periods, robots_]
            joint_vel = self._qvel[:, 6:]
            wanted = kp * (target - self._qpos[:, 7:]) - kd * joint_vel
            torque = motor_torque(wanted, joint_vel, self.contract) * self._strength
            self._ctrl[:] = torque
            last = substep == self._n_substeps - 1
            stage = mujoco.mjtStage.mjSTAGE_VEL if last else mujoco.mjtStage.mjSTAGE_NONE
            try:
                self._batch.step(stage=stage)
            except SimulationError:
                self._broken |= np.asarray(self._batch.status) != 0
        # Blown-up physics is a fall of that episode; the others go on.
        self._broken |= diverged(self._qpos, self._qvel) | ~np.isfinite(torque).all(axis=1)
        if self._broken.any():
            self._batch.reset(ids=np.flatnonzero(self._broken), keyframe=self._key)
            torque[self._broken] = 0.0
        return torque

    def _push(self, step: int) -> None:
        """Let the base's horizontal velocity jump, every `push_interval_s`."""
        interval = round(self.settings.push_interval_s / self.contract.ctrl_dt)
        if step == 0 or step % interval:
            return
        angle = self._rng.uniform(0, 2 * np.pi, len(self.cases))
        jump = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        self._qvel[:, :2] += self._column("push_speed") * jump

    def _fallen(self) -> np.ndarray:
        tilted = -projected_gravity(self._quat)[:, 2] < np.cos(MAX_TILT)
        sunk = self._qpos[:, 2] < MIN_HEIGHT_SHARE * self._robot.spawn_height
        return tilted | sunk | self._broken

    def _velocity(self) -> np.ndarray:
        """(n, 3) vx, vy, yaw rate in the base frame."""
        body = rotate_inverse(self._qpos[:, 3:7], self._qvel[:, :3])
        return np.concatenate([body[:, :2], self._qvel[:, 5:6]], axis=1)

    def _slip(self) -> np.ndarray:
        """(n,) mean horizontal speed of the feet on the ground."""
        down = np.stack([force[:, 0] > 1.0 for force, _ in self._feet], axis=1)
        speed = np.stack([np.hypot(vel[:, 0], vel[:, 1]) for _, vel in self._feet], axis=1)
        return (speed * down).sum(axis=1) / np.maximum(down.sum(axis=1), 1)
