"""The gate's parts: motors, scenarios, simulator, verdict."""

import copy
import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest

from deploy.observations import term_slice
from pipeline.command_grid import command_grid
from pipeline.config import ConfigError
from pipeline.env import contract_of
from pipeline.quality import Episodes
from pipeline.sim2sim import gate, simulator
from pipeline.sim2sim.gate import GateError, failures, judge, run_gate
from pipeline.sim2sim.motor import CONSTANT_TORQUE_SHARE, motor_torque
from pipeline.sim2sim.scenarios import NOMINAL, UNITS, Scenario, scenarios
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
        return GateSimulator(contract, go2, settings, cases, seed)

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


# Scenarios


def test_scenarios_cover_every_value_of_every_axis(raw_params, make_config):
    sweeps = raw_params["sim2sim"]["sweeps"]
    found = scenarios(make_config().sim2sim)
    assert [(case.axis, case.value) for case in found] == [
        (axis, value) for axis, values in sweeps.items() for value in values
    ]
    assert sweeps.keys() == UNITS.keys()


def test_a_scenario_differs_from_nominal_in_its_axis_alone(make_config):
    fields = UNITS.keys()
    for case in scenarios(make_config().sim2sim):
        for field in fields:
            wanted = case.value if field == case.axis else getattr(NOMINAL, field)
            assert getattr(case, field) == wanted


def test_every_axis_is_a_field_of_a_scenario():
    assert UNITS.keys() == Scenario.__dataclass_fields__.keys() - {"axis", "value"}


# What a scenario does to the simulator


def case(**fields):
    return Scenario("test", 0.0, **fields)


def test_friction(simulate):
    # Pushed while standing, a robot on ice slides on and one on rubber does not.
    cases = [case(friction=0.05, push_speed=0.6), case(friction=1.2, push_speed=0.6)]
    _, qpos = simulate(cases, push_interval_s=0.5).run(stand, still(50, 2))
    moved = np.linalg.norm(qpos[-1, :, :2] - qpos[24, :, :2], axis=1)
    assert moved[0] > 2 * moved[1]


def test_friction_of_every_shape(simulate):
    sim = simulate([case(friction=0.3), NOMINAL, case(friction=1.2)])
    friction = sim._batch.expand("geom_friction")[:, :, 0]
    assert np.unique(friction[0]) == 0.3 and np.unique(friction[2]) == 1.2
    assert np.unique(friction[1]) == NOMINAL.friction


def test_payload_is_carried_by_the_feet(simulate):
    payloads = [0.0, 3.0, -1.0]
    sim = simulate([case(payload_kg=payload) for payload in payloads])
    sim.run(stand, still(100, 3))
    weight = sum(force[:, 0] for force, _ in sim._feet) / 9.81
    assert weight - weight[0] == pytest.approx(payloads, abs=0.15)
    assert weight[0] == pytest.approx(15.0, rel=0.05)  # the Go2 itself


def test_an_impossible_payload_is_refused(simulate):
    with pytest.raises(ConfigError, match=r"sim2sim\.sweeps\.payload_kg: -7\.0 .* 6\.921 kg"):
        simulate([NOMINAL, case(payload_kg=-7.0)])


def test_motor_strength_scales_the_torque(simulate, monkeypatch):
    monkeypatch.setattr(simulator, "START_JOINT_ERROR", 0.0)
    strengths = np.array([1.0, 0.8, 1.1])
    # One substep in a control period: all motors see the same joint angles.
    sim = simulate([case(motor_strength=s) for s in strengths], sim_dt=0.02)
    up = np.full((3, 12), 0.1, np.float32)
    episodes, _ = sim.run(lambda obs: up, still(1, 3))
    torque = episodes.torque[0]
    assert np.abs(torque[0]).min() > 0.5
    assert torque == pytest.approx(strengths[:, None] * torque[0], rel=1e-12)


@pytest.fixture
def sent_targets(monkeypatch, contract):
    """Joint targets the motors aim at, substep by substep, read off the torque they want."""
    seen, sims = [], []
    kp, kd = np.asarray(contract.kp), np.asarray(contract.kd)

    def spy(wanted, joint_vel, contract):
        seen.append((wanted + kd * joint_vel) / kp + sims[0]._qpos[:, 7:])
        return motor_torque(wanted, joint_vel, contract)

    monkeypatch.setattr(simulator, "motor_torque", spy)
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
    monkeypatch.setattr(simulator, "START_JOINT_ERROR", 0.0)
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
    qpos = []
    sim = simulate([NOMINAL])
    _, rows = sim.run(stand, still(3, 1))
    qpos = rows[:, 0, 7:]
    where = term_slice(contract, "joint_pos")
    read = obs[1:, 0, where.start : where.stop] + np.asarray(contract.default_joint_pos)
    assert read == pytest.approx(qpos[:2], abs=1e-6)


def test_push_changes_the_horizontal_velocity_every_interval(simulate):
    sim = simulate([case(push_speed=0.5), NOMINAL, case(push_speed=1.0)], push_interval_s=0.5)
    sim._start()
    for step in range(60):
        before = sim._qvel.copy()
        sim._push(step)
        jump = sim._qvel - before
        due = step in (25, 50)
        assert np.linalg.norm(jump[:, :2], axis=1) == pytest.approx(
            [0.5 * due, 0.0, 1.0 * due], abs=1e-12
        )
        assert (jump[:, 2:] == 0).all()


def test_pushed_robots_part_from_the_others_at_the_push_and_not_before(simulate, monkeypatch):
    monkeypatch.setattr(simulator, "START_JOINT_ERROR", 0.0)
    sim = simulate([NOMINAL, case(push_speed=0.5)], push_interval_s=0.2)
    _, qpos = sim.run(stand, still(15, 2))
    apart = np.abs(qpos[:, 0] - qpos[:, 1]).max(axis=1) > 1e-6
    assert apart.tolist() == [False] * 10 + [True] * 5


def test_the_simulator_is_not_that_of_training(simulate):
    model = simulate([NOMINAL], sim_dt=0.001, integrator="RK4")._batch.model
    assert model.opt.timestep == 0.001
    assert model.opt.cone == 1  # elliptic
    assert model.opt.integrator == 1  # RK4
    collides = model.geom_contype & 2
    assert (model.geom_conaffinity[collides > 0] & 2).all() and collides.any()
    assert (model.actuator_gainprm[:, 0] == 1).all()  # torque, not position


# Episodes


def test_standing_robots_do_not_fall(simulate):
    sim = simulate([NOMINAL] * 3)
    episodes, qpos = sim.run(stand, still(50, 3))
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
    episodes, _ = sim.run(lambda obs: fold, still(50, 2))
    assert episodes.fell.tolist() == [True, False]
    assert 5 < episodes.fell_at[0] < 50


@pytest.mark.parametrize("bad", [1e8, np.nan])
def test_blown_up_physics_is_a_fall_and_the_others_go_on(simulate, bad):
    quiet, _ = simulate([NOMINAL] * 3).run(stand, still(10, 3))
    sim = simulate([NOMINAL] * 3)
    calls = iter(range(100))

    def disturb(obs):
        if next(calls) == 4:
            sim._qvel[1] = bad
        return stand(obs)

    episodes, qpos = sim.run(disturb, still(10, 3))
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

    episodes, qpos = sim.run(policy, still(5, 2))
    assert episodes.fell_at.tolist() == [5, 0]
    assert np.isfinite(qpos).all()


def test_running_again_starts_afresh(simulate):
    sim = simulate([NOMINAL] * 2)
    sim.run(lambda obs: np.full((2, 12), np.nan, np.float32), still(3, 2))
    episodes, _ = sim.run(stand, still(10, 2))
    assert episodes.fell_at.tolist() == [10, 10]


def test_same_seed_same_episodes(simulate):
    cases = [case(noise_scale=1.0, push_speed=0.5), NOMINAL]
    runs = [
        simulate(cases, seed, push_interval_s=0.2).run(stand, still(20, 2)) for seed in (1, 1, 2)
    ]
    assert np.array_equal(runs[0][1], runs[1][1])
    assert not np.array_equal(runs[0][1], runs[2][1])


# The verdict


NOMINAL_FIGURES = {"episodes": 100, "falls": 0, "planar_rmse": 0.05, "yaw_rmse": 0.06}
SWEEP = [{"episodes": 60, "falls": 1}, {"episodes": 40, "falls": 2}]
CRITERIA = ("nominal_falls", "planar_rmse", "yaw_rmse", "swept_survival")


@pytest.fixture(scope="module")
def thresholds(make_config):
    limits = {"nominal_falls": 1, "planar_rmse": 0.1, "yaw_rmse": 0.2, "swept_survival": 0.97}
    return make_config({f"sim2sim.thresholds.{k}": v for k, v in limits.items()}).sim2sim.thresholds


def passed(rows):
    return {row["name"]: row["passed"] for row in rows}


def test_every_criterion_passes(thresholds):
    rows = judge(NOMINAL_FIGURES, SWEEP, thresholds, 10.0)
    assert passed(rows) == dict.fromkeys(CRITERIA, True)
    by_name = {row["name"]: row for row in rows}
    assert by_name["swept_survival"]["measured"] == pytest.approx(0.97)  # 97 of 100: just enough
    assert by_name["swept_survival"]["comparison"] == ">="
    assert by_name["planar_rmse"]["required"] == 0.1
    assert "100 nominal episodes of 10 s" in by_name["nominal_falls"]["description"]
    json.dumps(rows, allow_nan=False)


@pytest.mark.parametrize(
    ("figure", "good", "bad"),
    [
        ("falls", 1, 2),
        ("planar_rmse", 0.1, 0.1000001),
        ("planar_rmse", 0.0, float("nan")),
        ("yaw_rmse", 0.2, 0.2000001),
        ("yaw_rmse", 0.0, float("nan")),
    ],
)
def test_each_nominal_criterion_on_either_side(thresholds, figure, good, bad):
    name = "nominal_falls" if figure == "falls" else figure
    for value, wanted in ((good, True), (bad, False)):
        rows = judge({**NOMINAL_FIGURES, figure: value}, SWEEP, thresholds, 10.0)
        assert passed(rows) == {**dict.fromkeys(CRITERIA, True), name: wanted}


def test_swept_survival_on_either_side(thresholds):
    worse = [SWEEP[0], {"episodes": 40, "falls": 3}]
    rows = judge(NOMINAL_FIGURES, worse, thresholds, 10.0)
    assert passed(rows) == {**dict.fromkeys(CRITERIA, True), "swept_survival": False}
    assert rows[-1]["measured"] == pytest.approx(0.96)


def test_failures_name_what_was_measured_and_what_is_required(thresholds):
    figures = {**NOMINAL_FIGURES, "falls": 2, "planar_rmse": 0.25}
    lines = failures({"criteria": judge(figures, SWEEP, thresholds, 10.0)})
    assert len(lines) == 2
    assert lines[0].startswith("nominal_falls: measured 2, required <= 1")
    assert lines[1].startswith("planar_rmse: measured 0.25, required <= 0.1 m/s")


def test_failures_say_where_nothing_could_be_measured(thresholds):
    rows = judge({**NOMINAL_FIGURES, "yaw_rmse": float("nan")}, SWEEP, thresholds, 10.0)
    for row in rows:
        row["measured"] = None if row["measured"] != row["measured"] else row["measured"]
    assert "yaw_rmse: measured nothing (every robot fell)" in failures({"criteria": rows})[0]


# The gate as a whole


class Standing:
    """A policy that stands, behind the interface of one read from an ONNX file."""

    def __init__(self, contract, path):
        self.contract, self.path = contract, path
        path.write_bytes(b"a policy")

    def __call__(self, obs):
        assert obs.dtype == np.float32 and obs.shape[1] == self.contract.observation_size
        return stand(obs)


TINY = {
    "sim2sim.enabled": True,
    "sim2sim.episode_s": 0.5,
    "sim2sim.settle_s": 0.2,
    "sim2sim.nominal_episodes": 13,
    "sim2sim.sweep_episodes": 2,
    "sim2sim.push_interval_s": 0.2,
}


@pytest.fixture(scope="module")
def policy(contract, tmp_path_factory):
    return Standing(contract, tmp_path_factory.mktemp("gate") / "policy.onnx")


@pytest.fixture(scope="module")
def verdict(policy, go2, make_config):
    return run_gate(policy, go2, make_config(TINY))


def test_gate_is_json_and_complete(verdict, raw_params):
    found = json.loads(json.dumps(verdict.gate, allow_nan=False))
    assert [c["name"] for c in found["criteria"]] == list(CRITERIA)
    assert found["passed"] is False  # standing still is not following commands
    assert found["policy_sha256"] == hashlib.sha256(b"a policy").hexdigest()
    assert found["robot"] == "go2" and found["enabled"] is True
    assert found["nominal"]["episodes"] == 13
    assert len(found["nominal"]["commands"]) == 13
    rows = [(row["axis"], row["value"]) for row in found["sweeps"]]
    sweeps = raw_params["sim2sim"]["sweeps"]
    assert rows == [(axis, value) for axis, values in sweeps.items() for value in values]
    for row in found["sweeps"]:
        assert row["episodes"] == 2 and row["unit"] == UNITS[row["axis"]]
        assert row["survival_low"] <= row["survival"] <= row["survival_high"]


def test_gate_measures_what_standing_misses(verdict, contract):
    asked = command_grid(contract.command_ranges)
    figures = verdict.gate["nominal"]
    assert figures["falls"] == 0
    # Each command's error is about the command itself.
    assert figures["planar_rmse"] == pytest.approx(
        np.sqrt(np.mean(np.sum(np.square(asked[:, :2]), axis=1))), abs=0.05
    )
    assert figures["yaw_rmse"] == pytest.approx(np.sqrt(np.mean(asked[:, 2] ** 2)), abs=0.05)


def test_gate_asks_for_the_grid_and_demonstrates_five_commands(verdict, contract):
    assert np.array_equal(verdict.nominal.command[0], command_grid(contract.command_ranges))
    assert verdict.demo.command.shape == (25, 1, 3)
    assert len(np.unique(verdict.demo.command[:, 0], axis=0)) == 5
    assert verdict.demo_qpos.shape == (25, 19)


class Labelled:
    """A simulator in which every robot misses its command by its scenario's value, in m/s."""

    def __init__(self, contract, robot, settings, cases, seed):
        self.cases = cases

    def run(self, policy, commands):
        steps, n, _ = commands.shape
        velocity = commands.astype(float)
        velocity[:, :, 0] += [case.value for case in self.cases]
        fell_at = np.array([3 if case.axis == "latency_s" else steps for case in self.cases])
        zero = np.zeros((steps, n, 12))
        slip = np.zeros((steps, n))
        return Episodes(commands, velocity, zero, zero, zero, slip, fell_at), np.zeros(
            (steps, n, 19)
        )


def test_every_episode_is_counted_for_its_own_scenario(policy, go2, make_config, monkeypatch):
    monkeypatch.setattr(gate, "GateSimulator", Labelled)
    found = run_gate(policy, go2, make_config(TINY)).gate
    assert found["nominal"]["planar_rmse"] == 0 and found["nominal"]["falls"] == 0
    late = sum(row["episodes"] for row in found["sweeps"] if row["axis"] == "latency_s")
    swept = sum(row["episodes"] for row in found["sweeps"])
    for row in found["sweeps"]:
        fell = row["axis"] == "latency_s"
        assert row["falls"] == (2 if fell else 0)
        assert row["survival"] == (0 if fell else 1)
        if fell:
            assert row["planar_rmse"] is None and row["yaw_rmse"] is None
        else:
            assert row["planar_rmse"] == pytest.approx(abs(row["value"]), abs=1e-6)
    survival = next(c for c in found["criteria"] if c["name"] == "swept_survival")
    assert survival["measured"] == pytest.approx(1 - late / swept)


def test_gate_is_the_same_for_the_same_seed(verdict, policy, go2, make_config):
    again = run_gate(policy, go2, make_config(TINY))
    assert again.gate == verdict.gate
    assert np.array_equal(again.demo_qpos, verdict.demo_qpos)
    other = run_gate(policy, go2, make_config({**TINY, "seed": 2}))
    assert other.gate["nominal"]["planar_rmse"] != verdict.gate["nominal"]["planar_rmse"]


def test_thresholds_decide_and_change_nothing_that_is_measured(verdict, policy, go2, make_config):
    easy = {"nominal_falls": 13, "planar_rmse": 9.0, "yaw_rmse": 9.0, "swept_survival": 0.0}
    easy = {f"sim2sim.thresholds.{name}": value for name, value in easy.items()}
    found = run_gate(policy, go2, make_config({**TINY, **easy})).gate
    assert found["passed"] is True and failures(found) == []
    assert found["nominal"] == verdict.gate["nominal"]
    assert found["sweeps"] == verdict.gate["sweeps"]


def test_a_policy_for_another_robot_is_refused(policy, go2, make_config):
    stranger = copy.copy(policy)
    stranger.contract = SimpleNamespace(robot="g1", ctrl_dt=0.02)
    with pytest.raises(GateError, match=r"policy\.onnx: is a policy for 'g1'.*asks for 'go2'"):
        run_gate(stranger, go2, make_config(TINY))
