"""`python -m bench.fuzz_files [COUNT] [--kind KIND]`: broken files, 100,000 of each kind or COUNT.

Every file that the runtime, the gate or the doctor reads is refused or read; anything else is a
crash. A policy that still loads also drives a motionless robot: every command it leads to is
finite, and the last one damps. Each kind has a process of its own, because ONNX Runtime is native
code; the file it dies of is kept.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
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
from pipeline.progress import Progress
from pipeline.sim2sim.schema import read_gate
from robots.errors import UserError

COUNT = 100_000
POLICY = Path("policies") / ROBOT / "policy.onnx"
TICKS = 40
"""Commands to a motionless robot, of each policy that still loads: four control periods."""
SHOWN_EVERY = 500
"""Files from one look at the progress to the next."""
NASTY = (
    "",
    "-1",
    "1e999",
    ".nan",
    "NaN",
    "null",
    "[]",
    "{}",
    '"',
    "\x00",
    "\ufeff",
    "!!python/object/apply:os.abort []",
    "&a [*a]",
    "99999999999999999999999999",
    "[" * 2000,
    "- " * 500,
    "é" * 50,
)
"""What stands where a number or a word should."""

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


def main(arguments: list[str] | None = None) -> int:
    """Break COUNT files of each kind, and count what becomes of them."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.fuzz_files")
    parser.add_argument("count", nargs="?", type=int, default=COUNT)
    parser.add_argument("--kind", choices=[kind.name for kind in KINDS], help="only this one")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.here:
        counts = break_all(next(k for k in KINDS if k.name == asked.kind), asked.count, asked.here)
        print(f"{asked.kind}: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
        return 0
    chosen = [kind.name for kind in KINDS if asked.kind in (None, kind.name)]
    return max(_in_own_process(name, asked.count) for name in chosen)


def _in_own_process(name: str, count: int) -> int:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    arguments = ["-m", "bench.fuzz_files", str(count), "--kind", name, "--here", str(folder)]
    status = subprocess.run([sys.executable, *arguments], check=False).returncode
    if status:
        print(f"{name}: status {status}, at {folder / name}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


def break_all(kind: Kind, count: int, folder: Path) -> Counter[str]:
    """Break a file so many times, each in the folder, and count the outcomes."""
    outcomes: Counter[str] = Counter()
    path, sound, rng = folder / kind.name, kind.sound(), np.random.default_rng(0)
    progress = Progress(count, unit="files", doing=kind.name)
    try:
        for done in range(count):
            if done % SHOWN_EVERY == 0:
                progress.update(done, _shares(outcomes), report=done % (10 * SHOWN_EVERY) == 0)
            path.write_bytes(broken(sound, kind.text, rng))
            outcomes[outcome(kind, path)] += 1
        progress.update(count, _shares(outcomes), report=True)
    finally:
        progress.close()
    return outcomes


def _shares(outcomes: Counter[str]) -> dict[str, float]:
    """How many of a hundred files came to what."""
    return {f"{what}, %": 100 * n / outcomes.total() for what, n in sorted(outcomes.items())}


def outcome(kind: Kind, path: Path) -> str:
    """What becomes of a file: "refused", or what its reader says; anything else is raised."""
    try:
        return kind.read(path)
    except UserError:
        return "refused"


def broken(sound: bytes, text: bool, rng: np.random.Generator) -> bytes:
    """A file with one to three things wrong with it."""
    data = bytearray(sound)
    for _ in range(rng.integers(1, 4)):
        # Half of them near an end: a network's structure and metadata are there, weights between.
        edge = min(len(data), 4096)
        near = int(rng.integers(edge)) if edge else 0
        at = (near, len(data) - 1 - near, int(rng.integers(len(data) + 1)))[rng.integers(3)]
        at, size = max(at, 0), int(rng.integers(1, 64))
        match rng.integers(7 if text else 6):
            case 0 if data:
                data[min(at, len(data) - 1)] ^= 1 << int(rng.integers(8))
            case 1:
                del data[at:]
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size]
            case 4:
                data[at : at + size] = rng.bytes(size)
            case 5:
                data[at : at + 4] = rng.choice([b"\xff\xff\x7f\x7f", b"\0\0\xc0\x7f", bytes(4)])
            case _:
                _replace_word(data, at, rng)
    return bytes(data)


def _replace_word(data: bytearray, at: int, rng: np.random.Generator) -> None:
    ends = b" ,:[]{}\n"
    start = next((i for i in range(at, 0, -1) if data[i - 1] in ends), 0)
    end = next((i for i in range(at, len(data)) if data[i] in ends), len(data))
    data[start:end] = NASTY[rng.integers(len(NASTY))].encode()


# What reads them


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


if __name__ == "__main__":
    sys.exit(main())
