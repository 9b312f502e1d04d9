"""The vendor's motion service, as far as a robot without the vendor's controllers can have it.

No controller is behind a mode: while one is active, the simulated robot ignores commands, and that
is all.
"""

import json
from collections.abc import Callable

from deploy.sim_robot.robot import SimRobot
from deploy.wire.api import NOT_IMPLEMENTED, OK
from deploy.wire.motion import API_VERSION, CHECK_MODE, RELEASE_MODE, VERSION


def answerer(robot: SimRobot) -> Callable[[int, str], tuple[int, str]]:
    """What answers requests for a robot: gives status and data, of a request and its parameter."""

    def answer(api_id: int, parameter: str) -> tuple[int, str]:
        if api_id == VERSION:
            return OK, API_VERSION
        if api_id == CHECK_MODE:
            return OK, json.dumps({"form": "0", "name": robot.motion})
        if api_id == RELEASE_MODE:
            robot.motion = ""
            return OK, ""
        return NOT_IMPLEMENTED, ""

    return answer
