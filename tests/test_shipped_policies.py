"""The policies in policies/ are what their papers say, and they walk."""

import json

import numpy as np
import pytest
import yaml

import robots
from deploy.policy import Policy
from pipeline.command_grid import command_grid
from pipeline.files import sha256
from pipeline.provenance import ROOT
from pipeline.quality import summarize
from pipeline.sim2sim.scenarios import NOMINAL, episodes_of
from pipeline.sim2sim.schema import read_gate
from pipeline.sim2sim.simulator import GateSimulator
from pipeline.sim2sim.table import margins_table

NAMES = robots.names()
EPISODES = 26
"""Two of each command."""


def test_every_robot_ships_and_nothing_else():
    folders = [folder.name for folder in (ROOT / "policies").iterdir() if folder.is_dir()]
    assert sorted(folders) == sorted(NAMES)
    assert set(NAMES) >= {"go2", "g1", "h1", "h1_2"}


def test_the_docs_have_the_margins_of_all():
    gates = {name: read_gate(ROOT / "policies" / name / "gate.json") for name in NAMES}
    table = margins_table(gates)
    assert len(table.splitlines()) >= 22
    assert table in (ROOT / "docs/gate.md").read_text(), "python -m pipeline.sim2sim.table"


@pytest.fixture(scope="module", params=NAMES)
def shipped(request):
    return ROOT / "policies" / request.param


def test_every_robot_ships_all_its_papers(shipped):
    gate = json.loads((shipped / "gate.json").read_text())
    assert gate["passed"]
    assert gate["profile"] == "full" and len(gate["margins"]) >= 20, "make gate PROFILE=full"
    assert gate["robot"] == shipped.name
    assert gate["policy_sha256"] == sha256((shipped / "policy.onnx").read_bytes())
    for name in ("metrics.json", "parity.json", "report.html", "preview.png", "preview.webp"):
        assert (shipped / name).stat().st_size > 100, name
    card = (shipped / "README.md").read_text()
    assert robots.load(shipped.name).title in card
    assert f"{gate['nominal']['planar_rmse']:.3g} m/s" in card


def test_the_readme_shows_it_with_the_figures_of_its_gate(shipped):
    gate = json.loads((shipped / "gate.json").read_text())
    readme = (ROOT / "README.md").read_text()
    measured = {criterion["name"]: criterion["measured"] for criterion in gate["criteria"]}
    pushed = {s["value"]: s for s in gate["sweeps"] if s["axis"] == "push_speed"}[1.0]
    title = robots.load(shipped.name).title
    cells = (
        f"[{title}](policies/{shipped.name})",
        f"{measured['nominal_falls']} of {gate['nominal']['episodes']}",
        f"{measured['planar_rmse']:.3f}",
        f"{measured['yaw_rmse']:.3f}",
        f"{measured['swept_survival']:.1%}".replace("%", " %"),
        f"{pushed['episodes'] - pushed['falls']} of {pushed['episodes']}",
    )
    assert "| " + " | ".join(cells) + " |" in readme
    assert f"policies/{shipped.name}/preview.webp" in readme


def test_every_robot_is_a_dvc_artifact(shipped):
    artifacts = yaml.safe_load((ROOT / "dvc.yaml").read_text())["artifacts"]
    artifact = artifacts[f"{shipped.name.replace('_', '-')}-policy"]
    assert ROOT / artifact["path"] == shipped / "policy.onnx"
    assert robots.load(shipped.name).title in artifact["desc"]


def test_it_was_judged_by_what_params_yaml_asks_for(shipped, make_config):
    gate = json.loads((shipped / "gate.json").read_text())
    thresholds = make_config({"robot": shipped.name}).sim2sim.thresholds.model_dump()
    assert {c["name"]: c["required"] for c in gate["criteria"]} == thresholds


def test_its_contract_is_the_robots(shipped):
    contract, robot = Policy(shipped / "policy.onnx").contract, robots.load(shipped.name)
    assert contract.robot == robot.name
    assert contract.joint_names == robot.joint_names
    np.testing.assert_array_equal(contract.motor_indices, [j.motor_index for j in robot.joints])
    for field, values in (("kp", contract.kp), ("kd", contract.kd)):
        np.testing.assert_array_equal(values, [getattr(j, field) for j in robot.joints])
    np.testing.assert_array_equal(contract.default_joint_pos, robot.default_joint_pos)


def test_it_commands_what_users_expect(shipped):
    ranges = Policy(shipped / "policy.onnx").contract.command_ranges
    go2 = shipped.name == "go2"
    wanted = ((-1.0, 1.5), (-0.6, 0.6), (-1.5, 1.5)) if go2 else ((-0.6, 1.0), (-0.4, 0.4), (-1, 1))
    for (low, high), (least, most) in zip(
        (ranges.vx, ranges.vy, ranges.yaw_rate), wanted, strict=True
    ):
        assert low <= least
        assert high >= most


def test_it_walks_in_the_nominal_part_of_the_gate(shipped, make_config):
    config = make_config({"robot": shipped.name})
    policy, settings = Policy(shipped / "policy.onnx"), config.sim2sim
    contract = policy.contract
    robot = robots.load(shipped.name)
    walks = episodes_of(NOMINAL, EPISODES)
    simulator = GateSimulator(contract, robot, settings, walks, config.seed)
    steps = round(settings.episode_s / contract.ctrl_dt)
    commands = np.resize(command_grid(contract.command_ranges), (EPISODES, 3))
    episodes = simulator.run(policy, np.broadcast_to(commands, (steps, EPISODES, 3))).episodes
    figures = summarize(episodes, contract, round(settings.settle_s / contract.ctrl_dt))
    assert figures["falls"] == 0
    assert figures["planar_rmse"] <= settings.thresholds.planar_rmse
    assert figures["yaw_rmse"] <= settings.thresholds.yaw_rmse
