"""Messages have the vendor's bytes: in memory, on the network, and under their checksum."""

import random
import struct

import numpy as np
import pytest

from deploy.wire.crc import crc32
from deploy.wire.messages import GO_LOW_CMD, GO_LOW_STATE, HG_LOW_CMD, HG_LOW_STATE

MESSAGES = (HG_LOW_CMD, HG_LOW_STATE, GO_LOW_CMD, GO_LOW_STATE)
# What unitree_sdk2_python's crc.py packs each message with.
VENDORS_FORMATS = {
    HG_LOW_CMD: "<2B2x" + "B3x5fI" * 35 + "5I",
    HG_LOW_STATE: "<2I2B2xI" + "13fh2x" + "B3x4f2hf7I" * 35 + "40B5I",
    GO_LOW_CMD: "<4B4IH2x" + "B3x5f3I" * 20 + "4B" + "55Bx2I",
    GO_LOW_STATE: "<4B4IH2x" + "13fb3x" + "B3x7fb3x3I" * 20 + "4BiH4b15H" + "8hI41B3xf2b2x2f4h2I",
}


@pytest.fixture(params=MESSAGES, ids=lambda message: message.typename)
def message(request):
    return request.param


def random_record(message, seed):
    """A record whose every number is random; padding is zero, as everywhere."""
    noise = random.Random(seed).randbytes(message.size)
    packed = bytearray(message.size)
    for offset, size in message.numbers():
        packed[offset : offset + size] = noise[offset : offset + size]
    return message.unpack(packed)


def bit_by_bit(data):
    """The checksum as the vendor describes it, one bit at a time."""
    register = 0xFFFFFFFF
    for (word,) in struct.iter_unpack("<I", data):
        for bit in range(31, -1, -1):
            top = register >> 31
            register = register << 1 & 0xFFFFFFFF
            register ^= 0x04C11DB7 * top
            register ^= 0x04C11DB7 * (word >> bit & 1)
    return register


@pytest.mark.parametrize(
    ("message", "size", "words"),
    [
        (HG_LOW_CMD, 1004, 250),
        (HG_LOW_STATE, 2092, 522),
        (GO_LOW_CMD, 812, 202),
        (GO_LOW_STATE, 1180, 294),
    ],
    ids=lambda value: getattr(value, "typename", value),
)
def test_sizes_and_words_under_the_checksum(message, size, words):
    assert message.size == size
    assert (message.size - 4) // 4 == words
    assert message.dtype.fields["crc"][1] == size - 4


def test_every_number_lies_where_the_vendor_packs_it(message):
    # Small whole numbers, which every kind can hold and which differ from their neighbours.
    record, wanted = message.new(), iter(range(10_000))
    set_all(record, wanted)
    values = struct.unpack(VENDORS_FORMATS[message], record.tobytes())
    assert next(wanted) == len(values) == len(list(message.numbers()))
    assert list(values) == [index % 100 for index in range(len(values))]


def set_all(record, values):
    """Set every number of a record in the order of the declaration, to values modulo 100."""
    for name in record.dtype.names:
        field = record[name]
        for index in np.ndindex(field.shape):
            if field.dtype.names:
                set_all(field[index] if index else field, values)
            elif index:
                field[index] = next(values) % 100
            else:
                record[name] = next(values) % 100


def test_a_field_that_the_message_lacks_is_an_error():
    motors = HG_LOW_CMD.new()["motor_cmd"]
    motors["dq"] = 1.0
    with pytest.raises(ValueError, match="no field of name qd"):
        motors["qd"] = 1.0
    with pytest.raises(ValueError, match="no field of name qd"):
        _ = motors["qd"]


def test_the_network_gives_back_what_was_sent(message):
    packed = random_record(message, seed=1).tobytes()
    data = message.to_cdr(packed)
    assert data[:4] == b"\x00\x01\x00\x00"
    assert message.from_cdr(data) == packed
    assert message.from_cdr(data + bytes(3)) == packed


def test_what_is_not_the_message_is_refused(message):
    data = message.to_cdr(message.new().tobytes())
    for wrong in (b"", data[:3], data[:-1], data + bytes(4), b"\x00\x07" + data[2:]):
        assert message.from_cdr(wrong) is None


def test_known_checksums():
    # CRC-32/MPEG-2 of nothing, and of four zero bytes (that of BZIP2, inverted).
    assert crc32(b"") == 0xFFFFFFFF
    assert crc32(bytes(4)) == 0xFFFFFFFF ^ 0x38FB2284


def test_the_checksum_is_the_one_computed_bit_by_bit():
    rng = random.Random(0)
    for _ in range(40):
        data = rng.randbytes(4 * rng.randrange(1, 60))
        assert crc32(data) == bit_by_bit(data)


def test_a_sealed_message_and_its_checksum_come_to_zero(message):
    packed = message.seal(random_record(message, seed=2))
    assert crc32(packed) == 0
    assert bit_by_bit(packed[:-4]) == int.from_bytes(packed[-4:], "little")


def test_every_flipped_bit_is_noticed(message):
    packed = bytearray(message.seal(random_record(message, seed=3)))
    assert message.is_sealed(bytes(packed))
    missed = []
    for bit in range(8 * len(packed)):
        packed[bit // 8] ^= 1 << bit % 8
        if message.is_sealed(bytes(packed)):
            missed.append(bit)
        packed[bit // 8] ^= 1 << bit % 8
    assert missed == []
