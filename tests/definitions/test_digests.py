"""The digest of a definition says under which meaning a night was built: code that changes it would make every night stale."""

from __future__ import annotations

import pytest

from nightloop.definitions import definition_digest, load_use_case, use_case_names
from nightloop.settings import REPOSITORY

FOLDER = REPOSITORY / "feature_defs"
RECORDED = {
    "arrival_delay": "bcf67e091d75a95879ee1d7b4cc40b9071db76906e920e6caaab623198f59571",
    "credit_risk": "20bda4d2721e4cd83a67de868b47c055480ceefa97f69d54de7c9c06082a1489",
    "flight_delay": "e79030404ecd9a5e4597a84e2ecbd43f3470ef3bddd741fff5c71180632b7c0e",
}


def test_the_digest_of_every_declared_use_case_is_recorded():
    assert sorted(RECORDED) == use_case_names(FOLDER)


@pytest.mark.parametrize("use_case_name", RECORDED)
def test_a_definition_whose_file_did_not_change_keeps_its_digest(use_case_name):
    assert definition_digest(load_use_case(use_case_name, FOLDER)) == RECORDED[use_case_name]
