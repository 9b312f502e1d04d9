"""The robot's body and motors: MuJoCo, and nothing about messages or time of day."""

import math
from collections.abc import Callable
from typing import NamedTuple

import mujoco
import numpy as np

from deploy.frames import torso_to_base
from deploy.link import LinkError, MotorCommand, RobotState
from deploy.sim_robot.held import HeldMotors
from deploy.sim_robot.hoist import Hoist, add_hoist
from deploy.wire.codec import Orders
from robots.model import SPAWN_KEY, build_model
from robots.spec import RobotSpec

SIM_DT = 0.002
"""Physics step, s: also how often the robot says what it reads."""
TEMPERATURE = 30
"""Of every motor, deg C, unless a fault says otherwise."""
TORSO_JOINT = "torso_joint"
"""The held joint under an IMU that sits in the torso, by the vendor's name."""


class Place(NamedTuple):
    """Where a base is at `time_s`: x, y, height in m, yaw and tilt in rad."""

    time_s: float
    x: float
    y: float
    height: float
    yaw: float
    tilt: float

    def __str__(self) -> str:
        return " ".join(f"{name}={value:.3f}" for name, value in self._asdict().items())


class Machine:
    """A robot's body, motors and sensors.

    Each motor gives `tau + kp (q - position) + kd (dq - velocity)` within its torque limit. MuJoCo
    integrates that implicitly in the velocity, so that gains which a real motor driver stands do
    not blow up the physics.

    Args:
        robot: The robot.
        visuals: Keep shapes that are only looked at.
    """

    def __init__(self, robot: RobotSpec, *, visuals: bool = False) -> None:
        self.robot = robot
        self.model = _compile(robot, visuals)
        self.data = mujoco.MjData(self.model)
        mujoco.mj_resetDataKeyframe(self.model, self.data, self.model.key(SPAWN_KEY).id)
        self.hoist = Hoist(self.model, self.data, robot)
        self._base = self.model.body(robot.base_body).id
        self._own_mass = float(self.model.body_mass[self._base])
        self._own_friction = self.model.geom_friction[:, 0].copy()
        self.temperature = np.full(robot.num_motors, TEMPERATURE, np.int16)
        self.motor_error = np.zeros(robot.num_motors, np.uint32)
        self._slots = np.array([joint.motor_index for joint in robot.joints])
        self._held_slots = np.array([joint.motor_index for joint in robot.held_joints], np.intp)
        self._held = HeldMotors(np.array([joint.position for joint in robot.held_joints]))
        self._torso = _torso(robot)
        zeros = np.zeros(robot.num_motors, np.float32)
        self._command = MotorCommand(zeros, zeros, zeros, zeros, zeros)

    @property
    def time_s(self) -> float:
        """Simulated time, s."""
        return float(self.data.time)

    def obey(self, orders: Orders) -> None:
        """Follow a command until the next one; a motor that is switched off gives no torque."""
        on = orders.enabled
        self._command = MotorCommand(
            *(np.where(on, values, np.float32(0)) for values in orders.command)
        )
        of_joint = MotorCommand(*(values[self._slots] for values in self._command))
        bias = self.model.actuator_biasprm
        bias[:, 0] = of_joint.kp * of_joint.q + of_joint.kd * of_joint.dq + of_joint.tau
        bias[:, 1], bias[:, 2] = -of_joint.kp, -of_joint.kd

    def push(self, speed: float, direction: float) -> None:
        """Let the base's velocity jump.

        Args:
            speed: m/s.
            direction: rad, in the world, counter-clockwise from its x axis.
        """
        self.data.qvel[:2] += speed * np.array([np.cos(direction), np.sin(direction)])

    def set_friction(self, coefficient: float | None) -> None:
        """Give everything this coefficient of sliding friction; None for what the model says."""
        self.model.geom_friction[:, 0] = self._own_friction if coefficient is None else coefficient

    def check_payload(self, kg: float) -> None:
        """Raise LinkError where a base with this payload would weigh nothing."""
        if self._own_mass + kg <= 0:
            raise LinkError(
                f"event: payload of {kg:g} kg is not allowed, want more than "
                f"{-self._own_mass:.3g}: the base of {self.robot.name} weighs no more"
            )

    def set_payload(self, kg: float) -> None:
        """Let the base weigh so much more than by itself, at its centre of mass, as in the gate."""
        self.model.body_mass[self._base] = self._own_mass + kg

    def where(self) -> Place:
        """Where the base is."""
        x, y, z, *quat = (float(value) for value in self.data.qpos[:7])
        w, i, j, k = quat
        yaw = math.atan2(2 * (w * k + i * j), 1 - 2 * (j * j + k * k))
        tilt = math.acos(max(-1.0, min(1.0, 1 - 2 * (i * i + j * j))))
        return Place(self.time_s, x, y, z, yaw, tilt)

    def step(self) -> None:
        """Advance by one physics step."""
        self._held.step(MotorCommand(*(v[self._held_slots] for v in self._command)), SIM_DT)
        self.hoist.step(SIM_DT)
        mujoco.mj_step(self.model, self.data)

    def read(self, mode_machine: int, remote: bytes) -> tuple[RobotState, np.ndarray]:
        """What the sensors say.

        Args:
            mode_machine: What the robot says that it is.
            remote: The remote control's bytes.

        Returns:
            The state, and (3,) m/s^2 of the accelerometer.
        """
        data, held = self.data, self._held
        joint_pos, joint_vel, torque = np.zeros((3, self.robot.num_motors), np.float32)
        joint_pos[self._slots], joint_pos[self._held_slots] = data.qpos[7:], held.joint_pos
        joint_vel[self._slots], joint_vel[self._held_slots] = data.qvel[6:], held.joint_vel
        torque[self._slots], torque[self._held_slots] = data.actuator_force, held.torque
        quat, gyro, accelerometer = (
            data.sensor(name).data.copy() for name in ("orientation", "gyro", "accelerometer")
        )
        if self._torso is not None:
            yaw, rate = held.joint_pos[self._torso], held.joint_vel[self._torso]
            # From the base to the torso is from the torso to the base, turned the other way.
            _, accelerometer = torso_to_base(quat, accelerometer, -yaw, np.float64(0))
            quat, gyro = torso_to_base(quat, gyro, -yaw, -rate)
        state = RobotState(
            stamp_s=self.time_s,
            tick=round(self.time_s * 1000),
            joint_pos=joint_pos,
            joint_vel=joint_vel,
            torque=torque,
            temperature=self.temperature.copy(),
            motor_error=self.motor_error.copy(),
            quat=quat.astype(np.float32),
            gyro=gyro.astype(np.float32),
            mode_machine=mode_machine,
            remote=remote,
            rejected=0,
        )
        return state, accelerometer


def _compile(robot: RobotSpec, visuals: bool) -> mujoco.MjModel:
    model = build_model(
        robot,
        sim_dt=SIM_DT,
        actuation="torque",
        visuals=visuals,
        self_collision=True,
        edit=_extras(robot),
    )
    model.opt.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    model.opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    model.actuator_biastype[:] = mujoco.mjtBias.mjBIAS_AFFINE
    return model


def _extras(robot: RobotSpec) -> Callable[[mujoco.MjSpec], None]:
    def add(mjcf: mujoco.MjSpec) -> None:
        add_hoist(mjcf, robot)
        mjcf.add_sensor(
            name="accelerometer",
            type=mujoco.mjtSensor.mjSENS_ACCELEROMETER,
            objtype=mujoco.mjtObj.mjOBJ_SITE,
            objname=robot.imu_site,
        )

    return add


def _torso(robot: RobotSpec) -> int | None:
    """Which held joint turns the IMU; None where the base has it."""
    if robot.imu_frame == "base":
        return None
    for index, joint in enumerate(robot.held_joints):
        if joint.name == TORSO_JOINT:
            return index
    raise LinkError(f"{robot.name}: imu_frame is torso, but no held joint is called {TORSO_JOINT}")
