"""The gate's robots in plain CPU MuJoCo: many at once, each as its scenario makes it."""

import mujoco
import numpy as np
from mujoco.batch import SimulationError

from deploy.frames import projected_gravity, rotate_inverse
from pipeline.config_gate import Conditions, Sim2Sim
from pipeline.physics.engine import diverged, foot_columns, make_batch
from pipeline.sim2sim.bodies import SELF_CONTACT, body_fields, gate_model
from pipeline.sim2sim.draws import STUMBLE_TURN, Draws
from pipeline.sim2sim.floor import PERIOD, Floor
from robots import RobotSpec
from robots.model import SPAWN_KEY

MAX_TILT = 1.0
"""Tilt that counts as a fall, rad."""
MIN_HEIGHT_SHARE = 0.5
"""Base height above the floor that counts as a fall, as a share of the spawn height."""


class World:
    """Many robots, simulated together; what they are driven by is not known here.

    Attributes:
        qpos: (n, nq), qvel (n, nv), ctrl (n, num_joints) N m: views of the simulation.
        gyro: (n, 3) rad/s and quat (n, 4) wxyz, of the base.
        self_contacts: (n,) contacts of each robot with itself.
        axes: (n, 1) of each axis of `Conditions`.
        broken: (n,) whose physics blew up.

    Args:
        robot: The robot.
        settings: The gate's settings.
        conditions: Of each robot; their floors are the same.
        threads: CPU threads; 0 takes one per core.
    """

    def __init__(
        self,
        robot: RobotSpec,
        settings: Sim2Sim,
        conditions: list[Conditions],
        threads: int = 0,
    ) -> None:
        (self._floor,) = {Floor.of(c) for c in conditions}
        self.num_robots = len(conditions)
        model = gate_model(robot, settings, self._floor)
        self.batch = make_batch(
            model, self.num_robots, threads, body_fields(model, robot, conditions)
        )
        self._key = model.key(SPAWN_KEY).id
        self.qpos, self.qvel = self.batch.bind("qpos"), self.batch.bind("qvel")
        self.ctrl = self.batch.bind("ctrl")
        self.gyro = self.batch.sensor("gyro").data
        self.quat = self.batch.sensor("orientation").data
        self.self_contacts = self.batch.sensor(SELF_CONTACT).data[:, 0]
        self._sensordata = self.batch.bind("sensordata")
        self._foot_columns: dict[str, np.ndarray] = dict(
            zip(("pos", "vel", "force"), foot_columns(model, robot), strict=True)
        )
        self._sole = np.asarray([foot.radius for foot in robot.feet])
        self._min_height = MIN_HEIGHT_SHARE * robot.spawn_height
        self.axes = {
            axis: np.asarray([[getattr(c, axis)] for c in conditions])
            for axis in Conditions.model_fields
        }
        self.broken = np.zeros(self.num_robots, bool)
        self._put_back = np.zeros((self.num_robots, 2))

    def start(self, draws: Draws) -> None:
        """Stand every robot on its floor, dropped or stumbling if its scenario says so."""
        self.broken[:], self._put_back[:] = False, 0.0
        self.batch.reset(keyframe=self._key, stage=mujoco.mjtStage.mjSTAGE_NONE)
        self.qpos[:, 7:] += draws.start_joint_pos
        stumble = self.axes["stumble"]
        half = stumble / 2
        tilt = np.concatenate([np.cos(half), np.sin(half) * draws.stumble_axis, 0 * half], axis=1)
        self.qpos[:, 3:7] = _product(tilt, self.qpos[:, 3:7])
        self.qvel[:, 3:5] = stumble * STUMBLE_TURN * draws.stumble_axis
        self.batch.forward(stage=mujoco.mjtStage.mjSTAGE_VEL)
        disturbed = (stumble != 0) | (self.axes["slope"] != 0)
        lift = np.maximum(0.0, -self.foot_height().min(axis=1))
        self.qpos[:, 2] += np.where(disturbed[:, 0], lift, 0.0)
        self.qpos[:, 2] += self.axes["drop_height"][:, 0]
        self.batch.forward(stage=mujoco.mjtStage.mjSTAGE_VEL)

    def step(self, rows: np.ndarray | slice, *, measured: bool) -> None:
        """Step some robots once.

        Args:
            rows: (k,) which, or a slice of all.
            measured: Whether position and velocity sensors are to follow; forces always do.
        """
        stage = mujoco.mjtStage.mjSTAGE_VEL if measured else mujoco.mjtStage.mjSTAGE_NONE
        try:
            self.batch.step(ids=None if isinstance(rows, slice) else rows, stage=stage)
        except SimulationError:
            self.broken |= np.asarray(self.batch.status) != 0

    def restart_broken(self) -> None:
        """Put robots back whose physics blew up: that episode has fallen, the others go on."""
        self.broken |= diverged(self.qpos, self.qvel) | ~np.isfinite(self.ctrl).all(axis=1)
        if self.broken.any():
            self.batch.reset(ids=np.flatnonzero(self.broken), keyframe=self._key)

    def put_back(self) -> None:
        """Move robots that left the first period of an uneven floor by whole periods.

        What the sensors said stays right: the floor is the same there.
        """
        if self._floor.flat:
            return
        left = PERIOD * np.rint(self.qpos[:, :2] / PERIOD)
        self.qpos[:, :2] -= left
        self._put_back += left

    def travelled(self) -> np.ndarray:
        """(n, nq) qpos, as if robots had never been put back."""
        qpos = self.qpos.copy()
        qpos[:, :2] += self._put_back
        return qpos

    def push(self, angle: np.ndarray) -> None:
        """Let the base's horizontal velocity jump, as hard as each robot's scenario says.

        Args:
            angle: (n,) which way, rad, in the world.
        """
        jump = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        self.qvel[:, :2] += self.axes["push_speed"] * jump

    def fallen(self) -> np.ndarray:
        """(n,) bool."""
        tilted = -projected_gravity(self.quat)[:, 2] < np.cos(MAX_TILT)
        sunk = self.qpos[:, 2] - self._ground(self.qpos[:, :2]) < self._min_height
        return tilted | sunk | self.broken

    def velocity(self) -> np.ndarray:
        """(n, 3) vx, vy, yaw rate in the base frame."""
        body = rotate_inverse(self.qpos[:, 3:7], self.qvel[:, :3])
        return np.concatenate([body[:, :2], self.qvel[:, 5:6]], axis=1)

    def foot_force(self) -> np.ndarray:
        """(n, num_feet) N, along the normal."""
        return self._foot("force")[:, :, 0]

    def foot_height(self) -> np.ndarray:
        """(n, num_feet) m, clearance of each sole above the floor."""
        at = self._foot("pos")
        return at[:, :, 2] - self._sole - self._ground(at[:, :, :2])

    def foot_slip(self) -> np.ndarray:
        """(n,) m/s, mean horizontal speed of the feet on the ground."""
        speed = np.linalg.norm(self._foot("vel")[:, :, :2], axis=-1)
        down = self.foot_force() > 1.0
        return (speed * down).sum(axis=1) / np.maximum(down.sum(axis=1), 1)

    def _foot(self, quantity: str) -> np.ndarray:
        """(n, num_feet, dimensions) of `pos`, `vel` or `force`."""
        return self._sensordata[:, self._foot_columns[quantity]]

    def _ground(self, at: np.ndarray) -> np.ndarray:
        """Height of the floor at (n, ..., 2) places, m."""
        return self._floor.height_at(at[..., 0], at[..., 1], self.axes["slope"][:, 0])


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product of quaternions, (n, 4) wxyz each."""
    w, v = a[:, :1], a[:, 1:]
    u, r = b[:, :1], b[:, 1:]
    return np.concatenate(
        [w * u - (v * r).sum(axis=1, keepdims=True), w * r + u * v + np.cross(v, r)], axis=1
    )
