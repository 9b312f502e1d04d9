"""Robots by the way they are reached."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.contract import ContractError, PolicyContract
from deploy.link import Link, LinkError
from deploy.runtime.assemble import WAIT_S, sleeper
from deploy.runtime.handover import Handover, take_over
from deploy.runtime.limits import RuntimeSettingError
from deploy.runtime.loop import SleepUntil, Watch, wait_for_robot
from deploy.runtime.parts import Intruder, no_intruder
from deploy.runtime.states import State
from deploy.sim_robot.events import Event, parse
from deploy.wire.domain import LOOPBACK
from robots.spec import RobotSpec

HOIST = {State.MOVE: "lower", State.POLICY: "letgo"}
"""What the hoist of a robot simulated in this process does when a state begins."""


@dataclass(frozen=True)
class Transport:
    """A robot that is reached.

    Args:
        link: The robot.
        sleep_until: Waits, by its clock.
        watch: What it has to be told of every change of state, if anything.
        epoch_s: What makes Unix time of its clock's; 0 where a simulation keeps the time.
        intruder: Tells who else commands it.
    """

    link: Link
    sleep_until: SleepUntil
    watch: Watch | None = None
    epoch_s: float = 0.0
    intruder: Intruder = no_intruder


def check_robot(contract: PolicyContract, robot: RobotSpec) -> None:
    """Refuse a policy for another robot, for another wiring of this one, or for stronger motors.

    Raises:
        ContractError: Names the first thing that is wrong, and both values.
    """
    said = {
        "robot": (contract.robot, robot.name),
        "joint_names": (contract.joint_names, robot.joint_names),
        "motor_indices": (contract.motor_indices, tuple(j.motor_index for j in robot.joints)),
        "imu_frame": (contract.imu_frame, robot.imu_frame),
        "held_joints": (contract.held_joints, robot.held_joints),
    }
    for name, (policys, robots) in said.items():
        if policys != robots:
            raise ContractError(
                f"contract: {name} is {policys} in the policy, but {robots} for --robot "
                f"{robot.name}; take a policy of this robot"
            )
    for place, joint in enumerate(robot.joints):
        # By these the supervisor clamps and judges: wider than the motor's, they protect nothing.
        for name, least, most in (
            ("joint_lower", joint.lower, joint.upper),
            ("joint_upper", max(joint.lower, contract.joint_lower[place]), joint.upper),
            ("effort_limit", 0.0, joint.effort_limit),
            ("velocity_limit", 0.0, joint.velocity_limit),
            ("kp", 0.0, math.inf),
            ("kd", 0.0, math.inf),
        ):
            value = getattr(contract, name)[place]
            if not least <= value <= most:
                raise ContractError(
                    f"contract: {name} of {joint.name} is {value} in the policy, but --robot "
                    f"{robot.name} allows {least:g} to {most:g}; export the policy again"
                )


def open_sim(robot: RobotSpec, faults: Sequence[str], *, realtime: bool) -> Transport:
    """A simulated robot in this process, on a hoist that lets it down and goes by itself.

    Args:
        robot: The robot.
        faults: What is to happen to it, as `deploy.sim_robot.events` reads it.
        realtime: Keep pace with the machine's clock; else time passes only in `sleep_until`.

    Raises:
        LinkError: If MuJoCo is missing, or an event cannot be read.
    """
    try:
        from deploy.sim_robot.link import RealtimeSimLink, SimLink
        from deploy.sim_robot.robot import SimRobot
    except ImportError as error:
        raise LinkError(
            f"--transport sim needs MuJoCo, which is not installed ({error}): pip install mujoco"
        ) from error
    events = [event for text in faults for event in parse(text)]
    simulated = SimRobot(robot, hoist=True, events=events)
    link = (RealtimeSimLink if realtime else SimLink)(simulated)

    def watch(state: State) -> None:
        if state in HOIST:
            simulated.do(Event(simulated.time_s, HOIST[state]))

    epoch_s = time.time() - link.now() if realtime else 0.0
    return Transport(link, link.sleep_until, watch, epoch_s)


def open_dds(
    robot: RobotSpec,
    interface: str | None,
    domain: int,
    pace: float = 1.0,
    handover: Handover | None = None,
) -> Transport:
    """A robot on the network that nobody else commands.

    Args:
        robot: The robot.
        interface: Network interface; None for the one the system picks.
        domain: DDS domain; 0 on real robots.
        pace: Seconds of a simulated robot per second; 1 for real ones.
        handover: What the operator allows of others; nothing by default.

    Raises:
        LinkError: If the DDS library is missing, the network cannot be joined, the robot says
            nothing, or somebody else has its motors.
        RuntimeSettingError: If the pace is not 1 and the robot may be a real one.
    """
    if pace != 1 and interface != LOOPBACK:
        raise RuntimeSettingError(
            f"--pace: {pace:g} only with --interface {LOOPBACK}; real robots do not wait"
        )
    from deploy.wire.dds import DdsLink

    link = DdsLink(robot, interface, domain, pace)
    sleep_until = sleeper(link.now, pace)
    try:
        wait_for_robot(link, sleep_until, WAIT_S)
        take_over(link, interface, handover or Handover())
    except BaseException:
        link.close()
        raise
    # At another pace than the world's, the link's clock says nothing about its time of day.
    epoch_s = time.time() - link.now() if pace == 1 else 0.0
    return Transport(link, sleep_until, epoch_s=epoch_s, intruder=link.intruder)
