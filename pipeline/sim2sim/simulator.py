"""Many robots in plain CPU MuJoCo, each in an episode of its own, driven by one policy.

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
from deploy.observations import advance_phase, joint_targets, observe
from pipeline.config_gate import Conditions, Sim2Sim
from pipeline.physics.native import diverged, foot_columns, make_batch
from pipeline.sim2sim.bodies import SELF_CONTACT, body_fields, gate_model
from pipeline.sim2sim.draws import STUMBLE_TURN, Draws, draw
from pipeline.sim2sim.floor import Floor
from pipeline.sim2sim.motor import motor_torque
from pipeline.sim2sim.recording import Recorder, Recording
from pipeline.sim2sim.scenarios import Episode
from pipeline.sim2sim.sensors import Sensors
from robots import RobotSpec
from robots.model import SPAWN_KEY

MAX_TILT = 1.0
"""Tilt that counts as a fall, rad."""
MIN_HEIGHT_SHARE = 0.5
"""Base height above the floor that counts as a fall, as a share of the spawn height."""
LYING_S = 1.0
"""How long a robot is simulated after its fall, s."""
MOTOR_AXES = ("kp_scale", "kd_scale", "full_torque_share", "battery_sag", "motor_strength")
"""What of a scenario the motors feel."""
Act = Callable[[np.ndarray], np.ndarray]
"""(n, observation_size) float32 -> (n, num_joints)."""


class GateSimulator:
    """Many robots on one floor, each in its own episode, driven by one policy.

    What happens in an episode depends on the seed and the episode alone, not on what is simulated
    beside it.

    Args:
        contract: The policy's contract.
        robot: The robot.
        settings: The gate's settings.
        episodes: The episode of each robot; their floors are the same.
        seed: Seed of all that is drawn.
    """

    def __init__(
        self,
        contract: PolicyContract,
        robot: RobotSpec,
        settings: Sim2Sim,
        episodes: list[Episode],
        seed: int,
    ) -> None:
        self.contract, self.settings, self.episodes = contract, settings, episodes
        self._robot, self._seed = robot, seed
        conditions = [episode.scenario.conditions for episode in episodes]
        (self._floor,) = {Floor.of(c) for c in conditions}
        model = gate_model(robot, settings, self._floor)
        fields = body_fields(model, robot, conditions)
        self._batch = make_batch(model, len(episodes), fields=fields)
        self._key = model.key(SPAWN_KEY).id
        self._qpos, self._qvel = self._batch.bind("qpos"), self._batch.bind("qvel")
        self._ctrl = self._batch.bind("ctrl")
        self._gyro = self._batch.sensor("gyro").data
        self._quat = self._batch.sensor("orientation").data
        self._self_contacts = self._batch.sensor(SELF_CONTACT).data
        self._sensordata = self._batch.bind("sensordata")
        self._foot_columns: dict[str, np.ndarray] = dict(
            zip(("pos", "vel", "force"), foot_columns(model, robot), strict=True)
        )
        self._sole = np.asarray([foot.radius for foot in robot.feet])
        self._axes = {
            axis: np.asarray([[getattr(c, axis)] for c in conditions])
            for axis in Conditions.model_fields
        }
        step_s = np.asarray([c.sim_dt or settings.sim_dt for c in conditions])
        self._n_substeps = np.rint(contract.ctrl_dt / step_s).astype(int)
        self._groups = [
            (int(count), np.flatnonzero(self._n_substeps == count))
            for count in np.unique(self._n_substeps)
        ]
        self._broken = np.zeros(len(episodes), bool)

    def run(self, policy: Act, commands: np.ndarray) -> Recording:
        """Run every episode through its commands.

        Args:
            policy: (n, observation_size) float32 -> (n, num_joints).
            commands: (T, n, 3) command of each control step.

        Returns:
            What happened. A robot that fell is left lying, and not simulated any longer after
            `LYING_S`.
        """
        n, steps = len(self.episodes), len(commands)
        interval = round(self.settings.push_interval_s / self.contract.ctrl_dt)
        draws = draw(
            self.episodes,
            self.settings,
            self._seed,
            self.contract.action_size,
            steps,
            steps // interval + 1,
        )
        self._start(draws)
        sensors, recorder = Sensors(draws), Recorder(steps)
        action = np.zeros((n, self.contract.action_size), np.float32)
        phase = np.zeros(n, np.float32)
        # Targets of the last control periods, newest first: what latency reaches back to.
        longest = (self._axes["latency_s"][:, 0] + draws.late_s.max(axis=0)).max()
        depth = 2 + int(longest / self.contract.ctrl_dt)
        sent = deque([joint_targets(self.contract, action)] * depth, maxlen=depth)
        fell_at = np.full(n, steps)
        lying = round(LYING_S / self.contract.ctrl_dt)
        for step in range(steps):
            if step and step % interval == 0:
                self._push(draws.push_angle[:, step // interval])
            obs = observe(
                self.contract,
                sensors.read(
                    step,
                    self._gyro,
                    self._quat,
                    self._qpos[:, 7:],
                    self._qvel[:, 6:],
                    command=commands[step],
                    last_action=action,
                    phase=phase,
                ),
            )
            action = policy(obs)
            sent.appendleft(joint_targets(self.contract, action))
            late = self._axes["latency_s"][:, 0] + draws.late_s[step]
            going = step - fell_at < lying
            torque, impact = self._drive(np.stack(sent), late, draws.encoder_offset, going)
            phase = advance_phase(self.contract, phase)
            fell_at = np.where((fell_at == steps) & self._fallen(), step, fell_at)
            recorder.add(
                velocity=self._velocity(),
                action=action,
                torque=torque,
                joint_vel=self._qvel[:, 6:],
                qpos=self._qpos,
                obs=obs,
                foot_force=impact,
                self_contacts=self._self_contacts[:, 0],
                **self._measure_feet(),
            )
        return recorder.recording(commands, fell_at)

    def _start(self, draws: Draws) -> None:
        """Stand every robot on its floor, dropped or stumbling if its scenario says so."""
        self._broken[:] = False
        self._batch.reset(keyframe=self._key, stage=mujoco.mjtStage.mjSTAGE_NONE)
        self._qpos[:, 7:] += draws.start_joint_pos
        half = self._axes["stumble"] / 2
        tilt = np.concatenate([np.cos(half), np.sin(half) * draws.stumble_axis, 0 * half], axis=1)
        self._qpos[:, 3:7] = _product(tilt, self._qpos[:, 3:7])
        self._qvel[:, 3:5] = self._axes["stumble"] * STUMBLE_TURN * draws.stumble_axis
        self._batch.forward(stage=mujoco.mjtStage.mjSTAGE_VEL)
        disturbed = (self._axes["stumble"] != 0) | (self._axes["slope"] != 0)
        lift = np.maximum(0.0, -self._measure_feet()["foot_height"].min(axis=1))
        self._qpos[:, 2] += np.where(disturbed[:, 0], lift, 0.0)
        self._qpos[:, 2] += self._axes["drop_height"][:, 0]
        self._batch.forward(stage=mujoco.mjtStage.mjSTAGE_VEL)

    def _drive(
        self, history: np.ndarray, late_s: np.ndarray, offset: np.ndarray, going: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Step one control period; every motor closes its loop at each physics step.

        Args:
            history: (depth, n, num_joints) joint targets, newest first, rad.
            late_s: (n,) from action to motor, s.
            offset: (n, num_joints) by which the encoders are off, rad.
            going: (n,) which robots are simulated at all.

        Returns:
            (n, num_joints) N m, torque of the last physics step, and (n, num_feet) N, the largest
            force on each foot.
        """
        torque = np.zeros_like(self._ctrl)
        impact = np.zeros((len(self.episodes), len(self._sole)))
        for n_substeps, group in self._groups:
            ids = group[going[group]]
            for substep in range(n_substeps if ids.size else 0):
                age = late_s[ids] - substep * self.contract.ctrl_dt / n_substeps
                periods = np.ceil(np.maximum(age, 0.0) / self.contract.ctrl_dt - 1e-9).astype(int)
                torque[ids] = self._torque(ids, history[periods, ids], offset[ids])
                self._ctrl[ids] = torque[ids]
                last = substep == n_substeps - 1
                self._step(
                    ids, mujoco.mjtStage.mjSTAGE_VEL if last else mujoco.mjtStage.mjSTAGE_NONE
                )
                impact[ids] = np.maximum(impact[ids], self._foot("force")[ids, :, 0])
        # Blown-up physics is a fall of that episode; the others go on.
        self._broken |= diverged(self._qpos, self._qvel) | ~np.isfinite(torque).all(axis=1)
        if self._broken.any():
            self._batch.reset(ids=np.flatnonzero(self._broken), keyframe=self._key)
            torque[self._broken] = impact[self._broken] = 0.0
        return torque, impact

    def _torque(self, ids: np.ndarray, target: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """(k, num_joints) N m, of the robots `ids`."""
        axes = {name: self._axes[name][ids] for name in MOTOR_AXES}
        joint_vel = self._qvel[ids, 6:]
        kp = np.asarray(self.contract.kp) * axes["kp_scale"]
        kd = np.asarray(self.contract.kd) * axes["kd_scale"]
        wanted = kp * (target - self._qpos[ids, 7:] - offset) - kd * joint_vel
        given = motor_torque(
            wanted, joint_vel, self.contract, axes["full_torque_share"], 1 - axes["battery_sag"]
        )
        return given * axes["motor_strength"]

    def _step(self, ids: np.ndarray, stage: mujoco.mjtStage) -> None:
        try:
            self._batch.step(ids=ids, stage=stage)
        except SimulationError:
            self._broken |= np.asarray(self._batch.status) != 0

    def _push(self, angle: np.ndarray) -> None:
        """Let the base's horizontal velocity jump."""
        jump = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        self._qvel[:, :2] += self._axes["push_speed"] * jump

    def _fallen(self) -> np.ndarray:
        tilted = -projected_gravity(self._quat)[:, 2] < np.cos(MAX_TILT)
        ground = self._ground(self._qpos[:, 0], self._qpos[:, 1])
        sunk = self._qpos[:, 2] - ground < MIN_HEIGHT_SHARE * self._robot.spawn_height
        return tilted | sunk | self._broken

    def _velocity(self) -> np.ndarray:
        """(n, 3) vx, vy, yaw rate in the base frame."""
        body = rotate_inverse(self._qpos[:, 3:7], self._qvel[:, :3])
        return np.concatenate([body[:, :2], self._qvel[:, 5:6]], axis=1)

    def _foot(self, quantity: str) -> np.ndarray:
        """(n, num_feet, dimensions) of `pos`, `vel` or `force`."""
        return self._sensordata[:, self._foot_columns[quantity]]

    def _ground(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._floor.height_at(x, y, self._axes["slope"][:, 0])

    def _measure_feet(self) -> dict[str, np.ndarray]:
        """`foot_height` (n, num_feet) m above the floor, and `foot_slip` (n,) m/s.

        The slip is the mean horizontal speed of the feet on the ground.
        """
        at, speed = self._foot("pos"), np.linalg.norm(self._foot("vel")[:, :, :2], axis=-1)
        down = self._foot("force")[:, :, 0] > 1.0
        height = at[:, :, 2] - self._sole - self._ground(at[:, :, 0], at[:, :, 1])
        slip = (speed * down).sum(axis=1) / np.maximum(down.sum(axis=1), 1)
        return {"foot_height": height, "foot_slip": slip}


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product of quaternions, (n, 4) wxyz each."""
    w, v = a[:, :1], a[:, 1:]
    u, r = b[:, :1], b[:, 1:]
    return np.concatenate(
        [w * u - (v * r).sum(axis=1, keepdims=True), w * r + u * v + np.cross(v, r)], axis=1
    )
