"""Facts about machines: one folder a robot, read through `load`."""

from robots.registry import load, names
from robots.spec import Foot, HeldJoint, Joint, RobotError, RobotSpec

__all__ = ["Foot", "HeldJoint", "Joint", "RobotError", "RobotSpec", "load", "names"]
