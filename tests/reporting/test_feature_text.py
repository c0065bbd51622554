"""Each kind of feature is described by what it is computed from."""

from __future__ import annotations

from typing import Any

import pytest

from nightloop.definitions.features import (
    CrossFeature,
    ExpressionFeature,
    LagFeature,
    LookupFeature,
    PeersFeature,
    RateFeature,
    RatioFeature,
    WindowFeature,
)
from nightloop.reporting.feature_text import made_from

MEANING = {"description": "A meaning."}


def lookup(**keys: Any) -> LookupFeature:
    return LookupFeature(kind="lookup", source="weather", by={"area": "zone"}, expression="rain", **MEANING, **keys)


def over_records(cls: type, kind: str, **keys: Any) -> Any:
    return cls(kind=kind, source="outcomes", by=["zone", "hour"], **MEANING, **keys)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (ExpressionFeature(kind="expression", expression="a /\n  b", **MEANING), "`a / b`"),
        (LagFeature(kind="lag", expression="distance", nights=7, **MEANING), "`distance`, 7 nights before"),
        (CrossFeature(kind="cross", columns=["zone", "shared"], buckets=32, **MEANING), "`zone`, `shared` in 32 buckets"),
        (PeersFeature(kind="peers", by=["zone"], **MEANING), "rows of the night with the same `zone`"),
        (lookup(), "`rain` of `weather` by `zone`"),
        (lookup(latest_by="hour"), "`rain` of `weather` by `zone`, newest by `hour`"),
        (lookup(within=1), "`rain` of `weather` by `zone`"),
        (lookup(within=2), "`rain` of `weather` by `zone`, of 2 nights"),
        (
            over_records(RateFeature, "rate", of="late > 0", nights=7, smoothing=20),
            "`late > 0` of `outcomes` by `zone`, `hour`, smoothed by 20",
        ),
        (over_records(WindowFeature, "window", function="count", nights=7), "records of `outcomes` by `zone`, `hour`"),
        (
            over_records(WindowFeature, "window", function="sum", of="fare", where="fare > 0", nights=7),
            "`fare` of `outcomes` where `fare > 0` by `zone`, `hour`",
        ),
        (
            over_records(RatioFeature, "ratio", function="sum", of="fare", nights=7, to_nights=28),
            "`fare` of `outcomes` by `zone`, `hour`, short over long",
        ),
    ],
    ids=lambda value: value.kind if hasattr(value, "kind") else "",
)
def test_a_feature_says_what_it_is_made_from(feature: Any, words: str) -> None:
    assert made_from(feature) == words
