"""The digest of a definition says under which meaning a night was built: code that changes it would make every night stale."""

from __future__ import annotations

import pytest

from nightloop.definitions import definition_digest, load_use_case, use_case_names
from nightloop.settings import REPOSITORY

FOLDER = REPOSITORY / "feature_defs"
RECORDED = {
    "arrival_delay": "c7206b0a0b5f809952c70e731a9521aaeace37d91143ed11b9c10092041f48c9",
    "credit_risk": "e3b8c24566a6d5cc37a6826ac116fe449f1a18ba1fe2a366dbb382d8b8ff3b75",
    "flight_delay": "7c28f93b34e29d009ec5961d21f290e561934456cb07a2c684fd02ab4cc2799a",
}


def test_the_digest_of_every_declared_use_case_is_recorded():
    assert sorted(RECORDED) == use_case_names(FOLDER)


@pytest.mark.parametrize("use_case_name", RECORDED)
def test_a_definition_whose_file_did_not_change_keeps_its_digest(use_case_name):
    assert definition_digest(load_use_case(use_case_name, FOLDER)) == RECORDED[use_case_name]
