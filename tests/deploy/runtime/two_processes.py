"""A simulated robot and the runtime, each in a process of its own, over DDS on the loopback."""

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import robots
from deploy.wire import topics
from deploy.wire.domain import open_participant
from deploy.wire.families import codec_for
from tests.deploy.runtime.fakes import ROOT, shipped

DOMAIN = 11 + 3 * (os.getpid() % 70)
"""Of this process's own, so that runs beside each other do not meet."""
PATIENCE_S = 240.0
"""For how long something is waited for that has to come."""
PACES = (0.5, 0.2, 0.1)
"""Robot's seconds per second: on a machine too busy for one, robot and runtime take the next."""
TOO_BUSY = ("command stream", "policy overrun", "stale state")
"""Faults of a machine that stood still, where nobody planted them."""
WATCHED_S = 3.2
"""Of a walk, its end: two strides of a humanoid, over which its sway is no error."""


class Told:
    """A program that says things line by line and may be told some.

    Args:
        arguments: Those of Python.
    """

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )
        # Where that is allowed. As on a robot: what must not stand still goes first.
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self.process.pid, -15)
        self.said, self._lines = [], queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line.strip())
        self._lines.put(None)

    def tell(self, *lines):
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def until(self, *starts):
        """Wait for a line that starts so; None where the program ends before."""
        end_s = time.monotonic() + PATIENCE_S
        while (left_s := end_s - time.monotonic()) > 0:
            line = self._lines.get(timeout=left_s)
            if line is None:
                return None
            self.said.append(line)
            if line.startswith(starts):
                return line
        raise AssertionError(f"no {starts} within {PATIENCE_S} s, but {self.said}")

    def end(self):
        """Wait for its end."""
        while self.until("") is not None:
            pass
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)


@dataclass
class Course:
    """What happened.

    Args:
        said: Lines of the runtime.
        robot_said: Lines of the robot.
        status: Exit status of the runtime.
        places: Where the robot was, by the numbers it gave.
        heard: Commands seen by a bystander, by the robot's own codec.
    """

    said: list
    robot_said: list
    status: int
    places: list = field(default_factory=list)
    heard: list = field(default_factory=list)

    @property
    def fault(self):
        """The name of the rule that ended the run; empty where none did."""
        found = [re.search(r"-> damping \(([a-z_ ]+): ", line) for line in self.said]
        return next((match[1] for match in found if match), "")

    @property
    def states(self):
        return [line.removeprefix("state: ") for line in self.said if line.startswith("state: ")]


def course(name, log, *, walk_s, fault="", walks=True):
    """Press the remote's buttons from start to damping.

    Args:
        name: The robot's.
        log: The runtime's log.
        walk_s: How long it walks, in the robot's seconds, at 0.5 m/s.
        fault: What happens then, in place of `select`; that damps it.
        walks: Whether it comes to the policy at all; else it happens on the hoist.
    """
    for pace in PACES:
        log.unlink(missing_ok=True)
        done = _course(name, log, pace, walk_s, fault, walks)
        if not _was_too_busy(done, fault):
            break
        print(f"at pace {pace}: {done.fault}", done.said)  # shown where the test fails
    return done


def _was_too_busy(done, planted):
    reached = len(done.places) == 2  # where faults are planted
    meant = reached and planted.startswith(("drop", "delay")) and done.fault == "stale state"
    return done.fault in TOO_BUSY and not meant


def _course(name, log, pace, walk_s, fault, walks):
    on = ("--domain", str(DOMAIN), "--interface", "lo", "--pace", str(pace))
    robot = Told("-m", "deploy.sim_robot", "--robot", name, "--hoist", *on)
    runtime, heard, codec = None, [], codec_for(robots.load(name))
    bystander = topics.Subscriber(
        open_participant(DOMAIN, "lo"), topics.LOW_CMD, codec.command_type, heard.append
    )
    try:
        assert robot.until(f"{name} on domain"), robot.said
        policy = f"policies/{name}/policy.onnx"
        run = ("run", policy, "--robot", name, "--transport", "dds", "--log", str(log))
        runtime = Told("-m", "deploy", *run, *on)
        places = _press(robot, runtime, name, walk_s, fault, walks)
        # Something else than what was planted may have damped it long ago.
        if "state: damping" in runtime.said or runtime.until("state: damping"):
            # Some damping is to be seen, and a robot lying down, before it is told to leave.
            _wait(robot, 0.5)
            runtime.process.send_signal(signal.SIGINT)
        status = runtime.end()
        robot.tell("quit")
        assert robot.end() == 0
    finally:
        for one in (robot, runtime):
            if one and one.process.poll() is None:
                one.process.kill()
                one.process.wait()
        bystander.close()
    commands = [codec.decode_command(packed).command for packed in heard]
    return Course(runtime.said, robot.said, status, places, commands)


def _press(robot, runtime, name, walk_s, fault, walks):
    places = []
    if not runtime.until("state: zero_torque"):
        return places
    robot.tell("press:start")
    if runtime.until("state: move_to_default", "state: damping") != "state: move_to_default":
        return places
    robot.tell("release:start", *([] if walks else [fault]))
    if not walks or runtime.until("state: hold", "state: damping") != "state: hold":
        return places
    robot.tell("lower")
    _wait(robot, 1.2)
    robot.tell("press:A")
    if runtime.until("state: policy", "state: damping") != "state: policy":
        return places
    robot.tell("release:A", "letgo", f"stick:ly:{_stick(name)}")
    _wait(robot, walk_s - WATCHED_S)
    for _ in range(2):
        robot.tell("where")
        places.append(_place(robot.until("where: ")))
        if len(places) == 1:
            _wait(robot, WATCHED_S)
    robot.tell(fault or "press:select")
    return places


def _wait(robot, seconds):
    """Wait so many of the robot's own seconds."""
    robot.tell("where")
    end_s = _place(robot.until("where: "))["time_s"] + seconds
    robot.tell(f"where@{end_s:.3f}")
    robot.until("where: ")


def _place(line):
    return {k: float(v) for k, v in (part.split("=") for part in line.split()[1:])}


def _stick(name, speed=0.5):
    """Where the stick has to be for a speed: a tenth of its way is none, the rest is the range."""
    fastest = shipped(name).contract.command_ranges.vx[1]
    return round(0.1 + 0.9 * speed / fastest, 4)
