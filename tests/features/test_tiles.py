"""Which tiles a use case needs: families, measures, the table's columns, and the digest of all they depend on."""

from __future__ import annotations

import pyarrow as pa
import pytest

from nightloop.features.tiles import (
    Family,
    Measure,
    all_of,
    families_of,
    family_of,
    longest_window,
    measures,
    measures_of,
    over_records,
    tile_schema,
)
from tests.features.in_memory import rate, shop, window

RATIO = {"kind": "ratio", "source": "payments", "function": "mean", "of": "amount", "by": ["customer"]}
RATIO |= {"nights": 2, "to_nights": 9, "scale": 3}


def feature(declared):
    return shop({"x": declared}).features["x"]


@pytest.mark.parametrize(
    ("function", "kinds"),
    [
        ("count", ["records"]),
        ("distinct", ["records"]),
        ("sum", ["values", "total"]),
        ("mean", ["values", "total"]),
        ("std", ["values", "total", "squares"]),
        ("min", ["low"]),
        ("max", ["high"]),
        ("last", ["last_at", "last"]),
        ("time_since", ["at"]),
    ],
)
def test_each_function_needs_these_measures(function, kinds):
    of = {"count": None, "time_since": None, "distinct": "kind"}.get(function, "amount")
    found = measures_of(feature(window(function, of, where="by_card", scale=4)))
    assert [measure.kind for measure in found] == kinds
    assert {measure.where for measure in found} == {"by_card"}
    assert {measure.of for measure in found} == {"" if function in ("count", "time_since", "distinct") else "amount"}
    assert {measure.kind: measure.scale for measure in found if measure.scale} == dict.fromkeys(
        {"total", "squares"} & set(kinds), 4
    )


def test_a_rate_needs_its_records_and_its_hits():
    assert measures_of(feature(rate("by_card", where="amount > 0"))) == (
        Measure("records", where="amount > 0"),
        Measure("hits", "by_card", "amount > 0"),
    )


def test_a_ratio_needs_the_measures_of_its_function_with_its_scale():
    assert measures_of(feature(RATIO)) == (Measure("values", "amount"), Measure("total", "amount", scale=3))


def test_a_column_is_called_by_its_kind_and_all_it_depends_on():
    """The names are published: another one would orphan every tile that exists."""
    assert Measure("total", "amount", "by_card", 2).column == "total_64970747"
    assert Measure("records").column == "records_98d2ebde"
    measures_ = [
        Measure("total"),
        Measure("total", "a"),
        Measure("total", "", "a"),
        Measure("total", "", "", 1),
        Measure("low"),
    ]
    assert len({measure.column for measure in measures_}) == len(measures_)


def test_a_family_is_called_by_its_source_its_columns_and_what_it_counts():
    assert Family("payments", ("customer", "city")).name == "payments/customer+city"
    assert all_of("payments") == Family("payments", ())
    assert all_of("payments").name == "payments/"
    distinct = Family("payments", ("customer",), "kind")
    assert distinct.name == "payments/customer/kind/e3b0c442"
    assert Family("payments", ("customer",), "kind", "by_card").name not in (distinct.name, "payments/customer")


def test_only_distinct_counts_have_a_family_of_their_own():
    assert family_of(feature(window("distinct", "kind", where="by_card"))) == Family(
        "payments", ("customer",), "kind", "by_card"
    )
    for declared in (window("count", where="by_card"), window("last", "amount"), rate(where="by_card"), RATIO):
        assert family_of(feature(declared)) == Family("payments", ("customer",))


def test_features_of_one_family_share_their_measures_and_a_rate_needs_all_records_too():
    features = {"sum": window("sum", "amount"), "mean": window("mean", "amount", nights=9), "share": rate(by=["city"])}
    use_case = shop(features)
    of_rate = (Measure("hits", "by_card"), Measure("records"))
    of_sum = (Measure("total", "amount", scale=2), Measure("values", "amount"))
    assert families_of(use_case) == {
        Family("payments", ()): of_rate,
        Family("payments", ("city",)): of_rate,
        Family("payments", ("customer",)): of_sum,
    }
    assert list(families_of(use_case)) == sorted(families_of(use_case))
    assert measures(use_case) == sorted((*of_rate, *of_sum))


def test_only_windows_rates_and_ratios_are_made_from_tiles():
    features = {
        "basket": {"kind": "expression", "expression": "basket"},
        "peers": {"kind": "peers", "by": ["city"]},
        "n": window("count"),
        "share": rate(),
        "ratio": RATIO,
    }
    assert list(over_records(shop(features))) == ["n", "share", "ratio"]


def test_the_longest_window_of_a_ratio_is_the_one_it_divides_by():
    assert longest_window(feature(RATIO)) == 9
    assert longest_window(feature(window("count", nights=28))) == 28
    assert longest_window(feature(rate(nights=7))) == 7


def test_the_table_has_a_column_a_measure_of_its_type():
    number = {name: window(name, "amount") for name in ("std", "min", "max", "last")}
    use_case = shop({**number, "n": window("count"), "since": window("time_since"), "share": rate()})
    schema = tile_schema(use_case)
    assert schema.names[:4] == ["tile", "event_night", "key", "value"]
    assert schema.types[:4] == [pa.string(), pa.date32(), pa.string(), pa.string()]
    types = {measure.kind: schema.field(measure.column).type for measure in measures(use_case)}
    assert types == {
        **dict.fromkeys(("records", "hits", "values", "total"), pa.int64()),
        "squares": pa.decimal128(38, 0),
        **dict.fromkeys(("low", "high", "last"), pa.float64()),
        **dict.fromkeys(("at", "last_at"), pa.timestamp("us", "UTC")),
    }
    assert schema.names[4:] == [measure.column for measure in measures(use_case)]


def source_changed(use_case, name, **changes):
    return use_case.model_copy(
        update={"sources": {**use_case.sources, name: use_case.sources[name].model_copy(update=changes)}}
    )
