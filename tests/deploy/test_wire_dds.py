"""Over real DDS on the loopback interface: our own ends, and the vendor's types."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import robots
from deploy.link import LinkError, MotorCommand
from deploy.wire.dds import DdsLink
from deploy.wire.domain import check_interface, configuration, open_participant
from deploy.wire.families import codec_for
from deploy.wire.messages import GO_LOW_CMD, GO_LOW_STATE, HG_LOW_CMD, HG_LOW_STATE
from tests.wire_samples import a_command, a_state

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = 10 + 3 * (os.getpid() % 70)
"""The first of three of its own for every process, so that runs beside each other do not meet."""
PATIENCE_S = 60.0
"""For how long something is waited for that has to come."""
MESSAGES = {
    "HgLowCmd": HG_LOW_CMD,
    "HgLowState": HG_LOW_STATE,
    "GoLowCmd": GO_LOW_CMD,
    "GoLowState": GO_LOW_STATE,
}


@pytest.fixture
def topics():
    pytest.importorskip("cyclonedds", reason="cyclonedds is not installed (extra: robot)")
    from deploy.wire import topics

    return topics


@pytest.fixture
def vendor(topics):
    from tests import vendor_idl

    return vendor_idl


@pytest.fixture
def go2_link(topics):
    link = DdsLink(robots.load("go2"), "lo", DOMAIN)
    yield link
    link.close()


def until(found, meanwhile=lambda: None):
    """Wait until `found` gives something."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        meanwhile()
        if value := found():
            return value
        time.sleep(0.005)
    raise AssertionError("nothing came")


# The types


@pytest.mark.parametrize("name", MESSAGES)
def test_dds_takes_our_types_for_the_vendors(name, topics, vendor):
    from deploy.wire.idl import idl_type

    ours, theirs = idl_type(MESSAGES[name]), getattr(vendor, name)
    info = []
    for kind in (ours, theirs):
        kind.__idl__.populate()
        kind.__idl__.fill_type_data()
        info.append((kind.__idl_typename__, kind.__idl__.get_type_id()))
    assert info[0] == info[1]
    assert info[0][0] == MESSAGES[name].typename


@pytest.mark.parametrize("name", MESSAGES)
def test_cyclones_own_serializer_makes_the_same_bytes(name, topics, vendor):
    struct, theirs = MESSAGES[name], getattr(vendor, name)
    packed = np.random.default_rng(0).integers(0, 120, struct.size, np.uint8).tobytes()
    data = struct.to_cdr(packed)
    assert theirs.deserialize(data).serialize() == data


# Our two ends


def test_a_state_comes_and_a_command_goes(topics, go2_link):
    codec, got = codec_for(robots.load("go2")), []
    participant = open_participant(DOMAIN, "lo")
    robot_says = topics.Publisher(participant, topics.LOW_STATE, codec.state_type)
    robot_hears = topics.Subscriber(participant, topics.LOW_CMD, codec.command_type, got.append)
    state, command = a_state(20, 0), a_command(20)
    packed = codec.encode_state(state, np.zeros(3))
    before = go2_link.now()
    read = until(go2_link.read, lambda: robot_says.write(packed))
    assert read.joint_pos[:12].tolist() == state.joint_pos[:12].tolist()
    assert (read.tick, read.remote) == (state.tick, state.remote)
    assert before <= read.stamp_s <= go2_link.now()
    until(lambda: got, lambda: go2_link.send(command))
    robot_hears.close()
    assert got[0] == codec.encode_command(command, 0)


def test_a_state_with_a_wrong_checksum_is_counted(topics, go2_link):
    codec = codec_for(robots.load("go2"))
    robot_says = topics.Publisher(
        open_participant(DOMAIN, "lo"), topics.LOW_STATE, codec.state_type
    )
    packed = bytearray(codec.encode_state(a_state(20, 0), np.zeros(3)))
    until(go2_link.read, lambda: robot_says.write(bytes(packed)))
    newest = go2_link.read()
    packed[100] ^= 1
    until(lambda: go2_link.read().rejected, lambda: robot_says.write(bytes(packed)))
    assert go2_link.last_rejection == "wrong checksum"
    seen = go2_link.read()
    assert seen.tick == newest.tick
    # The count rises, and the state stays the one it was, stamp and all.
    again = until(
        lambda: go2_link.read() if go2_link.read().rejected > seen.rejected else None,
        lambda: robot_says.write(bytes(packed)),
    )
    assert again.stamp_s == seen.stamp_s
    assert go2_link.received >= 1 and go2_link.unsent == 0


def test_a_slow_robots_link_has_a_slow_clock(topics, monkeypatch):
    link = DdsLink(robots.load("go2"), "lo", DOMAIN, pace=0.5)
    try:
        monkeypatch.setattr("deploy.wire.dds.time.monotonic", lambda: 1000.0)
        assert link.now() == 500.0
    finally:
        link.close()


def test_a_closed_link_sends_nothing(topics):
    link = DdsLink(robots.load("go2"), "lo", DOMAIN)
    link.close()
    with pytest.raises(LinkError, match="the link is closed"):
        link.send(a_command(20))


def test_a_robot_that_says_its_machine_has_to_be_heard_first(topics):
    link = DdsLink(robots.load("g1"), "lo", DOMAIN + 1)
    try:
        with pytest.raises(LinkError, match="no LowState has come from the Unitree G1 yet"):
            link.send(a_command(35))
    finally:
        link.close()


# The vendor's end: its types, through Cyclone's own serializer


VENDOR_SIDE = """
import sys, time
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from tests.vendor_idl import HgLowState
# unitree_sdk2_python, unitree_sdk2py/core/channel_config.py
settings = '<NetworkInterface name="lo" priority="default" multicast="default"/>'
domain = Domain({domain}, f"<CycloneDDS><Domain><General><Interfaces>{{settings}}</Interfaces>"
                          "</General></Domain></CycloneDDS>")
participant = DomainParticipant({domain})
reader = DataReader(participant, Topic(participant, "rt/lowstate", HgLowState))
end = time.monotonic() + {patience}
while not (got := reader.take()) and time.monotonic() < end:
    time.sleep(0.01)
print(got[0].tick)
"""


def test_the_vendors_settings_find_ours(topics):
    codec, domain = codec_for(robots.load("g1")), DOMAIN + 2
    says = topics.Publisher(open_participant(domain, "lo"), topics.LOW_STATE, codec.state_type)
    packed = codec.encode_state(a_state(35, 5), np.zeros(3))
    vendor = subprocess.Popen(
        [sys.executable, "-c", VENDOR_SIDE.format(domain=domain, patience=PATIENCE_S)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    until(lambda: vendor.poll() is not None, lambda: says.write(packed))
    assert vendor.communicate()[0] == "123456\n"


def test_the_vendors_sdk_reads_our_commands_and_we_its_states(topics, vendor, go2_link):
    from cyclonedds.pub import DataWriter
    from cyclonedds.sub import DataReader
    from cyclonedds.topic import Topic

    participant = open_participant(DOMAIN, "lo")
    reader = DataReader(participant, Topic(participant, topics.LOW_CMD, vendor.GoLowCmd))
    writer = DataWriter(participant, Topic(participant, topics.LOW_STATE, vendor.GoLowState))
    codec, state = codec_for(robots.load("go2")), a_state(20, 0)
    packed = codec.encode_state(state, np.zeros(3))
    sample = vendor.GoLowState.deserialize(codec.state_type.to_cdr(packed))
    read = until(go2_link.read, lambda: writer.write(sample))
    assert read.joint_pos[:12].tolist() == state.joint_pos[:12].tolist()
    (heard,) = until(reader.take, lambda: go2_link.send(a_command(20)))
    assert bytes(heard.head) == b"\xfe\xef"
    assert [motor.q for motor in heard.motor_cmd[:12]] == [10.0 * index for index in range(12)]
    assert [motor.kd for motor in heard.motor_cmd[:12]] == [10.0 * i + 4 for i in range(12)]


# The simulated robot, in a process of its own


def test_the_simulated_robot_answers_over_dds(topics):
    robot = robots.load("g1")
    served = subprocess.Popen(
        [
            *(sys.executable, "-m", "deploy.sim_robot", "--robot", "g1", "--hoist"),
            *("--seconds", "120", "--domain", str(DOMAIN), "--mode-machine", "6"),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    link = DdsLink(robot, "lo", DOMAIN)
    try:
        first = until(link.read)
        assert first.mode_machine == 6
        command = MotorCommand(*np.zeros((5, 35), np.float32))
        command.q[22], command.kp[22], command.kd[22] = 0.5, 100.0, 5.0
        until(lambda: link.read().joint_pos[22] > 0.45, lambda: link.send(command))
        served.stdin.write("hot:3:88\nnonsense\nhot:35:1\npress:A\n")
        served.stdin.flush()
        until(lambda: link.read().temperature[3] == 88 and link.read().remote[3] == 1)
        assert link.read().tick > first.tick
        out, err = served.communicate("quit\n", timeout=PATIENCE_S)
    finally:
        served.kill()
        link.close()
    assert served.returncode == 0
    assert " heard, 0 commands ignored" in out
    assert err.splitlines()[0].startswith("error: event: 'nonsense' is unknown")
    assert err.splitlines()[1:] == ["error: event: hot of motor 35, want 0 to 34"]


def test_a_program_with_the_vendors_types_moves_the_simulated_robot(topics, vendor):
    """As the vendor's SDK would: its types, its reliable writer, the robot a process of its own."""
    from cyclonedds.pub import DataWriter
    from cyclonedds.qos import Policy, Qos
    from cyclonedds.sub import DataReader
    from cyclonedds.topic import Topic
    from cyclonedds.util import duration

    robot, codec, domain = robots.load("go2"), codec_for(robots.load("go2")), DOMAIN + 1
    participant = open_participant(domain, "lo")
    reliable = Qos(Policy.Reliability.Reliable(duration(seconds=1)))
    states = DataReader(participant, Topic(participant, topics.LOW_STATE, vendor.GoLowState))
    commands = DataWriter(
        participant, Topic(participant, topics.LOW_CMD, vendor.GoLowCmd), qos=reliable
    )
    used = [joint.motor_index for joint in robot.joints]
    wanted = np.zeros(codec.num_motors, np.float32)
    wanted[used] = [joint.default_pos + 0.1 for joint in robot.joints]
    gains = np.zeros((2, codec.num_motors), np.float32)
    gains[:, used] = [[40.0], [2.0]]
    nothing = np.zeros(codec.num_motors, np.float32)
    packed = codec.encode_command(MotorCommand(wanted, nothing, nothing, *gains), 0)
    order = vendor.GoLowCmd.deserialize(codec.command_type.to_cdr(packed))
    served = subprocess.Popen(
        [
            *(sys.executable, "-m", "deploy.sim_robot", "--robot", "go2", "--hoist"),
            *("--seconds", "120", "--domain", str(domain)),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )

    def there():
        newest = [[motor.q for motor in state.motor_state] for state in states.take(N=50)]
        return newest and np.abs(np.asarray(newest[-1])[used] - wanted[used]).max() < 0.05

    try:
        until(there, lambda: commands.write(order))
        served.communicate("quit\n", timeout=PATIENCE_S)
    finally:
        served.kill()
        served.wait()


# What cannot be


def test_an_interface_that_there_is_not_is_named():
    with pytest.raises(LinkError, match=r"^interface: there is no 'eth77' here, but .*lo"):
        check_interface("eth77")
    check_interface("lo")


@pytest.mark.parametrize("domain", [-1, 233])
def test_a_domain_that_cannot_be_is_named(domain):
    with pytest.raises(LinkError, match=f"^domain: {domain} is not allowed, want 0 to 232"):
        open_participant(domain, "lo")


def test_on_loopback_others_are_found_with_and_without_multicast():
    assert "<AllowMulticast>spdp</AllowMulticast>" in configuration("lo")
    assert '<Peer address="127.0.0.1"/>' in configuration("lo")
    assert '<NetworkInterface name="eth0"' in configuration("eth0")
    assert "127.0.0.1" not in configuration("eth0")


@pytest.mark.parametrize("interface", ["lo", "eth0"])
def test_what_dds_receives_does_not_fill_a_mebibyte_first(interface):
    assert "<ReceiveBufferSize>160 KiB</ReceiveBufferSize>" in configuration(interface)


def test_a_domain_has_one_interface(topics, go2_link):
    with pytest.raises(LinkError, match=f"domain {DOMAIN} is already open on lo, not on None"):
        open_participant(DOMAIN, None)


class Unreadable:
    """A topic whose type DDS cannot read for so many times."""

    def __init__(self, times, code):
        from cyclonedds.core import DDSException

        self.left, self.asked, self._error = times, 0, DDSException(code, "said so")

    def __call__(self, *topic):
        self.asked += 1
        if self.left:
            self.left -= 1
            raise self._error
        return topic


BAD_PARAMETER, OUT_OF_RESOURCES = -3, -5


def test_a_type_that_dds_is_just_changing_is_read_again(topics, monkeypatch):
    unreadable = Unreadable(4, BAD_PARAMETER)
    monkeypatch.setattr(topics, "Topic", unreadable)
    asked = "a participant", "rt/lowcmd", "a type"
    assert topics.make_topic(*asked) == asked


@pytest.mark.parametrize(("code", "asked"), [(BAD_PARAMETER, 5), (OUT_OF_RESOURCES, 1)])
def test_a_topic_that_dds_cannot_make_is_named(topics, monkeypatch, code, asked):
    unreadable = Unreadable(99, code)
    monkeypatch.setattr(topics, "Topic", unreadable)
    with pytest.raises(LinkError, match=r"^DDS cannot make the topic rt/lowcmd: .*said so"):
        topics.make_topic("a participant", "rt/lowcmd", "a type")
    assert unreadable.asked == asked


def run(*arguments, blocked=""):
    """Run Python with one module made impossible to import."""
    code = f"import sys; sys.modules[{blocked!r}] = None; sys.argv[1:] = {list(arguments)!r}\n"
    code += "from deploy.sim_robot.__main__ import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")},
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "error: DDS: cyclonedds is not installed"),
        (("--interface", "eth0", "--domain", "0"), "error: domain: 0 on eth0 is where real robots"),
        (("--fault", "dorp:1"), "error: event: 'dorp:1' is unknown"),
        (("--viewer",), "error: --viewer: there is no screen here"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, message):
    done = run("--robot", "go2", "--seconds", "0", *arguments, blocked="cyclonedds")
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_a_link_without_cyclonedds_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cyclonedds", None)
    ours = ("deploy.wire.topics", "deploy.wire.idl")
    for name in [n for n in sys.modules if n.startswith(("cyclonedds.", *ours))]:
        monkeypatch.delitem(sys.modules, name)
    import deploy.wire

    for name in ("topics", "idl"):
        monkeypatch.delattr(deploy.wire, name, raising=False)
    with pytest.raises(LinkError, match=r"cyclonedds is not installed .*pip install '\.\[robot\]'"):
        DdsLink(robots.load("go2"), "lo", DOMAIN)
