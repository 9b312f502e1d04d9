"""What operators hold: bytes, devices and files, and the velocities and events they come to."""

import os
import pty
import struct
import termios

import numpy as np
import pytest

from deploy.runtime.inputs import InputError, RemoteStop, Shaper, Wish
from deploy.runtime.inputs.gamepad import MESSAGE, PLAYSTATION, XBOX, GamepadInput, layout_of
from deploy.runtime.inputs.keyboard import KeyboardInput
from deploy.runtime.inputs.remote import RemoteInput
from deploy.runtime.inputs.remote_bytes import RemoteBytes, Sticks, keys, sticks
from deploy.runtime.inputs.script import Line, ScriptInput, read_script
from deploy.runtime.inputs.wish import of_sticks
from deploy.runtime.states import Event
from deploy.wire.remote import BUTTONS
from tests.deploy.runtime.fakes import FakeLink, Operator, pack, shipped

CENTRE = Sticks(0.0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def contract():
    """Go2's: vx -1.0 to 1.5, vy +-0.6, yaw +-1.5."""
    return shipped("go2").contract


@pytest.fixture
def robot(contract):
    state = FakeLink(contract).state()
    return lambda remote: state._replace(remote=remote)


# Sticks and shaping


@pytest.mark.parametrize(
    ("at", "velocity"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((1, 1, 1), (1.5, 0.6, 1.5)),
        ((-1, -1, -1), (-1.0, -0.6, -1.5)),
        ((0.1, -0.1, 0.1), (0, 0, 0)),
        ((0.55, 0, -0.55), (0.75, 0, -0.75)),
        ((3, 0, 0), (1.5, 0, 0)),
    ],
)
def test_sticks_reach_the_ends_of_the_range_and_have_a_dead_zone(contract, at, velocity):
    assert of_sticks(contract, *at) == pytest.approx(velocity)


def test_a_command_grows_by_what_is_allowed_and_stays_in_range(contract):
    shape = Shaper(contract, dt=0.1)
    for wanted in ([0.15, -0.15, 0.3], [0.3, -0.3, 0.6], [0.45, -0.45, 0.9]):
        np.testing.assert_allclose(shape((9.0, -9.0, 9.0)), wanted, rtol=1e-6)
    for _ in range(20):
        command = shape((9.0, -9.0, 9.0))
    np.testing.assert_allclose(command, [1.5, -0.6, 1.5])
    assert command.dtype == np.float32
    np.testing.assert_allclose(shape((0.0, 0.0, 0.0)), [1.35, -0.45, 1.2], rtol=1e-6)


# The vendor's remote control


@pytest.mark.parametrize("name", BUTTONS)
def test_each_button_is_a_bit(name):
    place = [
        "R1",
        "L1",
        "start",
        "select",
        "R2",
        "L2",
        "F1",
        "F2",
        "A",
        "B",
        "X",
        "Y",
        "up",
        "right",
        "down",
        "left",
    ].index(name)
    remote = bytearray(40)
    remote[2 + place // 8] = 1 << place % 8
    assert keys(bytes(remote)) == {name}


def test_each_stick_is_a_float_at_its_place():
    remote = bytearray(40)
    for at, value in ((4, 0.1), (8, 0.2), (12, 0.3), (20, 0.4)):
        struct.pack_into("<f", remote, at, value)
    assert sticks(bytes(remote)) == pytest.approx((0.1, 0.4, 0.2, 0.3))
    struct.pack_into("<f", remote, 4, float("nan"))
    assert sticks(bytes(remote)).lx == 0


def test_packing_is_reading_backwards():
    remote = pack({"A", "left"}, Sticks(0.5, -0.25, 1.0, -1.0))
    assert len(remote) == 40
    assert keys(remote) == {"A", "left"}
    assert sticks(remote) == (0.5, -0.25, 1.0, -1.0)


def test_a_button_is_pressed_once_and_not_if_held_from_the_start():
    seen = RemoteBytes()
    down, up = pack({"A"}, CENTRE), pack(set(), CENTRE)
    assert seen.pressed(down) == frozenset()
    assert seen.pressed(up) == frozenset()
    assert seen.pressed(down) == {"A"}
    assert seen.pressed(down) == frozenset()
    assert seen.pressed(pack({"A", "start"}, CENTRE)) == {"start"}


def test_the_remote_walks_and_asks(contract, robot):
    remote = RemoteInput(contract)
    assert remote.poll(0.0, None) == Wish((0.0, 0.0, 0.0))
    remote.poll(0.0, robot(pack(set(), CENTRE)))
    forward_and_right = Sticks(lx=1.0, ly=1.0, rx=1.0, ry=0.0)
    wish = remote.poll(0.0, robot(pack({"start"}, forward_and_right)))
    assert wish.velocity == pytest.approx((1.5, -0.6, -1.5))
    assert wish.events == (Event.START,)
    wish = remote.poll(0.0, robot(pack({"A", "select"}, CENTRE)))
    assert set(wish.events) == {Event.A, Event.SELECT}


def test_the_remotes_select_stops_whatever_else_is_the_input(robot):
    operator = Operator()
    operator.velocity, operator.asks = (0.5, 0, 0), [Event.A]
    both = RemoteStop(operator)
    wish = both.poll(0.0, robot(pack({"A", "start"}, CENTRE)))
    assert wish == Wish((0.5, 0, 0), (Event.A,))
    wish = both.poll(0.0, robot(pack({"A", "start", "select"}, Sticks(1, 1, 1, 1))))
    assert wish == Wish((0.5, 0, 0), (Event.SELECT,))


# Command files


def write(path, *lines):
    path.write_text("\n".join(("time_s,vx,vy,yaw_rate,event", *lines)) + "\n")
    return path


def test_a_script_counts_from_its_first_poll(tmp_path):
    lines = read_script(write(tmp_path / "s.csv", "0,0,0,0,start", "", "2.5,0.5,0,-1,a"))
    assert lines == [Line(0.0, (0, 0, 0), Event.START), Line(2.5, (0.5, 0, -1), Event.A)]
    script = ScriptInput(lines)
    assert script.poll(100.0, None) == Wish((0, 0, 0), (Event.START,))
    assert script.poll(102.4, None) == Wish((0, 0, 0))
    assert script.poll(102.5, None) == Wish((0.5, 0, -1), (Event.A,))
    assert script.poll(200.0, None) == Wish((0.5, 0, -1))


def test_lines_that_were_slept_through_are_all_heard():
    script = ScriptInput([Line(0, (0, 0, 0)), Line(1, (1, 0, 0), Event.A), Line(2, (2, 0, 0))])
    script.poll(0.0, None)
    assert script.poll(5.0, None) == Wish((2, 0, 0), (Event.A,))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1,0,0,0", "line 3: has 4 values, want 5"),
        ("1,0,x,0,", "line 3: could not convert"),
        ("1,0,nan,0,", "line 3: has a value that is not finite"),
        ("1,0,0,0,jump", "line 3: event is 'jump', want nothing or one of start, a, select, leave"),
        ("1,0,0,0,fault", "line 3: event is 'fault'"),
        ("0.4,0,0,0,", r"line 3: time_s is 0.4, before that of the line above \(0.5\)"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path, line, why):
    with pytest.raises(InputError, match=why):
        read_script(write(tmp_path / "s.csv", "0.5,0,0,0,", line))


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_script(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="has no line"):
        read_script(write(tmp_path / "s.csv"))
    (tmp_path / "s.csv").write_text("vx,vy\n")
    with pytest.raises(InputError, match="line 1 is not time_s,vx,vy,yaw_rate,event"):
        read_script(tmp_path / "s.csv")


# Keyboard


@pytest.fixture
def terminal():
    """Both ends of a terminal: the keys', and the program's."""
    keyboard, program = pty.openpty()
    yield keyboard, program
    for fd in (keyboard, program):
        try:
            os.close(fd)
        except OSError:
            continue


def test_keys_walk_and_ask(contract, terminal):
    keys_fd, program = terminal
    keyboard = KeyboardInput(contract, program)
    assert keyboard.poll(0.0, None) == Wish((0.0, 0.0, 0.0))
    os.write(keys_fd, b"1")
    assert keyboard.poll(0.0, None).events == (Event.START,)
    os.write(keys_fd, b"2wwWaq")
    wish = keyboard.poll(0.0, None)
    assert wish.events == (Event.A,)
    assert wish.velocity == pytest.approx((0.3, 0.1, 0.2))
    os.write(keys_fd, b"sde")
    assert keyboard.poll(0.0, None).velocity == pytest.approx((0.2, 0.0, 0.0), abs=1e-9)
    os.write(keys_fd, b"w" * 40)
    assert keyboard.poll(0.0, None).velocity[0] == pytest.approx(1.5)
    os.write(keys_fd, b"x")
    assert keyboard.poll(0.0, None).velocity == (0.0, 0.0, 0.0)
    os.write(keys_fd, b"w ")
    assert keyboard.poll(0.0, None) == Wish((0.0, 0.0, 0.0), (Event.SELECT,))


@pytest.mark.parametrize(
    "sent",
    [b"\x1b[A", b"\x1b[1~", b"\x1b[15~", b"\x1b[1;5D", b"\x1b[[A", b"\x1bOS", b"\x1b[24~"],
    ids=["up", "home", "F5", "ctrl left", "console F1", "F4", "F12"],
)
@pytest.mark.parametrize("split", [False, True])
def test_keys_of_more_than_one_byte_are_none_of_ours(contract, terminal, sent, split):
    keys_fd, program = terminal
    keyboard = KeyboardInput(contract, program)
    keyboard.poll(0.0, None)
    for at, part in enumerate([sent[:2], sent[2:]] if split else [sent]):
        os.write(keys_fd, part)
        assert keyboard.poll(1.0 + 0.01 * at, None) == Wish((0.0, 0.0, 0.0))
    os.write(keys_fd, b"w")
    assert keyboard.poll(1.05, None).velocity[0] == pytest.approx(0.1)


@pytest.mark.parametrize("before", [b"\x1b", b"\x1b[", b"\x1bO", b"\x1b[[", b"\x1b[1;"])
def test_nothing_swallows_the_key_that_damps(contract, terminal, before):
    keys_fd, program = terminal
    keyboard = KeyboardInput(contract, program)
    keyboard.poll(0.0, None)
    os.write(keys_fd, before + b" ")
    assert Event.SELECT in keyboard.poll(1.0, None).events
    os.write(keys_fd, before)
    keyboard.poll(2.0, None)
    os.write(keys_fd, b" ")
    assert Event.SELECT in keyboard.poll(2.01, None).events


def test_a_velocity_does_not_outlast_its_keys_for_long(contract, terminal):
    """A connection that froze is still there."""
    keys_fd, program = terminal
    keyboard = KeyboardInput(contract, program)
    keyboard.poll(0.0, None)
    os.write(keys_fd, b"ww")
    assert keyboard.poll(5.0, None).velocity[0] == pytest.approx(0.2)
    assert keyboard.poll(14.9, None).velocity[0] == pytest.approx(0.2)
    assert keyboard.poll(15.1, None).velocity == (0.0, 0.0, 0.0)


def test_keys_pressed_before_it_began_mean_nothing(contract, terminal):
    os.write(terminal[0], b"1")
    keyboard = KeyboardInput(contract, terminal[1])
    os.write(terminal[0], b"2")
    assert keyboard.poll(0.0, None) == Wish((0.0, 0.0, 0.0))


def test_the_terminal_is_given_back_as_it_was(contract, terminal):
    before = termios.tcgetattr(terminal[1])
    keyboard = KeyboardInput(contract, terminal[1])
    assert termios.tcgetattr(terminal[1]) != before
    keyboard.close()
    assert termios.tcgetattr(terminal[1]) == before


def test_a_terminal_that_is_gone_is_told(contract, terminal):
    keyboard = KeyboardInput(contract, terminal[1])
    os.close(terminal[0])
    assert keyboard.poll(0.0, None).lost == "the terminal is gone"
    keyboard.close()


def test_what_is_no_terminal_is_refused(contract, tmp_path):
    with (tmp_path / "file").open("w") as file, pytest.raises(InputError, match="is no terminal"):
        KeyboardInput(contract, file.fileno())


# Gamepad: a pipe in place of the device


@pytest.fixture
def pad(contract, tmp_path):
    """A gamepad, and the end that its messages are written to."""
    path = tmp_path / "js0"
    os.mkfifo(path)
    pad = GamepadInput(contract, path)
    device = os.open(path, os.O_WRONLY)
    yield pad, device
    pad.close()
    try:
        os.close(device)
    except OSError:
        return


def press(device, *messages):
    os.write(device, b"".join(MESSAGE.pack(0, value, kind, n) for kind, n, value in messages))


def test_axes_and_buttons(pad):
    pad, device = pad
    assert pad.poll(0.0, None) == Wish((0.0, 0.0, 0.0))
    press(device, (2, 1, -32767), (2, 0, -32767), (2, 3, 32767), (1, 7, 1), (1, 0, 1))
    wish = pad.poll(0.0, None)
    assert wish.velocity == pytest.approx((1.5, 0.6, -1.5))
    assert wish.events == (Event.START, Event.A)
    press(device, (1, 7, 0), (1, 5, 1), (1, 6, 1))
    wish = pad.poll(0.0, None)
    assert wish.events == (Event.SELECT,)
    assert wish.velocity == pytest.approx((1.5, 0.6, -1.5))


def test_what_is_down_when_it_is_opened_was_not_pressed(pad):
    pad, device = pad
    press(device, (0x81, 0, 1), (0x82, 1, -32767))
    wish = pad.poll(0.0, None)
    assert wish.events == ()
    assert wish.velocity[0] == pytest.approx(1.5)


def test_half_a_message_waits_for_its_other_half(pad):
    pad, device = pad
    message = MESSAGE.pack(0, 1, 1, 6)
    os.write(device, message[:3])
    assert pad.poll(0.0, None).events == ()
    os.write(device, message[3:])
    assert pad.poll(0.0, None).events == (Event.SELECT,)


def test_a_pad_that_is_gone_is_told(pad):
    pad, device = pad
    press(device, (2, 1, -32767))
    os.close(device)
    wish = pad.poll(0.0, None)
    assert wish.lost == "the gamepad is gone"
    assert wish.velocity == (0.0, 0.0, 0.0)


def test_a_pad_that_is_not_there_is_refused(contract, tmp_path):
    with pytest.raises(InputError, match="plug the gamepad in"):
        GamepadInput(contract, tmp_path / "js7")


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("Microsoft X-Box 360 pad", XBOX),
        ("", XBOX),
        ("Sony Interactive Entertainment DualSense Wireless Controller", PLAYSTATION),
        ("Wireless Controller", PLAYSTATION),
        ("DualSense Wireless Controller", PLAYSTATION),
    ],
)
def test_layouts_by_the_pads_name(name, layout):
    assert layout_of(name) is layout
    assert XBOX.events != PLAYSTATION.events
