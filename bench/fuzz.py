"""`python -m bench.fuzz [COUNT]`: LowStates broken in every way, 100,000 of them by default.

Each is either rejected or read as a state of finite numbers; anything else is a crash, and the
mutant's bytes are printed. The tests do the same with fewer.
"""

import argparse
from collections import Counter
from collections.abc import Iterator

import numpy as np

import robots
from deploy.link import RobotState
from deploy.wire.codec import Codec, RejectedMessageError
from deploy.wire.families import codec_for

COUNT = 100_000
STRANGE = (np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-45, 0.0)
"""Numbers that a broken sensor may say."""


def main() -> None:
    """Break COUNT messages of each family and count what becomes of them."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=COUNT, help=f"[{COUNT}]")
    count = parser.parse_args().count
    for name in ("g1", "go2"):
        codec = codec_for(robots.load(name))
        outcomes: Counter[str] = Counter()
        for how, data in mutants(codec, count, seed=0):
            try:
                outcomes[f"{how}: {outcome(codec, data)}"] += 1
            except Exception:
                print(f"{name}, {how}: {data.hex()}")
                raise
        print(f"{name}: {count} messages")
        for what, times in sorted(outcomes.items()):
            print(f"  {what:60} {times:7}")


def outcome(codec: Codec, data: bytes) -> str:
    """What becomes of bytes from the network: why they are rejected, or "read".

    Raises:
        ValueError: If they are read as a state that is not finite.
    """
    packed = codec.state_type.from_cdr(data)
    if packed is None:
        return "no such message"
    try:
        state = codec.decode_state(packed, stamp_s=0.0)
    except RejectedMessageError as error:
        return str(error)
    if not is_finite(state):
        raise ValueError(f"a state that is not finite: {state}")
    return "read"


def is_finite(state: RobotState) -> bool:
    """Whether every number of a state is finite."""
    numbers = (state.joint_pos, state.joint_vel, state.torque, state.quat, state.gyro)
    return all(bool(np.isfinite(values).all()) for values in numbers)


def mutants(codec: Codec, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Broken LowStates, as bytes from the network, each with how it was broken."""
    rng = np.random.default_rng(seed)
    struct = codec.state_type
    for index in range(count):
        # Over the network and back, so that no checksum is of padding, which does not travel.
        noise = struct.from_cdr(struct.to_cdr(rng.bytes(struct.size)))
        assert noise is not None
        record = struct.unpack(bytearray(noise))
        for field in ("quaternion", "gyroscope"):
            record["imu_state"][field] = rng.normal(size=record["imu_state"][field].shape)
        for field in ("q", "dq", "tau_est"):
            record["motor_state"][field] = rng.normal(size=codec.num_motors)
        how = ("bits", "length", "noise", "header", "sealed number", "sealed")[index % 6]
        if how == "sealed number":
            part, field = (("motor_state", "q"), ("imu_state", "gyroscope"))[index // 6 % 2]
            values = record[part][field]
            values[rng.integers(len(values))] = STRANGE[rng.integers(len(STRANGE))]
        data = bytearray(struct.to_cdr(struct.seal(record)))
        if how == "bits":
            for _ in range(rng.integers(1, 9)):
                data[rng.integers(4, len(data))] ^= 1 << rng.integers(8)
        elif how == "length":
            data = (data + bytes(64))[: rng.integers(len(data) + 64)]
        elif how == "noise":
            data[4:] = rng.bytes(len(data) - 4)
        elif how == "header":
            data[:4] = rng.bytes(4)
        yield how, bytes(data)


if __name__ == "__main__":
    main()
