"""The vendor's types as Cyclone DDS knows them. Importing this needs the extra `robot`.

They are announced to DDS as the vendor's, but their bytes are made by `deploy.wire.layout`:
Cyclone's own Python serializer takes each number by itself, which 500 messages a second do not
leave the time for.
"""

from functools import cache
from typing import Any

from deploy.link import LinkError
from deploy.wire.layout import Struct

try:
    from cyclonedds.idl import annotations, make_idl_struct, types
except ImportError as error:
    raise LinkError(
        f"DDS: cyclonedds is not installed ({error}); pip install '.[robot]'"
    ) from error

KINDS = {
    "u1": types.uint8,
    "u2": types.uint16,
    "u4": types.uint32,
    "i2": types.int16,
    "i4": types.int32,
    "f4": types.float32,
}


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
def sample_type(struct: Struct) -> Any:
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
