"""A virtual hoist: holds the base upright in the air, lets it down, lets it go."""

import mujoco

from robots.spec import RobotSpec

NAME = "hoist"
CLEARANCE = 0.1
"""How far the feet hang above the floor in the default pose, m."""
SPEED = 0.1
"""How fast it lowers and raises, m/s."""


def add_hoist(mjcf: mujoco.MjSpec, robot: RobotSpec) -> None:
    """Add the hook, and the strap between it and the base, not yet taut."""
    mjcf.worldbody.add_body(
        name=NAME, mocap=True, pos=[0, 0, robot.spawn_height], quat=robot.spawn_quat
    )
    in_place = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    mjcf.add_equality(
        name=NAME,
        type=mujoco.mjtEq.mjEQ_WELD,
        objtype=mujoco.mjtObj.mjOBJ_BODY,
        name1=NAME,
        name2=robot.base_body,
        active=False,
        solref=[0.04, 1.0],
        data=[0.0, 0.0, 0.0, *in_place, 1.0, 0.0],
    )


class Hoist:
    """The hoist of a model that `add_hoist` was called on.

    Args:
        model: The model.
        data: Its state.
        robot: The robot.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, robot: RobotSpec) -> None:
        self._data, self._strap = data, model.equality(NAME).id
        self._hook = data.mocap_pos[0]
        self._low, self._high = robot.spawn_height, robot.spawn_height + CLEARANCE
        self._spawn_quat = robot.spawn_quat
        self._goal = self._high

    def hang(self) -> None:
        """Take the robot from wherever it lies, upright, to where its feet are off the floor."""
        self._goal = self._hook[2] = self._high
        self._hook[:2] = self._data.qpos[:2]
        self._data.qpos[:3], self._data.qpos[3:7] = self._hook, self._spawn_quat
        self._data.qvel[:6] = 0.0
        self._data.eq_active[self._strap] = 1

    def lower(self) -> None:
        """Let the robot down, until its feet touch the floor."""
        self._goal = self._low

    def lift(self) -> None:
        """Raise the robot off the floor again, if it hangs."""
        self._goal = self._high

    def release(self) -> None:
        """Let the robot go."""
        self._data.eq_active[self._strap] = 0

    def step(self, dt: float) -> None:
        """Move the hook for `dt` seconds."""
        way = self._goal - self._hook[2]
        self._hook[2] += max(-SPEED * dt, min(SPEED * dt, way))
