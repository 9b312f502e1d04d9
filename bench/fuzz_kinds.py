"""The kinds of file that `bench.fuzz_files` breaks: a sound one of each, and what reads it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import robots
from bench.tick import ROBOT, STREAM_DT, StandIn, walking
from deploy.policy import Policy
from deploy.runtime.gatecheck import check_gate
from deploy.runtime.inputs.script import read_script
from deploy.runtime.loop import commands_per_period
from deploy.runtime.transports import check_robot
from pipeline import config
from pipeline.doctor import samples
from pipeline.doctor.described import Described
from pipeline.doctor.graph import read_graph
from pipeline.doctor.readers.deploy_yaml import read_deploy
from pipeline.sim2sim.schema import read_gate

POLICY = Path("policies") / ROBOT / "policy.onnx"
TICKS = 40
"""Commands to a motionless robot, of each policy that still loads: four control periods."""
DEPLOY_YAML = """\
joint_ids_map: [0, 2]
step_dt: 0.02
stiffness: [100.0, 0.0, 40.0]
damping: [2.0, 0.0, 1.5]
default_joint_pos: [-0.1, 0.3]
commands: {base_velocity: {ranges: {lin_vel_x: [-0.5, 1.0], lin_vel_y: [-0.3, 0.3]}}}
actions:
  JointPositionAction:
    clip: [[-0.9, 0.9], [-2.0, 2.0]]
    joint_names: [".*"]
    scale: [0.25, 0.25]
    offset: [-0.1, 0.3]
observations:
  obs:
    use_gym_history: true
    scale_first: true
    base_ang_vel: {params: {}, clip: [-9.0, .inf], scale: [0.2, 0.2, 0.2], history_length: 5}
    gait_phase: {params: {period: 0.8}, clip: null, scale: [1.0, 1.0], history_length: 5}
"""
SCRIPT = "time_s,vx,vy,yaw_rate,event\n0.1,0,0,0,start\n2.6,0,0,0,a\n3.0,0.5,-0.1,0.2,\n"


class Kind(NamedTuple):
    """A kind of file.

    Args:
        name: Its name; what is broken is a file of this name.
        sound: One that is whole.
        text: Whether it is text.
        read: Reads one; says what became of it.
    """

    name: str
    sound: Callable[[], bytes]
    text: bool
    read: Callable[[Path], str]


def _drive(path: Path) -> str:
    """Load a policy as the runtime does, its gate waived, and drive with it."""
    policy, robot = Policy(path), robots.load(ROBOT)
    check_robot(policy.contract, robot)
    link = StandIn(policy.contract)
    controller, start = walking(policy, link, commands_per_period(policy.contract, 1 / STREAM_DT))
    for index in range(start, start + TICKS):
        link.advance()
        controller.tick(index)
        if not all(np.isfinite(values).all() for values in link.last):
            raise ValueError(f"a command that is not finite: {link.last}")
    controller.finish()
    if link.last.kp.any() or not (link.last.kd[list(policy.contract.motor_indices)] > 0).all():
        raise ValueError(f"the last command does not damp: {link.last}")
    return "driven and damped by a fault" if controller.summary.faulty else "driven to the end"


def _vouches(path: Path) -> str:
    """Ask a report for the shipped policy."""
    policy = path.with_name(POLICY.name)
    policy.write_bytes(POLICY.read_bytes())
    check_gate(policy, ROBOT, shipped=path.parent)
    return "vouches"


def _reads(read: Callable[[Path], object]) -> Callable[[Path], str]:
    def read_one(path: Path) -> str:
        read(path)
        return "read"

    return read_one


def _read_layout(path: Path) -> None:
    """Read a description, and lay its observation out."""
    said, _ = read_deploy(path, {})
    samples.walking(said or Described(""), 25, 1)


KINDS = (
    Kind("policy.onnx", POLICY.read_bytes, False, _drive),
    Kind("doctor.onnx", POLICY.read_bytes, False, _reads(read_graph)),
    Kind("gate.json", POLICY.with_name("gate.json").read_bytes, True, _vouches),
    Kind("baseline.json", POLICY.with_name("gate.json").read_bytes, True, _reads(read_gate)),
    Kind("params.yaml", Path("params.yaml").read_bytes, True, _reads(config.load)),
    Kind("deploy.yaml", DEPLOY_YAML.encode, True, _reads(_read_layout)),
    Kind("commands.csv", SCRIPT.encode, True, _reads(read_script)),
)
