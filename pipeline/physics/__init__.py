"""Physics behind one protocol: the task never knows which backend steps it."""

from pipeline.physics.protocol import Physics, PhysicsState

__all__ = ["Physics", "PhysicsState"]
