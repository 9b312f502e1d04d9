"""deploy.runtime.plot: a picture of what a log says, limp joints included, or a reason why not."""

import numpy as np
import pytest

from deploy.__main__ import main
from deploy.log import LogError, LogHeader, LogWriter
from deploy.runtime import cli, plot
from deploy.runtime.periods import TIMINGS
from deploy.runtime.states import Event, State
from tests.deploy.runtime.fakes import Bench, shipped

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Two files of one run: limp while somebody moves its first joint, then to the default pose."""
    folder = tmp_path_factory.mktemp("logs")
    policy = shipped("g1")
    header = LogHeader(policy.contract, "ab" * 32, "a test", timing_names=TIMINGS)
    writer = LogWriter(folder / "run.mcap", header, rotate_s=0.5, flush_s=0.1)
    bench = Bench(policy, writer=writer)
    for step in range(300):
        bench.link.pos[0] = 0.01 * step
        bench.tick(1)
    bench.ask(Event.START)
    bench.tick(300)
    assert bench.controller.state is State.MOVE
    bench.controller.finish()
    bench.parts.log.close()
    return writer.files


@pytest.fixture
def drawn(monkeypatch):
    """What the axes of every picture show, by the panel's name: time and a column per line."""
    from matplotlib.figure import Figure

    shown = {}
    save = Figure.savefig

    def remember(figure, path):
        for axis, name in zip(figure.axes, plot.PANELS, strict=True):
            lines = axis.get_lines()
            shown[name] = {line.get_label(): np.asarray(line.get_ydata()) for line in lines}
        save(figure, path)

    monkeypatch.setattr(Figure, "savefig", remember)
    return shown


def test_joints_moved_by_hand_are_seen_though_nothing_is_sent_to_them(logs, drawn, tmp_path):
    assert len(logs) > 1
    plot.write_plot(logs, tmp_path / "run.png")
    joint = shipped("g1").contract.joint_names[0]
    moved, error = drawn["joint_pos"][joint], drawn["error"][joint]
    limp = np.isnan(error)
    assert 20 < limp.sum() < len(error)
    assert np.ptp(moved[limp]) > 2
    assert np.isfinite(drawn["torque"][joint]).all()
    assert set(drawn["timings"]) >= set(TIMINGS)
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_draws_beside_the_log(logs, capsys):
    assert main(["plot", *map(str, logs)]) == 0
    picture = logs[0].with_suffix(".png")
    assert capsys.readouterr().out == f"plot: {picture}\n"
    assert picture.exists()


def test_what_cannot_be_drawn_is_said(logs, tmp_path, capsys):
    policy = shipped("g1")
    empty = tmp_path / "empty.mcap"
    LogWriter(empty, LogHeader(policy.contract, "ab" * 32, "a test")).close()
    with pytest.raises(LogError, match="has no control period"):
        plot.write_plot([empty], tmp_path / "run.png")
    other = tmp_path / "other.mcap"
    LogWriter(other, LogHeader(policy.contract, "cd" * 32, "a test")).close()
    with pytest.raises(LogError, match=r"other\.mcap: is of another policy than .*run_0000.mcap"):
        plot.write_plot([logs[0], other], tmp_path / "run.png")
    assert main(["plot", str(logs[0]), "--out", str(tmp_path / "run.nonsense")]) == 2
    assert "run.nonsense cannot be written" in capsys.readouterr().err


def test_of_a_log_that_was_cut_off_what_is_whole_is_drawn(logs, tmp_path, capsys):
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(logs[0].read_bytes()[: -logs[0].stat().st_size // 3])
    assert main(["plot", str(cut)]) == 0
    assert capsys.readouterr().out.startswith(f"CUT OFF: {cut} ends in the middle")
    assert cut.with_suffix(".png").exists()


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch, logs, capsys):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    assert main(["plot", str(logs[0])]) == 2
    assert "pip install '.[plot]'" in capsys.readouterr().err


def test_a_picture_that_fails_hides_no_fault(monkeypatch, tmp_path, capsys):
    def fails(logs, path):
        raise ValueError("the disk is gone")

    monkeypatch.setattr(cli, "write_plot", fails)
    monkeypatch.setattr(cli.Stopping, "install", lambda self: None)
    script = tmp_path / "script.csv"
    script.write_text("time_s,vx,vy,yaw_rate,event\n0.1,0,0,0,start\n0.6,0,0,0,leave\n")
    asked = ["run", "policies/go2/policy.onnx", "--robot", "go2", "--fast", "--input", "script"]
    asked += ["--script", str(script), "--log", str(tmp_path / "run.mcap")]
    asked += ["--plot", str(tmp_path / "run.png"), "--max-temperature", "20"]
    assert main(asked) == 1
    assert "not drawn: the disk is gone" in capsys.readouterr().out
