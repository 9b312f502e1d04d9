"""A message type, declared once, and its bytes: packed as C packs it, and as CDR carries it.

In memory a message is a NumPy record with C's alignment, which is what the vendor's checksum is
over: its bytes are `record.tobytes()`. A field that a type does not have is an error, in reading
and in writing. CDR aligns numbers but not the structs they are in, so it holds the same bytes in
the same order, with other gaps between them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from deploy.wire.crc import crc32

HEADER = b"\x00\x01\x00\x00"
"""What little-endian CDR of version 1 starts with; the vendor's SDK sends no other."""


@dataclass(frozen=True, eq=False)
class Struct:
    """A message type.

    Args:
        typename: The vendor's name of it.
        fields: By name, in order: an element, or an element and how many of it. An element is a
            kind of number, as NumPy writes it ("u1", "i2", "u4", "f4"), or a struct.
    """

    typename: str
    fields: "Mapping[str, str | Struct | tuple[str | Struct, int]]"

    def elements(self) -> "Iterator[tuple[str, str | Struct, int | None]]":
        """Name, element and length of every field; None where it is no array."""
        for name, field in self.fields.items():
            if isinstance(field, tuple):
                yield name, *field
            else:
                yield name, field, None

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        """The record, with C's alignment, little-endian."""
        columns: list[Any] = []
        for name, element, length in self.elements():
            kind = element.dtype if isinstance(element, Struct) else np.dtype(f"<{element}")
            columns.append((name, kind) if length is None else (name, kind, (length,)))
        return np.dtype(columns, align=True)

    @property
    def size(self) -> int:
        """Bytes of the record."""
        return self.dtype.itemsize

    @cached_property
    def cdr_size(self) -> int:
        """Bytes of the record in CDR, without the header."""
        return int(self._places[1][-1]) + 1

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each byte that is not padding lies in C, and where in CDR."""
        in_c: list[int] = []
        in_cdr: list[int] = []
        cdr = 0
        for offset, size in self.numbers():
            cdr += -cdr % size
            in_c += range(offset, offset + size)
            in_cdr += range(cdr, cdr + size)
            cdr += size
        return np.array(in_c), np.array(in_cdr)

    def numbers(self, start: int = 0) -> Iterator[tuple[int, int]]:
        """Offset (from `start` on) and size of every number in the record, in order."""
        offsets = cast("Mapping[str, Any]", self.dtype.fields)
        for name, element, length in self.elements():
            offset = start + offsets[name][1]
            for _ in range(length or 1):
                if isinstance(element, Struct):
                    yield from element.numbers(offset)
                    offset += element.size
                else:
                    size = np.dtype(element).itemsize
                    yield offset, size
                    offset += size

    def new(self) -> np.ndarray:
        """A record of zeros, padding included."""
        return self.unpack(bytearray(self.size))

    def to_cdr(self, packed: bytes) -> bytes:
        """Bytes for the network, header first, of a record's bytes."""
        in_c, in_cdr = self._places
        body = np.zeros(self.cdr_size, np.uint8)
        body[in_cdr] = np.frombuffer(packed, np.uint8)[in_c]
        return HEADER + body.tobytes()

    def from_cdr(self, data: bytes) -> bytes | None:
        """A record's bytes, of bytes from the network; None where they are not one of this type."""
        # DDS fills the last word up, and notes by how much in the header's last byte.
        too_long = len(data) - len(HEADER) - self.cdr_size
        if data[:2] != HEADER[:2] or not 0 <= too_long < 4:
            return None
        in_c, in_cdr = self._places
        packed = np.zeros(self.size, np.uint8)
        packed[in_c] = np.frombuffer(data, np.uint8, offset=len(HEADER))[in_cdr]
        return packed.tobytes()

    def seal(self, record: np.ndarray) -> bytes:
        """Set the checksum, a record's last word, and give the record's bytes."""
        packed = record.tobytes()[:-4]
        record["crc"] = crc32(packed)
        return packed + record["crc"].tobytes()

    def is_sealed(self, packed: bytes) -> bool:
        """Whether the checksum is right."""
        return crc32(packed[:-4]) == int.from_bytes(packed[-4:], "little")

    def unpack(self, packed: bytes | bytearray) -> np.ndarray:
        """The record in these bytes; writable where they are.

        An array without axes rather than a scalar, whose copies do not keep the padding.
        """
        return np.frombuffer(packed, self.dtype).reshape(())
