"""A simulated robot on the vendor's topics, in real time or at another steady pace."""

import math
import queue
import threading
import time

from deploy.priority import giving_way
from deploy.sim_robot.events import Event
from deploy.sim_robot.machine import SIM_DT
from deploy.sim_robot.robot import SimRobot
from deploy.sim_robot.viewer import Viewer

MAX_LAG_S = 0.1
"""How far the simulation may be behind before it gives up catching up."""


class Server:
    """Serves a simulated robot until it is stopped.

    Args:
        robot: The robot.
        interface: Network interface; None leaves the choice to DDS.
        domain: DDS domain.
        pace: Simulated seconds per second.

    Raises:
        LinkError: If cyclonedds is missing, or there is no such interface.
    """

    def __init__(
        self, robot: SimRobot, interface: str | None, domain: int, pace: float = 1.0
    ) -> None:
        from deploy.sim_robot.motion import answerer
        from deploy.wire import motion, topics
        from deploy.wire.domain import open_participant
        from deploy.wire.rpc import Service

        self._robot, self._period_s = robot, SIM_DT / pace
        self.lags = 0
        """How often the simulation could not keep up, and left out time."""
        self.sent = self.heard = 0
        """States sent, and messages that came as commands."""
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stopped = threading.Event()
        participant = open_participant(domain, interface)
        self._states = topics.Publisher(participant, topics.LOW_STATE, robot.codec.state_type)
        self._commands = topics.Subscriber(
            participant, topics.LOW_CMD, robot.codec.command_type, self._on_command
        )
        self._motion = Service(participant, motion.SERVICE, answerer(robot))

    def do(self, event: Event) -> None:
        """Let something happen to the robot. Thread-safe."""
        self._events.put(event)

    def stop(self) -> None:
        """End `run`. Thread-safe."""
        self._stopped.set()

    def run(self, viewer: Viewer | None = None, until_s: float | None = None) -> None:
        """Serve, until `stop` is called, the viewer is closed, or `until_s` of simulated time."""
        end_s = math.inf if until_s is None else until_s
        with giving_way(1):
            self._run(viewer, end_s)

    def _run(self, viewer: Viewer | None, end_s: float) -> None:
        due = time.monotonic()
        try:
            while self._robot.time_s < end_s and not self._stopped.is_set():
                if viewer and viewer.is_closed():
                    break
                while not self._events.empty():
                    self._robot.do(self._events.get())
                for packed in self._robot.step():
                    self._states.write(packed)
                    self.sent += 1
                if viewer:
                    viewer.show(self._robot.time_s)
                due += self._period_s
                wait_s = due - time.monotonic()
                if wait_s > 0:
                    time.sleep(wait_s)
                elif wait_s < -MAX_LAG_S:
                    self.lags, due = self.lags + 1, time.monotonic()
        finally:
            self._motion.close()
            self._commands.close()
            self._states.close()

    def _on_command(self, packed: bytes | None) -> None:
        # What is none of the robot's messages is ignored like one with a wrong checksum.
        self.heard += 1
        self._robot.receive(packed or b"")
