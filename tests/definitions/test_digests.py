"""The digest of a definition says under which meaning a night was built: code that changes it would make every night stale."""

from __future__ import annotations

import pytest

from nightloop.definitions import definition_digest, load_use_case, use_case_names
from nightloop.settings import REPOSITORY

FOLDER = REPOSITORY / "feature_defs"
RECORDED = {
    "arrival_delay": "855cddbcc415541b9ba0eefd752988e39a03310fb9ce77dd9cee87559076ca06",
    "credit_risk": "e3b8c24566a6d5cc37a6826ac116fe449f1a18ba1fe2a366dbb382d8b8ff3b75",
    "flight_delay": "0a8af5c39c0853b38eb1856234e08293e6ef0e84e6277dbb166c837caf48585b",
}


def test_the_digest_of_every_declared_use_case_is_recorded():
    assert sorted(RECORDED) == use_case_names(FOLDER)


@pytest.mark.parametrize("use_case_name", RECORDED)
def test_a_definition_whose_file_did_not_change_keeps_its_digest(use_case_name):
    assert definition_digest(load_use_case(use_case_name, FOLDER)) == RECORDED[use_case_name]
