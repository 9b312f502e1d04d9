"""A robot in this process: MuJoCo behind the line that real robots are behind.

It hangs from a hoist, its base fixed at standing height, until `release` lets it go.
"""

import math
import time
from typing import Any

import numpy as np

from deploy.contract import PolicyContract
from deploy.frames import torso_to_base
from deploy.link import REMOTE_BYTES, LinkError, MotorCommand, RobotState, motors_used
from deploy.runtime.motors import MotorMap
from robots.spec import RobotSpec

SIM_DT = 0.002
"""The gate's physics step, s."""
LAG_S = 0.1
"""How far physics may fall behind the clock before it gives up catching up, s."""
HELD_INERTIA = 0.5
"""kg m^2, of what hangs on a held joint: any value keeps still at the vendor's gains."""
REST_TEMPERATURE = 30


class SimLink:
    """A simulated robot.

    Driven joints obey `tau + kp (q - position) + kd (dq - velocity)`, within their effort limits,
    at every physics step. Held joints are rigid in the models; here each has a motor of its own
    that moves nothing but itself, and, where the torso has the IMU, turns that.

    Args:
        robot: The robot.
        contract: The policy's contract.
        realtime: Keep pace with the machine's clock; else time stands still but for `sleep_until`.
        limp_pose: (num_joints,) rad, where the joints are at first; the default pose if None.

    Raises:
        LinkError: If MuJoCo is missing, or robot and contract do not fit.
    """

    def __init__(
        self,
        robot: RobotSpec,
        contract: PolicyContract,
        *,
        realtime: bool,
        limp_pose: tuple[float, ...] | None = None,
    ) -> None:
        if robot.joint_names != contract.joint_names:
            raise LinkError(
                f"{robot.name}: joints of robot and policy differ; is it a policy for it?"
            )
        self._mujoco, self._model, self._data = _load(robot)
        self.num_motors = 1 + max(motors_used(contract))
        motors = MotorMap(contract, self.num_motors)
        self._used, self._driven = motors.used, motors.driven
        self._torso = motors.torso
        self._effort = np.asarray(contract.effort_limit)
        self._spawn = self._data.qpos[:7].copy()
        if limp_pose is not None:
            self._data.qpos[7:] = limp_pose
        self._held = np.zeros((2, len(motors.used) - motors.num_driven))  # angles and speeds
        self._command = motors.zero_torque()
        self._realtime, self._virtual_s = realtime, 0.0
        self._began_s = self.now()
        self._steps = 0
        self.hoisted, self.remote = True, bytes(REMOTE_BYTES)
        self._mujoco.mj_step1(self._model, self._data)
        self._state = self._read()

    # The line

    def now(self) -> float:
        """Monotonic time, s: the machine's, or the simulation's own."""
        return time.monotonic() if self._realtime else self._virtual_s

    def sleep_until(self, deadline_s: float) -> None:
        """Wait; without `realtime`, let that time come at once."""
        if self._realtime:
            time.sleep(max(deadline_s - time.monotonic(), 0.0))
        else:
            self._virtual_s = max(self._virtual_s, deadline_s)

    def read(self) -> RobotState:
        """Let physics catch up with the clock, and say what it came to."""
        wanted = int((self.now() - self._began_s) / SIM_DT + 1e-6)
        if (wanted - self._steps) * SIM_DT > LAG_S and self._realtime:
            self._began_s += (wanted - self._steps) * SIM_DT - LAG_S
            wanted = self._steps + round(LAG_S / SIM_DT)
        if wanted > self._steps:
            for _ in range(wanted - self._steps):
                self._step()
            self._steps = wanted
            self._state = self._read()
        return self._state

    def send(self, command: MotorCommand) -> None:
        """What the motors obey from now on."""
        self._command = command

    def close(self) -> None:
        """Nothing to let go of."""

    # What a real robot has no method for

    def release(self) -> None:
        """Let the robot down from the hoist."""
        self.hoisted = False

    @property
    def base_velocity(self) -> np.ndarray:
        """(3,) forward, left, counter-clockwise, in the base's heading: m/s, m/s, rad/s."""
        w, x, y, z = self._data.qpos[3:7]
        yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
        vx, vy = self._data.qvel[:2]
        cos, sin = math.cos(yaw), math.sin(yaw)
        return np.asarray([cos * vx + sin * vy, cos * vy - sin * vx, self._data.qvel[5]])

    @property
    def height(self) -> float:
        """Of the base above the floor, m."""
        return float(self._data.qpos[2])

    @property
    def tilt(self) -> float:
        """Angle between the base's z axis and the vertical, rad."""
        _, x, y, _ = self._data.qpos[3:7]
        return math.acos(max(-1.0, min(1.0, 1 - 2 * (x * x + y * y))))

    # Physics

    def _step(self) -> None:
        qpos, qvel = self._data.qpos, self._data.qvel
        self._data.ctrl[:] = np.clip(
            self._torque(self._driven, qpos[7:], qvel[6:]), -self._effort, self._effort
        )
        self._mujoco.mj_step2(self._model, self._data)
        self._step_held()
        if self.hoisted:
            qpos[:7], qvel[:6] = self._spawn, 0.0
        # The other half of a step: sensors say what is now, not what was a step ago.
        self._mujoco.mj_step1(self._model, self._data)

    def _torque(self, motors: np.ndarray, pos: np.ndarray, vel: np.ndarray) -> np.ndarray:
        to = self._command
        return (
            to.tau[motors]
            + to.kp[motors] * (to.q[motors] - pos)
            + to.kd[motors] * (to.dq[motors] - vel)
        )

    def _step_held(self) -> None:
        """Each by itself, implicitly: stiff gains on a light arm would explode otherwise."""
        motors = self._used[len(self._driven) :]
        kp, kd = self._command.kp[motors], self._command.kd[motors]
        pos, vel = self._held
        torque = self._torque(motors, pos, vel)
        gain = HELD_INERTIA + SIM_DT * kd + SIM_DT**2 * kp
        vel += SIM_DT * (torque - SIM_DT * kp * vel) / gain
        pos += SIM_DT * vel

    def _read(self) -> RobotState:
        rows = np.zeros((3, self.num_motors), np.float32)
        pos, vel, torque = rows
        held = self._used[len(self._driven) :]
        pos[self._driven], vel[self._driven] = self._data.qpos[7:], self._data.qvel[6:]
        pos[held], vel[held] = self._held
        torque[self._driven] = self._data.ctrl
        gyro = self._data.sensor("gyro").data.astype(np.float32)
        quat = self._data.sensor("orientation").data.astype(np.float32)
        if self._torso is not None:  # backwards: from the base to a torso that is turned
            quat, gyro = torso_to_base(quat, gyro, -pos[self._torso], -vel[self._torso])
        return RobotState(
            stamp_s=self.now(),
            tick=round(1e3 * self._steps * SIM_DT),
            joint_pos=pos,
            joint_vel=vel,
            torque=torque,
            temperature=np.full(self.num_motors, REST_TEMPERATURE, np.int16),
            motor_error=np.zeros(self.num_motors, np.uint32),
            quat=quat,
            gyro=gyro,
            mode_machine=0,
            remote=self.remote,
            rejected=0,
        )


def _load(robot: RobotSpec) -> tuple[Any, Any, Any]:
    """MuJoCo itself, the gate's model of the robot, and its data in the spawn pose."""
    try:
        import mujoco

        from robots.model import SPAWN_KEY, build_model
    except ImportError as error:
        raise LinkError(
            f"--transport sim needs MuJoCo, which is not installed ({error}): pip install mujoco"
        ) from error
    model = build_model(robot, sim_dt=SIM_DT, actuation="torque", self_collision=True)
    model.opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key(SPAWN_KEY).id)
    return mujoco, model, data
