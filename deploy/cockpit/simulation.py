"""The robot simulated in this process: keeps pace with the clock, and has things happen to it."""

import queue
import time
from typing import NamedTuple, cast

import numpy as np

from deploy.cockpit.board import Board, Place
from deploy.link import Link
from deploy.runtime.loop import Watch
from deploy.runtime.transports import open_sim
from deploy.sim_robot.events import Event, parse
from deploy.sim_robot.link import SimLink
from robots.spec import RobotSpec

LOOK_S = 1 / 60
"""How often the body's place is left for the page, in simulated time."""
MAX_LAG_S = 0.05
"""How far the simulation may be behind the clock before it gives up catching up."""
MEASURED_S = 0.5
"""Over how long its speed is measured, s."""


class Push(NamedTuple):
    """A jump of the base's velocity.

    Args:
        speed: m/s.
        direction_deg: Counter-clockwise from where the robot looks.
    """

    speed: float
    direction_deg: float


class Simulation:
    """A simulated robot whose clock goes as the machine's does, or slower: never too fast for it.

    On a machine that is too slow or too busy, the robot moves in slow motion; a deadline is never
    missed for that. `python -m deploy run --transport sim` goes by the machine's clock instead.

    Args:
        robot: The robot.
        board: Where its place is left.
    """

    def __init__(self, robot: RobotSpec, board: Board) -> None:
        transport = open_sim(robot, (), realtime=False)
        assert transport.watch is not None
        self.link: Link = transport.link
        self.watch: Watch = transport.watch
        self._link = cast("SimLink", transport.link)
        self._robot, self._board = self._link.robot, board
        self._wanted: queue.SimpleQueue[Event | Push] = queue.SimpleQueue()
        self._behind_s = time.monotonic()  # the machine's clock less the robot's
        self._due_s, self._speed = 0.0, 1.0
        self._measured_from = (self._robot.time_s, self._behind_s)
        model = self._robot.machine.model
        feet = model.geom_friction[model.geom_priority > 0, 0]
        self.friction = float(feet.max(initial=0.0)) or 1.0
        """Coefficient of the feet by themselves."""

    def happen(self, wanted: Event | Push) -> None:
        """Let something happen in the next step. Thread-safe.

        Raises:
            LinkError: If it is more than can be asked of this robot.
        """
        if isinstance(wanted, Event):
            self._robot.check(wanted)
        self._wanted.put(wanted)

    def clear(self) -> None:
        """Let everything be as it was. Thread-safe."""
        self._wanted.put(Event(0.0, "clear"))

    def sleep_until(self, deadline_s: float) -> None:
        """Move the robot up to that time, and wait until the clock is there too."""
        while not self._wanted.empty():
            self._do(self._wanted.get())
        self._link.sleep_until(deadline_s)
        self._look()
        ahead_s = deadline_s + self._behind_s - time.monotonic()
        if ahead_s > 0:
            time.sleep(ahead_s)
        elif ahead_s < -MAX_LAG_S:
            self._behind_s -= ahead_s + MAX_LAG_S

    def _do(self, wanted: Event | Push) -> None:
        now = self._robot.time_s
        if isinstance(wanted, Push):
            facing_deg = np.degrees(self._robot.machine.where().yaw)
            wanted = Event(now, "push", (wanted.speed, float(facing_deg + wanted.direction_deg)))
        self._robot.do(Event(now, wanted.name, wanted.arguments))

    def _look(self) -> None:
        now = self._robot.time_s
        if now < self._due_s:
            return
        self._due_s = now + LOOK_S
        began_s, at_s = self._measured_from
        passed_s = time.monotonic() - at_s
        if passed_s > MEASURED_S:
            self._speed = (now - began_s) / passed_s
            self._measured_from = (now, at_s + passed_s)
        data = self._robot.machine.data
        hangs = bool(data.eq_active.any())
        self._board.place = Place(now, data.qpos.copy(), data.qvel[:6].copy(), hangs, self._speed)


def condition(name: str, value: float) -> Event:
    """An event that stays until it is changed: friction, payload or latency.

    Raises:
        LinkError: If there is no such value.
    """
    (event,) = parse(f"{name}:{value!r}")
    return event
