"""What the export's parity check says of figures beyond their limits."""

from pipeline.parity import failures

AGREE = {"on_distribution_batch_1": 9e-7, "extreme_batch_1": 2e-6, "rollout_divergence": 1e-5}
REQUIRED = {"on_distribution_batch_1": 1e-5, "extreme_batch_1": 1e-5, "rollout_divergence": 1e-3}


def said(**measured):
    return failures({"measured": {**AGREE, **measured}, "required": REQUIRED, "rollout_s": 1.0})


def test_nothing_is_said_within_the_limits():
    assert said() == []


def test_every_figure_beyond_its_limit_is_named():
    assert said(extreme_batch_1=0.5, rollout_divergence=0.2) == [
        "extreme_batch_1: 0.5, allowed 1e-05",
        "rollout_divergence: 0.2, allowed 0.001",
    ]


def test_robots_that_part_though_the_actions_agree_are_told_from_a_wrong_file():
    (line,) = said(rollout_divergence=0.00835)
    assert line.startswith("rollout_divergence: 0.00835, allowed 0.001 (rad after 1 s)")
    assert "actions agree to 2e-06" in line and "export.rollout_s" in line
