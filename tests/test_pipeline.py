"""The whole chain in miniature: a `dvc repro` through all stages, kills, and byte comparisons."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from pipeline.bake import is_baked_from
from pipeline.model_card import model_card, with_gate
from tests.miniature import environment, make_miniature, read_params, run, write_params

OUT = Path("artifacts/go2")


@cache
def can_draw() -> bool:
    """Whether this machine can draw off-screen."""
    code = "import mujoco; mujoco.Renderer(mujoco.MjModel.from_xml_string('<mujoco/>'), 8, 8)"
    egl = {**os.environ, "MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl")}
    return (
        subprocess.run([sys.executable, "-c", code], capture_output=True, env=egl).returncode == 0
    )


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """A miniature after `dvc repro`; render is left out where this machine cannot draw."""
    folder = make_miniature(tmp_path_factory.mktemp("mini"))
    targets = [] if can_draw() else ["sim2sim", "evaluate"]
    done = run(folder, "dvc", "repro", *targets)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_repro_writes_every_output(reproduced):
    out = reproduced / OUT
    gate = json.loads((out / "gate.json").read_text())
    assert gate["passed"] in (True, False)
    assert gate["enabled"] is False
    assert {c["name"] for c in gate["criteria"]} == {
        "nominal_falls",
        "planar_rmse",
        "yaw_rmse",
        "fast_action_share",
        "swept_survival",
        "each_swept_survival",
        "scenario_survival",
        "each_scenario_survival",
    }
    assert gate["profile"] == "quick" and gate["margins"] == []
    parity = json.loads((out / "parity.json").read_text())
    assert parity["passed"] is True
    assert parity["measured"]["controller_recorded_batch_10000"] <= 1e-5
    assert is_baked_from(out / "controller.onnx", out / "policy.onnx")
    assert json.loads((out / "metrics.json").read_text())["episodes"] == 13
    assert (out / "report.html").read_text().lstrip().lower().startswith("<!doctype html>")
    for name in ("tracking.csv", "velocity.csv", "torque.csv"):
        assert len((out / "evaluate" / name).read_text().splitlines()) > 10
    with (out / "evaluate" / "torque.csv").open() as file:
        for row in csv.DictReader(file):
            wanted = float(row["torque_p99"]) / float(row["limit"])
            assert float(row["share_of_limit"]) == pytest.approx(wanted, rel=1e-3)
    curves = out / "train" / "plots" / "metrics" / "reward.tsv"
    assert len(curves.read_text().splitlines()) == 1 + 40 // 5
    if can_draw():
        assert (out / "video.mp4").stat().st_size > 1000
        assert (out / "preview.png").read_bytes().startswith(b"\x89PNG")
        with Image.open(out / "preview.webp") as clip:
            assert clip.n_frames in (19, 20)  # the miniature's script lasts one second


def test_the_model_card_tells_what_was_measured(reproduced):
    out = reproduced / OUT
    card = model_card(out)
    gate = json.loads((out / "gate.json").read_text())
    assert card.startswith("# Unitree Go2: walking policy\n")
    assert "- Commands: vx -1 to 1.5 m/s, vy -0.6 to 0.6 m/s, yaw -1.5 to 1.5 rad/s;" in card
    assert "0.0 million environment steps" in card
    assert re.search(r"minutes of wall time on [1-9]\d* CPU cores?, ", " ".join(card.split()))
    for criterion in gate["criteria"]:
        assert f"| {criterion['description']} | {criterion['measured']:.3g}" in card
    for sweep in gate["sweeps"]:
        stood = sweep["episodes"] - sweep["falls"]
        assert f"{sweep['value']:g}" in card and f"| {stood} of {sweep['episodes']} |" in card
    for scenario in gate["scenarios"]:
        assert f"| {scenario['name'].replace('_', ' ')} |" in card
    assert "hoist" in card


def test_a_card_follows_a_new_gate_and_keeps_the_rest(reproduced):
    out = reproduced / OUT
    card, gate = model_card(out), json.loads((out / "gate.json").read_text())
    assert with_gate(card, gate) == card
    tried = {"value": 1.25, "episodes": 40, "falls": 1}
    margin = {"axis": "push_speed", "unit": "m/s", "value": 1.25, "limit": 2.5, "tried": [tried]}
    gate["margins"] = [{**margin, "beyond_limit": False}]
    gate["criteria"][0]["measured"] = 77
    anew = with_gate(card, gate)
    assert "| Pushes | 1.25 m/s | 2.5 m/s | 39 of 40 |" in anew
    assert "| 77 |" in anew and "| 77 |" not in card
    for part in ("# Unitree Go2: walking policy\n", "million environment", "thumb on the remote"):
        assert anew.count(part) == card.count(part) == 1


def test_dvc_tells_two_gates_apart(reproduced, tmp_path):
    folder = tmp_path / "versioned"
    shutil.copytree(reproduced, folder, symlinks=True)
    run(folder, "dvc", "config", "--unset", "core.no_scm").check_returncode()
    for command in (["init", "-q"], ["add", "-A", "."], ["commit", "-q", "-m", "A gate"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *who, *command], cwd=folder, check=True)
    assert diff(folder, "metrics") == {}
    scorecard = OUT / "scorecard"
    figures, table = folder / scorecard / "figures.json", folder / scorecard / "survival.csv"
    measured = json.loads(figures.read_text())
    before = measured["survival"]["push_speed 1.0"]
    measured["survival"]["push_speed 1.0"] = 0.125
    figures.write_text(json.dumps(measured))
    table.write_text(
        re.sub(r"(?m)^push_speed 1\.0,[^,]*", "push_speed 1.0,0.125", table.read_text())
    )
    (found,) = diff(folder, "metrics")[str(scorecard / "figures.json")].items()
    assert found == (
        "survival.push_speed 1.0",
        {"old": before, "new": 0.125, "diff": pytest.approx(0.125 - before)},
    )
    (chart,) = diff(folder, "plots")["data"]["survival in the gate"]
    drawn = {
        row["rev"]: row["survival"]
        for row in chart["content"]["data"]["values"]
        if row["scenario"] == "push_speed 1.0"
    }
    assert float(drawn["workspace"]) == 0.125
    assert float(drawn["HEAD"]) == pytest.approx(before, abs=1e-5)


def diff(folder: Path, what: str) -> dict:
    """What `dvc metrics diff` or `dvc plots diff` says, as JSON."""
    done = run(folder, "dvc", what, "diff", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_repro_again_does_nothing(reproduced):
    assert outdated(reproduced) == set()


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        (
            "sim2sim",
            "thresholds",
            {"nominal_falls": 1, "planar_rmse": 0.2, "yaw_rmse": 0.2, "swept_survival": 0.5},
            {"check", "sim2sim"},
        ),
        ("render", "fps", 5, {"check", "render"}),
        ("evaluate", "duration_s", 1.5, {"check", "evaluate"}),
    ],
)
def test_a_change_reruns_what_it_changes_alone(reproduced, section, key, value, expected):
    if section == "render" and not can_draw():
        pytest.skip("this machine cannot draw, so render never ran")
    before = read_params(reproduced)
    changed = read_params(reproduced)
    changed[section][key] = value
    write_params(reproduced, changed)
    try:
        assert outdated(reproduced) == expected
    finally:
        write_params(reproduced, before)


def outdated(folder: Path) -> set[str]:
    """Stages that DVC would run, in a miniature that can draw or cannot."""
    done = run(folder, "dvc", "status", "--json")
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout)) - (set() if can_draw() else {"render"})


def test_gate_that_fails_says_what_and_exits_non_zero(reproduced, tmp_path):
    folder = tmp_path / "strict"
    shutil.copytree(reproduced, folder, symlinks=True)
    params = read_params(folder)
    params["sim2sim"]["enabled"] = True
    params["sim2sim"]["thresholds"]["planar_rmse"] = 1e-6
    write_params(folder, params)
    done = run(folder, "stages.sim2sim")
    assert done.returncode == 1
    assert "planar_rmse: measured" in done.stderr
    assert "required <= 1e-06 m/s" in done.stderr
    assert json.loads((folder / OUT / "gate.json").read_text())["passed"] is False
    assert "Traceback" not in done.stderr


def test_two_runs_give_the_same_onnx_byte_for_byte(reproduced, tmp_path):
    folder = make_miniature(tmp_path / "second")
    for stage in ("stages.train", "stages.export"):
        done = run(folder, stage)
        assert done.returncode == 0, done.stderr
    for name in ("policy.onnx", "controller.onnx"):
        assert (folder / OUT / name).read_bytes() == (reproduced / OUT / name).read_bytes(), name


def test_killed_and_resumed_training_ends_byte_for_byte_alike(reproduced, tmp_path):
    folder = make_miniature(tmp_path / "killed")
    kills = 0
    for _ in range(3):
        before = checkpoints(folder)
        training = subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro", "train"],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while training.poll() is None and checkpoints(folder) == before:
            time.sleep(0.01)
        if training.poll() is None:
            os.killpg(training.pid, signal.SIGKILL)
            kills += 1
        training.wait()
    assert kills >= 1, "the training ended before it could be killed: make it longer"
    assert not (folder / OUT / "policy").exists()
    done = run(folder, "dvc", "repro", "train")
    assert done.returncode == 0, done.stderr
    assert "continuing from step" in done.stdout
    assert run(folder, "stages.export").returncode == 0
    first = (reproduced / OUT / "policy.onnx").read_bytes()
    assert (folder / OUT / "policy.onnx").read_bytes() == first
    curve = OUT / "train" / "plots" / "metrics" / "reward.tsv"
    assert columns(folder / curve) == columns(reproduced / curve)


def checkpoints(folder: Path) -> set[str]:
    """Names of whole checkpoints."""
    return {path.name for path in folder.glob(".runs/*/*") if path.name.isdigit()}


def columns(path: Path) -> list[list[str]]:
    """Rows of a DVCLive curve, without its time stamps."""
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    keep = [i for i, name in enumerate(rows[0]) if name != "timestamp"]
    return [[row[i] for i in keep] for row in rows]


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("ppo", "learning_rat", 1e-3, "ppo.learning_rat: unknown key"),
        ("ppo", "num_envs", -1, "ppo.num_envs: -1 is not allowed"),
    ],
)
def test_bad_params_stop_before_anything_is_touched(reproduced, section, key, value, message):
    before = read_params(reproduced)
    changed = read_params(reproduced)
    changed[section][key] = value
    write_params(reproduced, changed)
    try:
        done = run(reproduced, "dvc", "repro")
    finally:
        write_params(reproduced, before)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (reproduced / OUT / "policy" / "policy.json").is_file()
    assert (reproduced / OUT / "policy.onnx").is_file()
    assert run(reproduced, "dvc", "repro", "check").returncode == 0


@pytest.mark.parametrize("damage", ["truncated", "no contract", "other version", "wrong shape"])
def test_gate_refuses_a_bad_onnx_and_keeps_the_old_report(reproduced, tmp_path, damage):
    folder = tmp_path / "bad"
    shutil.copytree(reproduced, folder, symlinks=True)
    old_report = (folder / OUT / "report.html").read_bytes()
    damage_onnx(folder / OUT / "policy.onnx", damage)
    done = run(folder, "stages.sim2sim")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert (folder / OUT / "report.html").read_bytes() == old_report


def damage_onnx(path: Path, damage: str) -> None:
    """Damage an ONNX file in one of the ways it may come."""
    import onnx

    if damage == "truncated":
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[: len(content) // 2])
        return
    model = onnx.load(path)
    for entry in list(model.metadata_props):
        if entry.key != "surefoot_contract":
            continue
        contract = json.loads(entry.value)
        if damage == "no contract":
            model.metadata_props.remove(entry)
        elif damage == "other version":
            entry.value = json.dumps({**contract, "schema_version": 99})
        elif damage == "wrong shape":
            contract["observation"] = contract["observation"][:-1]
            entry.value = json.dumps(contract)
    path.unlink()
    onnx.save(model, path)


def test_nonfinite_learning_stops_with_the_quantity_and_the_step(tmp_path):
    folder = make_miniature(
        tmp_path / "diverging",
        ppo={"learning_rate": 1e30, "final_learning_rate": 1e30, "max_grad_norm": 1e30},
    )
    done = run(folder, "stages.train")
    assert done.returncode == 1
    assert "became non-finite before step" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / OUT / "policy").exists()
