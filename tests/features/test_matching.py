"""Which entities find an outcome by key, and which miss one whose key is only written otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightloop.expressions.normal_forms import FORMS, normal_text
from nightloop.features.matching import Match, find_matches, in_words
from nightloop.lake import Snapshot
from tests.definitions.rides import ABSENT, accepted

DAY = date(2024, 3, 1)
ONCE = {"sources.outcomes.revised_within": ABSENT, "sources.outcomes.withdrawn": ABSENT}
USE_CASE = accepted(ONCE)
"""Labels mature after two nights: an outcome comes in the night after the scored one, or in the next."""
REVISED = accepted({})
PAIRED = accepted({**ONCE, "label.join": {"ride_id": "ride_id", "zone": "zone"}})


def night(number: int) -> date:
    return DAY + timedelta(days=number)


def snapshot(folder: Path, name: str, by_night: dict[int, Sequence[Any]], columns: Sequence[str] = ("ride_id",)) -> Snapshot:
    """A raw table with these keys of each night."""
    schema = pa.schema([(column, pa.string()) for column in columns])
    files = {}
    for number, keys in by_night.items():
        rows = [dict(zip(columns, key if isinstance(key, tuple) else (key,), strict=True)) for key in keys]
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{name}{number}.parquet")
        files[night(number)] = (str(folder / f"{name}{number}.parquet"),)
    return Snapshot(f"rides/raw_{name}", 1, schema, files, str(folder))


def matches(
    folder: Path, entities: dict[int, Any], outcomes: dict[int, Any], *, use_case: Any = USE_CASE, nights: Sequence[int] = (0,)
) -> list[Match]:
    columns = list(use_case.label.join)
    tables = (snapshot(folder, name, keys, columns) for name, keys in (("rides", entities), ("outcomes", outcomes)))
    return find_matches(use_case, [night(number) for number in nights], *tables)


def counts(match: Match) -> tuple[int, int, int]:
    return match.entities, match.matched, match.near


CASES = {
    # keys of the entities of night 0, of the outcomes by night: how many, how many find theirs, near misses, and their pairs
    "all found": (["a", "b"], {1: ["a"], 2: ["b"]}, (2, 2, 0), ()),
    "none came": (["a", "b"], {1: []}, (2, 0, 0), ()),
    "another case": (["Ab", "c"], {1: ["ab"], 2: ["c"]}, (2, 1, 1), (("Ab", "ab"),)),
    "a space behind": (["a"], {2: ["a "]}, (1, 0, 1), (("a", "a "),)),
    "accents": (["Zo\u00eb"], {1: ["Zoe\u0308"]}, (1, 0, 1), (("Zo\u00eb", "Zoe\u0308"),)),
    "a float for a number": (["123"], {1: ["123.0"]}, (1, 0, 1), (("123", "123.0"),)),
    "found beside a near miss": (["a"], {1: ["A", "a"]}, (1, 1, 0), ()),
    "two near misses are one": (["a"], {1: ["A"], 2: ["a ", "A"]}, (1, 0, 1), (("a", "A"),)),
    "the outcome of another entity": (["a", "A"], {1: ["A"]}, (2, 1, 0), ()),
    "too early": (["a", "b"], {0: ["A"], 1: ["b"]}, (2, 1, 0), ()),
    "the last night": (["a"], {2: ["A"]}, (1, 0, 1), (("a", "A"),)),
    "too late": (["a", "b"], {2: ["b"], 3: ["A"]}, (2, 1, 0), ()),
    "keys that are missing": ([None, "a"], {1: [None, "A"]}, (1, 0, 1), (("a", "A"),)),
    "nothing in common": (["a1", "b1"], {1: ["x1"], 2: ["w1"]}, (2, 0, 0), (("a1", "w1"),)),
    "no entity": ([], {1: ["a"]}, (0, 0, 0), ()),
}


@pytest.mark.parametrize("case", CASES)
def test_near_misses_are_told_from_what_is_found_and_from_what_never_came(case, tmp_path):
    entities, outcomes, expected, pairs = CASES[case]
    (match,) = matches(tmp_path, {0: entities}, outcomes)
    assert counts(match) == expected
    assert match.pairs == pairs
    assert match.has_trouble is bool(pairs)


def test_revised_outcomes_may_come_later(tmp_path):
    outcomes = {5: ["A"], 6: ["B"]}
    (match,) = matches(tmp_path, {0: ["a", "b"]}, outcomes, use_case=REVISED)
    assert match.pairs == (("a", "A"),), "two nights to mature and three to be revised"


def test_a_key_of_several_columns_is_compared_part_by_part(tmp_path):
    entities, outcomes = {0: [("a", "N"), ("b", "S"), ("c", "S")]}, {1: [("a", "n"), ("b", "S"), ("c", "N")]}
    (match,) = matches(tmp_path, entities, outcomes, use_case=PAIRED)
    assert counts(match) == (3, 1, 1)
    assert "'a | N' and 'a | n'" in in_words(PAIRED, match)
    assert "outcomes.ride_id, outcomes.zone, rides.ride_id, rides.zone" in in_words(PAIRED, match)


def test_nights_are_counted_apart_and_in_order(tmp_path):
    found = matches(tmp_path, {0: ["a"], 1: ["a", "b"], 2: ["c"]}, {1: ["A"], 2: ["b"], 3: ["C"]}, nights=(0, 1, 2))
    assert [(match.scored_night, *counts(match)) for match in found] == [
        (night(0), 1, 0, 1),
        (night(1), 2, 1, 0),
        (night(2), 1, 0, 1),
    ]


def test_the_share_is_of_those_that_could_be_found():
    assert [Match(DAY, 100, matched, 10, near, ()).share for matched, near in ((9, 1), (0, 3), (5, 0))] == [0.9, 0.0, 1.0]


@pytest.mark.parametrize(("entities", "records", "share"), [(10, 10, 0.0), (9, 10, 1.0), (10, 9, 1.0)])
def test_none_of_many_is_a_share_of_nothing_and_none_of_few_may_be_chance(entities, records, share):
    assert Match(DAY, entities, 0, records, 0, ()).share == share


KEYS = st.lists(st.sampled_from(["a", "A", "a ", "b", "B", " b", "7", "07", "7.0", "c"]), max_size=6, unique=True)


@given(entities=KEYS, outcomes=st.dictionaries(st.integers(0, 3), KEYS, min_size=1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counted_in_plain_python(tmp_path, entities, outcomes):
    (match,) = matches(tmp_path, {0: entities}, outcomes)
    reach = {key for number in (1, 2) for key in outcomes.get(number, [])}
    missing = [key for key in entities if key not in reach]
    astray = {normal_text(key, FORMS) for key in reach if key not in entities}
    near = sum(normal_text(key, FORMS) in astray for key in missing)
    assert counts(match) == (len(entities), len(entities) - len(missing), near)
    assert match.records == sum(len(outcomes.get(number, [])) for number in (1, 2))


def test_words_show_a_pair_of_each_kind_and_the_forms_that_mend_it():
    match = Match(DAY, 80, 20, 80, 60, (("K-1", "k-1"), ("K-2", "k-2"), ("Zo\u00eb", "Zoe\u0308"), ("s", "s ")))
    assert in_words(USE_CASE, match) == (
        "60 of 80 entities of night 2024-03-01 find no record of 'outcomes' but one whose key is only written otherwise: 'K-1' "
        "and 'k-1', 'Zo\\xeb' and 'Zoe\\u0308', 's' and 's '. Write normal: [trim, nfc, lower] at the columns "
        "outcomes.ride_id, rides.ride_id."
    )


def test_words_of_a_join_that_finds_nothing_show_both_sides():
    assert in_words(USE_CASE, Match(DAY, 80, 0, 70, 0, (("A1", "1"),))) == (
        "none of the 80 entities of night 2024-03-01 finds one of 70 records of 'outcomes': for example 'A1' in 'rides', '1' "
        "in 'outcomes'. Look at label.join."
    )
