"""Both ends of the vendor's requests and responses. Importing this needs the extra `robot`.

A service has two topics, one each way, which all its clients share: an answer belongs to the
request whose number it repeats.
"""

import queue
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from deploy.link import LinkError
from deploy.wire import api
from deploy.wire.topics import CDR_1, Reader, make_topic

# After the above, which says what to install where cyclonedds is not.
from cyclonedds.core import DDSException  # isort: skip
from cyclonedds.pub import DataWriter  # isort: skip
from cyclonedds.qos import Policy, Qos  # isort: skip
from cyclonedds.util import duration  # isort: skip

# Clients share both topics: what others are told must not push out what is for us.
_QOS = Qos(CDR_1, Policy.History.KeepLast(32))
_RELIABLE = Qos(
    CDR_1, Policy.History.KeepLast(32), Policy.Reliability.Reliable(duration(seconds=1))
)
LOOK_S = 0.02
"""How often it is looked whether a service has appeared, s."""


class RpcError(LinkError):
    """A service answered that it did not do what it was asked for."""


class NoAnswerError(LinkError):
    """A service did not answer in time."""


class Client:
    """Asks one service, one thing at a time.

    Args:
        participant: Of the domain to ask in.
        service: Its name.
        codes: What its own statuses mean, besides `api.CODES`.
    """

    def __init__(self, participant: Any, service: str, codes: Mapping[int, str]) -> None:
        self._service, self._codes = service, {**api.CODES, **codes}
        self._responses: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reader = Reader(
            participant, api.response_topic(service), api.Response, self._responses.put, _QOS
        )
        self._writer: Any = _writer(participant, api.request_topic(service), api.Request)

    def is_served(self, within_s: float) -> bool:
        """Whether somebody who can answer is there, or comes within so many seconds."""
        until = time.monotonic() + within_s
        while not (self._reader.has_writer and self._writer.get_matched_subscriptions()):
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_S)
        return True

    def call(self, api_id: int, parameter: str, timeout_s: float, times: int = 1) -> str:
        """Ask, and give the answer's data.

        Args:
            api_id: What is asked.
            parameter: JSON.
            timeout_s: How long an answer may take, s.
            times: How often to ask, as long as nobody answers.

        Raises:
            NoAnswerError: If no answer to this request comes in time.
            RpcError: If the status is not zero, or the answer is to something else.
            LinkError: If DDS cannot send.
        """
        number = secrets.randbits(62)
        request = _request(number, api_id, parameter)
        for _ in range(times):
            _write(self._writer, request)
            response = self._await(number, timeout_s)
            if response is not None:
                return self._data(response, api_id)
        raise NoAnswerError(
            f"{self._service}: no answer to request {api_id} within {times * timeout_s:g} s"
        )

    def close(self) -> None:
        """Let go."""
        self._reader.close()
        self._writer = None

    def _await(self, number: int, timeout_s: float) -> Any:
        """The response of this number; those of other clients' requests are passed over."""
        until = time.monotonic() + timeout_s
        while (left_s := until - time.monotonic()) > 0:
            try:
                response = self._responses.get(timeout=left_s)
            except queue.Empty:
                break
            if response.header.identity.id == number:
                return response
        return None

    def _data(self, response: Any, api_id: int) -> str:
        answered, code = response.header.identity.api_id, response.header.status.code
        if answered != api_id:
            raise RpcError(f"{self._service}: asked for {api_id}, the answer is to {answered}")
        if code != api.OK:
            meaning = self._codes.get(code, "a code that is not known here")
            raise RpcError(f"{self._service}: request {api_id} failed: {code}, {meaning}")
        return response.data


class Service:
    """Answers one service's requests, from a thread of its own: for simulated robots.

    Args:
        participant: Of the domain to serve in.
        service: Its name.
        handle: Called with what is asked and its parameter; gives status and data.
    """

    def __init__(
        self, participant: Any, service: str, handle: Callable[[int, str], tuple[int, str]]
    ) -> None:
        self._handle = handle
        self._writer: Any = _writer(participant, api.response_topic(service), api.Response)
        self._reader = Reader(
            participant, api.request_topic(service), api.Request, self._answer, _QOS
        )

    def close(self) -> None:
        """Stop serving."""
        self._reader.close()
        self._writer = None

    def _answer(self, request: Any) -> None:
        identity = request.header.identity
        try:
            code, data = self._handle(identity.api_id, request.parameter)
        except Exception:  # as the vendor's server does: it goes on, whatever a request did to it
            code, data = api.INTERNAL, ""
        if not request.header.policy.noreply:
            header = api.ResponseHeader(identity=identity, status=api.Status(code=code))
            _write(self._writer, api.Response(header=header, data=data, binary=[]))


def _request(number: int, api_id: int, parameter: str) -> Any:
    header = api.RequestHeader(
        identity=api.Identity(id=number, api_id=api_id),
        lease=api.Lease(id=0),
        policy=api.Policy(priority=0, noreply=False),
    )
    return api.Request(header=header, parameter=parameter, binary=[])


def _writer(participant: Any, topic: str, kind: Any) -> Any:
    return DataWriter(participant, make_topic(participant, topic, kind), qos=_RELIABLE)


def _write(writer: Any, sample: Any) -> None:
    try:
        writer.write(sample)
    except DDSException as error:
        raise LinkError(f"DDS cannot write: {error.msg}") from error
