"""One run: the runtime, with a page as its input and a board for what it sees."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.cockpit.board import Board
from deploy.cockpit.choice import Ready
from deploy.cockpit.controls import Controls
from deploy.cockpit.page_input import PageInput
from deploy.cockpit.simulation import Simulation
from deploy.runtime.assemble import Outcome, Setup, execute
from deploy.runtime.inputs import RemoteStop
from deploy.runtime.limits import Limits
from deploy.runtime.loop import Watch, commands_per_period
from deploy.runtime.states import State
from deploy.runtime.stopping import Stopping
from deploy.runtime.transports import Transport
from robots.spec import RobotSpec


@dataclass(frozen=True)
class Settings:
    """What holds for every run.

    Args:
        rate_hz: Commands per second.
        limits: The supervisor's figures.
        mode_machine: What the robot should say that it is; None for whatever it says first.
        logs: Folder of the logs; None for no log.
        open_robot: Reaches a real robot; None for one simulated in this process.
    """

    rate_hz: float
    limits: Limits
    mode_machine: int | None = None
    logs: Path | None = None
    open_robot: Callable[[RobotSpec], Transport] | None = None


class Run:
    """One run: a policy, a robot, and what the page sees and says of it.

    Args:
        ready: The policy and its robot.
        settings: What holds for every run.
        controls: The seat at the controls.
        number: Counts runs, for the names of logs.
    """

    def __init__(
        self, ready: Ready, settings: Settings, controls: Controls, number: int = 1
    ) -> None:
        self.ready, self.number, self._settings = ready, number, settings
        self.board = Board(ready.robot.num_motors)
        self.source = PageInput(ready.policy.contract, controls, self.board)
        self._n_commands = commands_per_period(ready.policy.contract, settings.rate_hz)
        self.simulation: Simulation | None = None
        self._transport: Transport | None = None
        if settings.open_robot is None:
            self.simulation = Simulation(ready.robot, self.board)
        else:
            self._transport = settings.open_robot(ready.robot)

    def go_through(self, stopping: Stopping) -> Outcome:
        """Run until the state machine has ended.

        Raises:
            UserError: If it does not begin.
        """
        reached = self._reached()
        robot, settings = self.ready.robot, self._settings
        try:
            return execute(
                Setup(
                    policy=self.ready.policy,
                    link=reached.link,
                    sleep_until=reached.sleep_until,
                    source=RemoteStop(self.source),
                    stopping=stopping,
                    n_commands=self._n_commands,
                    limits=settings.limits,
                    name=f"{robot.name}, cockpit, {'dds' if self._transport else 'sim'}",
                    realtime=self._transport is not None,
                    mode_machine=settings.mode_machine,
                    log=self._log_path(),
                    epoch_s=reached.epoch_s,
                    watch=_both(self.board.watch, reached.watch),
                    intruder=reached.intruder,
                    tell=self.board.tell,
                )
            )
        finally:
            reached.link.close()

    def _reached(self) -> Transport:
        if self.simulation:
            simulation = self.simulation
            return Transport(simulation.link, simulation.sleep_until, simulation.watch)
        assert self._transport is not None
        return self._transport

    def _log_path(self) -> Path | None:
        if self._settings.logs is None:
            return None
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        return self._settings.logs / f"{self.ready.robot.name}-{stamp}-{self.number}.mcap"


def _both(one: Watch, other: Watch | None) -> Watch:
    def told(state: State) -> None:
        one(state)
        if other:
            other(state)

    return told
