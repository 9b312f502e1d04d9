"""The vendor's checksum: CRC-32 over the 32-bit words of a message, each from its top bit.

Polynomial 0x04C11DB7, initially 0xFFFFFFFF, neither reflected nor inverted (unitree_sdk2_python,
`unitree_sdk2py/utils/crc.py`). zlib has the reflected CRC of the same polynomial, in C: a message
is mirrored bit by bit going in, and the result coming out.
"""

import zlib

import numpy as np

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Each byte with its bits in opposite order."""


def crc32(data: bytes) -> int:
    """Checksum of little-endian words.

    Args:
        data: A whole number of 32-bit words.
    """
    mirrored = np.frombuffer(data, "<u4").byteswap().tobytes().translate(_MIRRORED)
    checksum = zlib.crc32(mirrored) ^ 0xFFFFFFFF
    return int.from_bytes(checksum.to_bytes(4, "little").translate(_MIRRORED), "big")
