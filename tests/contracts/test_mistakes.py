"""Every mistake in the contracts of a use case is found at once; Great Expectations is stood in for."""

from __future__ import annotations

import pytest

from nightloop.contracts import great_expectations_engine as engine
from nightloop.contracts.common_forms import is_common_form
from nightloop.contracts.mistakes import contract_mistakes
from nightloop.contracts.suite import Rule
from nightloop.errors import DefinitionError
from tests.fixtures_ingest import CLERKS, ORDERS, Shop


@pytest.fixture(autouse=True)
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the rules that the library was asked to build; it refuses those that speak of an amount."""
    names: list[str] = []

    def check(rule: Rule) -> None:
        names.append(rule.name)
        if "amount" in rule.columns and rule.type == "expect_column_max_to_be_between":
            raise DefinitionError("refused.", where=rule.place, do="Mend it.")

    monkeypatch.setattr(engine, "check", check)
    monkeypatch.setattr("nightloop.contracts.mistakes.is_common_form", lambda rule: False)
    return names


def mistakes(shop: Shop) -> tuple[int, list[str]]:
    rules, found, _ = contract_mistakes(shop.use_case, shop.settings.contracts)
    return rules, [str(error) for error in found]


def test_contracts_in_order_have_no_mistake_and_every_rule_is_built_once(shop: Shop, checked: list[str]) -> None:
    assert mistakes(shop) == (5, [])
    assert len(checked) == 5


def test_rules_of_common_forms_are_not_built(shop: Shop, checked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightloop.contracts.mistakes.is_common_form", is_common_form)
    assert mistakes(shop) == (5, [])
    assert checked == []


@pytest.mark.parametrize(
    ("rule", "is_noted"),
    [
        ("type: expect_column_values_to_be_unique\n    kwargs: {column: order_id}", False),
        ("type: expect_compound_columns_to_be_unique\n    kwargs: {column_list: [order_id, amount]}", True),
        ("type: expect_column_values_to_not_be_null\n    kwargs: {column: order_id}", True),
    ],
)
def test_a_key_that_no_rule_expects_to_be_unique_is_noted(shop: Shop, rule: str, is_noted: bool) -> None:
    unique = "type: expect_column_values_to_be_unique\n    kwargs: {column: order_id}"
    assert unique in ORDERS
    shop.write("great_expectations/shop/orders.yaml", ORDERS.replace(unique, rule))
    notes = [note for note in contract_mistakes(shop.use_case, shop.settings.contracts)[2] if "'orders'" in note]
    assert bool(notes) == is_noted
    assert all("(order_id) to be unique" in note and "expect_column_values_to_be_unique" in note for note in notes)


def test_a_file_that_guards_no_source_is_a_mistake(shop: Shop) -> None:
    shop.write("great_expectations/shop/order.yaml", "name: order")
    shop.write("great_expectations/shop/orders.yml", "name: orders")
    shop.write("great_expectations/shop/notes.txt", "later")
    rules, found = mistakes(shop)
    assert rules == 5
    assert [message.partition(": ")[0] for message in found] == [
        "great_expectations/shop/notes.txt:1", "great_expectations/shop/order.yaml:1", "great_expectations/shop/orders.yml:1",
    ]  # fmt: skip
    assert "'order.yaml' guards no source of 'shop'. Did you mean 'orders'?" in found[1]


def test_mistakes_of_several_suites_are_found_at_once_and_the_others_still_checked(shop: Shop, checked: list[str]) -> None:
    shop.write("great_expectations/shop/orders.yaml", ORDERS.replace("column: amount", "column: amont"))
    (shop.folder / "great_expectations/shop/clerks.yaml").unlink()
    rules, found = mistakes(shop)
    assert (rules, len(checked)) == (1, 1)
    assert "unknown column 'amont'" in found[0] and "source 'clerks' has no contract" in found[1] and len(found) == 2


def test_a_rule_that_the_library_refuses_does_not_hide_a_wrong_reference(shop: Shop) -> None:
    refers = """\
  - type: expect_column_values_to_be_in_set
    kwargs: {column: clerk, value_set: {$PARAMETER: referred_values}}
    meta: {on_breach: warn, refers_to: {source: clark, column: clerk}, description: Each clerk is on the list.}
  - type: expect_column_max_to_be_between
    kwargs: {column: amount, max_value: 9}
    meta: {on_breach: warn, description: Small.}
"""
    shop.write("great_expectations/shop/orders.yaml", ORDERS + refers)
    rules, found = mistakes(shop)
    assert rules == 7
    assert "unknown source 'clark'" in found[0] and found[1].endswith("orders.yaml:16: refused. Mend it.") and len(found) == 2


def test_references_are_not_judged_while_a_suite_is_missing(shop: Shop) -> None:
    shop.write("great_expectations/shop/clerks.yaml", CLERKS.replace("column: clerk", "column: clark"))
    _, found = mistakes(shop)
    assert len(found) == 1 and "unknown column 'clark'" in found[0]


def test_an_expectation_that_does_not_exist_is_told_with_those_that_are_near(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the library itself
    rule = "  - type: expect_colum_values_to_not_be_null\n    kwargs: {column: clerk}\n"
    rule += "    meta: {on_breach: warn, description: Known.}\n"
    shop.write("great_expectations/shop/orders.yaml", ORDERS + rule)
    _, (message,) = mistakes(shop)
    assert "there is no expectation 'expect_colum_values_to_not_be_null'" in message
    assert "expect_column_values_to_not_be_null" in message
