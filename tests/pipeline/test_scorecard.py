"""What DVC compares of a gate: figures with a name, tables with a row per scenario."""

import csv
import json

import pytest

from pipeline.sim2sim.scorecard import figures, write_scorecard


def survival(share, **more):
    return {"survival": share, "survival_low": share / 2, "survival_high": 1.0} | more


def margin(axis, nominal, limit, value):
    return {"axis": axis, "nominal": nominal, "limit": limit, "value": value}


@pytest.fixture
def gate():
    command = {"vx": 0.5, "vy": 0.0, "yaw_rate": -1.0, "planar_error": 0.125, "yaw_error": None}
    return {
        "nominal": {"commands": [command]},
        "sweeps": [
            {"axis": "friction", "value": 0.3, **survival(0.5, planar_rmse=0.04)},
            {"axis": "friction", "value": 1.2, **survival(0.75, planar_rmse=None)},
        ],
        "scenarios": [{"name": "drop", **survival(0.25, planar_rmse=0.03)}],
        "margins": [
            margin("com_x", 0.0, -0.1, -0.05),
            margin("com_x", 0.0, 0.1, 0.1),
            margin("friction", 0.8, 0.05, 0.2),
        ],
    }


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_every_figure_has_a_name_of_its_own(gate):
    assert figures(gate) == {
        "survival": {"friction 0.3": 0.5, "friction 1.2": 0.75, "drop": 0.25},
        "margins": {"com_x_down": -0.05, "com_x_up": 0.1, "friction_down": 0.2},
    }


def test_tables_hold_what_the_gate_measured(gate, tmp_path):
    write_scorecard(tmp_path, gate)
    assert json.loads((tmp_path / "figures.json").read_text()) == figures(gate)
    survived = rows(tmp_path / "survival.csv")
    assert [row["scenario"] for row in survived] == ["friction 0.3", "friction 1.2", "drop"]
    assert [float(row["survival"]) for row in survived] == [0.5, 0.75, 0.25]
    assert [row["planar_rmse"] for row in survived] == ["0.04", "", "0.03"]
    assert rows(tmp_path / "tracking.csv") == [
        {"command": "vx +0.50 vy +0.00 yaw -1.00", "planar_error": "0.125", "yaw_error": ""}
    ]
    stood = rows(tmp_path / "margins.csv")
    assert [row["margin"] for row in stood] == ["com_x_down", "com_x_up", "friction_down"]
    assert [float(row["share_of_search"]) for row in stood] == pytest.approx([0.5, 1.0, 0.8])


def test_a_quick_gate_has_no_margins(gate, tmp_path):
    write_scorecard(tmp_path, gate | {"margins": []})
    assert rows(tmp_path / "margins.csv") == []
    assert figures(gate | {"margins": []})["margins"] == {}
