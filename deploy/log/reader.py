"""Read a log, also one that was cut off."""

import struct
from collections.abc import Iterator
from pathlib import Path

from mcap.exceptions import McapError
from mcap.records import McapRecord, Message, Metadata
from mcap.stream_reader import StreamReader

from deploy.log.format import METADATA_NAME, LogError, LogHeader, Tick, decode, elements

RECORD_LIMIT = 64 * 2**20
"""No record of a log is this large, bytes: what says so is damaged."""
DAMAGE = (McapError, ValueError, struct.error)
"""What the MCAP library raises for a file that is cut off or has wrong bytes."""


class LogReader:
    """Read one file of a log.

    Args:
        path: The file.

    Raises:
        LogError: If it is missing, no MCAP file, or not written by `LogWriter`.
    """

    header: LogHeader
    damage: str
    """What is wrong with the file's end, once `ticks` has come there; empty where nothing is."""

    def __init__(self, path: Path | str) -> None:
        self.path, self.damage = Path(path), ""
        if not self.path.is_file():
            raise LogError(f"{self.path}: no such file")
        self.header = self._read_header()

    def ticks(self) -> Iterator[Tick]:
        """Read every whole tick, in the order written.

        Raises:
            LogError: If a tick lacks a field or has one of another size.
        """
        self.damage = ""
        sizes = {name: len(of) for name, of in elements(self.header.contract).items()}
        for record in self._records():
            if isinstance(record, Message):
                try:
                    yield decode(record.data, sizes)
                except LogError as error:
                    raise LogError(f"{self.path}: {error}") from error

    def _records(self) -> Iterator[McapRecord]:
        """Records up to where the file is whole; chunks with a wrong checksum are not."""
        with self.path.open("rb") as stream:
            try:
                yield from StreamReader(
                    stream, validate_crcs=True, record_size_limit=RECORD_LIMIT
                ).records
            except DAMAGE as error:
                self.damage = f"ends in the middle ({type(error).__name__})"

    def _read_header(self) -> LogHeader:
        for record in self._records():
            if isinstance(record, Metadata) and record.name == METADATA_NAME:
                try:
                    return LogHeader.from_metadata(record.metadata)
                except LogError as error:
                    raise LogError(f"{self.path}: {error}") from error
            if isinstance(record, Message):
                break
        raise LogError(
            f"{self.path}: has no {METADATA_NAME} record, so it is no log of this project, or was "
            "cut off before it began"
        )
