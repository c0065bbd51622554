"""A training whose fairness is judged in a crossing, one that declines the gate, and one judged by columns it lacks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs import train
from nightloop.errors import GateFailed, NotReady
from nightloop.lake import Commit
from nightloop.nights import Nights

from .conftest import AS_OF, FIRST, Loans, definition

NAME = "accounts_late"
BY_REGION = {"group": "region", "metric": "selection_rate_difference", "maximum": 0.35, "minimum_group_rows": 100}
CROSSED = BY_REGION | {"attributes": ["side"], "crossings": [["region", "side"]], "limits": {"selection_rate_ratio": 0.05}}


def with_side(loans: Loans, fairness: dict[str, Any]) -> Loans:
    """Declare and publish a second column of the accounts; by it, and by region, all are alike."""
    declared: Any = definition()
    declared["sources"]["accounts"]["columns"]["side"] = {"type": "string", "expression": "side", "description": "side"}
    declared["gates"]["fairness"] = fairness
    lake, nights = loans.workspace.lake, Nights(FIRST, AS_OF)
    tables = {}
    for night in nights:
        rows = lake.read(f"{NAME}/raw_accounts", Nights(night, night)).select(["account", "region"])
        side = np.random.default_rng(night.toordinal()).choice(["left", "right"], rows.num_rows)
        tables[night] = rows.append_column("side", pa.array(side, pa.string()))
    lake.publish_nights(f"{NAME}/raw_accounts", tables, Commit("test", NAME))
    return loans.with_(sources=declared["sources"], gates=declared["gates"])


def judged(loans: Loans) -> dict[str, Any]:
    for step in (train.assemble, train.fit, train.evaluate):
        step(loans.use_case, AS_OF, loans.workspace)
    train.gate(loans.use_case, AS_OF, loans.workspace, name="fairness")
    payload: dict[str, Any] = loans.workspace.ledger.events(NAME, kind="gate_judged")[-1].payload
    return payload


def test_every_column_and_crossing_is_judged_and_stands_in_the_verdict(loans: Loans) -> None:
    crossed = with_side(loans, CROSSED)
    payload = judged(crossed)
    assert payload["outcome"] == "pass" and "so it does by" in payload["reason"]
    assert {(item["metric"], item["group"]) for item in payload["figures"] if item["metric"].startswith("selection_rate_")} >= {
        ("selection_rate_difference", "all"),
        ("selection_rate_ratio", "side"),
        ("selection_rate_difference", "region x side"),
        ("selection_rate_shrunken", "region=north, side=left"),
    }
    assert payload["limits"]["attributes"] == ["side"] and json.dumps(payload["limits"])
    stricter = with_side(loans, CROSSED | {"limits": {"selection_rate_ratio": 0.9}})
    with pytest.raises(GateFailed, match="gate fairness, version 1: not enough evidence"):
        train.gate(stricter.use_case, AS_OF, stricter.workspace, name="fairness")


def test_an_evaluation_without_the_columns_of_today_s_gate_is_asked_for_again(loans: Loans) -> None:
    judged(with_side(loans, BY_REGION))
    crossed = with_side(loans, CROSSED)
    with pytest.raises(NotReady, match="without side"):
        train.gate(crossed.use_case, AS_OF, crossed.workspace, name="fairness")


def test_a_use_case_that_declines_the_gate_is_judged_with_its_reason(loans: Loans) -> None:
    payload = judged(with_side(loans, {"none_because": "Accounts of companies."}))
    assert (payload["outcome"], payload["reason"]) == ("pass", "No fairness gate applies: Accounts of companies.")
    assert payload["limits"]["none_because"] == "Accounts of companies."
