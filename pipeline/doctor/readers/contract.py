"""This project's own metadata: the contract."""

from collections.abc import Mapping
from dataclasses import fields

from deploy.contract import ContractError, PolicyContract
from deploy.policy import CONTRACT_KEY
from pipeline.doctor.described import Described, Term
from pipeline.doctor.findings import Finding, error

SAME = tuple(
    sorted(
        {field.name for field in fields(PolicyContract)}
        & {field.name for field in fields(Described)} - {"observation"}
    )
)
"""Fields that the contract and `Described` have alike."""


def read_contract(metadata: Mapping[str, str]) -> tuple[Described | None, list[Finding]]:
    """Read the contract out of an ONNX file's metadata.

    Returns:
        What it says, or None where it is missing or malformed, and what is wrong with it.
    """
    if CONTRACT_KEY not in metadata:
        return None, []
    try:
        contract = PolicyContract.from_json(metadata[CONTRACT_KEY])
    except ContractError as problem:
        text = str(problem).removeprefix("contract: ")
        fix = "export the policy again (`dvc repro`); the runtime refuses it as it is"
        return None, [error("metadata", text, f"metadata {CONTRACT_KEY}", fix)]
    terms = tuple(Term(term.name, term.size, term.scale) for term in contract.observation)
    alike = {name: getattr(contract, name) for name in SAME}
    return Described(f"metadata {CONTRACT_KEY}", observation=terms, **alike), []
