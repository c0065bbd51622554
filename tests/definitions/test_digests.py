"""The digest of a definition says under which meaning a night was built: code that changes it would make every night stale."""

from __future__ import annotations

import pytest

from nightloop.definitions import definition_digest, load_use_case, use_case_names
from nightloop.settings import REPOSITORY

FOLDER = REPOSITORY / "feature_defs"
RECORDED = {
    "arrival_delay": "bcf67e091d75a95879ee1d7b4cc40b9071db76906e920e6caaab623198f59571",
    "credit_risk": "cf5e851aec259183ea35b5e219f446cf24c57f920fcdc425cc6f14615354d52b",
    "flight_delay": "47506fb865b74549f28b776e0f4bf105b5eb404c60bf2706ef05cb3103252b0a",
}


def test_the_digest_of_every_declared_use_case_is_recorded():
    assert sorted(RECORDED) == use_case_names(FOLDER)


@pytest.mark.parametrize("use_case_name", RECORDED)
def test_a_definition_whose_file_did_not_change_keeps_its_digest(use_case_name):
    assert definition_digest(load_use_case(use_case_name, FOLDER)) == RECORDED[use_case_name]
