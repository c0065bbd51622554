"""A training whose calibration is chosen and whose answers are promised to reach far enough, through its gates."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from jobs import train
from nightloop.errors import GateFailed, NotReady
from nightloop.lake import Commit
from nightloop.model import bundle
from nightloop.model.conformal import ClassSet

from .conftest import AS_OF, Loans, definition

NAME = "accounts_late"


def promising(loans: Loans) -> Loans:
    model: Any = definition()["model"]
    split = {"validate_nights": 8, "calibrate_nights": 5, "minimum_fit_nights": 9}
    return loans.with_(
        model={**model, "split": split, "calibration": "auto", "conformal": {"coverage": 0.9, "each_class": True}}
    )


def test_a_promise_is_in_the_bundle_the_card_and_the_calibration_gate_which_fails_when_it_is_broken(loans: Loans) -> None:
    promised = promising(loans)
    use_case, workspace = promised.use_case, promised.workspace
    for step in (train.assemble, train.fit, train.evaluate):
        step(use_case, AS_OF, workspace)
    folder = workspace.registry.fetch(NAME, 1)
    promise, card = bundle.read_spec(folder).conformal, (folder / bundle.CARD).read_text()
    assert isinstance(promise, ClassSet) and promise.coverage == 0.9
    assert "## Calibration\n\nBy the method " in card and "chosen on the newer half of the calibrate nights" in card
    assert "| mean prediction | mean outcome | 95 % interval | rows |" in card
    assert "90% of outcomes are promised to lie within the reach of an answer" in card

    for gate in ("calibration", "bundle"):  # the clean process of the latter needs the code of the promise
        train.gate(use_case, AS_OF, workspace, name=gate)
    payload = workspace.ledger.events(NAME, kind="gate_judged")[0].payload
    coverage, *by_class = (figure for figure in payload["figures"] if figure["metric"] == "coverage")
    assert [figure["group"] for figure in by_class] == ["class=false", "class=true"]
    assert all(f"of {figure['group']}, {figure['value']:.3f} [" in card for figure in by_class)
    assert coverage["value"] == pytest.approx(0.9, abs=0.05)
    assert "(90% promised)" in payload["reason"]
    assert f"| xgboost | coverage | {coverage['value']:.4f} |" in card

    table = f"{NAME}/evaluation"
    rows = workspace.lake.read(table).drop_columns(["night"])
    place = rows.column_names.index("covered")
    halved = rows.set_column(place, "covered", pa.array([float(i % 2) for i in range(rows.num_rows)]))
    workspace.lake.publish(table, AS_OF, halved, Commit("test", NAME))
    with pytest.raises(GateFailed, match=r"Its coverage 0\.500 .* is below the 90% that are promised"):
        train.gate(use_case, AS_OF, workspace, name="calibration")
    workspace.lake.publish(table, AS_OF, rows.drop_columns(["covered"]), Commit("test", NAME))
    with pytest.raises(NotReady, match="without what the candidate promises"):
        train.gate(use_case, AS_OF, workspace, name="calibration")
