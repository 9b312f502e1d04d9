"""The controllers in policies/ are those of the policies beside them, and do what the code does."""

import pytest

import robots
from deploy.policy import Policy
from pipeline.bake import is_baked_from
from pipeline.controller_parity import controller_errors
from pipeline.provenance import ROOT

AGAIN = "python -m pipeline.bake policies/*/policy.onnx"


@pytest.fixture(scope="module", params=robots.names())
def shipped(request):
    return ROOT / "policies" / request.param


def test_it_is_of_the_policy_beside_it(shipped):
    current = is_baked_from(shipped / "controller.onnx", shipped / "policy.onnx")
    assert current, f"{shipped.name}: run {AGAIN}"


def test_it_does_what_the_code_does(shipped, make_config):
    fewer = {"robot": shipped.name, "export.on_distribution": 2000, "export.extreme": 400}
    controller = (shipped / "controller.onnx").read_bytes()
    errors = controller_errors(make_config(fewer), Policy(shipped / "policy.onnx"), controller)
    assert max(errors.values()) <= 1e-5, errors
