"""Whoever else commands the robot: the other writers of its command topic, and what they write."""

from contextlib import suppress
from typing import Any

from deploy.wire.layout import Struct
from deploy.wire.topics import LOW_CMD, Subscriber

# After the above, which says what to install where cyclonedds is not.
from cyclonedds.builtin import (  # isort: skip
    BuiltinDataReader,
    BuiltinTopicDcpsParticipant,
    BuiltinTopicDcpsPublication,
)
from cyclonedds.core import (  # isort: skip
    InstanceState,
    ReadCondition,
    SampleState,
    ViewState,
)
from cyclonedds.qos import Policy  # isort: skip

NAMELESS = "a program that does not say which"
MANY = 1000
"""More writers and participants than any robot's network has."""


class Others:
    """Other programs that write the command topic, or could.

    Args:
        participant: What is written through this one is our own.
        command: Type of the robot's commands.
    """

    def __init__(self, participant: Any, command: Struct) -> None:
        self._own = participant.get_guid()
        self._writers = _Alive(participant, BuiltinTopicDcpsPublication)
        self._participants = _Alive(participant, BuiltinTopicDcpsParticipant)
        self.heard = 0
        """Commands that others wrote."""
        self.commander = ""
        """Who could have written the first of them; empty while there is none."""
        self._commands = Subscriber(participant, LOW_CMD, command, self._hear, own=False)

    def writers(self) -> list[str]:
        """Programs that have a writer of the command topic, used or not: process, host, address."""
        keys = {
            writer.participant_key
            for writer in self._writers.read()
            if writer.topic_name == LOW_CMD and writer.participant_key != self._own
        }
        known = {participant.key: participant for participant in self._participants.read()}
        return sorted(_name(key, known.get(key)) for key in keys)

    def forget(self) -> None:
        """Begin anew: what has been heard is over."""
        self.heard, self.commander = 0, ""

    def close(self) -> None:
        """Stop listening."""
        self._commands.close()
        self._writers.close()
        self._participants.close()

    def _hear(self, packed: bytes | None) -> None:
        self.heard += 1
        if self.commander:  # this may go on 500 times a second
            return
        names = ""
        with suppress(Exception):  # the name is the lesser part
            names = "; ".join(self.writers())
        self.commander = names or NAMELESS


class _Alive:
    """What one of DDS's own topics lists now."""

    def __init__(self, participant: Any, topic: Any) -> None:
        self._reader: Any = BuiltinDataReader(participant, topic)
        self._alive: Any = ReadCondition(
            self._reader, ViewState.Any | InstanceState.Alive | SampleState.Any
        )

    def read(self) -> list[Any]:
        return self._reader.read(N=MANY, condition=self._alive)

    def close(self) -> None:
        self._alive = self._reader = None


def _name(key: Any, participant: Any) -> str:
    """A participant by what Cyclone DDS says of its process; by its key where it says nothing."""
    policies = participant.qos if participant else ()
    said = {one.key: one.value for one in policies if isinstance(one, Policy.Property)}
    if "__ProcessName" not in said:
        return f"participant {key}"
    process, number, host, address = (
        said.get(f"__{name}", "?")
        for name in ("ProcessName", "Pid", "Hostname", "NetworkAddresses")
    )
    return f"{process} (process {number} on {host}, {address})"
