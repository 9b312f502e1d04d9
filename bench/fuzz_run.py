"""`python -m bench.fuzz_run [COUNT]`: a runtime that is told broken LowStates, 100,000 by default.

Runs of the whole controller, of a G1 and of a Go2, over the wire's bytes: each is brought to one
of its states, then told broken messages between good ones, until it damps. Half of them are the
mutants of `bench.fuzz`, half what the robot says with one to three numbers changed and the checksum
right. Printed is which rule ended how many runs. Exit status 1 where code failed, a command could
not be sent, for a number that is not finite, or anything but damping was sent from the one on in
which a run was ended.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat

import numpy as np

import robots
from bench.faults_walk import is_damping
from bench.fuzz import COUNT, STRANGE, mutants
from deploy.link import REMOTE_BYTES, MotorCommand, RobotState
from deploy.policy import Policy
from deploy.runtime.controller import Controller
from deploy.runtime.inputs import Wish
from deploy.runtime.limits import Limits
from deploy.runtime.parts import Parts
from deploy.runtime.policy_step import PolicyStep
from deploy.runtime.states import Event, State
from deploy.runtime.stopping import Stopping
from deploy.runtime.tick_log import TickLog
from deploy.runtime.worker import InlineWorker
from deploy.wire.codec import Codec
from deploy.wire.endpoint import Endpoint
from deploy.wire.remote import HEAD

N_COMMANDS, STREAM_DT = 4, 0.005
STRIDE = 7
"""Commands left out at a time while a run is brought to its state: just short of a fault."""
STATES = (State.ZERO_TORQUE, State.MOVE, State.HOLD, State.POLICY)
ASKED = {State.MOVE: Event.START, State.POLICY: Event.A}
MOST = 40
"""Mutants after which a run that goes on is ended."""
AFTER = 5
"""Mutants that a run which damps is told in all, from the one on that ended it."""
BUGS = ("runtime", "policy crash", "link")
"""Rules that no message may call up: they are about our own code."""


def slips(codec: Codec, rng: np.random.Generator) -> Callable[[bytes], bytes]:
    """Changes one to three numbers of a packed message, and gives it sealed for the network."""
    struct = codec.state_type
    numbers = list(struct.numbers())

    def slip(packed: bytes) -> bytes:
        changed = bytearray(packed)
        for _ in range(rng.integers(1, 4)):
            offset, size = numbers[rng.integers(len(numbers))]
            value = rng.bytes(size)
            if size == 4 and rng.random() < 0.8:
                small = rng.normal() * 10.0 ** rng.uniform(-2, 2)
                value = np.float32(rng.choice(STRANGE) if rng.random() < 0.2 else small).tobytes()
            changed[offset : offset + size] = value
        return struct.to_cdr(struct.seal(struct.unpack(changed)))

    return slip


class BadRunError(Exception):
    """The runtime did what it must not."""


class Wire:
    """A robot that is where it is told to be, behind the bytes of its messages; and its operator.

    Args:
        policy: The policy.
    """

    def __init__(self, policy: Policy) -> None:
        self.contract = policy.contract
        self._end = Endpoint(robots.load(self.contract.robot))
        self.codec, self.num_motors = self._end.codec, self._end.codec.num_motors
        self.time_s, self.asks = 100.0, list[Event]()
        self.sent: list[MotorCommand] = []
        n = self.num_motors
        self._pos = np.zeros(n, np.float32)
        self._nothing = np.zeros(n, np.float32)
        self._cool, self._well = np.full(n, 40, np.int16), np.zeros(n, np.uint32)
        self.say()

    def say(self) -> None:
        """A good message."""
        state = RobotState(
            stamp_s=self.time_s,
            tick=round(1e3 * self.time_s),
            joint_pos=self._pos,
            joint_vel=self._nothing,
            torque=self._nothing,
            temperature=self._cool,
            motor_error=self._well,
            quat=np.asarray([1, 0, 0, 0], np.float32),
            gyro=np.zeros(3, np.float32),
            mode_machine=5,
            remote=HEAD.ljust(REMOTE_BYTES, b"\0"),
            rejected=0,
        )
        self.said = self.codec.encode_state(state, np.zeros(3))
        self._end.take(self.said, self.time_s)

    def hear(self, data: bytes) -> None:
        """Bytes from the network."""
        self._end.take(self.codec.state_type.from_cdr(data), self.time_s)

    @property
    def last_rejection(self) -> str:
        """Why the newest rejected message was rejected."""
        return self._end.last_rejection

    def now(self) -> float:
        """The wire's own time, s."""
        return self.time_s

    def read(self) -> RobotState | None:
        """The newest state."""
        return self._end.read()

    def send(self, command: MotorCommand) -> None:
        """Take a command, as bytes and back."""
        self.codec.decode_command(self._end.command(command))
        self.sent.append(command)
        stiff = command.kp > 0
        self._pos = np.where(stiff, command.q, self._pos).astype(np.float32)

    def close(self) -> None:
        """Nothing to let go of."""

    def poll(self, now: float, robot: RobotState | None) -> Wish:
        """What is asked for, once; and forward."""
        asked, self.asks = self.asks, []
        return Wish((0.5, 0.0, 0.0), tuple(asked), "")


class Run:
    """One run of the controller.

    Args:
        policy: The policy.
    """

    def __init__(self, policy: Policy) -> None:
        self.wire, self._index = Wire(policy), 5
        parts = Parts(
            contract=policy.contract,
            link=self.wire,
            worker=InlineWorker(PolicyStep(policy)),
            source=self.wire,
            stopping=Stopping(),
            log=TickLog(None, threaded=False),
            limits=Limits(),
        )
        self.controller = Controller(parts, N_COMMANDS)

    def tick(self, commands: int = 1) -> State:
        """The next command, or the one after some that are left out."""
        self._index += commands
        self.wire.time_s += commands * STREAM_DT
        return self.controller.tick(self._index)

    def reach(self, wanted: State) -> None:
        """Bring it to a state, by good messages."""
        for state in STATES[: STATES.index(wanted) + 1]:
            if state in ASKED:
                self.wire.asks.append(ASKED[state])
            while self.controller.state is not state:
                self.wire.say()
                if self.tick(1 if state is State.POLICY else STRIDE) is State.DAMPING:
                    raise BadRunError("\n".join(self.controller.summary.notes))

    def face(self, broken: Iterator[bytes], slip: Callable[[bytes], bytes]) -> str:
        """Be told mutants until some after it damps.

        Args:
            broken: Mutants; where one is empty, the wire's own message is changed instead.
            slip: Changes it.

        Returns:
            The rule that ended it, or "goes on".
        """
        left = AFTER
        for data in islice(broken, MOST):
            self.wire.say()
            self.wire.hear(data or slip(self.wire.said))
            before = len(self.wire.sent)
            ended = self.tick() is State.DAMPING
            if ended and not all(map(is_damping, self.wire.sent[before:])):
                raise BadRunError(f"not damped: {self.wire.sent[-1]}")
            left -= ended
            if not left:
                break
        self.controller.finish()
        if not is_damping(self.wire.sent[-1]):
            raise BadRunError(f"not damped at the end: {self.wire.sent[-1]}")
        if self.controller.summary.send_errors:
            raise BadRunError("\n".join(self.controller.summary.notes))
        if left == AFTER:
            return "goes on"
        (note,) = (n for n in self.controller.summary.notes if "-> damping (" in n)
        rule = note.partition("-> damping (")[2].partition(":")[0]
        if rule in BUGS:
            raise BadRunError(note)
        return rule


def count_runs(policy: Policy, count: int, seed: int) -> Counter[tuple[str, str]]:
    """Tell runs `count` mutants, and count by state and rule how they ended.

    Raises:
        BadRunError: If one did what it must not.
    """
    codec, rng = Wire(policy).codec, np.random.default_rng(seed)
    slip = slips(codec, rng)
    # By the run, for a stranger's message would end it before a slip could.
    strangers = (data for _, data in mutants(codec, count // 2, seed))
    broken, outcomes = (strangers, repeat(b"", count - count // 2)), Counter[tuple[str, str]]()
    for kind in broken:
        for first in kind:
            state = STATES[sum(outcomes.values()) % len(STATES)]
            run = Run(policy)
            run.reach(state)
            outcomes[state.value, run.face(chain((first,), kind), slip)] += 1
    return outcomes


def main() -> int:
    """Run, print how runs ended, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz_run", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=COUNT, help=f"mutants [{COUNT}]")
    count = parser.parse_args().count
    for name in ("g1", "go2"):
        try:
            outcomes = count_runs(Policy(f"policies/{name}/policy.onnx"), count // 2, seed=0)
        except BadRunError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        print(f"{name}: {count // 2} broken messages, {sum(outcomes.values())} runs")
        for (state, rule), times in sorted(outcomes.items()):
            print(f"  {state:16} {rule:20} {times:7}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
