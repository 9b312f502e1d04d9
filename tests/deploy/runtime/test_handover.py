"""Before the first command, over real DDS on the loopback: who has the motors, and who may."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

import robots
from deploy.link import LinkError
from deploy.runtime.cli import main
from deploy.runtime.handover import Handover, HandoverError, take_over
from tests.deploy.runtime.fakes import ROOT
from tests.wire_samples import a_command, a_state

pytest.importorskip("cyclonedds", reason="cyclonedds is not installed (extra: robot)")

from cyclonedds.core import DDSException

from deploy.runtime.transports import open_dds
from deploy.wire import motion, topics
from deploy.wire.dds import DdsLink
from deploy.wire.domain import open_participant
from deploy.wire.families import codec_for
from deploy.wire.rpc import NoAnswerError, RpcError, Service
from tests.deploy.runtime.two_processes import Told

DOMAIN = 12 + 3 * (os.getpid() % 70)
"""Of this process's own, so that runs beside each other do not meet."""
PATIENCE_S = 60.0
"""For how long something is waited for that has to come."""
QUICK = Handover(service_s=PATIENCE_S, release_s=PATIENCE_S, again_s=0.01, listen_s=0.1)
"""Waits long for what comes, and not long for what does not."""
ALONE = replace(QUICK, service_s=0.1)


@pytest.fixture
def link():
    made = DdsLink(robots.load("go2"), "lo", DOMAIN)
    yield made
    made.close()


class MotionService:
    """A motion service, its controller as stubborn as told.

    Args:
        name: The active mode.
        stays: How often it is asked to be released until it is.
        code: What it answers when asked to release.
    """

    def __init__(self, name, stays=1, code=0):
        self.name, self.stays, self.code, self.asked = name, stays, code, []
        self._service = Service(open_participant(DOMAIN, "lo"), motion.SERVICE, self._answer)
        self.close = self._service.close

    def _answer(self, api_id, parameter):
        self.asked.append(api_id)
        if api_id == 1003:
            self.stays -= 1
            if self.stays <= 0:
                self.name = ""
            return self.code, ""
        return 0, f'{{"form":"0","name":"{self.name}"}}'


@pytest.fixture
def serve():
    started = []

    def start(*arguments, **named):
        started.append(MotionService(*arguments, **named))
        return started[-1]

    yield start
    for service in started:
        service.close()


class Rival:
    """Somebody else with a writer of the command topic, of a participant of its own."""

    def __init__(self):
        codec = codec_for(robots.load("go2"))
        self._writer = topics.Publisher(
            open_participant(DOMAIN, "lo"), topics.LOW_CMD, codec.command_type
        )
        self._packed = codec.encode_command(a_command(20), 0)
        self._ended, self._thread = threading.Event(), None

    def write(self):
        self._writer.write(self._packed)

    def go_on(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._ended.wait(0.005):
            self.write()

    def close(self):
        self._ended.set()
        if self._thread:
            self._thread.join()
        self._writer.close()


@pytest.fixture
def rival():
    made = Rival()
    yield made
    made.close()


def until(found):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.005)
    raise AssertionError("nothing came")


def told(link, asked, interface="lo"):
    lines = []
    take_over(link, interface, asked, lines.append)
    return lines


# The motion service


def test_no_active_mode_and_nobody_else_is_a_robot_to_take(link, serve):
    service = serve("")
    assert told(link, QUICK) == ["motion service: no mode is active"]
    assert service.asked == [1001]


def test_an_active_mode_is_a_refusal_and_is_left_alone(link, serve):
    service = serve("ai")
    with pytest.raises(HandoverError, match=r"mode 'ai' has the motors.*give --release-motion"):
        told(link, QUICK)
    assert service.asked == [1001] and service.name == "ai"


@pytest.mark.parametrize("stays", [1, 3])
def test_it_is_released_when_that_is_asked_for(stays, link, serve):
    service = serve("ai", stays)
    assert told(link, replace(QUICK, release=True)) == [
        "motion service: releasing mode 'ai', motors go limp",
        "motion service: mode 'ai' is released, none is active",
    ]
    assert service.asked == [1001, *[1003, 1001] * stays]


def test_busy_is_no_reason_to_give_up(link, serve):
    serve("normal", 2, code=7002)
    assert told(link, replace(QUICK, release=True))[-1].endswith("is released, none is active")


@pytest.mark.parametrize(("code", "why"), [(0, ""), (7008, r" \(.*7008, releasing failed\)")])
def test_a_mode_that_stays_is_a_refusal_that_says_why(code, why, link, serve):
    serve("ai", 1000, code)
    asked = replace(QUICK, release=True, release_s=0.1)
    with pytest.raises(HandoverError, match=f"'ai' is still active 0.1 s after .*released{why};"):
        told(link, asked)


def test_a_service_that_cannot_say_is_a_refusal(link):
    service = Service(open_participant(DOMAIN, "lo"), motion.SERVICE, lambda *_: (7006, ""))
    try:
        with pytest.raises(RpcError, match="request 1001 failed: 7006, checking failed"):
            told(link, QUICK)
    finally:
        service.close()


@pytest.mark.parametrize("asked", [QUICK, replace(QUICK, without_service=True)])
def test_a_service_that_is_there_and_dumb_is_a_refusal_even_on_loopback(asked, link, monkeypatch):
    monkeypatch.setattr(motion, "CHECK_S", 0.1)
    hung = threading.Event()
    service = Service(
        open_participant(DOMAIN, "lo"),
        motion.SERVICE,
        lambda *_: (hung.wait(PATIENCE_S), (0, ""))[1],
    )
    try:
        with pytest.raises(NoAnswerError, match="no answer to request 1001"):
            told(link, asked)
    finally:
        hung.set()
        service.close()


def test_nobody_there_on_loopback_is_a_simulator_without_one(link):
    assert told(link, ALONE) == ["motion service: nobody answered; on lo robots are simulated ones"]


@pytest.mark.parametrize("interface", ["eth0", None])
def test_nobody_there_on_a_network_is_a_refusal_until_the_operator_vouches(interface, link):
    with pytest.raises(HandoverError, match=r"nobody answered within 0\.1 s.*--no-motion-service"):
        told(link, ALONE, interface)
    assert told(link, replace(ALONE, without_service=True), interface) == [
        "motion service: nobody answered; you say that the robot is in debug mode"
    ]


def test_vouching_does_not_overrule_a_service_that_names_a_mode(link, serve):
    serve("ai")
    with pytest.raises(HandoverError, match="mode 'ai' has the motors"):
        told(link, replace(QUICK, without_service=True), "eth0")


# Others


def test_our_own_commands_are_not_heard_as_anothers(link, rival):
    rival.close()
    until(lambda: not link.others.writers())
    got = []
    bystander = topics.Subscriber(
        open_participant(DOMAIN, "lo"),
        topics.LOW_CMD,
        codec_for(robots.load("go2")).command_type,
        got.append,
    )
    until(lambda: link.send(a_command(20)) or len(got) > 20)
    bystander.close()
    assert link.others.heard == 0 and link.intruder() == ""
    assert link.others.writers() == []


@pytest.mark.parametrize("idle", [False, True])
def test_somebody_who_writes_is_a_refusal_whatever_is_allowed(idle, link, serve, rival):
    serve("")
    rival.go_on()
    until(lambda: link.others.heard)
    asked = replace(QUICK, idle_writers=idle, listen_s=PATIENCE_S)
    with pytest.raises(HandoverError, match=f"somebody else commands .*process {os.getpid()} on "):
        told(link, asked)


def test_somebody_who_could_write_is_a_refusal_unless_that_is_allowed(link, serve, rival):
    serve("")
    until(link.others.writers)
    with pytest.raises(HandoverError, match=r"silent now: .*python.* --allow-idle-writers"):
        told(link, QUICK)
    assert told(link, replace(QUICK, idle_writers=True)) == ["motion service: no mode is active"]


def test_a_released_controller_has_a_moment_to_go(link, serve, rival):
    """The vendor's controller is the other writer; it stops some time after it was told to."""
    serve("ai")
    rival.go_on()
    until(lambda: link.others.heard)
    threading.Timer(0.3, rival.close).start()
    asked = replace(QUICK, release=True, leave_s=PATIENCE_S)
    assert told(link, asked)[-1] == "motion service: mode 'ai' is released, none is active"
    # What it wrote before it left is no reason to damp.
    assert link.intruder() == ""


def test_one_command_of_anothers_in_a_run_is_told_at_once(link, rival):
    assert link.intruder() == ""
    until(lambda: rival.write() or link.intruder())
    assert f"process {os.getpid()} on " in link.intruder()


def test_a_commander_that_cannot_be_named_is_one_all_the_same(link, rival, monkeypatch):
    def read():
        raise DDSException(DDSException.DDS_RETCODE_ERROR)

    monkeypatch.setattr(link.others._participants, "read", read)
    until(lambda: rival.write() or link.intruder())
    assert link.intruder() == "a program that does not say which"


OTHER_PROGRAM = """
import sys
from deploy.wire import topics
from deploy.wire.domain import open_participant
from deploy.wire.messages import HG_LOW_CMD
writer = topics.Publisher(open_participant({domain}, "lo"), topics.LOW_CMD, HG_LOW_CMD)
sys.stdin.read()
"""


def test_another_program_is_named_whatever_robot_it_commands(link, serve):
    """It writes the other family's commands, which no subscriber of ours matches."""
    serve("")
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROGRAM.format(domain=DOMAIN)], cwd=ROOT, stdin=subprocess.PIPE
    )
    try:
        until(link.others.writers)
        with pytest.raises(HandoverError, match=rf"\(process {other.pid} on .*127\.0\.0\.1"):
            told(link, QUICK)
        other.communicate(timeout=PATIENCE_S)
        until(lambda: not link.others.writers())
        told(link, QUICK)
    finally:
        other.kill()
        other.wait()


# From the command line


def test_a_refusal_lets_the_link_go(serve):
    serve("ai")
    codec = codec_for(robots.load("go2"))
    says = topics.Publisher(open_participant(DOMAIN, "lo"), topics.LOW_STATE, codec.state_type)
    packed = codec.encode_state(a_state(20, 0), np.zeros(3))
    stop = threading.Event()
    thread = threading.Thread(
        target=lambda: [says.write(packed) for _ in iter(lambda: stop.wait(0.01), True)]
    )
    thread.start()
    before = threading.active_count()
    try:
        with pytest.raises(LinkError, match="mode 'ai' has the motors"):
            open_dds(robots.load("go2"), "lo", DOMAIN, handover=QUICK)
    finally:
        assert threading.active_count() == before
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    "flag", ["--release-motion", "--no-motion-service", "--allow-idle-writers"]
)
def test_what_is_of_networks_is_refused_without_one(flag, capsys):
    assert main(["policies/go2/policy.onnx", "--robot", "go2", flag]) == 2
    assert capsys.readouterr().err == f"error: {flag}: only with --transport dds\n"


def test_from_refusal_to_release_to_another_commander(tmp_path, capsys):
    """A simulated robot in the vendor's mode, and the runtime, each a process of its own."""
    # A slow robot: on a busy machine nothing else shall damp it.
    on = ("--robot", "go2", "--domain", str(DOMAIN), "--interface", "lo", "--pace", "0.2")
    log = tmp_path / "run.mcap"
    run = ["policies/go2/policy.onnx", *on, "--transport", "dds", "--log", str(log)]
    robot = Told("-m", "deploy.sim_robot", *on, "--hoist", "--motion", "ai")
    runtime = rival = None
    try:
        assert robot.until("go2 on domain"), robot.said
        assert main(run) == 2
        said = capsys.readouterr()
        assert said.err.startswith("error: motion service: mode 'ai' has the motors")
        assert "state:" not in said.out and not log.exists()

        runtime = Told("-m", "deploy", "run", *run, "--release-motion")
        assert runtime.until("state: zero_torque"), runtime.said
        assert [line for line in runtime.said if line.startswith("motion service")] == [
            "motion service: releasing mode 'ai', motors go limp",
            "motion service: mode 'ai' is released, none is active",
        ]
        rival = Rival()
        rival.go_on()
        assert runtime.until("state: damping"), runtime.said
        runtime.process.send_signal(signal.SIGINT)
        assert runtime.end() == 1
        fault = rf"\(other commander: somebody else commands .*process {os.getpid()} on "
        assert any(re.search(fault, line) for line in runtime.said), runtime.said
        robot.tell("quit")
        assert robot.end() == 0
        # All that was sent was sent to a robot that was released.
        assert any(" heard, 0 commands ignored" in line for line in robot.said)
    finally:
        if rival:
            rival.close()
        for one in (robot, runtime):
            if one and one.process.poll() is None:
                one.process.kill()
                one.process.wait()
