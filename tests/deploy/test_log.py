"""The log: what is written is what is read, whatever happens in between."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
from mcap.reader import make_reader

from deploy.log import LogError, LogHeader, LogReader, LogWriter, Tick, writer
from deploy.log.format import METADATA_NAME, OPTIONAL, decode, elements, encode, fields_of
from deploy.observations import Inputs
from deploy.policy import Policy
from pipeline.provenance import ROOT

DT = 0.02


@pytest.fixture(scope="module")
def contract():
    return Policy(ROOT / "policies/h1/policy.onnx").contract


@pytest.fixture(scope="module")
def header(contract):
    return LogHeader(contract, "ab" * 32, "a test", timing_names=("policy",), epoch_s=1.7e9)


@pytest.fixture(scope="module")
def sizes(contract):
    return {name: len(of) for name, of in elements(contract).items()}


def make_tick(contract, step=0, **changes):
    """A tick whose every number is different."""
    numbers = iter(np.arange(step, step + 1000, dtype=np.float32) / np.float32(7))

    def some(size):
        return np.array([next(numbers) for _ in range(size)], np.float32)

    n = contract.action_size
    tick = Tick(
        step=step,
        time_s=step * DT,
        state="policy",
        imu_quat=some(4),
        imu_gyro=some(3),
        inputs=Inputs(some(3), some(3), some(3), some(n), some(n), some(n), some(1)[0]),
        sent_targets=some(n),
        observation=some(contract.observation_size),
        action=some(n),
        joint_targets=some(n),
        sent_kp=some(n),
        sent_kd=some(n),
        torso_pos=some(1)[0],
        torso_vel=some(1)[0],
        held_pos=some(len(contract.held_joints)),
        held_vel=some(len(contract.held_joints)),
        motor_torque=some(n + len(contract.held_joints)),
        motor_temperature=some(n + len(contract.held_joints)),
        motor_error=[0] * (n + len(contract.held_joints) - 1) + [2**32 - 1],
        robot_tick=20 * step,
        mode_machine=6,
        remote=bytes(range(40)).hex(),
        timings_s={"policy": 1.25e-5},
        note="policy -> damping (select)",
    )
    return tick._replace(**changes)


def assert_equal(found, wanted):
    found, wanted = fields_of(found), fields_of(wanted)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def write(path, header, ticks, **options):
    with LogWriter(path, header, **options) as log:
        for tick in ticks:
            log.write(tick)
    return log.files


# A tick


def test_every_field_of_a_tick_comes_back(contract, sizes):
    tick = make_tick(contract)
    assert len(fields_of(tick)) == len(Tick._fields) - 1 + len(Inputs._fields)
    found = decode(encode(tick), sizes)
    assert_equal(found, tick)
    assert found.inputs.joint_pos.dtype == found.action.dtype == np.float32


def test_float32_comes_back_to_the_last_bit(contract, sizes):
    bits = np.random.default_rng(0).integers(0, 2**32, (4000, 10), np.uint32)
    limits = np.finfo(np.float32)
    special = [limits.max, limits.tiny, limits.smallest_subnormal, -0.0, 0.1, 1 / 3, 16777217, 1, 2]
    values = [*bits.view(np.float32), np.array([*special, 3e-40], np.float32)]
    tried = 0
    for row in values:
        if np.isfinite(row).all():
            found = decode(encode(make_tick(contract, action=row)), sizes).action
            assert found.tobytes() == row.tobytes()
            tried += 1
    assert tried > 3000


def test_what_is_none_is_left_out(contract, sizes):
    tick = make_tick(contract, **dict.fromkeys(OPTIONAL))
    assert_equal(decode(encode(tick), sizes), tick)
    assert not OPTIONAL & json.loads(encode(tick)).keys()


def test_what_is_no_number_is_valid_json_and_comes_back_as_nan(contract, sizes):
    bad = np.ones(10, np.float32)
    bad[3], bad[4] = np.nan, np.inf
    data = encode(make_tick(contract, action=bad, torso_pos=np.float32("nan")))
    assert json.loads(data)["action"][2:6] == [1.0, None, None, 1.0]
    found = decode(data, sizes)
    assert np.isnan(found.action).tolist() == [False] * 3 + [True] * 2 + [False] * 5
    assert np.isnan(found.torso_pos)


def test_plain_lists_and_slices_can_be_logged(contract, sizes):
    row = np.arange(20, dtype=np.float32)[::2]
    tick = make_tick(contract, action=row, joint_targets=row.tolist(), time_s=np.float64(3))
    found = decode(encode(tick), sizes)
    assert found.action.tolist() == found.joint_targets.tolist() == row.tolist()
    assert found.time_s == 3.0


def without(name):
    def change(fields):
        del fields[name]

    return change


def setting(**fields):
    return lambda raw: raw.update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *((without(name), f"^step 5: lacks {name}$") for name in ("imu_quat", "command", "state")),
        (without("action"), "^step 5: has observation but lacks action$"),
        (without("observation"), "^step 5: has action but lacks observation$"),
        (setting(joint_pos=[1.0] * 9), r"^step 5: joint_pos has shape \(9,\), .* wants \(10,\)$"),
        (setting(phase=[0.5]), r"^step 5: phase has shape \(1,\), .* wants \(\)$"),
        (setting(gyro="fast"), "^step 5: gyro is not made of numbers$"),
        (setting(step=1.5), "^step 1.5: is no whole number$"),
        (setting(time_s=None), "^step 5: time_s is None, want a number$"),
    ],
)
def test_a_malformed_tick_is_refused_by_field(contract, sizes, change, message):
    raw = json.loads(encode(make_tick(contract, step=5)))
    change(raw)
    with pytest.raises(LogError, match=message):
        decode(json.dumps(raw).encode(), sizes)


def test_what_is_no_object_is_refused(sizes):
    for data in (b"[1, 2]", b"{", b""):
        with pytest.raises(LogError, match="no JSON object"):
            decode(data, sizes)


def test_elements_are_named_by_joint_and_term(contract):
    names = elements(contract)
    assert names["action"] == names["joint_vel"] == contract.joint_names
    assert len(names["observation"]) == contract.observation_size
    assert names["observation"][:7:3] == ("gyro.x", "projected_gravity.x", "command.vx")
    assert names["observation"][9] == f"joint_pos.{contract.joint_names[0]}"
    assert names["observation"][-2:] == ("phase.sin", "phase.cos")


def test_a_term_of_another_version_has_numbers(contract):
    odd = replace(contract.observation[0], name="wind")
    names = elements(replace(contract, observation=(odd, *contract.observation[1:])))
    assert names["observation"][:4] == ("wind.0", "wind.1", "wind.2", "projected_gravity.x")


# A file


def test_a_log_carries_its_header_and_every_tick(tmp_path, contract, header):
    ticks = [make_tick(contract, step) for step in range(60)]
    assert write(tmp_path / "deep/run.mcap", header, ticks) == [tmp_path / "deep/run.mcap"]
    reader = LogReader(tmp_path / "deep/run.mcap")
    assert reader.header == header
    found = list(reader.ticks())
    assert len(found) == 60
    for one, other in zip(found, ticks, strict=True):
        assert_equal(one, other)
    assert reader.damage == ""


def test_the_librarys_own_reader_finds_times_and_metadata(tmp_path, contract, header):
    write(tmp_path / "run.mcap", header, [make_tick(contract, step) for step in range(60)])
    with (tmp_path / "run.mcap").open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        summary = reader.get_summary()
        assert summary.statistics.message_count == 60
        assert summary.statistics.message_end_time == round((1.7e9 + 59 * DT) * 1e9)
        metadata = {record.name: record.metadata for record in reader.iter_metadata()}
        channels = {channel.topic for _, channel, _ in reader.iter_messages()}
    assert channels == {"/tick"}
    assert metadata[METADATA_NAME]["robot"] == "h1"
    assert metadata[METADATA_NAME]["contract"] == contract.to_json()


def test_foxglove_can_read_the_schema(tmp_path, contract, header):
    """Its parser wants one type per field, of arrays an item's, of objects the properties."""
    write(tmp_path / "run.mcap", header, [make_tick(contract)])
    with (tmp_path / "run.mcap").open("rb") as stream:
        (schema,) = make_reader(stream).get_summary().schemas.values()
    assert schema.encoding == "jsonschema"
    root = json.loads(schema.data)
    assert root["type"] == "object"
    written = json.loads(encode(make_tick(contract)))
    assert root["properties"].keys() == written.keys()
    kinds = {"integer": int, "number": float, "string": str, "array": list, "object": dict}
    for name, field in root["properties"].items():
        assert isinstance(written[name], kinds[field["type"]]), name
        if field["type"] == "array":
            assert field["items"] == {"type": "number"}
    assert root["properties"]["timings_s"]["properties"] == {"policy": {"type": "number"}}
    assert root["properties"]["joint_pos"]["description"] == ", ".join(contract.joint_names)
    assert set(root["required"]) == written.keys() - OPTIONAL


def test_nothing_is_overwritten(tmp_path, contract, header):
    path = tmp_path / "run.mcap"
    path.write_text("precious")
    with pytest.raises(LogError, match=r"run\.mcap: exists, and no log is overwritten"):
        LogWriter(path, header)
    assert path.read_text() == "precious"


def test_a_folder_that_is_none_is_named(tmp_path, header):
    (tmp_path / "file").write_text("")
    with pytest.raises(LogError, match=r"file/run\.mcap: cannot be written"):
        LogWriter(tmp_path / "file/run.mcap", header)


def test_a_full_disk_is_one_error_and_what_was_written_stays(
    tmp_path, contract, header, monkeypatch
):
    log = LogWriter(tmp_path / "run.mcap", header, flush_s=0.0)
    for step in range(5):
        log.write(make_tick(contract, step))

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writer._Part, "write", full)
        with pytest.raises(LogError, match=r"run\.mcap: cannot be written: No space left"):
            log.write(make_tick(contract, 5))
    assert len(list(LogReader(tmp_path / "run.mcap").ticks())) == 5
    log.close()


# Cut off


KILLED = """
import os, signal, sys
from tests.deploy.test_log import DT, LogHeader, LogWriter, Policy, ROOT, make_tick
contract = Policy(ROOT / "policies/h1/policy.onnx").contract
log = LogWriter(sys.argv[1], LogHeader(contract, "ab" * 32, "a test"))
for step in range(100):
    log.write(make_tick(contract, step))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_half_a_second_at_most(tmp_path):
    path = tmp_path / "run.mcap"
    command = [sys.executable, "-c", KILLED, str(path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr
    reader = LogReader(path)
    steps = [tick.step for tick in reader.ticks()]
    assert steps == list(range(len(steps)))
    assert 100 - 0.5 / DT <= len(steps) < 100
    assert "ends in the middle" in reader.damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory, contract, header):
    """A log of 60 ticks, flushed every 10."""
    path = tmp_path_factory.mktemp("log") / "run.mcap"
    write(path, header, [make_tick(contract, step) for step in range(60)], flush_s=9.5 * DT)
    return path.read_bytes()


def test_a_file_cut_anywhere_gives_whole_chunks_or_says_it_has_none(tmp_path, whole):
    path, counts = tmp_path / "cut.mcap", []
    for size in range(0, len(whole), 997):
        path.write_bytes(whole[:size])
        try:
            reader = LogReader(path)
        except LogError as error:
            assert "has no surefoot_log record" in str(error)
            assert not counts
            continue
        counts.append(sum(1 for _ in reader.ticks()))
        assert reader.damage.startswith("ends in the middle")
    assert counts == sorted(counts)
    assert set(counts) >= {0, 11, 21, 31, 41, 51, 60}


def test_zeros_at_the_end_as_after_a_power_cut(tmp_path, whole):
    path = tmp_path / "cut.mcap"
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 2))
    reader = LogReader(path)
    assert 20 < sum(1 for _ in reader.ticks()) < 40
    assert "ends in the middle" in reader.damage


def test_wrong_bytes_are_found_by_the_checksum(tmp_path, whole):
    at = whole.index(b'{"step":35')
    path = tmp_path / "wrong.mcap"
    path.write_bytes(whole[: at + 8] + b"9" + whole[at + 9 :])
    reader = LogReader(path)
    assert [tick.step for tick in reader.ticks()] == list(range(31))
    assert "CRCValidationError" in reader.damage


def test_what_is_no_log_is_refused(tmp_path, whole):
    path = tmp_path / "other.mcap"
    with pytest.raises(LogError, match="no such file"):
        LogReader(path)
    for content in (b"", b"PAR1 and so on", whole.replace(b"surefoot_log", b"somebodys_xx")):
        path.write_bytes(content)
        with pytest.raises(LogError, match="has no surefoot_log record"):
            LogReader(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (setting(format_version="2"), "format_version is '2', this code reads 1"),
        (without("policy_sha256"), "the header lacks policy_sha256"),
        (setting(contract="{}"), "the header is malformed: contract: schema_version is None"),
        (setting(epoch_s="noon"), "the header is malformed"),
    ],
)
def test_a_header_is_checked(header, change, message):
    metadata = header.to_metadata()
    assert LogHeader.from_metadata(metadata) == header
    change(metadata)
    with pytest.raises(LogError, match=message):
        LogHeader.from_metadata(metadata)


# Rotation


def test_a_new_file_after_so_many_seconds(tmp_path, contract, header):
    ticks = [make_tick(contract, step) for step in range(55)]
    files = write(tmp_path / "run.mcap", header, ticks, rotate_s=0.4)
    assert [file.name for file in files] == ["run_0000.mcap", "run_0001.mcap", "run_0002.mcap"]
    assert sorted(tmp_path.iterdir()) == files
    steps = []
    for file in files:
        reader = LogReader(file)
        assert reader.header == header
        steps.append([tick.step for tick in reader.ticks()])
        assert reader.damage == ""
    assert steps == [list(range(20)), list(range(20, 40)), list(range(40, 55))]


def test_a_new_file_after_so_many_megabytes(tmp_path, contract, header):
    ticks = [make_tick(contract, step) for step in range(60)]
    one = len(encode(ticks[0]))
    files = write(tmp_path / "run.mcap", header, ticks, flush_s=0.0, rotate_mb=20 * one / 1e6)
    assert len(files) > 2
    assert max(os.path.getsize(file) for file in files[:-1]) < 40 * one
    assert [t.step for file in files for t in LogReader(file).ticks()] == list(range(60))


def test_rotation_overwrites_nothing_either(tmp_path, contract, header):
    (tmp_path / "run_0001.mcap").write_text("precious")
    log = LogWriter(tmp_path / "run.mcap", header, rotate_s=0.1)
    with pytest.raises(LogError, match=r"run_0001\.mcap: exists"):
        for step in range(10):
            log.write(make_tick(contract, step))
    log.close()
    assert [tick.step for tick in LogReader(log.files[0]).ticks()] == list(range(5))


def test_files_on_disk_are_forgotten_but_not_what_kept_one_off_it(
    tmp_path, contract, header, monkeypatch
):
    class AtOnce:
        """Syncs before it returns, as a quick disk would."""

        def submit(self, sync):
            done = Future()
            try:
                done.set_result(sync())
            except OSError as error:
                done.set_exception(error)
            return done

        def shutdown(self):
            pass

    def rotate(log, first):
        for step in range(first, first + 40):
            log.write(make_tick(contract, step))

    log = LogWriter(tmp_path / "run.mcap", header, rotate_s=0.1)
    log._syncer = AtOnce()
    rotate(log, 0)
    assert len(log.files) == 8
    assert len(log._syncing) == 1

    def broken(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(writer.os, "fsync", broken)
        rotate(log, 40)
    rotate(log, 80)
    with pytest.raises(LogError, match=r"cannot be ended: Input/output error"):
        log.close()
    assert sum(len(list(LogReader(file).ticks())) for file in log.files) == 120
