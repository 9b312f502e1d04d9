"""The vendor's topics over Cyclone DDS. Importing this needs the extra `robot`."""

import threading
from collections.abc import Callable
from typing import Any

from deploy.link import LinkError
from deploy.wire.idl import sample_type
from deploy.wire.layout import Struct

# After the above, which says what to install where cyclonedds is not.
from cyclonedds.core import (  # isort: skip
    DDSException,
    InstanceState,
    ReadCondition,
    SampleState,
    ViewState,
    WaitSet,
)
from cyclonedds.pub import DataWriter  # isort: skip
from cyclonedds.qos import Policy, Qos  # isort: skip
from cyclonedds.sub import DataReader  # isort: skip
from cyclonedds.topic import Topic  # isort: skip
from cyclonedds.util import duration  # isort: skip

LOW_CMD, LOW_STATE = "rt/lowcmd", "rt/lowstate"
"""Names of the low-level topics, on every robot."""
CDR_1 = Policy.DataRepresentation(use_cdrv0_representation=True)
"""How the vendor's programs write numbers down."""
STUCK = 5
"""So many messages in a row that DDS had no room for are a fault: 10 ms of a stream of commands."""
TRIES = 5
"""How often a topic is tried to be made, where DDS could not read the type."""
WAKE_MS = 100
"""How often a subscriber looks whether it is closed, where nothing comes."""


def make_topic(participant: Any, name: str, kind: Any) -> Any:
    """Make a topic.

    Cyclone's Python binding (11.0.1, `init_cdrstream_descriptor` in `clayer/pysertype.c`) reads
    what DDS knows of the type without DDS's own lock. Where another program's types come or go at
    that very moment, it may not find it, and is asked again; or the process crashes, which is why
    topics are made before a robot is commanded, never after (`bench/dds_topics.py` counts both).

    Args:
        participant: Of the domain.
        name: Name of the topic.
        kind: Type of its samples, as DDS knows it.

    Raises:
        LinkError: If DDS cannot.
    """
    for left in reversed(range(TRIES)):
        try:
            return Topic(participant, name, kind)
        except DDSException as error:
            if not left or error.code != DDSException.DDS_RETCODE_BAD_PARAMETER:
                raise LinkError(f"DDS cannot make the topic {name}: {error.msg}") from error
    raise AssertionError("unreachable")


class Publisher:
    """Writes one topic.

    Args:
        participant: Of the domain to write in.
        topic: Name of the topic.
        struct: Type of its messages.
    """

    def __init__(self, participant: Any, topic: str, struct: Struct) -> None:
        self._type = sample_type(struct)
        # Reliable as the vendor's writers are, so that every reader matches; but it never waits.
        qos = Qos(
            Policy.Reliability.Reliable(duration(milliseconds=1)),
            Policy.History.KeepLast(1),
            CDR_1,
        )
        self._writer: Any = DataWriter(
            participant, make_topic(participant, topic, self._type), qos=qos
        )
        self._lock = threading.Lock()
        self.unsent = 0
        """Messages given up because DDS had no room for them; the next one says more anyway."""
        self._unsent_in_a_row = 0

    def write(self, packed: bytes) -> None:
        """Send a packed message. Thread-safe.

        Raises:
            LinkError: If DDS cannot, had no room for many in a row, or the publisher is closed.
        """
        sample = self._type.__new__(self._type)
        sample.packed = packed
        with self._lock:
            if self._writer is None:
                raise LinkError("send: the link is closed")
            try:
                self._writer.write(sample)
            except DDSException as error:
                if error.code != DDSException.DDS_RETCODE_TIMEOUT:
                    raise LinkError(f"DDS cannot write: {error.msg}") from error
                self.unsent += 1
                self._unsent_in_a_row += 1
                if self._unsent_in_a_row >= STUCK:
                    raise LinkError(
                        f"DDS had no room for {self._unsent_in_a_row} messages in a row"
                    ) from error
            else:
                self._unsent_in_a_row = 0

    def close(self) -> None:
        """Let the writer go. Thread-safe."""
        with self._lock:
            self._writer = None


class Reader:
    """Hands every sample of one topic on, from a thread of its own.

    Args:
        participant: Of the domain to read in.
        topic: Name of the topic.
        kind: Type of its samples, as DDS knows it.
        handle: Called with a sample.
        qos: What is asked of writers.
    """

    def __init__(
        self, participant: Any, topic: str, kind: Any, handle: Callable[[Any], None], qos: Any
    ) -> None:
        self._kind, self._handle = kind, handle
        self._reader: Any = DataReader(participant, make_topic(participant, topic, kind), qos=qos)
        self._unread: Any = ReadCondition(
            self._reader, ViewState.Any | InstanceState.Any | SampleState.NotRead
        )
        self._waitset: Any = WaitSet(participant)
        self._waitset.attach(self._unread)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"read {topic}", daemon=True)
        self._thread.start()

    @property
    def has_writer(self) -> bool:
        """Whether anybody could write what is read here."""
        return bool(self._reader.get_matched_publications())

    def close(self) -> None:
        """Stop reading, and let the reader go; not from `handle`."""
        self._closed.set()
        self._thread.join()
        self._waitset = self._unread = self._reader = None

    def _run(self) -> None:
        while not self._closed.is_set():
            if not self._waitset.wait(duration(milliseconds=WAKE_MS)):
                continue
            for sample in self._reader.take(N=8):
                # A writer that goes away leaves a sample of another type, without data.
                if isinstance(sample, self._kind):
                    self._handle(sample)


class Subscriber(Reader):
    """Hands every message of one topic on, from a thread of its own.

    Args:
        participant: Of the domain to read in.
        topic: Name of the topic.
        struct: Type of its messages.
        handle: Called with a packed message, or with None where the bytes are none of this type.
        own: Whether what the same participant writes is handed on, too.
    """

    def __init__(
        self,
        participant: Any,
        topic: str,
        struct: Struct,
        handle: Callable[[bytes | None], None],
        *,
        own: bool = True,
    ) -> None:
        ignored = Policy.IgnoreLocal.Nothing if own else Policy.IgnoreLocal.Participant
        super().__init__(
            participant,
            topic,
            sample_type(struct),
            lambda sample: handle(sample.packed),
            Qos(CDR_1, ignored),
        )
