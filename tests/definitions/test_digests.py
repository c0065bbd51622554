"""The digest of a definition says under which meaning a night was built: code that changes it would make every night stale."""

from __future__ import annotations

import pytest

from nightloop.definitions import definition_digest, load_use_case, use_case_names
from nightloop.settings import REPOSITORY

FOLDER = REPOSITORY / "feature_defs"
RECORDED = {
    "arrival_delay": "84ea03740af36800735c25468f3b5d095c37c39da3f006a9e0ae1a4d5d78cafd",
    "credit_risk": "0eed2d4b7dec42ca3ccf30f2a32df9d3572545aae03b0c76595d7805da90f048",
    "flight_delay": "c3a4312b0c58234ac545de7b9bedf3623b5fa84ace45f3edfc6510775aeccbb3",
}


def test_the_digest_of_every_declared_use_case_is_recorded():
    assert sorted(RECORDED) == use_case_names(FOLDER)


@pytest.mark.parametrize("use_case_name", RECORDED)
def test_a_definition_whose_file_did_not_change_keeps_its_digest(use_case_name):
    assert definition_digest(load_use_case(use_case_name, FOLDER)) == RECORDED[use_case_name]
