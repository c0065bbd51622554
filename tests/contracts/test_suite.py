"""Suites as files: what they may say, what each mistake is shown as, and in which order sources are judged."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nightloop.contracts.suite import Contract, in_order, load_contract
from nightloop.errors import DefinitionError
from tests.contracts.rules import rule, suite

COLUMNS = ["key", "amount"]
RULE = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "amount", "min_value": 0},
    "meta": {"on_breach": "warn", "description": "A rule."},
}


def loaded(folder: Path, document: Any, columns: list[str] = COLUMNS) -> Contract:
    """Write a suite and load it."""
    path = folder / "great_expectations/shop/things.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document, indent=1))
    return load_contract(folder / "great_expectations", "shop", "things", columns)


def things(*rules: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {"name": "things", **({"meta": meta} if meta else {}), "expectations": list(rules)}


def changed(part: str, **values: Any) -> dict[str, Any]:
    """Return RULE with some values of its kwargs or meta changed; None takes one away."""
    merged = {**RULE[part], **values}  # type: ignore[dict-item]
    return {**RULE, part: {key: value for key, value in merged.items() if value is not None}}


def mistake(folder: Path, document: Any) -> str:
    with pytest.raises(DefinitionError) as caught:
        loaded(folder, document)
    return str(caught.value)


def test_a_suite_says_its_rules_in_order_each_with_its_name_and_line(tmp_path: Path) -> None:
    pair = {
        "type": "expect_column_pair_values_a_to_be_greater_than_b",
        "kwargs": {"column_A": "amount", "column_B": "key"},
        "meta": {"on_breach": "fail", "description": "B.", "tolerance": 2, "refers_to": {"source": "s", "column": "c"}},
    }
    pair["kwargs"]["value_set"] = {"$PARAMETER": "referred_values"}  # type: ignore[index]
    rows = {"type": "expect_table_row_count_to_be_between", "meta": {"on_breach": "quarantine", "description": "C."}}
    found = loaded(tmp_path, things(RULE, pair, RULE, RULE, rows))
    assert [item.name for item in found.rules] == [
        "values_to_be_between(amount)",
        "pair_values_a_to_be_greater_than_b(amount, key)",
        "values_to_be_between(amount)#2",
        "values_to_be_between(amount)#3",
        "table_row_count_to_be_between()",
    ]
    assert [item.on_breach for item in found.rules] == ["warn", "fail", "warn", "warn", "quarantine"]
    assert [item.tolerance for item in found.rules] == [6.0, 2.0, 6.0, 6.0, 6.0]
    assert [item.refers_to for item in found.rules] == [None, ("s", "c"), None, None, None]
    assert [item.columns for item in found.rules] == [("amount",), ("amount", "key"), ("amount",), ("amount",), ()]
    assert [item.description for item in found.rules] == ["A rule.", "B.", "A rule.", "A rule.", "C."]
    places = [item.place for item in found.rules]
    assert places[0] == "great_expectations/shop/things.yaml:4"
    assert len(set(places)) == 5


def test_limits_of_the_suite_have_defaults(tmp_path: Path) -> None:
    plain = loaded(tmp_path, things(RULE))
    assert (plain.quarantined_share_limit, plain.rows_against_recent_nights, plain.rows_against_same_weekdays) == (
        0.05, (0.3, 3.0), (0.5, 2.0),
    )  # fmt: skip
    meta = {"quarantined_share_limit": 1, "rows_against_recent_nights": [0, 2], "rows_against_same_weekdays": [0.9, 1.1]}
    said = loaded(tmp_path, things(RULE, **meta))
    assert (said.quarantined_share_limit, said.rows_against_recent_nights, said.rows_against_same_weekdays) == (
        1.0, (0.0, 2.0), (0.9, 1.1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("- a\n", "a suite is a mapping"),
        ({**things(RULE), "nmae": 1}, "unknown key 'nmae'.*'name'"),
        ({**things(RULE), "name": "thing"}, r"the suite is named 'thing'\. Name it 'things'"),
        ({"expectations": [RULE]}, "the suite is named None"),
        ({"name": "things"}, "the suite expects nothing"),
        ({"name": "things", "expectations": []}, "the suite expects nothing"),
        ({"name": "things", "expectations": {"a": 1}}, "the suite expects nothing"),
        ({**things(RULE), "meta": 5}, "meta"),
        (things(RULE, descripton="x"), "unknown key 'descripton'.*'description'"),
        *((things(RULE, quarantined_share_limit=limit), "share between 0 and 1") for limit in (-0.01, 1.01, "5%", None)),
        *(
            (things(RULE, **{name: span}), "two factors")
            for name in ("rows_against_recent_nights", "rows_against_same_weekdays")
            for span in ([1, 1], [2, 1], [-0.1, 1], [1], [1, 2, 3], ["a", "b"], "1..2", 3)
        ),
    ],
)
def test_a_mistake_in_the_head_of_a_suite(tmp_path: Path, document: Any, said: str) -> None:
    assert re.search(said, mistake(tmp_path, document))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("text", "an expectation needs a 'type'"),
        ({"kwargs": {}}, "an expectation needs a 'type'"),
        ({**RULE, "type": 5}, "an expectation needs a 'type'"),
        ({**RULE, "kwarg": {}}, "unknown key 'kwarg'"),
        ({**RULE, "kwargs": []}, "'kwargs' and 'meta' are mappings"),
        ({**RULE, "meta": "warn"}, "'kwargs' and 'meta' are mappings"),
        (changed("meta", on_breach=None), "on_breach reads None.*quarantine, fail, warn"),
        (changed("meta", on_breach="drop"), "on_breach reads 'drop'"),
        (changed("meta", description=None), "the rule has no description"),
        (changed("meta", description=5), "the rule has no description"),
        (changed("meta", tolerence=3), "unknown key 'tolerence'.*'tolerance'"),
        *((changed("meta", tolerance=value), "the tolerance reads") for value in (0, -1, "6", True)),
        (changed("meta", refers_to="a.b"), r"it reads 'a\.b'.*Write \{source: NAME"),
        (changed("meta", refers_to={"source": "a"}), r"it reads .*Write \{source: NAME"),
        (changed("kwargs", column="amont"), "unknown column 'amont'.*'amount'"),
        (changed("kwargs", column=None, column_list=["key", "nope"]), "unknown column 'nope'"),
        (changed("kwargs", max_value={"$PARAMETER": "nigth"}), "unknown parameter 'nigth'.*'night'"),
        (changed("kwargs", column=None, max_value={"$PARAMETER": "median_low"}), "'median_low' is about the rule's column"),
        (changed("kwargs", value_set={"$PARAMETER": "referred_values"}), "'refers_to' go together"),
        (changed("meta", refers_to={"source": "a", "column": "b"}), "'refers_to' go together"),
        (
            {"type": "expect_table_x", "kwargs": {"column": "nope"}, "meta": {"on_breach": "warn", "description": "x"}},
            "unknown column 'nope'",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule(tmp_path: Path, wrong: Any, said: str) -> None:
    message = mistake(tmp_path, things(RULE, wrong))
    assert re.search(said, message, re.DOTALL)
    assert "things.yaml" in message


@pytest.mark.parametrize(
    "right",
    [
        changed("meta", tolerance=0.1),
        changed("meta", tolerance=7),
        changed("kwargs", min_value={"$PARAMETER": "median_low"}),
        {"type": "expect_table_x", "kwargs": {"column_set": ["b"]}, "meta": {"on_breach": "warn", "description": "x"}},
        {"type": "expect_multicolumn_x", "kwargs": {"column_list": ["x"]}, "meta": {"on_breach": "warn", "description": "x"}},
    ],
)
def test_what_is_no_mistake(tmp_path: Path, right: Any) -> None:
    assert loaded(tmp_path, things(right)).rules


def test_all_mistakes_of_a_suite_are_shown_at_once(tmp_path: Path) -> None:
    message = mistake(
        tmp_path, things(changed("kwargs", column="a"), changed("kwargs", column="b"), changed("meta", tolerance=0))
    )
    assert all(part in message for part in ("unknown column 'a'", "unknown column 'b'", "the tolerance reads 0"))


# --- digest ------------------------------------------------------------------------------------------------------------


def test_the_digest_changes_with_whatever_the_suite_says_and_not_with_its_words_around(tmp_path: Path) -> None:
    plain = loaded(tmp_path, things(RULE)).digest
    assert loaded(tmp_path, "# a comment\n" + json.dumps(things(RULE), indent=1)).digest == plain
    refers = changed("meta", refers_to={"source": "a", "column": "b"})
    refers["kwargs"] = {**RULE["kwargs"], "value_set": {"$PARAMETER": "referred_values"}}  # type: ignore[dict-item]
    others = [
        things(RULE, RULE),
        things(changed("kwargs", min_value=1)),
        things(changed("meta", on_breach="fail")),
        things(changed("meta", description="Another.")),
        things(changed("meta", tolerance=5)),
        things({**RULE, "type": "expect_column_max_to_be_between"}),
        things(refers),
        things(RULE, quarantined_share_limit=0.06),
        things(RULE, rows_against_recent_nights=[0.3, 4]),
        things(RULE, rows_against_same_weekdays=[0.3, 2]),
    ]
    assert len({plain, *(loaded(tmp_path, other).digest for other in others)}) == len(others) + 1


def test_the_digest_does_not_change_with_the_order_that_keys_are_written_in(tmp_path: Path) -> None:
    first, second = ({**RULE, "kwargs": dict(order)} for order in (RULE["kwargs"].items(), reversed(RULE["kwargs"].items())))  # type: ignore[attr-defined]
    assert list(first["kwargs"]) != list(second["kwargs"])
    assert loaded(tmp_path, things(first)).digest == loaded(tmp_path, things(second)).digest


def test_a_source_without_a_suite_is_a_mistake_with_the_page_that_shows_how(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"shop/things\.yaml: source 'things' has no contract\..*docs/contracts\.md"):
        load_contract(tmp_path / "great_expectations", "shop", "things", COLUMNS)


# --- order -------------------------------------------------------------------------------------------------------------

NAMES = {"a": ["x"], "b": ["x"], "c": ["x"]}


def test_sources_are_judged_after_those_they_refer_to_and_else_as_declared() -> None:
    assert in_order({name: suite() for name in "abc"}, NAMES) == ["a", "b", "c"]
    to_c = suite(rule("x"), rule("y", refers_to=("c", "x")))
    to_b = suite(rule("x", refers_to=("b", "x")))
    order = in_order({"a": to_c, "b": suite(), "c": suite()}, NAMES)
    assert order.index("c") < order.index("a") and sorted(order) == ["a", "b", "c"]
    assert in_order({"a": to_b, "b": to_c, "c": suite()}, NAMES) == ["c", "b", "a"]


def test_a_reference_to_no_source_or_column_is_a_mistake_at_the_rule() -> None:
    for target, said in ((("d", "x"), "unknown source 'd'"), (("b", "xx"), "source 'b' has no column 'xx'.*'x'")):
        with pytest.raises(DefinitionError, match=f"suite:1: .*{said}"):
            in_order({"a": suite(rule("x", refers_to=target)), "b": suite()}, NAMES)


def test_sources_that_refer_to_each_other_in_a_circle_are_a_mistake() -> None:
    a, b = (replace(suite(rule("x", refers_to=(other, "x"))), file=f"{file}.yaml") for other, file in ("ba", "ab"))
    with pytest.raises(DefinitionError, match=r"in a circle: (a -> b -> a|b -> a -> b)") as refused:
        in_order({"a": a, "b": b, "c": suite()}, NAMES)
    first = refused.value.what.partition("circle: ")[2][0]
    assert refused.value.where == f"{first}.yaml"
