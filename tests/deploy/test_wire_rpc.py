"""The vendor's requests and responses over real DDS on the loopback interface, and their faults."""

import os
import struct
import threading
import time
from types import SimpleNamespace

import pytest

pytest.importorskip("cyclonedds", reason="cyclonedds is not installed (extra: robot)")

from cyclonedds.core import DDSException
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic

from deploy.link import LinkError
from deploy.wire import api, motion
from deploy.wire.domain import open_participant
from deploy.wire.motion import MotionSwitcher
from deploy.wire.rpc import Client, NoAnswerError, RpcError, Service
from tests import vendor_idl

DOMAIN = 12 + 3 * (os.getpid() % 70)
"""Of this process's own, so that runs beside each other do not meet."""
PATIENCE_S = 60.0
"""For how long something is waited for that has to come."""
SOON_S = 0.2
"""For how long something is waited for that does not come."""


@pytest.fixture
def serve():
    """Start a motion service that answers with what is given; stop it at the end."""
    started = []

    def start(answer, name=motion.SERVICE):
        handle = answer if callable(answer) else lambda api_id, parameter: answer
        started.append(Service(open_participant(DOMAIN, "lo"), name, handle))

    yield start
    for service in started:
        service.close()


@pytest.fixture
def switcher(monkeypatch):
    monkeypatch.setattr(motion, "CHECK_S", PATIENCE_S)
    made = MotionSwitcher(open_participant(DOMAIN, "lo"))
    yield made
    made.close()


@pytest.fixture
def client():
    made = Client(open_participant(DOMAIN, "lo"), motion.SERVICE, motion.CODES)
    yield made
    made.close()


def impatient(monkeypatch):
    monkeypatch.setattr(motion, "CHECK_S", SOON_S)
    monkeypatch.setattr(motion, "RELEASE_S", SOON_S)


# The types


@pytest.mark.parametrize("name", ["Request", "Response"])
def test_dds_takes_our_types_for_the_vendors(name):
    info = []
    for kind in (getattr(api, name), getattr(vendor_idl, name)):
        kind.__idl__.populate()
        kind.__idl__.fill_type_data()
        info.append((kind.__idl_typename__, kind.__idl__.get_type_id()))
    assert info[0] == info[1]
    assert info[0][0] == f"unitree_api.msg.dds_.{name}_"


def test_a_requests_bytes_by_hand():
    request = api.Request(
        header=api.RequestHeader(
            identity=api.Identity(id=-7, api_id=1001),
            lease=api.Lease(id=3),
            policy=api.Policy(priority=5, noreply=True),
        ),
        parameter="{}",
        binary=[8, 9],
    )
    by_hand = struct.pack("<qqqi?3xI3sxI2B", -7, 1001, 3, 5, True, 3, b"{}\0", 2, 8, 9)
    assert request.serialize(use_version_2=False)[4:].rstrip(b"\0") == by_hand.rstrip(b"\0")


# A service that answers


def test_the_mode_is_what_the_service_says(serve, switcher):
    asked = []

    def answer(api_id, parameter):
        asked.append((api_id, parameter))
        return 0, '{"form":"0","name":"ai"}'

    serve(answer)
    assert switcher.is_served(PATIENCE_S)
    assert switcher.check_mode() == ("0", "ai")
    switcher.release_mode()
    assert asked == [(1001, "{}"), (1003, "{}")]


def test_the_vendors_end_is_understood_and_understands(switcher):
    """Its types and its topics, with its own default settings, through Cyclone's serializer."""
    participant = open_participant(DOMAIN, "lo")
    reader = DataReader(
        participant, Topic(participant, "rt/api/motion_switcher/request", vendor_idl.Request)
    )
    writer = DataWriter(
        participant, Topic(participant, "rt/api/motion_switcher/response", vendor_idl.Response)
    )

    def serve_once():
        end = time.monotonic() + PATIENCE_S
        while not (asked := reader.take()) and time.monotonic() < end:
            time.sleep(0.005)
        header = vendor_idl.ResponseHeader(
            asked[0].header.identity, vendor_idl.ResponseStatus(0 if asked[0].parameter else 1)
        )
        writer.write(vendor_idl.Response(header, '{"form":"1","name":""}', []))

    thread = threading.Thread(target=serve_once)
    thread.start()
    assert switcher.is_served(PATIENCE_S)
    assert switcher.check_mode() == ("1", "")
    thread.join()


def test_answers_to_other_clients_and_to_older_requests_are_passed_over(serve, client):
    participant = open_participant(DOMAIN, "lo")
    stranger = DataWriter(
        participant,
        Topic(participant, api.response_topic(motion.SERVICE), api.Response),
        qos=Qos(Policy.DataRepresentation(use_cdrv0_representation=True)),
    )
    writers, others = [stranger], []
    del stranger

    def answer(api_id, parameter):
        for number in range(20):  # before ours leaves
            identity = api.Identity(id=number, api_id=api_id)
            header = api.ResponseHeader(identity=identity, status=api.Status(code=7005))
            writers[0].write(api.Response(header=header, data="not ours", binary=[]))
            others.append(number)
        return 0, "ours"

    serve(answer)
    assert client.is_served(PATIENCE_S)
    assert client.call(1001, "{}", PATIENCE_S) == "ours"
    assert len(others) == 20
    writers.clear()


def test_a_request_that_wants_no_answer_gets_none(serve, client):
    done = threading.Event()
    serve(lambda api_id, parameter: (done.set(), (0, "done"))[1])
    assert client.is_served(PATIENCE_S)
    request = api.Request(
        header=api.RequestHeader(
            identity=api.Identity(id=1, api_id=5),
            lease=api.Lease(id=0),
            policy=api.Policy(priority=0, noreply=True),
        ),
        parameter="",
        binary=[],
    )
    client._writer.write(request)
    assert done.wait(PATIENCE_S)
    assert client.call(6, "{}", PATIENCE_S) == "done"
    # The next answer is there, and none before it.
    assert client._responses.empty()


# Services that do not


def test_where_there_is_no_service_nobody_answers(switcher, monkeypatch):
    impatient(monkeypatch)
    assert not switcher.is_served(SOON_S)
    with pytest.raises(
        NoAnswerError, match=r"^motion_switcher: no answer to request 1001 within 1"
    ):
        switcher.check_mode()


def test_a_service_of_another_name_does_not_count(serve, switcher):
    serve((0, "{}"), name="sport")
    assert not switcher.is_served(SOON_S)


def test_who_only_listens_serves_nothing(switcher):
    participant = open_participant(DOMAIN, "lo")
    listener = DataReader(
        participant, Topic(participant, api.request_topic(motion.SERVICE), api.Request)
    )
    assert not switcher.is_served(SOON_S)
    assert listener.take() == []


def test_a_service_that_hangs_is_asked_again_and_given_up(serve, switcher, monkeypatch):
    impatient(monkeypatch)
    asked, released = [], threading.Event()

    def hang(api_id, parameter):
        asked.append(api_id)
        released.wait(PATIENCE_S)
        return 0, ""

    serve(hang)
    try:
        assert switcher.is_served(PATIENCE_S)
        with pytest.raises(NoAnswerError, match="no answer to request 1001 within 1 s"):
            switcher.check_mode()
        with pytest.raises(NoAnswerError, match=r"no answer to request 1003 within 0\.2 s"):
            switcher.release_mode()
    finally:
        released.set()
    assert asked == [1001]


def test_an_answer_lost_is_asked_for_again(serve, client):
    asked = []

    def answer(api_id, parameter):
        asked.append(api_id)
        if len(asked) == 1:
            time.sleep(0.3)  # too late for the first time, in time for the second
        return 0, f"answer {len(asked)}"

    serve(answer)
    assert client.is_served(PATIENCE_S)
    assert client.call(1001, "{}", 0.1, times=600) == "answer 1"


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (7002, "busy, try again"),
        (7008, "releasing failed"),
        (3203, "the service does not know this request"),
        (-1, "a code that is not known here"),
    ],
)
def test_a_code_is_told_and_explained(code, meaning, serve, switcher):
    serve((code, '{"form":"0","name":""}'))
    assert switcher.is_served(PATIENCE_S)
    for ask, api_id in ((switcher.check_mode, 1001), (switcher.release_mode, 1003)):
        with pytest.raises(RpcError, match=f"request {api_id} failed: {code}, {meaning}"):
            ask()


def test_a_service_whose_code_fails_says_so(serve, switcher):
    serve(lambda api_id, parameter: 1 / 0)
    assert switcher.is_served(PATIENCE_S)
    with pytest.raises(RpcError, match="request 1001 failed: 3202, the service failed"):
        switcher.check_mode()


def test_an_answer_to_another_question_is_refused(client):
    participant = open_participant(DOMAIN, "lo")
    reader = DataReader(
        participant, Topic(participant, api.request_topic(motion.SERVICE), api.Request)
    )
    writer = DataWriter(
        participant,
        Topic(participant, api.response_topic(motion.SERVICE), api.Response),
        qos=Qos(Policy.DataRepresentation(use_cdrv0_representation=True)),
    )

    def serve_once():
        while not (asked := reader.take()):
            time.sleep(0.005)
        identity = api.Identity(id=asked[0].header.identity.id, api_id=1002)
        header = api.ResponseHeader(identity=identity, status=api.Status(code=0))
        writer.write(api.Response(header=header, data="", binary=[]))

    thread = threading.Thread(target=serve_once, daemon=True)
    thread.start()
    assert client.is_served(PATIENCE_S)
    with pytest.raises(RpcError, match="asked for 1001, the answer is to 1002"):
        client.call(1001, "{}", PATIENCE_S)
    thread.join()


@pytest.mark.parametrize("data", ["", "{", "[]", "null", '{"form":"0"}', '{"form":"0","name":7}'])
def test_a_mode_that_makes_no_sense_is_no_mode_at_all(data, serve, switcher):
    serve((0, data))
    assert switcher.is_served(PATIENCE_S)
    with pytest.raises(RpcError, match="want JSON with form and name"):
        switcher.check_mode()


def test_what_cannot_be_sent_is_told(client):
    def write(sample):
        raise DDSException(DDSException.DDS_RETCODE_TIMEOUT)

    client._writer = SimpleNamespace(write=write)
    with pytest.raises(LinkError, match=r"^DDS cannot write"):
        client.call(1001, "{}", SOON_S)
