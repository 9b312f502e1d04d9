"""One control period of a policy: readings in, joint targets out, and what it remembers."""

import time
from typing import NamedTuple

import numpy as np

from deploy.observations import Inputs, advance_phase, joint_targets, observe
from deploy.policy import Policy
from deploy.runtime.motors import Readings
from deploy.sensors import policy_inputs


class Request(NamedTuple):
    """What one run of the policy starts from.

    Args:
        step: Control period, counted from the start of the run.
        readings: The robot's.
        command: (3,) m/s, m/s, rad/s, base frame, as asked for.
        fresh: The policy takes over with this one: it remembers nothing.
    """

    step: int
    readings: Readings
    command: np.ndarray
    fresh: bool


class Decision(NamedTuple):
    """What came of it.

    Args:
        step: Of the request.
        inputs: What the policy looked at.
        observation: (observation_size,).
        action: (num_joints,).
        joint_targets: (num_joints,) rad.
        observe_s: How long the observation took, s.
        infer_s: How long the network took, s.
    """

    step: int
    inputs: Inputs
    observation: np.ndarray
    action: np.ndarray
    joint_targets: np.ndarray
    observe_s: float
    infer_s: float


class PolicyStep:
    """Runs a policy, and keeps its last action and the gait's phase.

    Args:
        policy: The policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy, self.contract = policy, policy.contract
        self._forget(0)

    def _forget(self, step: int) -> None:
        self._step = step
        self._phase = np.zeros(1, np.float32)
        self._last_action = np.zeros(self.contract.action_size, np.float32)

    def __call__(self, request: Request) -> Decision:
        """Run one control period.

        The gait's clock runs on through periods that were missed.
        """
        if request.fresh:
            self._forget(request.step)
        began_s = time.perf_counter()
        for _ in range(request.step - self._step):
            self._phase = advance_phase(self.contract, self._phase)
        sensors = request.readings.sensors(request.command, self._last_action, self._phase[0])
        inputs = policy_inputs(self.contract, sensors)
        observation = observe(self.contract, inputs)
        observed_s = time.perf_counter()
        action = self._policy(observation[None])[0]
        inferred_s = time.perf_counter()
        self._step, self._last_action = request.step, action
        return Decision(
            step=request.step,
            inputs=inputs,
            observation=observation,
            action=action,
            joint_targets=joint_targets(self.contract, action),
            observe_s=observed_s - began_s,
            infer_s=inferred_s - observed_s,
        )
