"""`python -m bench.fuzz_files [COUNT] [--kind KIND]`: broken files, 100,000 of each kind or COUNT.

Every file that the runtime, the gate or the doctor reads is refused or read; anything else is a
crash. A policy that still loads also drives a motionless robot: every command it leads to is
finite, and the last one damps. Each kind has a process of its own, because ONNX Runtime is native
code; the file it dies of is kept.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from bench.fuzz_kinds import KINDS, Kind
from pipeline.progress import Progress
from robots.errors import UserError

COUNT = 100_000
SHOWN_EVERY = 500
"""Files from one look at the progress to the next."""
NASTY = (
    "",
    "-1",
    "1e999",
    ".nan",
    "NaN",
    "null",
    "[]",
    "{}",
    '"',
    "\x00",
    "\ufeff",
    "!!python/object/apply:os.abort []",
    "&a [*a]",
    "99999999999999999999999999",
    "[" * 2000,
    "- " * 500,
    "é" * 50,
)
"""What stands where a number or a word should."""


def main(arguments: list[str] | None = None) -> int:
    """Break COUNT files of each kind, and count what becomes of them."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.fuzz_files")
    parser.add_argument("count", nargs="?", type=int, default=COUNT)
    parser.add_argument("--kind", choices=[kind.name for kind in KINDS], help="only this one")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.here:
        counts = break_all(next(k for k in KINDS if k.name == asked.kind), asked.count, asked.here)
        print(f"{asked.kind}: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
        return 0
    chosen = [kind.name for kind in KINDS if asked.kind in (None, kind.name)]
    return max(_in_own_process(name, asked.count) for name in chosen)


def _in_own_process(name: str, count: int) -> int:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    arguments = ["-m", "bench.fuzz_files", str(count), "--kind", name, "--here", str(folder)]
    status = subprocess.run([sys.executable, *arguments], check=False).returncode
    if status:
        print(f"{name}: status {status}, at {folder / name}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


def break_all(kind: Kind, count: int, folder: Path) -> Counter[str]:
    """Break a file so many times, each in the folder, and count the outcomes."""
    outcomes: Counter[str] = Counter()
    path, sound, rng = folder / kind.name, kind.sound(), np.random.default_rng(0)
    progress = Progress(count, unit="files", doing=kind.name)
    try:
        for done in range(count):
            if done % SHOWN_EVERY == 0:
                progress.update(done, _shares(outcomes), report=done % (10 * SHOWN_EVERY) == 0)
            path.write_bytes(broken(sound, kind.text, rng))
            outcomes[outcome(kind, path)] += 1
        progress.update(count, _shares(outcomes), report=True)
    finally:
        progress.close()
    return outcomes


def _shares(outcomes: Counter[str]) -> dict[str, float]:
    """How many of a hundred files came to what."""
    return {f"{what}, %": 100 * n / outcomes.total() for what, n in sorted(outcomes.items())}


def outcome(kind: Kind, path: Path) -> str:
    """What becomes of a file: "refused", or what its reader says; anything else is raised."""
    try:
        return kind.read(path)
    except UserError:
        return "refused"


def broken(sound: bytes, text: bool, rng: np.random.Generator) -> bytes:
    """A file with one to three things wrong with it."""
    data = bytearray(sound)
    for _ in range(rng.integers(1, 4)):
        # Half of them near an end: a network's structure and metadata are there, weights between.
        edge = min(len(data), 4096)
        near = int(rng.integers(edge)) if edge else 0
        at = (near, len(data) - 1 - near, int(rng.integers(len(data) + 1)))[rng.integers(3)]
        at, size = max(at, 0), int(rng.integers(1, 64))
        match rng.integers(7 if text else 6):
            case 0 if data:
                data[min(at, len(data) - 1)] ^= 1 << int(rng.integers(8))
            case 1:
                del data[at:]
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size]
            case 4:
                data[at : at + size] = rng.bytes(size)
            case 5:
                data[at : at + 4] = rng.choice([b"\xff\xff\x7f\x7f", b"\0\0\xc0\x7f", bytes(4)])
            case _:
                _replace_word(data, at, rng)
    return bytes(data)


def _replace_word(data: bytearray, at: int, rng: np.random.Generator) -> None:
    ends = b" ,:[]{}\n"
    start = next((i for i in range(at, 0, -1) if data[i - 1] in ends), 0)
    end = next((i for i in range(at, len(data)) if data[i] in ends), len(data))
    data[start:end] = NASTY[rng.integers(len(NASTY))].encode()


if __name__ == "__main__":
    sys.exit(main())
