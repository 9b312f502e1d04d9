"""Before the first command: nobody else has the motors, the vendor's own controllers included."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deploy.link import LinkError
from deploy.wire.dds import DdsLink
from deploy.wire.domain import LOOPBACK

if TYPE_CHECKING:  # it needs cyclonedds
    from deploy.wire.motion import MotionSwitcher
    from deploy.wire.others import Others

Tell = Callable[[str], None]
LOOK_S = 0.02
"""How often it is looked whether somebody is heard, s."""


class HandoverError(LinkError):
    """Somebody else has the motors, or nobody can say whether somebody has."""


@dataclass(frozen=True)
class Handover:
    """What the operator allows, and for how long what is waited for, s.

    Args:
        release: An active mode of the vendor's is released.
        without_service: There need not be a motion service: the operator has seen to it that the
            robot is in debug mode.
        idle_writers: Other programs may have a writer of the command topic, as long as they do not
            use it.
        service_s: A motion service may take so long to be found.
        release_s: A mode may take so long to be released, every request counted.
        again_s: Time between two requests to release it.
        listen_s: How long others must have been silent.
        leave_s: Others may take so long to be gone, once the vendor's mode was released.
    """

    release: bool = False
    without_service: bool = False
    idle_writers: bool = False
    service_s: float = 3.0
    release_s: float = 30.0
    again_s: float = 1.0
    listen_s: float = 1.0
    leave_s: float = 5.0


def take_over(link: DdsLink, interface: str | None, asked: Handover, tell: Tell = print) -> None:
    """Make sure that nobody else commands the robot, or refuse.

    Args:
        link: The robot, which has been heard.
        interface: Network interface of the link.
        asked: What the operator allows.
        tell: Told what was found.

    Raises:
        HandoverError: If a mode of the vendor's stays active, or that cannot be known, or somebody
            else writes commands, or has a writer for them.
        RpcError: If the motion service fails.
        NoAnswerError: If there is one, but it says nothing.
    """
    released = _release(link, interface, asked, tell)
    # A controller that was stopped needs a moment until its writer is gone.
    _refuse_others(link, asked if released else replace(asked, leave_s=0.0))


def _release(link: DdsLink, interface: str | None, asked: Handover, tell: Tell) -> bool:
    """Have the vendor's mode released; whether there was one."""
    switcher = link.motion_switcher()
    try:
        if not switcher.is_served(asked.service_s):
            tell(_without_service(interface, asked))
            return False
        name = switcher.check_mode().name
        if not name:
            tell("motion service: no mode is active")
            return False
        if not asked.release:
            raise HandoverError(
                f"motion service: mode {name!r} has the motors, and two controllers would fight "
                "for them; hoist the robot or lay it down, then give --release-motion, or put it "
                "in debug mode by its remote control"
            )
        tell(f"motion service: releasing mode {name!r}, motors go limp")
        _release_until_none(switcher, name, asked)
        tell(f"motion service: mode {name!r} is released, none is active")
        return True
    finally:
        switcher.close()


def _without_service(interface: str | None, asked: Handover) -> str:
    """What is to be said where nobody serves; refuses where that may be a real robot."""
    if asked.without_service:
        return "motion service: nobody answered; you say that the robot is in debug mode"
    if interface == LOOPBACK:
        return f"motion service: nobody answered; on {LOOPBACK} robots are simulated ones"
    raise HandoverError(
        f"motion service: nobody answered within {asked.service_s:g} s, so nothing says that the "
        "robot's own controllers have let go of the motors; put it in debug mode by its remote "
        "control, see that it is limp, and give --no-motion-service"
    )


def _release_until_none(switcher: "MotionSwitcher", name: str, asked: Handover) -> None:
    until, failed = time.monotonic() + asked.release_s, ""
    while name:
        if time.monotonic() >= until:
            raise HandoverError(
                f"motion service: mode {name!r} is still active {asked.release_s:g} s after it was "
                f"to be released{failed}; put the robot in debug mode by its remote control"
            )
        try:
            switcher.release_mode()
        except LinkError as error:  # busy, perhaps: what counts is the mode
            failed = f" ({error})"
        name = switcher.check_mode().name
        if name:
            time.sleep(asked.again_s)


def _refuse_others(link: DdsLink, asked: Handover) -> None:
    others, until = link.others, time.monotonic() + asked.leave_s
    while True:
        silent, writers = _listen(others, asked.listen_s), others.writers()
        if silent and (asked.idle_writers or not writers):
            return
        if time.monotonic() >= until:
            break
        time.sleep(LOOK_S)
    if not silent:
        raise HandoverError(
            f"commands: somebody else commands the robot: {others.commander}; stop that first"
        )
    raise HandoverError(
        f"commands: somebody else can command the robot, though silent now: {'; '.join(writers)}; "
        "stop that, or, where it belongs to the robot and stays silent, give --allow-idle-writers"
    )


def _listen(others: "Others", listen_s: float) -> bool:
    """Whether nobody is heard for so many seconds, s."""
    others.forget()
    until = time.monotonic() + listen_s
    while not others.commander and time.monotonic() < until:
        time.sleep(LOOK_S)
    return not others.commander
