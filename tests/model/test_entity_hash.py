"""A share of the entities: as large as it is said, the same row by row, and growing without losing anybody."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nightloop.model.entity_hash import hashes, in_share

KEYS = st.lists(st.tuples(st.text(max_size=6), st.integers() | st.none() | st.dates()), max_size=12)


@given(KEYS, st.text(max_size=8), st.floats(0, 100), st.floats(0, 100))
def test_who_is_in_a_share_stays_in_a_larger_one_alone_or_among_others(
    keys: list[tuple[str, object]], salt: str, one: float, other: float
) -> None:
    small, large = (in_share(salt, keys, percent) for percent in sorted((one, other)))
    assert not (small & ~large).any()
    assert [in_share(salt, [key], one)[0] for key in keys] == in_share(salt, keys, one).tolist()
    assert not in_share(salt, keys, 0).any() and in_share(salt, keys, 100).all()


def test_a_share_is_as_large_as_it_is_said_and_another_salt_draws_other_entities() -> None:
    keys = [(f"account {number}",) for number in range(20_000)]
    tried = {salt: in_share(salt, keys, 5) for salt in ("one", "other")}
    assert [abs(of.mean() - 0.05) < 0.006 for of in tried.values()] == [True, True], "within four standard errors"
    both = (tried["one"] & tried["other"]).mean()
    assert abs(both - 0.0025) < 0.0015, "independent of one another"


def test_an_instant_is_the_same_key_in_every_time_zone_and_parts_are_told_apart() -> None:
    noon = datetime(2024, 3, 1, 12, tzinfo=UTC)
    there = noon.astimezone(timezone(timedelta(hours=5)))
    assert hashes("s", [(noon,)]) == hashes("s", [(there,)])
    assert hashes("s", [("a", "bc")]) != hashes("s", [("ab", "c")])
    assert len(set(hashes("s", [("1",), (date(2024, 3, 1),), (noon,)]).tolist())) == 3
    assert (hashes("s", [(number,) for number in range(99)]) >= 0).all() and hashes("s", []).dtype == np.int64
