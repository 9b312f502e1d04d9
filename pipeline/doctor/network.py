"""The ONNX file run on ONNX Runtime, within limits of memory and time."""

import contextlib
import threading
from collections.abc import Iterator

import numpy as np
import onnxruntime

from pipeline.doctor.findings import DoctorError
from pipeline.doctor.graph import Graph
from pipeline.memory import memory_limit

MEMORY_BYTES = 2**31
"""What a policy may take on top of what this process has."""
TIME_LIMIT_S = 10.0
"""What one call may take: it is some thousands of rows at most."""
MAX_BATCH_ERROR = 1e-3
"""Between a row in a batch and the same row alone."""
NUMPY = {"float": np.float32, "double": np.float64, "float16": np.float16, "int64": np.int64}
"""Types of the inputs that are fed, by ONNX's names."""


class NetworkError(DoctorError):
    """ONNX Runtime cannot load or run the policy."""


class TooLargeError(NetworkError):
    """The policy asks for more memory than it may."""


class Network:
    """A policy as a function of its observation.

    Args:
        graph: The file. Its first input is the observation, (batch, n); its first output is the
            action; further inputs are fed zeros.

    Raises:
        NetworkError: If ONNX Runtime cannot load it, or not within the limits.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        # Folding constants would compute them while loading, outside the limit of time.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        with _limited("load"):
            self._session = onnxruntime.InferenceSession(
                graph.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        batch = graph.inputs[0].shape[0]
        self.free_batch = not isinstance(batch, int) and len(graph.inputs) == 1
        self._rows = batch if isinstance(batch, int) else 1
        self._rest = {
            tensor.name: np.zeros(
                [dim if isinstance(dim, int) else 1 for dim in tensor.shape],
                NUMPY.get(tensor.dtype, np.float32),
            )
            for tensor in graph.inputs[1:]
        }
        self.batch_problem = self._try_batches(graph.inputs[0].shape[1])

    def _try_batches(self, size: int | str) -> str | None:
        """Run it once, and see whether rows of a batch are answered as they are alone.

        Returns:
            What goes wrong with batches; from then on rows are run one by one.
        """
        rows = np.random.default_rng(0).normal(size=(3, int(size))).astype(np.float32)
        alone = np.concatenate([self(row[None]) for row in rows])
        if not self.free_batch:
            return None
        try:
            off = np.abs(self(rows) - alone)
        except NetworkError as problem:
            self.free_batch, reason = False, f"cannot take 3 rows at once ({problem})"
            return reason
        if off.max(initial=0.0) <= MAX_BATCH_ERROR or not np.isfinite(alone).all():
            return None
        self.free_batch = False
        return f"answers 3 rows at once {off.max():.3g} away from what it answers them one by one"

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Run the network: (n, inputs) -> (n, outputs) float32.

        Raises:
            NetworkError: If it cannot be run, or not within the limits.
        """
        with _limited("run") as options:
            if self.free_batch:
                return self._run(obs, options)
            rows = [np.repeat(row[None], self._rows, axis=0) for row in obs]
            return np.concatenate([self._run(row, options)[:1] for row in rows])

    def _run(self, obs: np.ndarray, options: onnxruntime.RunOptions) -> np.ndarray:
        tensor = self.graph.inputs[0]
        feed = {tensor.name: obs.astype(NUMPY.get(tensor.dtype, np.float32)), **self._rest}
        action = self._session.run([self.graph.outputs[0].name], feed, options)[0]
        return np.asarray(action, np.float32).reshape(len(obs), -1)


@contextlib.contextmanager
def _limited(doing: str) -> Iterator[onnxruntime.RunOptions]:
    """Limit memory and time, and make one line of whatever ONNX Runtime says."""
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    clock = threading.Timer(TIME_LIMIT_S, setattr, (options, "terminate", True))
    clock.daemon = True
    clock.start()
    try:
        with memory_limit(MEMORY_BYTES):
            yield options
    except Exception as problem:  # ONNX Runtime raises many unrelated types
        reason = " ".join(str(problem).split()) or type(problem).__name__
        if options.terminate:
            reason = f"it took more than {TIME_LIMIT_S:g} s"
        elif isinstance(problem, MemoryError) or "alloc" in reason:
            raise TooLargeError(
                f"to {doing} it takes more than {MEMORY_BYTES:,} bytes of memory ({reason[:150]})"
            ) from problem
        raise NetworkError(f"ONNX Runtime cannot {doing} it: {reason}") from problem
    finally:
        clock.cancel()
