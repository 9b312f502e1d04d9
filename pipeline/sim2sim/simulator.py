"""A policy that drives the gate's robots, through the same `deploy` code as on the robot.

A finer step than in training, elliptic cones, self-collision and motors with a torque-speed limit.
"""

from collections import deque
from collections.abc import Callable

import numpy as np

from deploy.contract import PolicyContract
from deploy.observations import Inputs, advance_phase, joint_targets, observe
from pipeline.config import ConfigError
from pipeline.config_gate import Sim2Sim
from pipeline.sim2sim.draws import Draws, draw
from pipeline.sim2sim.motor import Motors
from pipeline.sim2sim.recording import Recorder, Recording
from pipeline.sim2sim.scenarios import Episode
from pipeline.sim2sim.sensors import Sensors
from pipeline.sim2sim.world import World
from robots import RobotSpec

LYING_S = 1.0
"""How long a robot that fell can be watched, s."""
Act = Callable[[np.ndarray], np.ndarray]
"""(n, observation_size) float32 -> (n, num_joints)."""
Watch = Callable[[Inputs, np.ndarray], None]
"""Is shown, at every control step, what the policy sees and the (n, 4) orientations, wxyz."""


class GateSimulator:
    """Many robots on one floor, each in its own episode, driven by one policy.

    What happens in an episode depends on the seed and the episode alone, not on what is simulated
    beside it.

    Args:
        contract: The policy's contract.
        robot: The robot.
        settings: The gate's settings.
        episodes: The episode of each robot; their floors are the same.
        seed: Seed of all that is drawn.
        threads: CPU threads; 0 takes one per core.

    Raises:
        ConfigError: If a physics step does not divide the control period.
    """

    def __init__(
        self,
        contract: PolicyContract,
        robot: RobotSpec,
        settings: Sim2Sim,
        episodes: list[Episode],
        seed: int,
        threads: int = 0,
    ) -> None:
        self.contract, self.settings, self.episodes = contract, settings, episodes
        self._seed = seed
        conditions = [episode.scenario.conditions for episode in episodes]
        self.world = World(robot, settings, conditions, threads)
        self._motors = Motors.of(contract, self.world.axes)
        step_s = np.asarray([c.sim_dt or settings.sim_dt for c in conditions])
        n_substeps = np.rint(contract.ctrl_dt / step_s).astype(int)
        off = np.abs(n_substeps * step_s - contract.ctrl_dt) > 1e-6
        if off.any() or not n_substeps.all():
            raise ConfigError(
                f"a physics step of {step_s[np.argmax(off)]:g} s (sim2sim's sim_dt) does not "
                f"divide the policy's control period, ctrl_dt {contract.ctrl_dt:g} s; name one "
                "that does"
            )
        self._groups = [
            (int(count), np.flatnonzero(n_substeps == count)) for count in np.unique(n_substeps)
        ]

    def run(
        self,
        policy: Act,
        commands: np.ndarray,
        watch: Watch | None = None,
        lying_s: float = LYING_S,
    ) -> Recording:
        """Run every episode through its commands.

        Args:
            policy: (n, observation_size) float32 -> (n, num_joints).
            commands: (T, n, 3) command of each control step.
            watch: Is shown what the policy sees.
            lying_s: How long a robot is simulated after its fall, s.

        Returns:
            What happened.
        """
        n, steps, world = len(self.episodes), len(commands), self.world
        interval = round(self.settings.push_interval_s / self.contract.ctrl_dt)
        draws = self._draw(steps, steps // interval + 1)
        world.start(draws)
        sensors, recorder = Sensors(draws), Recorder(steps)
        action = np.zeros((n, self.contract.action_size), np.float32)
        phase = np.zeros(n, np.float32)
        latency = world.axes["latency_s"][:, 0]
        # Targets of the last control periods, newest first: what latency reaches back to.
        depth = 2 + int((latency + draws.late_s.max(axis=0)).max() / self.contract.ctrl_dt)
        sent = deque([joint_targets(self.contract, action)] * depth, maxlen=depth)
        fell_at = np.full(n, steps)
        lying = round(lying_s / self.contract.ctrl_dt)
        for step in range(steps):
            if step and step % interval == 0:
                world.push(draws.push_angle[:, step // interval])
            inputs = sensors.read(
                step, world, command=commands[step], last_action=action, phase=phase
            )
            if watch:
                watch(inputs, world.quat.astype(np.float32))
            obs = observe(self.contract, inputs)
            action = policy(obs)
            sent.appendleft(joint_targets(self.contract, action))
            driven = self._drive(
                np.stack(sent),
                latency + draws.late_s[step],
                draws.encoder_offset,
                step - fell_at < lying,
            )
            phase = advance_phase(self.contract, phase)
            fell_at = np.where((fell_at == steps) & world.fallen(), step, fell_at)
            recorder.add(
                velocity=world.velocity(),
                action=action,
                qpos=world.travelled(),
                obs=obs,
                foot_height=world.foot_height(),
                foot_slip=world.foot_slip(),
                **driven,
            )
            world.put_back()
        return recorder.recording(commands, fell_at)

    def _draw(self, steps: int, pushes: int) -> Draws:
        joints = self.contract.action_size
        return draw(self.episodes, self.settings, self._seed, joints, steps, pushes)

    def _drive(
        self, history: np.ndarray, late_s: np.ndarray, offset: np.ndarray, going: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Step one control period; every motor closes its loop at each physics step.

        Args:
            history: (depth, n, num_joints) joint targets, newest first, rad.
            late_s: (n,) from action to motor, s.
            offset: (n, num_joints) by which the encoders are off, rad.
            going: (n,) which robots are simulated at all.

        Returns:
            Of the recording, what a control period shows only step by step: `torque` and
            `joint_vel`, `power`, `foot_force`, `self_contacts`.
        """
        world, ctrl_dt, n = self.world, self.contract.ctrl_dt, len(going)
        shown = {
            "torque": np.zeros_like(world.ctrl),
            "joint_vel": world.qvel[:, 6:].copy(),
            "power": np.zeros(n),
            "foot_force": np.zeros_like(world.foot_force()),
            "self_contacts": np.zeros(n),
        }
        for n_substeps, group in self._groups:
            ids = group[going[group]]
            if not ids.size:
                continue
            rows = ids if ids.size < n else slice(None)  # a slice copies nothing
            motors, off = self._motors.select(rows), offset[rows]
            seen = {name: values[rows] for name, values in shown.items()}
            age = late_s[rows] - np.arange(n_substeps)[:, None] * ctrl_dt / n_substeps
            periods = np.ceil(np.maximum(age, 0.0) / ctrl_dt - 1e-9).astype(int)
            for substep in range(n_substeps):
                error = history[periods[substep], ids] - world.qpos[rows, 7:] - off
                speed = world.qvel[rows, 6:].copy()
                torque = motors.torque(error, speed)
                world.ctrl[rows] = torque
                world.step(rows, measured=substep == n_substeps - 1)
                more = np.abs(torque) > np.abs(seen["torque"])
                seen["torque"] = np.where(more, torque, seen["torque"])
                seen["joint_vel"] = np.where(more, speed, seen["joint_vel"])
                seen["power"] = seen["power"] + np.abs(torque * speed).sum(axis=-1) / n_substeps
                for name, now in (
                    ("foot_force", world.foot_force()[rows]),
                    ("self_contacts", world.self_contacts[rows]),
                ):
                    seen[name] = np.maximum(seen[name], now)
            for name, values in shown.items():
                values[rows] = seen[name]
        world.restart_broken()
        for values in shown.values():
            values[world.broken] = 0.0
        return shown
