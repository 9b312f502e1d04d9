"""Minds the pages: what they say goes to the controls, the session or the view."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deploy.cockpit.choice import Choices, get_ready
from deploy.cockpit.controls import GO, Ask, Controls
from deploy.cockpit.hands import read_hands
from deploy.cockpit.session import Session
from deploy.cockpit.simulation import Push
from deploy.runtime.states import Event
from robots.errors import UserError

ASKS: dict[str, Ask] = {
    "start": Event.START,
    "walk": Event.A,
    "go": GO,
    "stop": Event.SELECT,
    "leave": Event.LEAVE,
}
"""What a page may ask for, by its words."""
CONDITIONS = ("friction", "payload", "latency")
FASTEST_PUSH = 3.0
"""m/s."""
NOT_YOURS = "another page drives; take over first"


class PageDesk:
    """Minds the pages.

    Args:
        controls: The seat at the controls.
        session: The runs.
        choices: Robots and policies to choose from.
    """

    def __init__(self, controls: Controls, session: Session, choices: Choices) -> None:
        self._controls, self._session, self._choices = controls, session, choices
        self._chooser = ThreadPoolExecutor(1, "chooser")
        self.follow = True
        """Whether the camera follows the robot."""
        self.said: tuple[int, str] = (0, "")
        """What to tell everybody, and how often that has changed."""
        self.arrive, self.leave = controls.arrive, controls.leave

    def hear(self, page: int, said: dict[str, Any]) -> str:
        """A page says something.

        Raises:
            ValueError: If no page of ours says that.
        """
        match said:
            case {"hands": _}:
                self._controls.hear(page, read_hands(said["hands"]))
            case {"ask": str(word)} if word in ASKS:
                return self._ask(page, ASKS[word])
            case {"take": True}:
                self._controls.take(page)
            case {"follow": bool(follow)}:
                self.follow = follow
            case {"push": [speed, direction]}:
                self._check_simulated()
                return self._if_pilot(page) or self._push(float(speed), float(direction))
            case {"set": [str(name), value]} if name in CONDITIONS:
                self._check_simulated()
                return self._if_pilot(page) or self._set(name, float(value))
            case {"clear": True}:
                self._check_simulated()
                if not (answer := self._if_pilot(page)):
                    self._session.clear()
                return answer
            case {"again": True}:
                self._check_simulated()
                if not (answer := self._if_pilot(page)):
                    self._session.change(self._session.run.ready)
                return answer
            case {"choose": [str(robot), str(policy)]}:
                self._check_simulated()
                if not (answer := self._if_pilot(page)):
                    self._chooser.submit(self._choose, robot, policy)
                return answer
            case _:
                raise ValueError(f"no page of ours says {said!r}")
        return ""

    def close(self) -> None:
        """Choose no more."""
        self._chooser.shutdown()

    def _check_simulated(self) -> None:
        if not self._session.is_simulated:
            raise ValueError("a real robot has none of this")

    def _if_pilot(self, page: int) -> str:
        return "" if self._controls.pilot == page else NOT_YOURS

    def _ask(self, page: int, asked: Ask) -> str:
        if asked is Event.LEAVE and self._session.is_simulated:
            raise ValueError("a simulated robot's run is ended by another one")
        return "" if self._controls.ask(page, asked) else NOT_YOURS

    def _push(self, speed: float, direction_deg: float) -> str:
        if not 0 <= speed <= FASTEST_PUSH or not -360 <= direction_deg <= 360:
            raise ValueError(f"no page of ours pushes with {speed} m/s to {direction_deg} deg")
        self._session.push(Push(speed, direction_deg))
        return ""

    def _set(self, name: str, value: float) -> str:
        try:
            self._session.set_condition(name, value)
        except UserError as error:
            return str(error)
        return ""

    def _choose(self, robot: str, policy: str) -> None:
        try:
            self._session.change(get_ready(robot, self._choices.find(robot, policy)))
        except Exception as error:  # a file that is none, or none any more
            self.said = (self.said[0] + 1, str(error))
