"""The vendor's topics over Cyclone DDS. Importing this needs the extra `robot`.

The types are announced to DDS as the vendor's, but their bytes are made by `deploy.wire.layout`:
Cyclone's own Python serializer takes each number by itself, which 500 messages a second do not
leave the time for.
"""

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from deploy.link import LinkError
from deploy.wire.layout import Struct

try:
    from cyclonedds.core import DDSException, InstanceState, ReadCondition, SampleState, ViewState
    from cyclonedds.core import WaitSet as _WaitSet
    from cyclonedds.idl import annotations, make_idl_struct, types
    from cyclonedds.pub import DataWriter
    from cyclonedds.qos import Policy, Qos
    from cyclonedds.sub import DataReader
    from cyclonedds.topic import Topic
    from cyclonedds.util import duration
except ImportError as error:
    raise LinkError(
        f"DDS: cyclonedds is not installed ({error}); pip install '.[robot]'"
    ) from error

LOW_CMD, LOW_STATE = "rt/lowcmd", "rt/lowstate"
"""Names of the low-level topics, on every robot."""
KINDS = {
    "u1": types.uint8,
    "u2": types.uint16,
    "u4": types.uint32,
    "i2": types.int16,
    "i4": types.int32,
    "f4": types.float32,
}
CDR_1 = Policy.DataRepresentation(use_cdrv0_representation=True)
"""How the vendor's programs write numbers down."""
STUCK = 5
"""So many messages in a row that DDS had no room for are a fault: 10 ms of a stream of commands."""
WAKE_MS = 100
"""How often a subscriber looks whether it is closed, where nothing comes."""


def idl_type(struct: Struct) -> Any:
    """The type as Cyclone DDS knows it."""
    fields: dict[str, Any] = {}
    for name, element, length in struct.elements():
        kind = idl_type(element) if isinstance(element, Struct) else KINDS[element]
        fields[name] = kind if length is None else types.array[kind, length]
    return declare(struct.typename, fields)


def declare(typename: str, fields: dict[str, Any]) -> Any:
    """Declare a type as the vendor's are.

    Args:
        typename: Its name, modules and all.
        fields: Their types, by name, in order.
    """
    made = make_idl_struct(typename.rpartition(".")[2], typename, fields)
    annotations.final(made)
    annotations.autoid("sequential")(made)
    return made


@cache
def _sample_type(struct: Struct) -> Any:
    """The same type, its samples holding nothing but the packed message."""
    made = idl_type(struct)

    def serialize(self: Any, **_: Any) -> bytes:
        return struct.to_cdr(self.packed)

    def deserialize(cls: Any, data: bytes) -> Any:
        sample = cls.__new__(cls)
        sample.packed = struct.from_cdr(bytes(data))
        return sample

    made.serialize, made.deserialize = serialize, classmethod(deserialize)
    return made


class Publisher:
    """Writes one topic.

    Args:
        participant: Of the domain to write in.
        topic: Name of the topic.
        struct: Type of its messages.
    """

    def __init__(self, participant: Any, topic: str, struct: Struct) -> None:
        self._type = _sample_type(struct)
        # Reliable as the vendor's writers are, so that every reader matches; but it never waits.
        qos = Qos(
            Policy.Reliability.Reliable(duration(milliseconds=1)),
            Policy.History.KeepLast(1),
            CDR_1,
        )
        self._writer: Any = DataWriter(participant, Topic(participant, topic, self._type), qos=qos)
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
        self._reader: Any = DataReader(participant, Topic(participant, topic, kind), qos=qos)
        self._unread: Any = ReadCondition(
            self._reader, ViewState.Any | InstanceState.Any | SampleState.NotRead
        )
        self._waitset: Any = _WaitSet(participant)
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
            _sample_type(struct),
            lambda sample: handle(sample.packed),
            Qos(CDR_1, ignored),
        )
