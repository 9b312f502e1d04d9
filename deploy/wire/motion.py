"""The vendor's motion switcher: which of its own controllers has the motors, and how it lets go.

Names, numbers and what is asked: unitree_sdk2_python,
`comm/motion_switcher/motion_switcher_{api,client}.py`. Codes: the vendor's G1 developer guide,
"Motion Switcher Service Interface".
"""

import json
from typing import Any, NamedTuple, cast

from deploy.wire.rpc import Client, RpcError

SERVICE = "motion_switcher"
API_VERSION = "1.0.0.1"
VERSION, CHECK_MODE, RELEASE_MODE = 1, 1001, 1003
"""What can be asked. Every service of the vendor's gives its version by the first."""
CODES = {
    7001: "a parameter is wrong",
    7002: "busy, try again",
    7004: "there is no such mode",
    7005: "an internal command failed",
    7006: "checking failed",
    7007: "switching failed",
    7008: "releasing failed",
    7009: "its configuration cannot be set",
}
CHECK_S, CHECKS = 1.0, 5
"""How long an answer may take, s, and how often it is asked for. Together the vendor's 5 s."""
RELEASE_S = 10.0
"""How long stopping a controller may take, s."""


class Mode(NamedTuple):
    """What the motion service says.

    Args:
        form: The robot's build: "0" ordinary, "1" with wheels.
        name: The vendor's controller that is active: "ai", "normal", ...; empty where none is.
    """

    form: str
    name: str


class MotionSwitcher:
    """The vendor's motion service, asked over DDS.

    Args:
        participant: Of the robot's domain.
    """

    def __init__(self, participant: Any) -> None:
        self._client = Client(participant, SERVICE, CODES)

    def is_served(self, within_s: float) -> bool:
        """Whether a motion service is there, or comes within so many seconds."""
        return self._client.is_served(within_s)

    def check_mode(self) -> Mode:
        """Ask which mode is active.

        Raises:
            NoAnswerError: If no answer comes.
            RpcError: If the service could not say, or says nothing that makes sense.
        """
        data = self._client.call(CHECK_MODE, "{}", CHECK_S, CHECKS)
        try:
            said = cast("dict[str, Any]", json.loads(data))
            form, name = said["form"], said["name"]
        except (ValueError, TypeError, KeyError):
            name = form = None
        if not isinstance(name, str):
            raise RpcError(f"{SERVICE}: the mode is {data!r}, want JSON with form and name")
        return Mode(str(form), name)

    def release_mode(self) -> None:
        """Ask the active controller to let go of the motors. They go limp.

        Raises:
            NoAnswerError: If no answer comes.
            RpcError: If the service could not.
        """
        self._client.call(RELEASE_MODE, "{}", RELEASE_S)

    def close(self) -> None:
        """Let go."""
        self._client.close()
