"""docs/add-a-robot.md, done: a made-up biped goes through the chain, and slips are refused."""

import json

import pytest

from deploy.policy import Policy
from tests.miniature import make_miniature, read_params, run, write_params
from tests.strider import OVERRIDES, add_strider


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A miniature project with a fifth robot."""
    folder = make_miniature(tmp_path_factory.mktemp("new") / "robot")
    add_strider(folder / "robots")
    params = read_params(folder)
    params["robot"] = "strider"
    params["overrides"]["strider"] = OVERRIDES
    write_params(folder, params)
    return folder


def test_it_is_trained_exported_and_judged(project):
    done = run(project, "dvc", "repro", "evaluate", "sim2sim")
    assert done.returncode == 0, done.stderr
    out = project / "artifacts" / "strider"
    contract = Policy(out / "policy.onnx").contract
    assert contract.robot == "strider"
    assert contract.motor_indices == (3, 4, 5, 0, 1, 2)
    assert contract.observation_size == 9 + 3 * 6 + 2
    assert contract.gait_period_s == 0.6
    gate = json.loads((out / "gate.json").read_text())
    assert gate["robot"] == "strider"
    assert gate["nominal"]["episodes"] == 13


SLIPS = {
    "limits that disagree": (
        "model.xml",
        'left_knee_joint" axis="0 1 0" range="-0.1 2"',
        'left_knee_joint" axis="0 1 0" range="-0.1 1.9"',
        "strider: upper of left_knee_joint is 2.0 in robot.py but 1.9 in the MJCF",
    ),
    "a joint that the spec does not name": (
        "model.xml",
        "right_knee_joint",
        "right_shin_joint",
        "strider: joint right_knee_joint is in robot.py but not in the MJCF",
    ),
    "a default pose outside the range": (
        "robot.py",
        '("knee", "y", 0.4',
        '("knee", "y", 2.4',
        "strider: default_pos of left_knee_joint is 2.4 rad, outside its range -0.1 to 2.0",
    ),
    "a mirror map that does not close": (
        "robot.py",
        "kp=60.0",
        'kp=60.0 + (side == "left")',
        "strider: kp of left_hip_roll_joint is 61.0, but right_hip_roll_joint mirrored says 60.0",
    ),
    "a folder without a model": ("model.xml", None, None, "robots/strider: lacks model.xml"),
    "a folder without a spec": ("robot.py", None, None, "robots/strider: lacks robot.py"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_refused_before_anything_runs(project, slip):
    name, old, new, message = SLIPS[slip]
    path = project / "robots" / "strider" / name
    good = path.read_text()
    try:
        if old is None:
            path.unlink()
        else:
            assert old in good
            path.write_text(good.replace(old, new, 1))
        done = run(project, "stages.check")
    finally:
        path.write_text(good)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
