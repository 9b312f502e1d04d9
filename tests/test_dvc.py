"""dvc.yaml against the code: what a stage imports and reads is what it declares."""

import re
from pathlib import Path

import pytest
import yaml

import robots
from pipeline.config import Config
from pipeline.provenance import ROOT, imported_files

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
ROBOT = PARAMS["robot"]


def expand(path: str) -> set[Path]:
    """Python files that a declared dependency stands for."""
    full = ROOT / path.replace("${robot}", ROBOT)
    return set(full.rglob("*.py")) if full.is_dir() else {full}


@pytest.mark.parametrize("stage", STAGES)
def test_deps_name_every_imported_file(stage):
    declared = set().union(*(expand(dep) for dep in STAGES[stage]["deps"]))
    imported = imported_files(ROOT / "stages" / f"{stage}.py")
    assert len(imported) > 5
    assert imported <= declared, f"add to deps: {sorted(imported - declared)}"


@pytest.mark.parametrize("stage", STAGES)
def test_no_dep_is_there_for_nothing(stage):
    imported = imported_files(ROOT / "stages" / f"{stage}.py")
    for dep in STAGES[stage]["deps"]:
        if dep.endswith(".py"):
            assert ROOT / dep in imported, f"{stage} does not import {dep}"


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_describes_itself_and_depends_on_its_robot(stage):
    assert len(STAGES[stage]["desc"]) > 20
    if stage != "check":
        assert "robots/${robot}" in STAGES[stage]["deps"]
        assert "artifacts/${robot}/params.ok" in STAGES[stage]["deps"]


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "check"])
def test_params_are_the_sections_that_the_code_reads(stage):
    """`config.<section>` in the stage's own modules, less what only names a type."""
    own = [
        path for path in imported_files(ROOT / "stages" / f"{stage}.py") if path.name != "config.py"
    ]
    text = "\n".join(path.read_text() for path in own)
    read = {name for name in Config.model_fields if re.search(rf"\bconfig\.{name}\b", text)}
    declared = {key.split(".")[0] for key in STAGES[stage]["params"]} - {"overrides"}
    assert declared <= set(Config.model_fields)
    assert read - {"ppo"} <= declared | {"ppo"}
    assert ("ppo" in declared) == (stage == "train")


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "check"])
def test_overrides_are_tracked_section_by_section(stage):
    params = STAGES[stage]["params"]
    sections = {key for key in params if key in Config.model_fields} - {"robot", "seed"}
    overridden = {key.removeprefix("overrides.${robot}.") for key in params if "overrides" in key}
    assert sections == overridden


def test_the_film_comes_last():
    """DVC runs stages as they are listed and stops at the first that fails, for want of GL say."""
    assert list(STAGES)[-2:] == ["sim2sim", "render"]


def test_every_robot_lists_every_section_in_overrides():
    sections = set(Config.model_fields) - {"robot", "seed"}
    assert set(PARAMS["overrides"]) == set(robots.names())
    for robot, overrides in PARAMS["overrides"].items():
        assert set(overrides) == sections, robot


def test_import_direction_is_a_contract():
    """import-linter knows all four packages, in the one allowed order."""
    text = (ROOT / "pyproject.toml").read_text()
    assert 'layers = ["stages", "pipeline", "deploy", "robots"]' in text
