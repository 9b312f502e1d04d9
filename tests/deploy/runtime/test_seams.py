"""Where runtime and wire meet: what links refuse and reject, and what the runtime makes of it."""

from types import SimpleNamespace

import numpy as np
import pytest

import robots
from deploy.link import LinkError
from deploy.runtime.assemble import Setup, execute
from deploy.runtime.controller import Controller
from deploy.runtime.inputs.script import Line, ScriptInput
from deploy.runtime.limits import Limits
from deploy.runtime.parts import Parts
from deploy.runtime.policy_step import PolicyStep
from deploy.runtime.states import Event, State
from deploy.runtime.stopping import Stopping
from deploy.runtime.tick_log import TickLog
from deploy.runtime.worker import InlineWorker
from deploy.sim_robot.events import parse
from deploy.sim_robot.link import SimLink
from deploy.sim_robot.robot import SimRobot
from tests.deploy.runtime.fakes import N_COMMANDS, STREAM_DT, KeptTicks, Operator, shipped

QUICK = [Line(0.1, (0, 0, 0), Event.START)]
"""Moving is enough: motors are driven."""


def simulated(name, *faults):
    return SimLink(SimRobot(robots.load(name), events=[e for text in faults for e in parse(text)]))


def controller_of(name, link):
    policy = shipped(name)
    operator = Operator()
    parts = Parts(
        contract=policy.contract,
        link=link,
        worker=InlineWorker(PolicyStep(policy)),
        source=operator,
        stopping=Stopping(),
        log=TickLog(KeptTicks(), threaded=False),
        limits=Limits(),
    )
    return SimpleNamespace(controller=Controller(parts, N_COMMANDS), operator=operator, link=link)


def tick(made, index):
    made.link.sleep_until(index * STREAM_DT)
    return made.controller.tick(index)


def told(link):
    """What the robot's motors are told now."""
    link.advance(STREAM_DT)
    return link.robot.machine._command


def moving(name):
    made = controller_of(name, simulated(name))
    tick(made, 5)
    made.operator.asks.append(Event.START)
    assert tick(made, 6) is State.MOVE
    assert told(made.link).kp.any()
    return made


@pytest.mark.parametrize("name", ["go2", "g1"])
def test_a_command_that_the_link_refuses_is_followed_by_damping(name, monkeypatch):
    made = moving(name)
    used = made.controller._motors.used
    monkeypatch.setattr(
        made.controller._targets,
        "_positions",
        lambda state, now, robot: np.full(len(used), np.nan, np.float32),
    )
    assert tick(made, 8) is State.DAMPING
    assert "link: LinkError: command: q of motor" in made.controller.summary.notes[-1]
    assert made.controller.summary.send_errors == 1
    assert tick(made, 9) is State.DAMPING
    at_last = told(made.link)
    assert not at_last.kp.any() and (at_last.kd[used] == 8).all()
    assert made.link.robot.ignored == 0


def test_a_closed_link_is_tried_to_the_end():
    made = moving("go2")
    made.link.close()
    for index in range(8, 20):
        assert tick(made, index) is State.DAMPING
    made.controller.finish()
    assert made.controller.summary.send_errors == 13
    assert "link: LinkError: send: the link is closed" in made.controller.summary.notes[-1]


def test_a_robot_that_has_said_nothing_is_damped_as_soon_as_it_speaks():
    """Family hg cannot be told anything before it has said which machine it is."""
    made = controller_of("g1", simulated("g1"))
    with pytest.raises(LinkError, match="no LowState has come"):
        made.link.send(made.controller._motors.damping())
    assert tick(made, 0) is State.DAMPING
    assert made.controller.summary.send_errors == 1
    assert tick(made, 1) is State.DAMPING
    assert made.controller.summary.send_errors == 1
    assert (told(made.link).kd[made.controller._motors.used] == 8).all()


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("corrupt:1@1", "bad messages"),  # no state comes at all: seen before it is stale
        ("corrupt:0.2@1", "bad messages"),  # states go on coming in between
        ("drop:1@1", "stale state"),
        ("delay:0.1@1", "stale state"),
        ("freeze@1", "frozen robot"),
        ("hot:2:95@1", "temperature"),
        ("error:2:16@1", "motor error"),
        ("unpair@1", "remote"),
    ],
)
def test_a_fault_of_the_robot_is_called_by_its_name(fault, rule):
    policy, link = shipped("g1"), simulated("g1", "hang", fault)
    lines = [*QUICK, Line(2.0, (0, 0, 0), Event.LEAVE)]
    outcome = execute(
        Setup(
            policy=policy,
            link=link,
            sleep_until=link.sleep_until,
            source=ScriptInput(lines),
            stopping=Stopping(),
            n_commands=N_COMMANDS,
            limits=Limits(),
            name="a test",
            realtime=False,
        )
    )
    (note,) = [note for note in outcome.summary.notes if "-> damping" in note]
    assert f"move_to_default -> damping ({rule}: " in note
    assert not link.robot.machine._command.kp.any()
    assert link.robot.ignored == 0


def test_a_robot_that_loses_a_few_messages_walks_on():
    link = simulated("g1", "hang", "drop:0.3@0.5", "delay:0.02@0.6", "corrupt:0.01@0.7")
    outcome = execute(
        Setup(
            policy=shipped("g1"),
            link=link,
            sleep_until=link.sleep_until,
            source=ScriptInput([*QUICK, Line(2.0, (0, 0, 0), Event.SELECT)]),
            stopping=_ended_after(link, 2.5),
            n_commands=N_COMMANDS,
            limits=Limits(),
            name="a test",
            realtime=False,
        )
    )
    assert not outcome.summary.faulty
    assert link.read().rejected > 0


def _ended_after(link, seconds):
    stopping = Stopping()
    stopping.poll = lambda now: [Event.LEAVE] if now > seconds else []
    return stopping
