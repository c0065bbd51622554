"""An expression that DuckDB will not compute shows at its line before a record is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nightloop.definitions.loading import load_use_case
from nightloop.sources.binding import expression_mistakes

SHIPPED = Path("feature_defs")


def mistakes(tmp_path: Path, sql: str) -> list[str]:
    """The mistakes of a shipped use case, one of whose expressions is another."""
    text = (SHIPPED / "credit_risk.yaml").read_text(encoding="utf-8")
    one = 'expression: "months_on_book::int"'
    assert text.count(one) == 1
    folder = tmp_path / "feature_defs"
    folder.mkdir()
    (folder / "credit_risk.yaml").write_text(text.replace(one, f"expression: {json.dumps(sql)}"), encoding="utf-8")
    return [str(mistake) for mistake in expression_mistakes(load_use_case("credit_risk", folder), folder)]


@pytest.mark.parametrize("name", ["flight_delay", "arrival_delay", "credit_risk"])
def test_every_shipped_expression_can_be_computed(name: str) -> None:
    assert expression_mistakes(load_use_case(name, SHIPPED), SHIPPED) == []


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("flihgt_number_of(x)", "flihgt_number_of does not exist"),
        ("strptime(flight, 5)", "No function matches|Could not"),
        ("flight + interval 1 day", "Binder Error"),
        ("flight::nothing", "Type with name nothing does not exist"),
        ("[flight]", "integer|BIGINT|cast"),
    ],
)
def test_a_mistake_shows_at_its_line(tmp_path: Path, sql: str, what: str) -> None:
    (mistake,) = mistakes(tmp_path, sql)
    assert any(part in mistake for part in what.split("|"))
    assert mistake.startswith("feature_defs/credit_risk.yaml:")
    assert "the expression of 'months_on_book' is wrong" in mistake


@pytest.mark.parametrize(
    "sql",
    [
        "any_name::int",
        "number_in(x, '.', ',')",
        "amount_in(x, '.', ',')",
        "day_in(x, 'januar februar')",
        "list_sum(list_transform([a, b], lambda x: x::int))",
        "text.a::int",
        '"so ""called"" %"::int',
        "rowid::int",
    ],
)
def test_whatever_name_is_read_is_taken_to_be_a_column(tmp_path: Path, sql: str) -> None:
    assert mistakes(tmp_path, sql) == []
