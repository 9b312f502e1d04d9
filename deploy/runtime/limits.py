"""What the supervisor allows: every figure in one place."""

import math
from dataclasses import dataclass, fields

from robots.errors import UserError


class RuntimeSettingError(UserError):
    """A setting of the runtime is not allowed."""


@dataclass(frozen=True)
class Limits:
    """Figures of the supervisor's rules; joint, torque and speed limits are the contract's.

    Where shipped policies were measured: nominal robots in the gate's simulator, walking through
    all of the gate's commands.

    Args:
        stale_s: Age from which the newest state is stale, s.
        bad_messages: Messages rejected in a row, or within a second, that are too many.
        tilt: Angle between the base's z axis and the vertical, rad. The gate calls 1.0 a fall.
        temperature: Of the hottest sensor of a motor, deg C.
        joint_margin: How far a joint may be outside its range, rad. Shipped policies: 0.015.
        target_margin: How far a target may be outside the range, rad. That is how a policy asks
            for torque near the end of a joint's range: shipped ones go 0.41 beyond.
        target_rate: How fast targets may move from one control period to the next, rad/s. Shipped
            policies: 59.
        speed_share: Joint speed that is a fault, as a share of the no-load speed. Shipped
            policies: 0.93, but for an instant of an H1's ankle, 1.17.
        torque_share: Measured torque that is a fault, as a share of the limit.
        held_error: How far a joint that is held may be from its pose, rad. With the gains of the
            contracts a motor gives 10 to 150 N m there.
        persistent_s: How long a joint may be outside of what is measured, s.
        clamped_s: How long one joint's targets may be clamped without a break, s. Shipped
            policies: 0.44, of the torque limit.
        missed: Deadlines of the policy missed in a row; ten that were met make up for one.
        stream_gap_s: Time between two commands, s.
        remote_lost_s: How long the remote control's bytes may all be zero, s.
    """

    stale_s: float = 0.04
    bad_messages: int = 10
    tilt: float = 0.8
    temperature: float = 90.0
    joint_margin: float = 0.1
    target_margin: float = 0.5
    target_rate: float = 60.0
    speed_share: float = 1.2
    torque_share: float = 1.5
    held_error: float = 0.5
    persistent_s: float = 0.1
    clamped_s: float = 1.0
    missed: float = 2.0
    stream_gap_s: float = 0.04
    remote_lost_s: float = 0.2

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                raise RuntimeSettingError(f"limits: {field.name} is {value}, want > 0")
