"""Columns about what the law protects people for are groups to watch, and no features until a person says so."""

from __future__ import annotations

import random

import pytest

from nightloop.drafting.proposals import of_records
from tests.fixtures_samples import days, planned

COUNT = 240


def sample(name: str, values: list[object], **more: list[object]) -> dict[str, list[object]]:
    chance = random.Random(3)
    drawn = [chance.choice(values) for _ in range(COUNT)]
    return {
        "id": [f"k{i}" for i in range(COUNT)], "at": days(COUNT), name: drawn, **more,
        "x": [f"{chance.random():.6f}" for _ in range(COUNT)], "sold": [chance.randrange(2) for _ in range(COUNT)],
    }  # fmt: skip


def kind(name: str, values: list[object], **more: list[object]) -> str:
    columns = planned(sample(name, values, **more), label="sold").fields
    return next(item.profile.protected for item in columns if item.profile and item.profile.original == name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("applicant_sex", "sex"), ("applicantGender", "sex"), ("Kundengeschlecht", "sex"), ("geslacht", "sex"), ("sexo", "sex"),
        ("Cinsiyet", "sex"), ("пол", "sex"), ("性别", "sex"), ("age", "age"), ("Âge", "age"), ("edad", "age"),
        ("Lebensalter", "age"),
        ("возраст", "age"), ("年齢", "age"), ("applicant_race", "race"), ("skin_color", "race"), ("etnia", "race"),
        ("citizenship", "nationality"), ("Staatsangehörigkeit", "nationality"), ("nacionalidade", "nationality"),
        ("native-country", "nationality"), ("foreign_worker", "nationality"),
        ("Religion", "religion"), ("kirchensteuer", "religion"),
        ("marriage", "marital"), ("Familienstand", "marital"), ("estado_civil", "marital"), ("marital-status", "marital"),
        ("pregnant", "pregnancy"), ("schwanger", "pregnancy"), ("Behinderung", "health"), ("disability", "health"),
        ("sexual_orientation", "sexual"), ("union_member", "political"), ("gewerkschaft", "political"),
    ],
)  # fmt: skip
def test_a_name_gives_it_away_in_many_languages(name: str, expected: str) -> None:
    assert kind(name, ["aa", "bb"]).startswith(expected)


@pytest.mark.parametrize(
    "name",
    [
        "average",
        "usage",
        "page",
        "mileage",
        "trace",
        "alternative",
        "international",
        "package",
        "sextant",
        "percentage",
        "embrace",
    ],
)
def test_a_word_inside_of_another_gives_nothing_away(name: str) -> None:
    assert kind(name, ["aa", "bb"]) == ""


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["M", "F"], "sex"), (["male", "female"], "sex"), (["Mann", "Frau"], "sex"), (["H", "F"], "sex"),
        (["Hombre", "Mujer"], "sex"),
        (["м", "ж"], "sex"), (["M", "F", "unknown"], "sex"), (["White", "Black", "Asian", "Other"], "race"),
        (["Muslim", "Hindu", "Christian"], "religion"), (["single", "married", "divorced"], "marital"),
        (["hetero", "gay"], "sexual orientation"), (["Straight", "Gay", "Bi", "other"], "sexual orientation"),
        (["landscape", "portrait"], ""), (["straight", "curly"], ""),
        (["M", "X"], ""), (["M", "L"], ""), (["F"], ""), (["white", "blue"], ""), (["DE", "FR"], ""), (["1", "2"], ""),
    ],
)  # fmt: skip
def test_values_give_it_away_where_the_name_does_not(values: list[object], expected: str) -> None:
    told = kind("q7", values)
    assert told.startswith(expected) and bool(told) == bool(expected)


def test_beside_people_countries_and_codes_of_sex_are_protected_too() -> None:
    ages = [20 + i % 50 for i in range(COUNT)]
    assert kind("q7", ["DE", "FR", "PL"], age=ages).startswith("nationality")
    assert kind("q7", [1, 2], age=ages) == "sex or gender by its values, 1 and 2 beside ages"
    assert kind("q7", [1, 2, 3], age=ages) == ""
    assert kind("number_of_kids", [1, 2], age=ages) == ""


def test_a_protected_column_is_a_group_to_watch_and_no_feature() -> None:
    drafted = planned(sample("q7", ["M", "F"], race=["aa", "bb"] * (COUNT // 2)), label="sold")
    assert [item.field.name for item in drafted.watched] == ["q7", "race"]
    assert not {"q7", "race"} & {item.name.partition("_is_")[0] for item in of_records(drafted, lambda _column, _most: [])}


def test_ages_are_watched_in_bands() -> None:
    drafted = planned(sample("age", [*range(20, 80)]), label="sold")
    (group,) = drafted.watched
    assert group.field.name == "age_group"
    assert group.field.sql == (
        "case when (\"age\"::bigint) < 40 then 'under 40' when (\"age\"::bigint) < 60 then '40 to 59' "
        "when (\"age\"::bigint) >= 60 then '60 and over' end"
    )


def test_rare_values_are_watched_as_one_group() -> None:
    drafted = planned(sample("religion", ["a"] * 20 + ["b"] * 16 + ["c", "d", "e", "f"]), label="sold")
    (group,) = drafted.watched
    assert group.field.name == "religion_group"
    assert "in ('a', 'b')" in group.field.sql and "'other'" in group.field.sql
    assert 0.05 <= group.share <= 0.2


@pytest.mark.parametrize("values", [["one"], [f"v{i}" for i in range(200)], ["a"] * 99 + ["b"]])
def test_constants_rare_values_and_hundreds_of_them_are_no_groups(values: list[object]) -> None:
    assert planned(sample("religion", values), label="sold").watched == ()


def test_without_protected_columns_no_groups_are_proposed() -> None:
    assert planned(sample("colour", ["red", "green", "blue"], size=["s", "l"] * (COUNT // 2)), label="sold").watched == ()


def test_of_two_columns_of_a_kind_one_is_watched() -> None:
    drafted = planned(sample("sex", ["a", "b"], gender=["a", "b"] * (COUNT // 2)), label="sold")
    assert [item.field.name for item in drafted.watched] == ["sex"]
