"""Each key of the schema either says what a value is, or it does not: a key that nobody has thought about fails here."""

from __future__ import annotations

import pytest

from nightloop.definitions import UseCase
from nightloop.meaning import meanings_of
from nightloop.meaning.changes import changes
from tests.meaning.definitions import changed, put
from tests.meaning.every_key import MEANING, NAMES, OTHER, key_at, keys_of


def test_every_key_of_the_schema_is_changed_by_some_case() -> None:
    cases = {key_at(use_case, path) for use_case, path, _ in [*MEANING, *OTHER]}
    assert set(keys_of()) - NAMES == cases


def test_no_key_is_both() -> None:
    both = {key_at(use_case, path) for use_case, path, _ in MEANING} & {key_at(use_case, path) for use_case, path, _ in OTHER}
    assert both == set()


@pytest.mark.parametrize(("before", "path", "value"), [pytest.param(*case, id=case[1]) for case in MEANING])
def test_a_key_that_says_what_a_value_is_changes_the_meaning(before: UseCase, path: str, value: object) -> None:
    after = changed(put(path, value), before)
    assert meanings_of(after) != meanings_of(before)
    assert any(change.is_meaning for change in changes(before, after))


@pytest.mark.parametrize(("before", "path", "value"), [pytest.param(*case, id=case[1]) for case in OTHER])
def test_any_other_key_changes_none(before: UseCase, path: str, value: object) -> None:
    after = changed(put(path, value), before)
    assert after != before and meanings_of(after) == meanings_of(before)
    found = changes(before, after)
    assert found and {change.kind for change in found} <= {"rule", "words"}
