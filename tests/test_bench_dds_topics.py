"""bench.dds_topics: topics beside types that come and go; who dies of it is counted."""

import os

import pytest

from bench import dds_topics

pytest.importorskip("cyclonedds", reason="cyclonedds is not installed (extra: robot)")


def crash(counts, seconds):
    os.abort()


def test_both_sides_are_at_it():
    counted = dds_topics.measure(2.0)
    assert counted["made"] > 0
    assert counted["rounds"] > 0
    assert counted["processes"] >= 1


def test_a_process_that_dies_is_counted():
    counted = dds_topics.measure(2.0, crash)
    assert counted["died"] == counted["processes"] >= 1
    assert counted["made"] == 0
