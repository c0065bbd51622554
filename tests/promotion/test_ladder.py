"""Who stands in for a champion that cannot answer: the one before it, a rule, nobody; as it is declared."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from nightloop.definitions.use_case import Serving, UseCase
from nightloop.errors import DefinitionError, StoreDamaged, StoreUnavailable
from nightloop.ledger import Ledger
from nightloop.model import champions
from nightloop.model.champions import Champion
from nightloop.promotion.ladder import first_usable, previous_of, rule_columns
from nightloop.promotion.reversal import record_retirement, record_roll_back

DAY = date(2013, 4, 1)
WHO = {"by": "Ada", "reason": "So."}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    for version in (1, 2, 3):
        champions.promote(ledger, "tiny", version, DAY, {})
    return ledger


def declaring(tiny: UseCase, *ladder: str, rule: str | None = None) -> UseCase:
    return tiny.model_copy(update={"serving": Serving(ladder=list(ladder), rule=rule)})  # type: ignore[arg-type]


def of(ledger: Ledger, version: int) -> Champion:
    return champions.promotion_of(ledger, "tiny", version)


def damaged(*versions: int, error: type[Exception] = StoreDamaged):
    def load(champion: Champion) -> str:
        if champion.version in versions:
            raise error(f"{champion.version} is damaged.")
        return f"model {champion.version}"

    return load


def test_the_previous_champion_is_who_was_it_before_that_came_to_be(ledger: Ledger) -> None:
    def before(version: int) -> int | None:
        champion = previous_of(ledger, "tiny", of(ledger, version))
        return champion.version if champion else None

    assert [before(version) for version in (1, 2, 3)] == [None, 1, 2]
    record_roll_back(ledger, "tiny", 1, **WHO)
    record_retirement(ledger, "tiny", **WHO)
    assert [before(version) for version in (1, 3)] == [None, 2]


@pytest.mark.parametrize(("ladder", "unusable", "answers"), [
    (("previous", "rule"), (), ("champion", 3)), (("previous", "rule"), (3,), ("previous", 2)),
    (("previous", "rule"), (2, 3), ("rule", 3)), (("rule", "previous"), (3,), ("rule", 3)), (("rule",), (3,), ("rule", 3)),
    (("previous",), (3,), ("previous", 2)),
])  # fmt: skip
def test_the_first_rung_that_can_answers(
    ledger: Ledger, tiny: UseCase, ladder: tuple[str, ...], unusable: tuple[int, ...], answers: tuple[str, int]
) -> None:
    usable = first_usable(declaring(tiny, *ladder), of(ledger, 3), ledger, damaged(*unusable))
    assert (usable.rung, usable.champion.version) == answers
    assert usable.loaded == (None if answers[0] == "rule" else f"model {answers[1]}")
    assert (usable.problem is None) == (not unusable)


def test_where_no_rung_is_left_the_champions_own_error_is_raised(ledger: Ledger, tiny: UseCase) -> None:
    for use_case, unusable in ((tiny, (3,)), (declaring(tiny, "previous"), (2, 3))):
        with pytest.raises(StoreDamaged, match="3 is damaged"):
            first_usable(use_case, of(ledger, 3), ledger, damaged(*unusable))
    with pytest.raises(StoreUnavailable):  # a batch tries again later
        first_usable(declaring(tiny, "previous", "rule"), of(ledger, 3), ledger, damaged(3, error=StoreUnavailable))


def test_a_rule_answers_every_row_with_a_probability_or_says_which_it_does_not(tiny: UseCase) -> None:
    rows = [{"balance": value} for value in (0.0, 0.4, 1.0)]
    columns = rule_columns(declaring(tiny, "rule", rule="balance"), rows)
    assert columns["probability"].tolist() == [0.0, 0.4, 1.0] and columns["decision"].tolist() == [False, True, True]
    for wrong in (-0.01, 1.01, None):
        with pytest.raises(DefinitionError, match=r"the rule of its ladder.*the rule answers .* for row 1.*coalesce"):
            rule_columns(declaring(tiny, "rule", rule="balance"), [*rows[:1], {"balance": wrong}])
