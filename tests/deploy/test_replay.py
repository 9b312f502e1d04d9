"""Replay: a clean log is found the same, and a planted fault is named at its first step."""

import csv
from dataclasses import replace

import numpy as np
import onnx
import pytest

import robots
from deploy.log import LogHeader, LogReader, LogWriter
from deploy.observations import joint_targets, observe
from deploy.policy import CONTRACT_KEY, Policy
from deploy.replay.__main__ import main
from deploy.replay.compare import SENT
from deploy.replay.run import policy_sha256
from pipeline.command_grid import command_grid
from pipeline.provenance import ROOT
from pipeline.record import header_of, record, settings_for

STEPS, AT = 45, 27
"""Length of a log, and the step from which on a planted fault acts."""


class Walk:
    """A recorded walk of one shipped policy."""

    def __init__(self, name, folder):
        self.policy = Policy(ROOT / f"policies/{name}/policy.onnx")
        self.contract = self.policy.contract
        self.header = header_of(self.policy)
        self.path = folder / f"{name}.mcap"
        commands = np.resize(command_grid(self.contract.command_ranges)[5], (STEPS, 3))
        settings = settings_for(name, ROOT / "params.yaml").sim2sim
        with LogWriter(self.path, self.header) as log:
            record(self.policy, settings, commands, log)
        self.ticks = list(LogReader(self.path).ticks())

    def replay(self, *arguments, log=None, policy=None):
        return main(
            [str(log or self.path), "--policy", str(policy or self.policy.path), *arguments]
        )

    def write(self, path, ticks, **changes):
        with LogWriter(path, replace(self.header, **changes)) as log:
            for tick in ticks:
                log.write(tick)
        return path


@pytest.fixture(scope="module")
def walks(tmp_path_factory):
    """Walks by robot, each made once."""
    folder, made = tmp_path_factory.mktemp("logs"), {}

    def give(name):
        if name not in made:
            made[name] = Walk(name, folder)
        return made[name]

    return give


@pytest.fixture(params=["go2", "g1", "h1", "h1_2"])
def walk(request, walks):
    return walks(request.param)


@pytest.fixture
def h1(walks):
    return walks("h1")


def test_the_robots_are_those_that_ship():
    assert set(robots.names()) == {"go2", "g1", "h1", "h1_2"}


def test_a_clean_log_is_the_same_to_the_last_bit(walk, capsys):
    assert walk.replay("--tolerance", "0") in (0, 1)
    rows = [line for line in capsys.readouterr().out.splitlines() if "   " in line.strip()]
    worst = {line[:38].strip(): float(line[38:48]) for line in rows if line[:38].strip()}
    # The simulator's quaternion has more digits than the log's.
    assert 0 <= worst.pop("projected_gravity, from the IMU") < 1e-6
    assert len(worst) == 14
    assert set(worst.values()) == {0.0}


def test_a_clean_log_gives_status_0(walk, capsys):
    assert walk.replay() == 0
    said = capsys.readouterr().out
    assert f"{STEPS} steps, the policy ran in {STEPS}" in said
    assert said.splitlines()[-1] == f"same: {STEPS} steps agree to 1e-05"
    assert "NOTE" not in said


# Planted faults: a runtime that does one thing wrong, and everything else by what came of it


class Runtime:
    """Walks through recorded readings as a robot's runtime would; faults override one part."""

    def __init__(self, walk):
        self.policy, self.contract = walk.policy, walk.contract

    def inputs(self, inputs, actions):
        return inputs._replace(last_action=actions[-1])

    def observe(self, inputs, actions):
        return observe(self.contract, inputs)

    def act(self, observation):
        return self.policy(observation[None])[0]

    def targets(self, action):
        return joint_targets(self.contract, action)


def rewalk(walk, fault):
    """The walk's readings, from step `AT` on by a runtime with a fault."""
    right, wrong = Runtime(walk), fault(walk)
    none = np.zeros(walk.contract.action_size, np.float32)
    actions, ticks = [none, none], []
    for tick in walk.ticks:
        runtime = wrong if tick.step >= AT else right
        inputs = runtime.inputs(tick.inputs, actions)
        observation = runtime.observe(inputs, actions)
        action = runtime.act(observation)
        targets = runtime.targets(action)
        ticks.append(
            tick._replace(
                inputs=inputs,
                observation=observation,
                action=action,
                joint_targets=targets,
                sent_targets=targets,
            )
        )
        actions.append(action)
    return ticks


def swap(values, one, other):
    order = np.arange(len(values))
    order[[one, other]] = other, one
    return values[order]


class SwappedJoints(Runtime):
    """Joints 2 and 3 change places on their way into the observation."""

    what, elements = "observation joint_pos", (2, 3)

    def observe(self, inputs, actions):
        return observe(self.contract, inputs._replace(joint_pos=swap(inputs.joint_pos, 2, 3)))


class SwappedTargets(Runtime):
    """Joints 2 and 3 change places on their way to the motors."""

    what, elements = "joint_targets", (2, 3)

    def targets(self, action):
        return swap(super().targets(action), 2, 3)


class WrongScale(Runtime):
    """Speed of joint 4 with twice its scale."""

    what, elements = "observation joint_vel", (4,)

    def observe(self, inputs, actions):
        terms = list(self.contract.observation)
        scale = list(terms[4].scale)
        assert terms[4].name == "joint_vel"
        scale[4] *= 2
        terms[4] = replace(terms[4], scale=tuple(scale))
        return observe(replace(self.contract, observation=tuple(terms)), inputs)


class WrongDefault(Runtime):
    """Joint 1's default angle is off by a hundredth."""

    what, elements = "observation joint_pos", (1,)

    def observe(self, inputs, actions):
        pose = list(self.contract.default_joint_pos)
        pose[1] += 0.01
        return observe(replace(self.contract, default_joint_pos=tuple(pose)), inputs)


class WrongActionScale(Runtime):
    """Joint 5 moves by a hundredth more than it should."""

    what, elements = "joint_targets", (5,)

    def targets(self, action):
        scale = list(self.contract.action_scale)
        scale[5] *= 1.01
        return joint_targets(replace(self.contract, action_scale=tuple(scale)), action)


class StaleLastAction(Runtime):
    """The observation has the action before the last one."""

    what, elements = "observation last_action", None

    def observe(self, inputs, actions):
        return observe(self.contract, inputs._replace(last_action=actions[-2]))


class StaleMemory(Runtime):
    """The runtime takes the action before the last one for the last."""

    what, elements = "last_action, from the step before", None

    def inputs(self, inputs, actions):
        return inputs._replace(last_action=actions[-2])


class FlippedGyro(Runtime):
    """The gyro's y axis has the wrong sign in the observation."""

    what, elements = "observation gyro", "y"

    def observe(self, inputs, actions):
        gyro = inputs.gyro * np.float32([1, -1, 1])
        return observe(self.contract, inputs._replace(gyro=gyro))


class FlippedImu(Runtime):
    """The gyro's z axis has the wrong sign from the IMU on."""

    what, elements = "gyro, from the IMU", "z"

    def inputs(self, inputs, actions):
        inputs = super().inputs(inputs, actions)
        return inputs._replace(gyro=inputs.gyro * np.float32([1, 1, -1]))


class NoDeadZone(Runtime):
    """The policy is fed what is too slow to walk."""

    what, elements = "command, after the dead zone", "vx"

    def inputs(self, inputs, actions):
        slow = np.float32([0.5 * self.contract.command_dead_zone, 0.0, 0.0])
        return super().inputs(inputs, actions)._replace(command=slow)


class NoDeadZoneForTurning(Runtime):
    """The same of the turning rate, beside a speed that counts."""

    what, elements = "command, after the dead zone", "yaw_rate"

    def inputs(self, inputs, actions):
        slow = np.float32([0.5, 0.0, -0.5 * self.contract.command_dead_zone])
        return super().inputs(inputs, actions)._replace(command=slow)


class StillPhase(Runtime):
    """The gait clock runs late by a thousandth."""

    what, elements = "phase, from the step before", "phase"

    def inputs(self, inputs, actions):
        inputs = super().inputs(inputs, actions)
        return inputs._replace(phase=(inputs.phase + np.float32(0.999)) % np.float32(1))


class ClippedAction(Runtime):
    """What comes out of the network is clipped at 0.1."""

    what, elements = "action", None

    def act(self, observation):
        return np.clip(super().act(observation), -0.1, 0.1)


FAULTS = (
    SwappedJoints,
    SwappedTargets,
    WrongScale,
    WrongDefault,
    WrongActionScale,
    StaleLastAction,
    StaleMemory,
    FlippedGyro,
    FlippedImu,
    NoDeadZone,
    NoDeadZoneForTurning,
    StillPhase,
    ClippedAction,
)


def names_of(walk, elements):
    joints = walk.contract.joint_names
    if elements is None:
        return joints
    return (elements,) if isinstance(elements, str) else tuple(joints[i] for i in elements)


def test_the_runtime_without_a_fault_is_found_the_same(walk, tmp_path, capsys):
    log = walk.write(tmp_path / "run.mcap", rewalk(walk, Runtime))
    assert walk.replay(log=log) == 0
    assert "same:" in capsys.readouterr().out


@pytest.mark.parametrize("rounded", [lambda zone: zone, lambda zone: np.nextafter(zone, 0)])
def test_a_command_at_the_edge_of_the_dead_zone_is_no_fault(h1, tmp_path, rounded):
    """A runtime in doubles lets pass what is just inside as float32, which the log has."""
    speed = rounded(np.float32(h1.contract.command_dead_zone))

    class AtTheEdge(Runtime):
        def inputs(self, inputs, actions):
            command = np.float32([0, -speed, speed])
            return super().inputs(inputs, actions)._replace(command=command)

    assert h1.replay(log=h1.write(tmp_path / "run.mcap", rewalk(h1, AtTheEdge))) == 0


@pytest.mark.parametrize("name", ["go2", "h1"])  # an IMU in the base, and one in the torso
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named_at_its_first_step(walks, name, fault, tmp_path, capsys):
    walk = walks(name)
    log = walk.write(tmp_path / "run.mcap", rewalk(walk, fault))
    assert walk.replay(log=log) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    place = f"DIVERGES at step {AT} ({AT * walk.contract.ctrl_dt:.3f} s): {fault.what}, "
    named = [name for name in names_of(walk, fault.elements) if last.startswith(f"{place}{name}: ")]
    assert len(named) == 1, last
    assert last.endswith("tolerance 1e-05")


def test_both_values_are_given(h1, tmp_path, capsys):
    ticks = list(h1.ticks)
    observation = ticks[AT].observation.copy()
    right = observation[1]
    observation[1] = 0.125
    ticks[AT] = ticks[AT]._replace(observation=observation)
    assert h1.replay(log=h1.write(tmp_path / "run.mcap", ticks)) == 1
    said = capsys.readouterr().out
    assert f"observation gyro, y: logged 0.125, computed {right:.9g}, tolerance" in said


@pytest.mark.parametrize("text", ["nan", "-1e-5", "inf", "small"])
def test_what_is_no_tolerance_is_refused(h1, capsys, text):
    with pytest.raises(SystemExit):
        h1.replay(f"--tolerance={text}")
    assert "--tolerance" in capsys.readouterr().err


def test_the_tolerance_is_the_users(h1, tmp_path, capsys):
    ticks = list(h1.ticks)
    ticks[AT] = ticks[AT]._replace(joint_targets=ticks[AT].joint_targets + np.float32(0.01))
    log = h1.write(tmp_path / "run.mcap", ticks)
    assert h1.replay(log=log) == 1
    assert h1.replay("--tolerance", "0.011", log=log) == 0


def test_the_torsos_angle_is_taken_out(h1, tmp_path, capsys):
    """A torso turned by a quarter: what the base sees is not what the IMU says."""
    turned = [tick._replace(torso_pos=np.float32(np.pi / 2)) for tick in h1.ticks]
    assert h1.replay(log=h1.write(tmp_path / "run.mcap", turned)) == 1
    assert "DIVERGES at step 1 (0.020 s): gyro, from the IMU" in capsys.readouterr().out
    half = np.sqrt(0.5).astype(np.float32)

    def torso(tick):
        (w, x, y, z), (gx, gy, gz) = tick.imu_quat, tick.imu_gyro
        quat = half * np.array([w - z, x + y, y - x, w + z], np.float32)
        gyro = np.array([gy, -gx, gz + np.float32(0.5)], np.float32)
        return tick._replace(imu_quat=quat, imu_gyro=gyro, torso_vel=np.float32(0.5))

    log = h1.write(tmp_path / "turned.mcap", [torso(tick) for tick in turned])
    assert h1.replay(log=log) == 0


def test_what_safety_changed_is_told_and_no_fault(h1, tmp_path, capsys):
    ticks = list(h1.ticks)
    sent = ticks[AT].sent_targets.copy()
    sent[2] -= 0.5
    ticks[AT] = ticks[AT]._replace(sent_targets=sent)
    assert h1.replay(log=h1.write(tmp_path / "run.mcap", ticks)) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(SENT)]
    assert f"step {AT}, {h1.contract.joint_names[2]} (may differ)" in row
    assert "       0.5  " in row


def test_steps_without_the_policy_are_passed_over(h1, tmp_path, capsys):
    none = dict.fromkeys(("observation", "action", "joint_targets"))
    ticks = [t._replace(state="damping", **none) if 20 <= t.step < 30 else t for t in h1.ticks]
    assert h1.replay(log=h1.write(tmp_path / "run.mcap", ticks)) == 0
    assert f"{STEPS} steps, the policy ran in {STEPS - 10}" in capsys.readouterr().out


# What cannot be replayed


def refused(walk, capsys, *arguments, **files):
    assert walk.replay(*arguments, **files) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
    assert "same" not in captured.out
    return captured.err


def test_another_joint_order_is_refused_by_joint_and_places(walk, tmp_path, capsys):
    joints = list(walk.contract.joint_names)
    joints[2], joints[4] = joints[4], joints[2]
    contract = replace(walk.contract, joint_names=tuple(joints))
    log = walk.write(tmp_path / "run.mcap", walk.ticks, contract=contract)
    said = refused(walk, capsys, log=log)
    assert f"joint_names: {joints[2]} is at place 2 in the log and at place 4 in the policy" in said


def test_another_robot_is_refused(walks, capsys):
    said = refused(walks("h1"), capsys, log=walks("g1").path)
    assert "robot is 'g1' in the log and 'h1' in the policy" in said


def test_a_joint_that_is_not_there_is_refused(h1, tmp_path, capsys):
    names = ("neck_joint", *h1.contract.joint_names[1:])
    contract = replace(h1.contract, joint_names=names)
    log = h1.write(tmp_path / "run.mcap", h1.ticks, contract=contract)
    said = refused(h1, capsys, log=log)
    assert "joint_names: neck_joint is at place 0 in the log, not in the policy" in said


def missing_steps(ticks):
    return ticks[:20] + ticks[23:]


def late(ticks):
    return ticks[:20] + [tick._replace(time_s=tick.time_s + 0.011) for tick in ticks[20:]]


def backwards(ticks):
    return [*ticks[:20], ticks[20]._replace(time_s=ticks[18].time_s), *ticks[21:]]


def not_a_number(ticks):
    bad = ticks[20].inputs.joint_vel.copy()
    bad[3] = np.nan
    inputs = ticks[20].inputs._replace(joint_vel=bad)
    return [*ticks[:20], ticks[20]._replace(inputs=inputs), *ticks[21:]]


def infinite_phase(ticks):
    inputs = ticks[20].inputs._replace(phase=np.float32("inf"))
    return [*ticks[:20], ticks[20]._replace(inputs=inputs), *ticks[21:]]


@pytest.mark.parametrize(
    ("damage", "message", "compared"),
    [
        (missing_steps, "step 20: step is 23, so the log has a hole there", STEPS - 3),
        (late, "step 20: time_s is 0.031 s after the step before, want about 0.02 s", STEPS),
        (backwards, "step 20: time_s is -0.02 s after the step before", STEPS),
        (not_a_number, "step 20: joint_vel of {joint} is not finite", STEPS - 1),
        (infinite_phase, "step 20: phase is not finite", STEPS - 1),
    ],
)
def test_a_gap_is_refused_or_stepped_over(h1, tmp_path, capsys, damage, message, compared):
    log = h1.write(tmp_path / "run.mcap", damage(h1.ticks))
    message = message.format(joint=h1.contract.joint_names[3])
    assert message in refused(h1, capsys, log=log)
    assert h1.replay("--allow-gaps", log=log) == 0
    said = capsys.readouterr().out
    assert f"GAP: {message}" in said
    assert f"same: {compared} steps agree" in said


def test_jitter_is_no_gap(h1, tmp_path):
    rng = np.random.default_rng(0)
    ticks = [t._replace(time_s=t.time_s + rng.uniform(0, 0.009)) for t in h1.ticks]
    assert h1.replay(log=h1.write(tmp_path / "run.mcap", ticks)) == 0


def test_many_gaps_are_counted(h1, tmp_path, capsys):
    log = h1.write(tmp_path / "run.mcap", h1.ticks[::3])
    assert h1.replay("--allow-gaps", log=log) == 0
    said = capsys.readouterr().out
    assert said.count("GAP: step") == 5
    assert f"GAP: and {STEPS // 3 - 1 - 5} more" in said


def test_a_torso_imu_without_the_torsos_angle_is_refused(h1, tmp_path, capsys):
    log = h1.write(tmp_path / "run.mcap", [tick._replace(torso_pos=None) for tick in h1.ticks])
    assert "step 0: lacks torso_pos, and the torso has the IMU" in refused(h1, capsys, log=log)


def test_a_cut_off_log_is_replayed_as_far_as_it_goes(h1, tmp_path, capsys):
    log = tmp_path / "cut.mcap"
    log.write_bytes(h1.path.read_bytes()[:-20_000])
    assert h1.replay(log=log) == 0
    said = capsys.readouterr().out
    steps = int(said.split("the policy ran in ")[1].split()[0])
    assert 20 < steps < STEPS
    assert f"CUT OFF: {log} ends in the middle" in said
    assert f"same: {steps} steps agree" in said


def test_a_log_without_a_whole_step_is_refused(h1, tmp_path, capsys):
    log = tmp_path / "cut.mcap"
    log.write_bytes(h1.path.read_bytes()[:8_000])
    said = refused(h1, capsys, log=log)
    assert "has no whole step in which the policy ran" in said and "ends in the middle" in said


def test_what_is_no_log_and_what_is_no_policy_are_refused(h1, tmp_path, capsys):
    (tmp_path / "run.parquet").write_bytes(b"PAR1")
    assert "no log of this project" in refused(h1, capsys, log=tmp_path / "run.parquet")
    assert "no such file" in refused(h1, capsys, log=tmp_path / "nothing.mcap")
    assert "no such file" in refused(h1, capsys, policy=tmp_path / "nothing.onnx")


# Several files


def parts(walk, folder):
    with LogWriter(folder / "run.mcap", walk.header, rotate_s=0.3) as log:
        for tick in walk.ticks:
            log.write(tick)
    return log.files


def replay_parts(walk, files):
    return main([*map(str, files), "--policy", str(walk.policy.path)])


def test_a_run_in_several_files(h1, tmp_path, capsys):
    files = parts(h1, tmp_path)
    assert len(files) == 3
    assert replay_parts(h1, files) == 0
    assert f"same: {STEPS} steps" in capsys.readouterr().out
    assert replay_parts(h1, files[1:2]) == 0


def test_a_file_left_out_is_a_gap(h1, tmp_path, capsys):
    files = parts(h1, tmp_path)
    assert replay_parts(h1, files[::2]) == 2
    assert "run_0002.mcap: step 15: step is 30" in capsys.readouterr().err


def test_files_of_two_runs_are_refused(h1, tmp_path, capsys):
    other = h1.write(tmp_path / "other.mcap", h1.ticks, policy_sha256="0" * 64)
    assert replay_parts(h1, [h1.path, other]) == 2
    assert "other.mcap: policy_sha256 differs" in capsys.readouterr().err


# Another policy


@pytest.fixture
def changed_policy(h1, tmp_path):
    """Write H1's policy with other weights or another contract."""

    def make(contract=None, shift=0.0):
        model = onnx.load(h1.policy.path)
        for entry in model.metadata_props:
            if entry.key == CONTRACT_KEY and contract:
                entry.value = contract.to_json()
        model.doc_string = "another file"
        if shift:
            node = model.graph.node[-1]
            last, node.output[0] = node.output[0], "before"
            value = onnx.numpy_helper.from_array(np.float32([shift]), "shift")
            model.graph.initializer.append(value)
            model.graph.node.append(onnx.helper.make_node("Add", ["before", "shift"], [last]))
        onnx.save(model, tmp_path / "other.onnx")
        return tmp_path / "other.onnx"

    return make


def test_another_policy_is_said_loudly_and_its_actions_are_no_fault(h1, changed_policy, capsys):
    other = changed_policy(shift=0.25)
    assert h1.replay(policy=other) == 0
    said = capsys.readouterr().out
    assert "NOTE: this log was made by another policy: " in said
    assert h1.header.policy_sha256[:12] in said and policy_sha256(Policy(other))[:12] in said
    rows = {line[:38].strip(): line[38:] for line in said.splitlines()}
    assert rows["action"].split()[:2] == ["0.25", "0.25"]
    targets = float(rows["joint_targets"].split()[0])
    assert targets == pytest.approx(0.25 * max(h1.contract.action_scale), rel=0.01)
    assert (
        f"\nno fault in {STEPS} steps; actions differ by 0.25 on average and 0.25 at most" in said
    )
    assert rows["action"].endswith("(may differ)")
    assert rows["observation joint_pos"].split()[0] == "0"


def test_what_its_contract_says_differently_is_no_fault_either(h1, changed_policy, capsys):
    terms = list(h1.contract.observation)
    terms[0] = replace(terms[0], scale=(0.5, 0.5, 0.5))
    pose = [value + 0.01 for value in h1.contract.default_joint_pos]
    contract = replace(h1.contract, observation=tuple(terms), default_joint_pos=tuple(pose))
    assert h1.replay(policy=changed_policy(contract)) == 0
    said = capsys.readouterr().out
    assert "contracts that differ in default_joint_pos, observation." in said
    rows = {line[:38].strip(): line[38:] for line in said.splitlines()}
    for name in ("observation gyro", "observation joint_pos"):
        assert rows[name].endswith("(may differ)")
    assert rows["observation joint_pos"].split()[0] == "0.01"
    assert rows["observation joint_vel"].split()[0] == "0"
    assert "(may differ)" in rows["action"]  # it was fed what it sees, not what the other saw


def test_a_fault_of_the_log_is_found_with_another_policy_too(h1, changed_policy, tmp_path, capsys):
    log = h1.write(tmp_path / "run.mcap", rewalk(h1, StaleMemory))
    assert h1.replay(log=log, policy=changed_policy(shift=0.25)) == 1
    assert f"DIVERGES at step {AT}" in capsys.readouterr().out


def test_a_header_that_lies_about_the_contract_is_told(h1, tmp_path, capsys):
    contract = replace(h1.contract, gait_period_s=0.7)
    log = h1.write(tmp_path / "run.mcap", h1.ticks, contract=contract)
    assert h1.replay(log=log) == 1
    said = capsys.readouterr().out
    assert "contracts that differ in gait_period_s." in said
    assert "DIVERGES at step 1 (0.020 s): phase, from the step before" in said


# The table


def test_the_table_has_every_element_of_every_step(h1, tmp_path):
    log = h1.write(tmp_path / "run.mcap", rewalk(h1, FlippedGyro))
    assert h1.replay("--csv", str(tmp_path / "steps.csv"), log=log) == 1
    with (tmp_path / "steps.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["step"]) for row in rows] == list(range(STEPS))
    n = h1.contract.action_size
    assert len(rows[0]) == 2 + 9 + n + 1 + h1.contract.observation_size + 3 * n
    gyro = h1.ticks[AT].inputs.gyro[1] * np.float32(0.25)
    assert float(rows[AT]["observation gyro: y"]) == pytest.approx(2 * gyro, rel=1e-6)
    assert float(rows[AT - 1]["observation gyro: y"]) == 0.0
    knee = f"last_action, from the step before: {h1.contract.joint_names[3]}"
    assert (rows[0][knee], rows[1][knee]) == ("", "0.0")
    assert list(tmp_path.glob("*.partial")) == []


def test_a_refused_log_leaves_no_table(h1, tmp_path, capsys):
    log = h1.write(tmp_path / "run.mcap", missing_steps(h1.ticks))
    refused(h1, capsys, "--csv", str(tmp_path / "steps.csv"), log=log)
    said = refused(h1, capsys, "--csv", str(tmp_path / "no/steps.csv"))
    assert "no/steps.csv: cannot be written: No such file" in said
    assert [path.name for path in tmp_path.iterdir()] == ["run.mcap"]


def test_the_trace_is_there_on_demand(h1, tmp_path, monkeypatch):
    monkeypatch.setenv("SUREFOOT_TRACE", "1")
    with pytest.raises(Exception, match="no such file"):
        h1.replay(log=tmp_path / "nothing.mcap")


def test_the_header_names_what_was_driven(h1, capsys):
    assert isinstance(h1.header, LogHeader)
    h1.replay()
    assert "log of the gate's simulator, robot h1, policy " in capsys.readouterr().out
