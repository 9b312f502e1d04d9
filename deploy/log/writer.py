"""Write a log, tick by tick, so that a killed process loses half a second of it at most."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
from mcap.writer import CompressionType, Writer

from deploy.log.format import (
    METADATA_NAME,
    OPTIONAL,
    PLAIN,
    SCALARS,
    SCHEMA_NAME,
    TOPIC,
    LogError,
    LogHeader,
    Tick,
    elements,
    encode,
)

MEGABYTE = 1_000_000


class LogWriter:
    """Write the ticks of a run to a file, or to several, each of which stands by itself.

    No sync to disk while running, for it can take longer than a control period: what the kernel
    holds survives the end of this process, but not that of the machine's power.

    Args:
        path: The file; with rotation, `run.mcap` stands for `run_0000.mcap`, `run_0001.mcap`, ...
            Nothing is overwritten.
        header: What holds for the whole run.
        flush_s: How much of the run may be lost when this process is killed, s.
        rotate_s: Start a new file after this many seconds of the run.
        rotate_mb: Start a new file after about this many megabytes (up to `flush_s` more).

    Raises:
        LogError: If the file exists or cannot be written.
    """

    def __init__(
        self,
        path: Path | str,
        header: LogHeader,
        *,
        flush_s: float = 0.5,
        rotate_s: float | None = None,
        rotate_mb: float | None = None,
    ) -> None:
        self._path, self._flush_s, self._epoch_s = Path(path), flush_s, header.epoch_s
        # Made once, for a file is begun within a control period.
        self._metadata, self._schema = header.to_metadata(), _json_schema(header)
        self._rotate_s, self._rotate_mb = rotate_s, rotate_mb
        self.files: list[Path] = []
        # Bringing a file to disk takes milliseconds, which the control loop lacks.
        self._syncer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log")
        self._syncing: list[Future[None]] = []
        self._part = self._open()

    def write(self, tick: Tick) -> None:
        """Add a tick.

        Raises:
            LogError: If the disk is full or gone. What was written before stays readable; stop
                logging then, not the robot.
        """
        try:
            if self._is_full(tick):
                full, self._part = self._part, self._open()
                full.end()
                # A run may have many files: those on disk are forgotten, failures kept for the end.
                self._syncing = [s for s in self._syncing if not s.done() or s.exception()]
                self._syncing.append(self._syncer.submit(full.sync))
            self._part.write(tick, self._flush_s)
        except OSError as error:
            raise LogError(f"{self.files[-1]}: cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """End the file, and bring everything to disk.

        Raises:
            LogError: If that fails.
        """
        try:
            self._syncer.shutdown()
            self._part.end()
            self._part.sync()
            for syncing in self._syncing:
                syncing.result()
        except OSError as error:
            raise LogError(f"{self.files[-1]}: cannot be ended: {error.strerror}") from error

    def __enter__(self) -> "LogWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _is_full(self, tick: Tick) -> bool:
        part = self._part
        too_long = self._rotate_s is not None and tick.time_s - part.started_s >= self._rotate_s
        too_big = self._rotate_mb is not None and part.size >= self._rotate_mb * MEGABYTE
        return too_long or too_big

    def _open(self) -> "_Part":
        path = self._path
        if self._rotate_s is not None or self._rotate_mb is not None:
            path = _part_path(path, len(self.files))
        _refuse(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = _Part(path, self._metadata, self._schema, self._epoch_s)
        except OSError as error:
            raise LogError(f"{path}: cannot be written: {error.strerror}") from error
        self.files.append(path)
        return part


def refuse_existing(path: Path, *, rotated: bool) -> None:
    """Refuse now what a writer would refuse later.

    Args:
        path: The log's.
        rotated: Whether it is to be several files.

    Raises:
        LogError: If the first file is already there.
    """
    _refuse(_part_path(path, 0) if rotated else path)


def _refuse(path: Path) -> None:
    if path.exists():
        raise LogError(f"{path}: exists, and no log is overwritten; name another")


def _part_path(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}_{number:04d}{path.suffix}")


class _Part:
    """One file. `started_s`: time of its first tick; `size`: bytes up to its last flush."""

    def __init__(self, path: Path, metadata: dict[str, str], schema: bytes, epoch_s: float) -> None:
        self._epoch_s = epoch_s
        self._stream = path.open("xb")
        # Compression would cost more time than all the rest; `mcap compress` does it afterwards.
        self._mcap = Writer(self._stream, compression=CompressionType.NONE)
        self._mcap.start()
        self._mcap.add_metadata(METADATA_NAME, metadata)
        schema_id = self._mcap.register_schema(SCHEMA_NAME, "jsonschema", schema)
        self._channel = self._mcap.register_channel(TOPIC, "json", schema_id)
        self._stream.flush()
        self.started_s = self._flushed_s = float("inf")
        self.size = self._stream.tell()

    def write(self, tick: Tick, flush_s: float) -> None:
        time_ns = round((tick.time_s + self._epoch_s) * 1e9)
        self._mcap.add_message(self._channel, time_ns, encode(tick), time_ns, tick.step)
        if self.started_s == float("inf"):
            self.started_s = self._flushed_s = tick.time_s
        if tick.time_s - self._flushed_s >= flush_s:
            self._flushed_s = tick.time_s
            self._mcap.flush()
            self.size = self._stream.tell()

    def end(self) -> None:
        self._mcap.finish()
        self._stream.flush()

    def sync(self) -> None:
        with self._stream:
            os.fsync(self._stream.fileno())


def _json_schema(header: LogHeader) -> bytes:
    """JSON Schema of a tick: with it, Foxglove plots a log without knowing this project."""
    number = {"type": "number"}
    timings = dict.fromkeys(header.timing_names, number)
    properties: dict[str, Any] = {
        **PLAIN,
        "timings_s": {"type": "object", "properties": timings},
        **dict.fromkeys(SCALARS, number),
    }
    for name, of in elements(header.contract).items():
        properties[name] = {"type": "array", "items": number, "description": ", ".join(of)}
    required = [name for name in properties if name not in OPTIONAL]
    return orjson.dumps({"type": "object", "properties": properties, "required": required})
