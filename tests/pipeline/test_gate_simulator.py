"""The gate's motors and simulator: what each condition does to the robots."""

from types import SimpleNamespace

import mujoco
import numpy as np
import pytest

from deploy.frames import projected_gravity
from deploy.observations import term_slice
from pipeline.config import ConfigError
from pipeline.env import contract_of
from pipeline.sim2sim import draws, motor
from pipeline.sim2sim.bodies import body_fields, gate_model
from pipeline.sim2sim.floor import Floor
from pipeline.sim2sim.motor import CONSTANT_TORQUE_SHARE, motor_torque
from pipeline.sim2sim.scenarios import NOMINAL, Episode, episodes_of, mixed, numbered
from pipeline.sim2sim.simulator import GateSimulator


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """MuJoCo logs its warnings into the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def contract(make_config, go2):
    return contract_of(make_config().task, go2)


@pytest.fixture(scope="module")
def simulate(make_config, go2, contract):
    """Make the gate's simulator of some cases, with some of its settings changed."""

    def make(cases, seed=1, **changes):
        changes = {f"sim2sim.{name}": value for name, value in changes.items()}
        settings = make_config(changes).sim2sim
        return GateSimulator(contract, go2, settings, numbered(cases), seed)

    return make


def stand(obs):
    return np.zeros((len(obs), 12), np.float32)


def still(steps, n):
    return np.zeros((steps, n, 3))


# Motors: 10 N m, 5 rad/s without load, full torque up to 3 rad/s, half of it at 4


MOTOR = SimpleNamespace(effort_limit=(10.0,), velocity_limit=(5.0,))


@pytest.mark.parametrize(
    ("wanted", "speed", "given"),
    [
        (0.0, 0.0, 0.0),
        (4.0, 0.0, 4.0),
        (-4.0, 2.0, -4.0),
        (15.0, 0.0, 10.0),  # the limit
        (-15.0, 0.0, -10.0),
        (10.0, 3.0, 10.0),  # the end of full torque
        (10.0, 4.0, 5.0),  # half of what is left
        (4.0, 4.0, 4.0),  # less than that
        (-10.0, -4.0, -5.0),  # the same the other way
        (10.0, 5.0, 0.0),  # no-load speed
        (10.0, 9.0, 0.0),  # faster: still nothing, and no braking
        (-10.0, -9.0, 0.0),
        (10.0, -4.0, 10.0),  # braking: all of it
        (-10.0, 4.0, -10.0),
        (-15.0, 50.0, -10.0),  # braking at any speed
    ],
)
def test_motor_torque(wanted, speed, given):
    assert CONSTANT_TORQUE_SHARE == 0.6
    torque = motor_torque(np.array([[wanted]]), np.array([[speed]]), MOTOR)
    assert torque == pytest.approx(np.array([[given]]))


def test_motor_torque_of_each_joint_by_itself(contract):
    limit, speed = np.asarray(contract.effort_limit), np.asarray(contract.velocity_limit)
    wanted = np.stack([2 * limit, -2 * limit])
    assert motor_torque(wanted, 0 * wanted, contract) == pytest.approx(np.stack([limit, -limit]))
    fast = np.stack([0.8 * speed, -0.8 * speed])
    assert motor_torque(wanted, fast, contract) == pytest.approx(np.stack([limit / 2, -limit / 2]))


# What a scenario does to the simulator


def case(**conditions):
    return mixed("test", **conditions)


def moved(recording):
    """(T, n, 2) where the bases are, m."""
    return recording.qpos[:, :, :2]


def test_friction(simulate):
    # Pushed while standing, a robot on ice slides on and one on rubber does not.
    cases = [case(friction=0.05, push_speed=0.6), case(friction=1.2, push_speed=0.6)]
    qpos = simulate(cases, push_interval_s=0.5).run(stand, still(50, 2)).qpos
    moved = np.linalg.norm(qpos[-1, :, :2] - qpos[24, :, :2], axis=1)
    assert moved[0] > 2 * moved[1]


def test_friction_of_every_shape(simulate):
    sim = simulate([case(friction=0.3), NOMINAL, case(friction=1.2)])
    friction = sim.world.batch.expand("geom_friction")[:, :, 0]
    assert np.unique(friction[0]) == 0.3 and np.unique(friction[2]) == 1.2
    assert np.unique(friction[1]) == NOMINAL.conditions.friction


def test_payload_is_carried_by_the_feet(simulate):
    payloads = [0.0, 3.0, -1.0]
    sim = simulate([case(payload_kg=payload) for payload in payloads])
    sim.run(stand, still(100, 3))
    weight = sim.world.foot_force().sum(axis=1) / 9.81
    assert weight - weight[0] == pytest.approx(payloads, abs=0.15)
    assert weight[0] == pytest.approx(15.0, rel=0.05)  # the Go2 itself


def test_an_impossible_payload_is_refused(simulate):
    with pytest.raises(ConfigError, match=r"payload_kg: -7\.0 .* 6\.921 kg"):
        simulate([NOMINAL, case(payload_kg=-7.0)])


def test_motor_strength_scales_the_torque(simulate, monkeypatch):
    monkeypatch.setattr(draws, "START_JOINT_ERROR", 0.0)
    strengths = np.array([1.0, 0.8, 1.1])
    # One substep in a control period: all motors see the same joint angles.
    sim = simulate([case(motor_strength=s) for s in strengths], sim_dt=0.02)
    up = np.full((3, 12), 0.1, np.float32)
    episodes = sim.run(lambda obs: up, still(1, 3)).episodes
    torque = episodes.torque[0]
    assert np.abs(torque[0]).min() > 0.5
    assert torque == pytest.approx(strengths[:, None] * torque[0], rel=1e-12)


@pytest.fixture
def sent_targets(monkeypatch, contract):
    """Joint targets the motors aim at, substep by substep, read off the torque they want."""
    seen, sims = [], []
    kp, kd = np.asarray(contract.kp), np.asarray(contract.kd)

    def spy(wanted, joint_vel, contract, *rest):
        seen.append((wanted + kd * joint_vel) / kp + sims[0].world.qpos[:, 7:])
        return motor_torque(wanted, joint_vel, contract, *rest)

    monkeypatch.setattr(motor, "motor_torque", spy)
    return seen, sims


@pytest.mark.parametrize(
    ("latency_s", "late"),
    [(0.0, 0), (0.002, 1), (0.01, 5), (0.02, 10), (0.022, 11), (0.03, 15), (0.04, 20), (0.06, 30)],
)
def test_latency_is_its_number_of_substeps(simulate, contract, sent_targets, latency_s, late):
    seen, sims = sent_targets
    sim = simulate([case(latency_s=latency_s), NOMINAL], sim_dt=0.002)
    sims.append(sim)
    calls = iter(range(1, 10))

    def count(obs):
        """The k-th action is 0.01 k, for every joint."""
        return np.full((len(obs), 12), 0.01 * next(calls), np.float32)

    sim.run(count, still(6, 2))
    targets = np.stack(seen) - np.asarray(contract.default_joint_pos)
    number = np.rint(targets / (0.01 * contract.action_scale[0])).astype(int)
    substep = np.arange(60)
    assert (number[:, 1] == (1 + substep // 10)[:, None]).all()
    wanted = np.where(substep < late, 0, 1 + (substep - late) // 10)
    assert (number[:, 0] == wanted[:, None]).all()


def test_latency_in_one_scenario_does_not_delay_another(simulate, sent_targets):
    seen, sims = sent_targets
    sim = simulate([case(latency_s=0.03), case(latency_s=0.01), NOMINAL])
    sims.append(sim)
    sim.run(lambda obs: np.full((len(obs), 12), 0.1, np.float32), still(2, 3))
    moved = np.stack(seen)[:, :, 0] > sim.contract.default_joint_pos[0] + 0.01
    assert moved.argmax(axis=0).tolist() == [15, 5, 0]


def recorded_observations(sim, steps, n):
    seen = []

    def policy(obs):
        seen.append(obs.copy())
        return stand(obs)

    sim.run(policy, still(steps, n))
    return np.stack(seen)


def test_noise_is_within_its_half_width_times_its_scale(simulate, contract, monkeypatch):
    monkeypatch.setattr(draws, "START_JOINT_ERROR", 0.0)
    widths = {"gyro": 0.2, "projected_gravity": 0.05, "joint_pos": 0.01, "joint_vel": 1.0}
    scales = [0.0, 1.0, 2.0]
    noise = {f"noise.{name}": width for name, width in widths.items()}
    sim = simulate([case(noise_scale=scale) for scale in scales], **noise)
    obs = recorded_observations(sim, 20, 3)
    exact = obs[:, :1]  # all stand alike; without noise they read alike
    off = np.abs(obs - exact)
    for term in contract.observation:
        where = term_slice(contract, term.name)
        raw = (off[:, :, where.start : where.stop] / np.asarray(term.scale)).max(axis=(0, 2))
        half = widths.get(term.name, 0.0)
        assert raw[0] == 0.0
        for scale, largest in zip(scales[1:], raw[1:], strict=True):
            assert 0.9 * scale * half <= largest <= scale * half + 1e-5, term.name


def test_without_noise_the_policy_reads_the_truth(simulate, contract):
    sim = simulate([NOMINAL])
    obs = recorded_observations(sim, 3, 1)
    sim = simulate([NOMINAL])
    qpos = sim.run(stand, still(3, 1)).qpos[:, 0, 7:]
    where = term_slice(contract, "joint_pos")
    read = obs[1:, 0, where.start : where.stop] + np.asarray(contract.default_joint_pos)
    assert read == pytest.approx(qpos[:2], abs=1e-6)


def test_a_push_is_a_jump_of_the_horizontal_velocity(simulate):
    sim = simulate([case(push_speed=0.5), NOMINAL, case(push_speed=1.0)])
    angle = np.array([0.0, 1.0, np.pi / 2])
    before = sim.world.qvel.copy()
    sim.world.push(angle)
    jump = sim.world.qvel - before
    assert jump[:, :2] == pytest.approx(np.array([[0.5, 0.0], [0.0, 0.0], [0.0, 1.0]]), abs=1e-12)
    assert (jump[:, 2:] == 0).all()


def test_pushed_robots_part_from_the_others_at_the_push_and_not_before(simulate, monkeypatch):
    monkeypatch.setattr(draws, "START_JOINT_ERROR", 0.0)
    sim = simulate([NOMINAL, case(push_speed=0.5)], push_interval_s=0.2)
    qpos = sim.run(stand, still(15, 2)).qpos
    apart = np.abs(qpos[:, 0] - qpos[:, 1]).max(axis=1) > 1e-6
    assert apart.tolist() == [False] * 10 + [True] * 5


def test_the_simulator_is_not_that_of_training(simulate):
    model = simulate([NOMINAL], sim_dt=0.001, integrator="RK4").world.batch.model
    assert model.opt.timestep == 0.001
    assert model.opt.cone == 1  # elliptic
    assert model.opt.integrator == 1  # RK4
    collides = model.geom_contype & 2
    assert (model.geom_conaffinity[collides > 0] & 2).all() and collides.any()
    assert (model.actuator_gainprm[:, 0] == 1).all()  # torque, not position


# Episodes


def test_standing_robots_do_not_fall(simulate):
    sim = simulate([NOMINAL] * 3)
    found = sim.run(stand, still(50, 3))
    episodes, qpos = found.episodes, found.qpos
    assert episodes.fell_at.tolist() == [50] * 3
    assert qpos[-1, :, 2] == pytest.approx([0.295] * 3, abs=0.01)  # the servos give way a little
    assert episodes.velocity.shape == (50, 3, 3)
    assert episodes.command.shape == (50, 3, 3)
    assert np.abs(episodes.velocity[25:]).max() < 0.1
    assert len(np.unique(qpos[0], axis=0)) == 3  # each starts with its own joint errors


def test_a_robot_that_lets_go_falls(simulate):
    # Legs straight up: the base comes down.
    sim = simulate([NOMINAL, NOMINAL])
    fold = np.zeros((2, 12), np.float32)
    fold[0, 1::3], fold[0, 2::3] = 4.0, -4.0
    episodes = sim.run(lambda obs: fold, still(50, 2)).episodes
    assert episodes.fell.tolist() == [True, False]
    assert 5 < episodes.fell_at[0] < 50


@pytest.mark.parametrize("bad", [1e8, np.nan])
def test_blown_up_physics_is_a_fall_and_the_others_go_on(simulate, bad):
    quiet = simulate([NOMINAL] * 3).run(stand, still(10, 3)).episodes
    sim = simulate([NOMINAL] * 3)
    calls = iter(range(100))

    def disturb(obs):
        if next(calls) == 4:
            sim.world.qvel[1] = bad
        return stand(obs)

    found = sim.run(disturb, still(10, 3))
    episodes, qpos = found.episodes, found.qpos
    assert episodes.fell_at.tolist() == [10, 4, 10]
    for name in ("velocity", "torque", "joint_vel", "foot_slip"):
        recorded = getattr(episodes, name)
        assert np.isfinite(recorded).all(), name
        assert np.array_equal(recorded[:, [0, 2]], getattr(quiet, name)[:, [0, 2]]), name
    assert np.isfinite(qpos).all()


def test_an_action_that_is_no_number_is_a_fall(simulate):
    sim = simulate([NOMINAL] * 2)

    def policy(obs):
        action = stand(obs)
        action[1] = np.nan
        return action

    found = sim.run(policy, still(5, 2))
    episodes, qpos = found.episodes, found.qpos
    assert episodes.fell_at.tolist() == [5, 0]
    assert np.isfinite(qpos).all()


def test_running_again_starts_afresh(simulate):
    sim = simulate([NOMINAL] * 2)
    sim.run(lambda obs: np.full((2, 12), np.nan, np.float32), still(3, 2))
    episodes = sim.run(stand, still(10, 2)).episodes
    assert episodes.fell_at.tolist() == [10, 10]


def test_same_seed_same_episodes(simulate):
    cases = [case(noise_scale=1.0, push_speed=0.5), NOMINAL]
    runs = [
        simulate(cases, seed, push_interval_s=0.2).run(stand, still(20, 2)).qpos
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_an_episode_is_the_same_whatever_runs_beside_it(simulate, contract, go2, make_config):
    conditions = {"noise_scale": 1.0, "push_speed": 0.5, "jitter_s": 0.02, "dropped_frames": 0.3}
    settings = make_config({"sim2sim.push_interval_s": 0.2}).sim2sim
    episode = Episode(case(**conditions), 5)
    others = episodes_of(case(noise_scale=2.0), 2)

    def run(episodes):
        simulator = GateSimulator(contract, go2, settings, episodes, 1)
        return simulator.run(stand, still(20, len(episodes))).qpos

    alone = run([episode])[:, 0]
    assert np.array_equal(alone, run([*others, episode])[:, 2])
    assert not np.array_equal(alone, run([Episode(episode.scenario, 6)])[:, 0])


# Each condition, by what it does


def stances(simulate, conditions, steps=100, **changes):
    """Recording of robots that stand under these conditions and, last, of a nominal one."""
    sim = simulate([*(case(**c) for c in conditions), NOMINAL], **changes)
    return sim.run(stand, still(steps, len(conditions) + 1))


def test_a_soft_floor_gives_way(simulate):
    height = stances(simulate, [{"floor_softness_s": 0.1}]).foot_height[-1].mean(axis=1)
    assert height[0] < height[1] - 0.002


def test_a_slope_tilts_the_robot_and_its_feet_stand_on_it(simulate):
    found = stances(simulate, [{"slope": 0.15}, {"slope": -0.15}])
    assert not found.episodes.fell.any()
    w, x, y, z = np.moveaxis(found.qpos[-1, :, 3:7], -1, 0)
    pitch = np.arcsin(2 * (w * y - z * x))
    assert pitch == pytest.approx([-0.15, 0.15, 0.0], abs=0.06)
    assert np.abs(found.foot_height[-1]).max() < 0.01  # by the floor under each foot


def test_a_shifted_centre_of_mass_loads_the_feet_on_its_side(simulate):
    found = stances(simulate, [{"com_x": 0.05}, {"com_y": 0.05}])
    fl, fr, rl, _ = np.moveaxis(found.foot_force[-20:].mean(axis=0), -1, 0)
    assert fl[0] + fr[0] > fl[2] + fr[2] + 5 and abs(fl[0] - fr[0]) < 5
    assert fl[1] + rl[1] > fl[2] + rl[2] + 5


def test_a_centre_of_mass_is_shifted_along_each_axis_alone(go2, make_config):
    settings = make_config().sim2sim
    model = gate_model(go2, settings, Floor.of(NOMINAL.conditions))
    shifts = [{"com_x": 0.01}, {"com_y": 0.02}, {"com_z": 0.03}, {}]
    fields = body_fields(model, go2, [case(**shift).conditions for shift in shifts])
    base = model.body(go2.base_body).id
    moved = fields["body_ipos"] - model.body_ipos
    assert moved[:, base] == pytest.approx(np.diag([0.01, 0.02, 0.03, 0.0])[:, :3])
    assert not np.delete(moved, base, axis=1).any()


def test_gains_scale_the_torque(simulate, monkeypatch):
    monkeypatch.setattr(draws, "START_JOINT_ERROR", 0.0)
    sim = simulate([case(kp_scale=1.5), case(kd_scale=2.0), NOMINAL], sim_dt=0.02)
    up = np.full((3, 12), 0.1, np.float32)
    torque = sim.run(lambda obs: up, still(1, 3)).episodes.torque[0]
    assert torque[0] == pytest.approx(1.5 * torque[2])
    assert torque[1] == pytest.approx(torque[2])  # nothing moves yet


def test_each_motors_condition_reaches_its_robot_alone(simulate, contract):
    """Joints that turn as they are pushed, at 0.7 of their no-load speed."""
    cases = [case(kd_scale=2.0), case(full_torque_share=0.2), case(battery_sag=0.25), NOMINAL]
    sim = simulate(cases)
    speed = 0.7 * np.tile(np.asarray(contract.velocity_limit), (4, 1))
    limit, kd = np.asarray(contract.effort_limit), np.asarray(contract.kd)
    braked = sim._motors.torque(np.zeros((4, 12)), speed)
    assert braked[3] == pytest.approx(np.maximum(-kd * speed[3], -limit))
    assert braked[0] == pytest.approx(np.maximum(-2 * kd * speed[3], -limit))
    assert (braked[0] < braked[3]).any()
    pushed = sim._motors.torque(np.full((4, 12), 1e3), speed)
    assert pushed[3] == pytest.approx(limit * 0.3 / 0.4)
    assert pushed[0] == pytest.approx(pushed[3])
    assert pushed[1] == pytest.approx(limit * 0.3 / 0.8)
    assert pushed[2] == pytest.approx(limit * (1 - 0.7 / 0.75) / 0.4)


def test_a_strong_motor_gives_more_than_the_figures_say(make_config, go2, contract):
    """The model does not cut off what `Motors` gives."""
    model = gate_model(go2, make_config().sim2sim, Floor.of(NOMINAL.conditions))
    data = mujoco.MjData(model)
    data.ctrl = 1.4 * np.asarray(contract.effort_limit)
    mujoco.mj_forward(model, data)
    assert data.actuator_force == pytest.approx(1.4 * np.asarray(contract.effort_limit))
    assert data.qfrc_actuator[6:] == pytest.approx(1.4 * np.asarray(contract.effort_limit))


@pytest.mark.parametrize("sim_dt", [0.003, 0.03])
def test_a_step_that_does_not_divide_the_control_period_is_refused(simulate, sim_dt):
    with pytest.raises(ConfigError, match=rf"step of {sim_dt} s .* ctrl_dt 0\.02 s"):
        simulate([NOMINAL, case(sim_dt=sim_dt)])


def test_a_sagging_battery_and_an_early_knee_leave_less_torque_at_speed():
    wanted, speed = np.full((1, 1), 10.0), np.full((1, 1), 3.0)
    assert motor_torque(wanted, speed, MOTOR)[0, 0] == 10.0
    assert motor_torque(wanted, speed, MOTOR, voltage=0.8)[0, 0] == pytest.approx(6.25)
    assert motor_torque(wanted, speed, MOTOR, full_torque_share=0.2)[0, 0] == pytest.approx(5.0)


def test_jitter_delays_by_up_to_its_size(contract, make_config):
    found = draws.draw(numbered([case(jitter_s=0.03)] * 3), make_config().sim2sim, 1, 12, 400, 1)
    assert found.late_s.min() >= 0 and 0.028 < found.late_s.max() <= 0.03
    assert found.late_s.mean() == pytest.approx(0.015, abs=0.002)


def test_jitter_makes_targets_late_anew_every_period(simulate, contract, sent_targets):
    seen, sims = sent_targets
    sim = simulate([case(jitter_s=0.018), NOMINAL], sim_dt=0.002)
    sims.append(sim)
    calls = iter(range(1, 100))
    sim.run(lambda obs: np.full((2, 12), 0.01 * next(calls), np.float32), still(20, 2))
    targets = np.stack(seen)[:, :, 0] - contract.default_joint_pos[0]
    number = np.rint(targets / (0.01 * contract.action_scale[0])).astype(int)
    late = [(number[10 * k : 10 * k + 10, 0] == k).sum() for k in range(20)]
    assert max(late) <= 9 and len(set(late)) > 4
    assert (number[:, 1] == 1 + np.arange(200) // 10).all()


def test_a_lost_frame_repeats_the_one_before(simulate, contract, monkeypatch):
    sim = simulate([case(dropped_frames=0.5, push_speed=0.5)], push_interval_s=0.1)
    obs = recorded_observations(sim, 60, 1)[:, 0]
    where = term_slice(contract, "joint_vel")
    repeated = (obs[1:, where.start : where.stop] == obs[:-1, where.start : where.stop]).all(axis=1)
    assert 15 < repeated.sum() < 45
    command, phase = term_slice(contract, "command"), term_slice(contract, "phase")
    assert (np.diff(obs[:, phase.start : phase.stop], axis=0) != 0).any(axis=1).all()  # the clock
    assert (obs[:, command.start : command.stop] == 0).all()


def test_gyro_bias_and_encoder_offset_are_constant_errors(simulate, contract, monkeypatch):
    monkeypatch.setattr(draws, "START_JOINT_ERROR", 0.0)
    sim = simulate([case(gyro_bias=0.3), case(encoder_offset=0.05), NOMINAL])
    obs = recorded_observations(sim, 1, 3)[0]
    gyro, joints = term_slice(contract, "gyro"), term_slice(contract, "joint_pos")
    off = obs - obs[2]
    scale = contract.observation[gyro.place].scale[0]
    assert np.linalg.norm(off[0, gyro.start : gyro.stop]) == pytest.approx(0.3 * scale, rel=1e-4)
    wrong = off[1, joints.start : joints.stop]
    assert 0.02 < np.abs(wrong).max() <= 0.05 and len(np.unique(wrong)) == 12


def test_a_motor_closes_its_loop_on_the_angle_it_measures(simulate, contract):
    # Standing, the joints settle where the encoders read the default pose: off by the offset.
    found = stances(simulate, [{"encoder_offset": 0.1}], steps=150)
    settled = found.qpos[-1, :, 7:]
    assert np.abs(settled[0] - settled[1]).max() > 0.05


def test_a_drop_starts_in_the_air_and_a_stumble_tilted_above_the_floor(simulate):
    found = stances(simulate, [{"drop_height": 0.1}, {"stumble": 0.4}], steps=2)
    assert found.foot_height[0, 0].min() > 0.08
    gravity = projected_gravity(found.qpos[0, :, 3:7])
    assert np.arccos(-gravity[1, 2]) == pytest.approx(0.4, abs=0.05)
    assert found.foot_height[0, 1].min() > -0.01
    assert np.arccos(-gravity[2, 2]) < 0.05


def test_each_robot_has_its_own_physics_step_integrator_and_cone(simulate):
    cases = [case(sim_dt=0.004), case(integrator="RK4"), case(cone="pyramidal"), NOMINAL]
    sim = simulate(cases)
    models = [sim.world.batch.get_model(i) for i in range(4)]
    assert [m.opt.timestep for m in models] == [0.004, 0.002, 0.002, 0.002]
    assert [m.opt.integrator for m in models] == [0, 1, 0, 0]
    assert [m.opt.cone for m in models] == [1, 1, 0, 1]
    found = sim.run(stand, still(25, 4))
    assert not found.episodes.fell.any()
    assert found.qpos[-1, :, 2] == pytest.approx([0.295] * 4, abs=0.01)


def test_self_contacts_are_counted(simulate):
    sim = simulate([NOMINAL, NOMINAL])
    legs_crossed = np.zeros((2, 12), np.float32)
    legs_crossed[0, 0::3] = np.array([-1.2, 1.2, -1.2, 1.2]) / 0.75
    found = sim.run(lambda obs: legs_crossed, still(40, 2))
    assert found.self_contacts[:, 0].max() > 0
    assert (found.self_contacts[:, 1] == 0).all()


def test_a_fallen_robot_is_left_lying_where_it_is(simulate):
    sim = simulate([NOMINAL, NOMINAL])
    fold = np.zeros((2, 12), np.float32)
    fold[0, 1::3], fold[0, 2::3] = 4.0, -4.0
    found = sim.run(lambda obs: fold, still(130, 2))
    assert found.episodes.fell_at[0] < 70
    assert np.array_equal(found.qpos[-1, 0], found.qpos[-2, 0])
    assert not np.array_equal(found.qpos[-1, 1], found.qpos[-2, 1])


def test_torque_power_and_knocks_are_those_of_every_physics_step(simulate, contract, monkeypatch):
    sim = simulate([NOMINAL, case(push_speed=1.0)])
    seen, knocks = [], iter(range(10_000))
    own = sim.world.step

    def step(rows, *, measured):
        seen.append((sim.world.ctrl.copy(), sim.world.qvel[:, 6:].copy()))
        own(rows, measured=measured)
        knocked = next(knocks) % 10 == 3  # at one step of each period
        sim.world.self_contacts = np.full(2, float(knocked))

    monkeypatch.setattr(sim.world, "step", step)
    trot = np.tile(np.asarray([0.3, -0.3] * 6, np.float32), (2, 1))
    beats = iter(range(10_000))
    found = sim.run(lambda obs: trot * (-1) ** next(beats), still(20, 2))
    torque, speed = (np.stack(x).reshape(20, 10, 2, 12) for x in zip(*seen, strict=True))
    most = np.abs(torque).argmax(axis=1)[:, None]
    for name, values in {"torque": torque, "joint_vel": speed}.items():
        wanted = np.take_along_axis(values, most, axis=1)[:, 0]
        np.testing.assert_allclose(getattr(found.episodes, name), wanted)
    assert np.abs(found.episodes.torque).mean() > 1.1 * np.abs(torque[:, -1]).mean()
    power = np.abs(torque * speed).sum(axis=-1).mean(axis=1)
    np.testing.assert_allclose(found.episodes.power_w(), power)
    assert (found.self_contacts == 1).all()
