"""What the pipeline has to know about a robot: frozen, checked on construction."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from robots.errors import UserError

MOTOR_SLOTS = {"hg": 35, "go": 20}
"""Motors in a low-level message of each of the vendor's families (unitree_hg, unitree_go)."""


class RobotError(UserError):
    """A robot's description contradicts itself or its MJCF."""


@dataclass(frozen=True)
class Joint:
    """One policy-driven joint and the motor that moves it.

    Args:
        name: The vendor's joint name.
        axis: Axis it turns about in the default pose, base frame.
        motor_index: Slot in the vendor's motor array (`LowCmd.motor_cmd[i]`).
        default_pos: Where a zero action puts the joint, rad.
        kp: Position gain of the motor driver, N m / rad.
        kd: Velocity gain of the motor driver, N m s / rad.
        lower: Lower end of the range, rad.
        upper: Upper end of the range, rad.
        effort_limit: Largest torque, N m.
        velocity_limit: Speed at which the motor has no torque left, rad / s.
        armature: Rotor inertia seen at the joint, kg m^2.
        damping: Viscous friction, N m s / rad.
        frictionloss: Dry friction, N m.
    """

    name: str
    axis: Literal["x", "y", "z"]
    motor_index: int
    default_pos: float
    kp: float
    kd: float
    lower: float
    upper: float
    effort_limit: float
    velocity_limit: float
    armature: float
    damping: float
    frictionloss: float


@dataclass(frozen=True)
class HeldJoint:
    """A joint the policy does not drive: held at `position` (rad) with its own gains."""

    name: str
    motor_index: int
    position: float
    kp: float
    kd: float


@dataclass(frozen=True)
class Foot:
    """One foot: a site of the MJCF and its place in the gait.

    Args:
        site: Site at the sole's centre; its z less `radius` is the height above flat ground.
        radius: Distance from the site to the ground while standing, m.
        gait_offset: Where in the gait cycle this foot's own cycle starts, in [0, 1).
    """

    site: str
    radius: float
    gait_offset: float


@dataclass(frozen=True)
class Mesh:
    """A vendor's mesh whose file is not called after its link, or that is moved in the link.

    Args:
        body: The link.
        file: Name of the file, without its ending.
        pos: Where it sits in the link's frame, m.
        quat: How it is turned there, wxyz.
    """

    body: str
    file: str
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0)
    quat: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class RobotSpec:
    """A robot as the pipeline sees it.

    Args:
        name: Short name: the folder's, and `robot:` in params.yaml.
        title: Name for people.
        model_path: Mesh-free MJCF with the bodies, joints, shapes and sites.
        base_body: The body that carries the free joint.
        imu_site: Site of the inertial unit.
        imu_frame: Which link carries the IMU.
        spawn_height: Base height that puts the feet on the floor in the default pose, m.
        spawn_pitch: Base pitch in that pose, rad, nose down positive.
        joints: Policy-driven joints, in the order of the policy's action.
        feet: The feet, in the order of the reward terms.
        held_joints: Joints kept at a fixed angle.
        meshes: Vendor's meshes that films may show instead of the model's own shapes, as far as
            their files are not called `<link>.STL`.
        message_family: Which of the vendor's message families its motors speak; None where they
            speak neither, and no link reaches them.
        weak_motors: Motor slots that family go enables by mode 0x01, not by 0x0A.
    """

    name: str
    title: str
    model_path: Path
    base_body: str
    imu_site: str
    imu_frame: Literal["base", "torso"]
    spawn_height: float
    spawn_pitch: float
    joints: tuple[Joint, ...]
    feet: tuple[Foot, ...]
    held_joints: tuple[HeldJoint, ...] = ()
    meshes: tuple[Mesh, ...] = ()
    message_family: Literal["hg", "go"] | None = None
    weak_motors: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.model_path.is_file():
            raise RobotError(f"{self.name}: no MJCF at {self.model_path}")
        if not self.joints or not self.feet:
            raise RobotError(f"{self.name}: needs at least one joint and one foot")
        every_joint = [*self.joints, *self.held_joints]
        _refuse_repeats(self.name, "joint name", (j.name for j in every_joint))
        _refuse_repeats(self.name, "motor_index", (j.motor_index for j in every_joint))
        _refuse_repeats(self.name, "foot site", (f.site for f in self.feet))
        for joint in self.joints:
            _check_joint(self.name, joint)
        for foot in self.feet:
            if not 0 <= foot.gait_offset < 1:
                raise RobotError(
                    f"{self.name}: gait_offset of {foot.site} is {foot.gait_offset}, want [0, 1)"
                )
        if self.message_family is not None:
            _check_motors(self)

    @property
    def num_motors(self) -> int:
        """Motor slots in a message to or from the robot.

        Raises:
            RobotError: If the robot speaks none of the vendor's message families.
        """
        if self.message_family is None:
            raise RobotError(
                f"{self.name}: has no message_family; set it in robots/{self.name}/robot.py"
            )
        return MOTOR_SLOTS[self.message_family]

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the driven joints, in action order."""
        return tuple(joint.name for joint in self.joints)

    @property
    def default_joint_pos(self) -> tuple[float, ...]:
        """Default pose of the driven joints, rad, in action order."""
        return tuple(joint.default_pos for joint in self.joints)

    @property
    def spawn_quat(self) -> tuple[float, float, float, float]:
        """Base orientation in the spawn pose, wxyz."""
        return (math.cos(self.spawn_pitch / 2), 0.0, math.sin(self.spawn_pitch / 2), 0.0)


def _refuse_repeats(robot: str, what: str, values: Iterable[object]) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise RobotError(f"{robot}: {what} {value!r} is given twice")
        seen.add(value)


def _check_motors(robot: RobotSpec) -> None:
    if robot.message_family not in MOTOR_SLOTS:
        raise RobotError(
            f"{robot.name}: message_family is {robot.message_family!r}, want one of "
            f"{', '.join(MOTOR_SLOTS)}"
        )
    for joint in (*robot.joints, *robot.held_joints):
        if not 0 <= joint.motor_index < robot.num_motors:
            raise RobotError(
                f"{robot.name}: motor_index of {joint.name} is {joint.motor_index}; messages of "
                f"family {robot.message_family} have motors 0 to {robot.num_motors - 1}"
            )
    if robot.weak_motors and robot.message_family != "go":
        raise RobotError(
            f"{robot.name}: weak_motors are for family go; it is of {robot.message_family}"
        )
    _refuse_repeats(robot.name, "weak motor", robot.weak_motors)
    for motor in robot.weak_motors:
        if not 0 <= motor < robot.num_motors:
            raise RobotError(
                f"{robot.name}: weak_motors has {motor}, want 0 to {robot.num_motors - 1}"
            )


def _check_joint(robot: str, joint: Joint) -> None:
    if not joint.lower <= joint.default_pos <= joint.upper:
        raise RobotError(
            f"{robot}: default_pos of {joint.name} is {joint.default_pos} rad, outside its range "
            f"{joint.lower} to {joint.upper}"
        )
    for field in ("kp", "effort_limit", "velocity_limit"):
        if not 0 < getattr(joint, field) < math.inf:
            raise RobotError(
                f"{robot}: {field} of {joint.name} is {getattr(joint, field)}, want > 0"
            )
    for field in ("kd", "armature", "damping", "frictionloss"):
        if not 0 <= getattr(joint, field) < math.inf:
            raise RobotError(
                f"{robot}: {field} of {joint.name} is {getattr(joint, field)}, want >= 0"
            )
