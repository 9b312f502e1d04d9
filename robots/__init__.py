"""Facts about machines: one folder a robot, read through `load`."""

from robots.spec import Foot, HeldJoint, Joint, RobotError, RobotSpec, load, names

__all__ = ["Foot", "HeldJoint", "Joint", "RobotError", "RobotSpec", "load", "names"]
