"""What chance decides in an episode, drawn before it starts from the episode's own seed."""

from dataclasses import dataclass

import numpy as np

from pipeline.config_gate import Sim2Sim
from pipeline.sim2sim.scenarios import Episode

START_JOINT_ERROR = 0.05
"""Half width of the joints' error at the start of an episode, rad."""
STUMBLE_JOINTS, STUMBLE_TURN = 0.6, 2.0
"""Joint error per rad of stumble, rad, and turning rate, rad/s."""
READINGS: tuple[str, ...] = ("gyro", "projected_gravity", "joint_pos", "joint_vel")
"""Sensor readings with noise of their own."""


@dataclass(frozen=True)
class Draws:
    """Draws of all episodes; what an episode's scenario does not use is zero.

    Args:
        start_joint_pos: (n, J) rad, added to the default pose.
        stumble_axis: (n, 2) unit vector in the plane, about which the base is tilted.
        push_angle: (n, pushes) rad, whither each push goes.
        encoder_offset: (n, J) rad.
        gyro_bias: (n, 3) rad/s.
        late_s: (T, n) s, on top of the latency.
        dropped: (T, n) whether a sensor frame is lost.
        noise: Reading -> (T, k, width) of the noisy episodes alone.
        noisy: (k,) which they are.
    """

    start_joint_pos: np.ndarray
    stumble_axis: np.ndarray
    push_angle: np.ndarray
    encoder_offset: np.ndarray
    gyro_bias: np.ndarray
    late_s: np.ndarray
    dropped: np.ndarray
    noise: dict[str, np.ndarray]
    noisy: np.ndarray


def draw(
    episodes: list[Episode], settings: Sim2Sim, seed: int, num_joints: int, steps: int, pushes: int
) -> Draws:
    """Draw all that chance decides.

    Args:
        episodes: The episodes.
        settings: The gate's settings, for the size of the noise.
        seed: The pipeline's seed.
        num_joints: Joints of the robot.
        steps: Control steps of an episode.
        pushes: Pushes in an episode.
    """
    n = len(episodes)
    late, dropped = np.zeros((steps, n)), np.zeros((steps, n), bool)
    start, encoder = np.zeros((n, num_joints)), np.zeros((n, num_joints))
    bias, axis, angle = np.zeros((n, 3)), np.zeros((n, 2)), np.zeros((n, pushes))
    noisy = [i for i, e in enumerate(episodes) if e.scenario.conditions.noise_scale]
    widths = dict(zip(READINGS, (3, 3, num_joints, num_joints), strict=True))
    noise = {name: np.zeros((steps, len(noisy), w), np.float32) for name, w in widths.items()}
    for i, episode in enumerate(episodes):
        conditions = episode.scenario.conditions
        # A stream for each: what one draws does not move the others.
        bodies, walk, sensors = (
            np.random.default_rng([*episode.seed(seed), stream]) for stream in range(3)
        )
        start[i] = bodies.uniform(-START_JOINT_ERROR, START_JOINT_ERROR, num_joints)
        encoder[i] = conditions.encoder_offset * bodies.uniform(-1, 1, num_joints)
        bias[i] = conditions.gyro_bias * _direction(bodies, 3)
        axis[i] = _direction(bodies, 2)
        fallen = STUMBLE_JOINTS * conditions.stumble
        start[i] += fallen * bodies.uniform(-1, 1, num_joints)
        angle[i] = walk.uniform(0, 2 * np.pi, pushes)
        if conditions.jitter_s:
            late[:, i] = walk.uniform(0, conditions.jitter_s, steps)
        if conditions.dropped_frames:
            dropped[:, i] = walk.uniform(size=steps) < conditions.dropped_frames
        if conditions.noise_scale:
            column = noisy.index(i)
            for name, width in widths.items():
                half = conditions.noise_scale * getattr(settings.noise, name)
                noise[name][:, column] = half * sensors.uniform(-1, 1, (steps, width))
    dropped[0] = False  # the first frame has none before it
    return Draws(start, axis, angle, encoder, bias, late, dropped, noise, np.asarray(noisy, int))


def _direction(rng: np.random.Generator, dimensions: int) -> np.ndarray:
    vector = rng.normal(size=dimensions)
    return vector / np.linalg.norm(vector)
