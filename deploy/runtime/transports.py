"""Robots by the way they are reached."""

import importlib
import time
from dataclasses import dataclass
from typing import Any

from deploy.contract import ContractError, PolicyContract
from deploy.link import Link, LinkError
from deploy.runtime.assemble import sleeper
from deploy.runtime.loop import SleepUntil, Watch
from deploy.runtime.sim_link import SimLink
from deploy.runtime.states import State
from robots.spec import RobotSpec


@dataclass(frozen=True)
class Transport:
    """A robot that is reached.

    Args:
        link: The robot.
        sleep_until: Waits, by its clock.
        watch: What it has to be told of every change of state, if anything.
        epoch_s: What makes Unix time of its clock's; 0 where a simulation keeps the time.
    """

    link: Link
    sleep_until: SleepUntil
    watch: Watch | None = None
    epoch_s: float = 0.0


def check_robot(contract: PolicyContract, robot: RobotSpec) -> None:
    """Refuse a policy for another robot, or for another wiring of this one.

    Raises:
        ContractError: Names the first thing that differs, and both values.
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


def open_sim(robot: RobotSpec, contract: PolicyContract, *, realtime: bool) -> Transport:
    """A simulated robot in this process, let down from its hoist where the policy takes over.

    Raises:
        LinkError: If MuJoCo is missing.
    """
    link = SimLink(robot, contract, realtime=realtime)

    def watch(state: State) -> None:
        if state is State.POLICY:
            link.release()

    epoch_s = time.time() - link.now() if realtime else 0.0
    return Transport(link, link.sleep_until, watch, epoch_s)


def open_dds(robot: RobotSpec, interface: str | None, domain: int) -> Transport:
    """A robot on the network.

    Args:
        robot: The robot.
        interface: Network interface; None for the one the system picks.
        domain: DDS domain; 0 on real robots.

    Raises:
        LinkError: If the DDS library is missing, or the network cannot be joined.
    """
    try:
        wire: Any = importlib.import_module("deploy.wire.dds")
    except ImportError as error:
        raise LinkError(
            f"--transport dds needs Cyclone DDS ({error}): pip install .[robot]"
        ) from error
    link: Link = wire.DdsLink(robot, interface, domain)
    return Transport(link, sleeper(link.now), epoch_s=time.time() - link.now())
