"""From what a page holds to a velocity."""

import pytest

from deploy.cockpit.hands import KEYS, Hands, read_hands, velocity
from tests.deploy.runtime.fakes import shipped

CONTRACT = shipped("g1").contract
RANGES = CONTRACT.command_ranges


def held(*keys, **more):
    return velocity(CONTRACT, Hands(frozenset(keys), **more))


def test_nothing_held_is_no_velocity():
    assert held() == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("KeyW", (RANGES.vx[1], 0, 0)),
        ("KeyS", (RANGES.vx[0], 0, 0)),
        ("KeyA", (0, RANGES.vy[1], 0)),
        ("KeyD", (0, RANGES.vy[0], 0)),
        ("KeyQ", (0, 0, RANGES.yaw_rate[1])),
        ("KeyE", (0, 0, RANGES.yaw_rate[0])),
    ],
)
def test_each_key_has_its_way(key, wanted):
    assert held(key, reach=1.0) == pytest.approx(wanted)
    assert held(key, reach=0.25) == pytest.approx([part / 4 for part in wanted])


def test_there_are_six_keys():
    assert len(KEYS) == 6
    assert {axis for axis, _ in KEYS.values()} == {0, 1, 2}


def test_keys_of_several_axes_add_up_and_opposite_ones_cancel():
    assert held("KeyW", "KeyQ", reach=1.0) == pytest.approx((RANGES.vx[1], 0.0, RANGES.yaw_rate[1]))
    assert held("KeyW", "KeyS", reach=1.0, sliders=(0.4, 0.0, 0.0)) == (0.0, 0.0, 0.0)


def test_a_key_comes_before_a_stick_and_a_stick_before_a_slider_on_each_axis():
    wanted = held("KeyQ", sticks=(1.0, 0.05, 1.0), sliders=(0.1, 0.2, 0.3), reach=0.5)
    assert wanted == pytest.approx((RANGES.vx[1], 0.2, RANGES.yaw_rate[1] / 2))


def test_what_a_page_says_is_read():
    said = {"keys": ["KeyW", "KeyP"], "sticks": [1, 0, 0], "sliders": [0, 0.5, 0], "reach": 7}
    assert read_hands(said) == Hands(frozenset({"KeyW"}), (1.0, 0.0, 0.0), (0.0, 0.5, 0.0), 1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"keys": None},
        {"sticks": [0, 0]},
        {"sliders": [0, 0, "nan"]},
        {"sliders": [0, 0, float("inf")]},
        {"reach": "much"},
        {"reach": None},
    ],
)
def test_what_no_page_of_ours_says_is_refused(change):
    said = {"keys": [], "sticks": [0, 0, 0], "sliders": [0, 0, 0], "reach": 0.5}
    assert read_hands(said) == Hands()
    with pytest.raises(ValueError):
        read_hands(said | change)
    said.popitem()
    with pytest.raises(ValueError):
        read_hands(said)
