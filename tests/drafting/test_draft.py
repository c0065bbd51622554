"""A draft over data never seen loads, reads its data, keeps the outcome apart, and says what it guessed."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.contracts.mistakes import contract_mistakes
from nightloop.definitions.loading import load_use_case
from nightloop.drafting import save
from nightloop.errors import SourceDamaged, UsageError
from nightloop.nights import Nights
from nightloop.sources import read_source

DAYS = [f"2024-01-{day:02d}" for day in range(1, 29)]


def small(house, values, label=("0", "1"), header="value"):
    """A file of one column, whose values come in turn, beside a key, a date and a label that it does not tell."""
    rows = [[f"k{i}", DAYS[i % 28], values[i // 2 % len(values)], label[i % len(label)]] for i in range(60)]
    return house.csv("small.csv", ["id", "date", header, "label"], rows)


def test_a_file_never_seen_becomes_a_use_case_that_reads_it_whole(house, subscriptions):
    draft = house.draft(house.csv("subs.csv", *subscriptions(600)), "churn")
    assert (draft.read, draft.refused) == (600, 0)
    assert draft.use_case.entity.key == ["customer_id"]
    assert draft.plan.label.column.original == "Churned?"
    assert draft.use_case.sources["subs"].columns["age"].type == "integer"
    assert draft.use_case.sources["subs"].columns["spend"].type == "number"
    assert draft.use_case.sources["subs"].columns["night_value"].type == "boolean"
    assert str(draft.use_case.first_night) == "2024-01-01"


def test_the_contracts_of_a_draft_can_be_judged(house, subscriptions):
    draft = house.draft(house.csv("subs.csv", *subscriptions(600)), "churn")
    save({house.contracts / "churn" / f"{name}.yaml": text for name, text in draft.contracts.items()}, force=False)
    rules, mistakes, _ = contract_mistakes(draft.use_case, house.contracts)
    assert [str(mistake) for mistake in mistakes] == []
    assert rules >= 2 * len(draft.contracts)


def test_the_outcome_is_no_column_of_the_entity_and_is_known_later(house, subscriptions):
    draft = house.draft(house.csv("subs.csv", *subscriptions(600)), "churn")
    entity, outcomes = draft.use_case.sources["subs"], draft.use_case.sources["outcomes"]
    assert "churned" not in entity.columns
    assert "churned" in outcomes.columns
    assert "to_hours(24)" in (outcomes.known_at or "")


def test_a_column_that_is_written_with_the_outcome_goes_with_it(house, subscriptions):
    draft = house.draft(house.csv("subs.csv", *subscriptions(600)), "churn")
    assert "left_on" not in draft.use_case.sources["subs"].columns
    assert "left_on" in draft.use_case.sources["outcomes"].columns
    assert any("known only afterwards?" in text for _, text in draft.checks)


def test_no_feature_is_made_of_personal_or_protected_data(house, subscriptions):
    draft = house.draft(house.csv("subs.csv", *subscriptions(600)), "churn")
    assert draft.use_case.sources["subs"].columns["e_mail"].personal
    assert not [name for name in draft.use_case.features if name.startswith(("e_mail", "sex"))]
    assert draft.use_case.gates.fairness.columns == ("sex", "age_group")


def test_what_was_guessed_is_marked_at_its_line(house, subscriptions):
    draft = house.draft(house.csv("subs.csv", *subscriptions(600)), "churn")
    lines = draft.definition.splitlines()
    assert len(draft.checks) > 10
    assert all("check:" in lines[number - 1] for number, _ in draft.checks)


@pytest.mark.parametrize("kind", ["csv.gz", "jsonl", "ndjson.gz", "parquet", "sql"])
def test_every_kind_of_source_can_be_drafted_from(kind, house, subscriptions, monkeypatch):
    header, rows = subscriptions(200)
    records = [dict(zip(header, map(str, row), strict=True)) for row in rows]
    path = house.folder / f"subs.{kind}"
    source = str(path)
    lines = "\n".join(json.dumps(record) for record in records).encode()
    if kind == "csv.gz":
        path.write_bytes(gzip.compress(house.csv("plain.csv", header, rows).read_bytes()))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    elif kind == "sql":
        with sqlite3.connect(path) as database:
            names = ", ".join('"' + name.replace('"', '""') + '"' for name in header)
            database.execute(f"CREATE TABLE subs ({names})")
            database.executemany(
                f"INSERT INTO subs VALUES ({', '.join('?' * len(header))})", [list(map(str, row)) for row in rows]
            )
        database.close()
        monkeypatch.setenv("NIGHTLOOP_CONNECTION_SHOP", f"sqlite:///{path}")
        source = "sql:shop:subs"
    else:
        path.write_bytes(gzip.compress(lines) if kind.endswith("gz") else lines)
    draft = house.draft(source, "churn")
    assert (draft.read, draft.refused) == (200, 0)
    assert draft.use_case.sources[draft.plan.entity].connector.kind == ("sql" if kind == "sql" else "files")


@pytest.mark.parametrize(
    ("separator", "encoding", "declared"),
    [(";", "utf-8", {"separator": ";"}), ("\t", "utf-16", {"separator": "\t", "encoding": "utf-16"}),
     (",", "windows-1252", {"encoding": "windows-1252"}), (",", "utf-8-sig", {})],
)  # fmt: skip
def test_how_a_csv_is_written_is_proposed_and_declared(separator, encoding, declared, house):
    rows = [[f"k{i}", DAYS[i % 28], f"{i},5" if separator == ";" else i, "Zoë", i % 2] for i in range(60)]
    text = "\n".join(separator.join(map(str, row)) for row in [["id", "date", "Größe", "name", "label"], *rows])
    path = house.folder / "small.csv"
    path.write_bytes(text.encode(encoding))
    draft = house.draft(path)
    assert draft.use_case.sources["small"].connector.csv.model_dump(exclude_defaults=True) == declared
    assert (draft.read, draft.refused) == (60, 0)
    assert draft.use_case.sources["small"].columns["grosse"].type in ("integer", "number")


def test_files_of_a_night_each_are_one_source(house, subscriptions, tmp_path):
    header, rows = subscriptions(96)
    for day in ("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"):
        house.csv(f"subs-{day}.csv", header, [row for row in rows if str(row[1]).startswith(day)])
    draft = house.draft(house.folder / "data" / "subs-{night}.csv", "churn")
    assert draft.use_case.sources["subs"].connector.pattern == "data/subs-{night}.csv"
    assert (draft.read, draft.refused) == (96, 0)
    nights = Nights(date(2024, 1, 1), date(2024, 1, 4))
    outcomes = read_source("outcomes", draft.use_case, nights, cache=tmp_path / "cache", definitions=house.definitions)
    arrived = {night.day: (of.rows.num_rows, of.refused) for night, of in outcomes.arrivals.items()}
    assert arrived == dict.fromkeys((2, 3, 4), (24, ())), "each outcome arrives on the night after that of its file"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "22", "-3"], "integer"),
        (["007", "012", "500"], "string"),
        (["1.5", "2e3", ".5"], "number"),
        (["1,234", "12", "9,876,543.21"], "number"),
        (["1,5", "12,25", "100"], "number"),
        (["true", "FALSE"], "boolean"),
        (["yes", "no"], "boolean"),
        (["Ja", "nein"], "boolean"),
        (["no"], "string"),
        (["yes", "no", "maybe"], "string"),
        (["1.0", "0.0", "2.0"], "integer"),
        (["1.0", "2.5"], "number"),
        (["1.234,5", "12"], "number"),
        (["1 234,5", "12"], "number"),
        (["1'234.5", "12"], "number"),
        (["12.5%", "3 %"], "number"),
        (["$1,234.00", "$5"], "number"),
        ([" 12", "3 "], "integer"),
        (["13-12-2023", "1-2-2024"], "date"),
        (["31/12/23", "1/2/24"], "date"),
        (["5 Mar 2024", "12 Apr 2024"], "date"),
        (["Mar 5, 2024", "Apr 12, 2024"], "date"),
        (["31.12.2023 23:59:01", "1.2.2024 5:07"], "timestamp"),
        (["2024-02-29", "2023-01-01"], "date"),
        (["31.12.2023", "1.2.2024"], "date"),
        (["12/31/2023", "1/2/2024"], "date"),
        (["31/12/2023", "1/2/2024"], "date"),
        (["2024-02-29T10:00:00Z", "2024-02-29 10:00:00.5+02:00"], "timestamp"),
        (["12/31/2023 11:59 PM", "1/2/2024 1:05 AM"], "timestamp"),
        (["1", "NA", "3"], "integer"),
        (["1", "-", "n/a"], "integer"),
        (["none", "some", "NA"], "string"),
        (["", "", ""], "string"),
    ],
)
def test_a_type_is_told_by_how_every_value_is_written(values, kind, house):
    draft = house.draft(small(house, values))
    columns = {
        **draft.use_case.sources["outcomes"].columns,
        **draft.use_case.sources["small"].columns,
    }  # a later date is known later
    assert columns["value"].type == kind
    assert (draft.read, draft.refused) == (60, 0)


def test_seconds_since_1970_are_a_time_only_under_the_name_of_one(house):
    values = ["1704067200", "1704153600"]
    assert house.draft(small(house, values)).use_case.sources["small"].columns["value"].type == "integer"
    named = house.draft(small(house, values, header="updated_at"))
    assert named.use_case.sources["small"].columns["updated_at"].type == "timestamp"


def test_a_number_is_predicted_by_a_regression_with_limits_of_its_own(house):
    amounts = [f"{i * 3.7:.2f}" for i in range(60)]
    draft = house.draft(small(house, ["a", "b"], label=amounts))
    assert draft.use_case.model.task == "regression"
    assert draft.use_case.gates.performance.metric == "mae"
    assert draft.use_case.monitoring.error_ceiling > 0


def test_several_texts_are_classes_under_legal_names(house):
    draft = house.draft(small(house, ["1", "2"], label=["Iris Setosa", "it's", "ÄÖ"]))
    assert draft.use_case.model.task == "multiclass"
    assert draft.use_case.model.classes == ("iris_setosa", "it_s", "ao")
    assert (draft.read, draft.refused) == (60, 0)


def test_local_times_are_read_in_the_zone_that_is_told(house):
    path = house.csv(
        "t.csv", ["id", "at", "label"], [[f"k{i}", f"2024-01-{i % 28 + 1:02d} 23:30:00", i % 2] for i in range(60)]
    )
    draft = house.draft(path, time_zone="America/New_York")
    assert (str(draft.use_case.first_night), str(draft.use_case.last_night)) == ("2024-01-01", "2024-01-28")
    assert draft.use_case.label.matures_after == 2


def test_a_day_without_an_hour_stays_that_day_in_every_zone(house):
    draft = house.draft(small(house, ["1", "2"]), time_zone="Pacific/Auckland")
    assert (str(draft.use_case.first_night), str(draft.use_case.last_night)) == ("2024-01-01", "2024-01-28")


def test_two_columns_are_the_key_where_neither_is(house):
    rows = [[store, day, i, (i + n) % 2] for n, store in enumerate("abc") for i, day in enumerate(DAYS)]
    draft = house.draft(house.csv("sales.csv", ["store", "date", "units", "label"], rows))
    assert set(draft.use_case.entity.key) == {"store", "date"}


def test_records_without_any_key_are_told_apart_by_a_digest(house):
    rows = [["a", day, 7, i % 2] for i, day in enumerate(DAYS * 2)]
    draft = house.draft(house.csv("sales.csv", ["store", "date", "units", "label"], rows))
    assert draft.use_case.entity.key == ["record_id"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("возраст", "Возраст."), ("płeć", "Płeć."), ("größe in cm", "Größe in cm."), ("Unit Price", "Unit price."),
        ("select", "Select."), ("max €", "Max €."), ("x" * 100, "X" + "x" * 78), ("a\nb", "A b."),
    ],
)  # fmt: skip
def test_a_description_has_the_words_of_the_file(header, words, house):
    draft = house.draft(small(house, [f"{i}.5" for i in range(30)], header=header))
    described = [column.description for column in draft.use_case.sources[draft.plan.entity].columns.values()]
    assert any(each.startswith(words) for each in described), described


def test_a_column_without_a_name_is_left_out_and_said(house):
    rows = [[i, f"k{i}", DAYS[i % 28], i % 2] for i in range(60)]
    draft = house.draft(house.csv("pandas.csv", ["", "id", "date", "label"], rows))
    assert "Left out: the column ''" in draft.definition
    assert draft.read == 60


def test_wishes_come_before_guesses(house):
    rows = [[f"k{i}", f"j{i}", DAYS[i % 28], DAYS[i % 7], i % 2, i % 3 // 2] for i in range(60)]
    path = house.csv("w.csv", ["id", "other id", "date", "posted date", "label", "is-good"], rows)
    draft = house.draft(path, label="is-good", key=("other id",), event_at="posted date", matures_after=5)
    assert draft.plan.label.column.original == "is-good"
    assert draft.use_case.entity.key == ["other_id"]
    assert draft.plan.time.column.original == "posted date"
    assert draft.use_case.label.matures_after == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label": "labl"}, "Did you mean 'label'"),
        ({"key": ("idd",)}, "there is no column 'idd'"),
        ({"event_at": "value"}, "not as a time"),
        ({"task": "regression", "label": "id"}, "does not fit the task regression"),
        ({"time_zone": "Mars/Base"}, "is no time zone"),
    ],
)
def test_a_wish_that_does_not_fit_is_refused_with_a_way_out(options, said, house):
    with pytest.raises(UsageError, match=re.escape(said)) as error:
        house.draft(small(house, ["1", "2"]), **options)
    assert error.value.do


@pytest.mark.parametrize("task", [None, "binary", "regression", "multiclass"])
@pytest.mark.parametrize(
    ("value", "said"), [("1", "has one value only (1, in 60 records)"), ("", "has no value in the sample")]
)
def test_an_outcome_that_never_differs_is_refused_whatever_the_task(value, said, task, house):
    path = small(house, ["1", "2"], label=(value, value))
    with pytest.raises(UsageError, match=re.escape(said)) as error:
        house.draft(path, label="label", task=task)
    assert "Name another column" in error.value.do
    with pytest.raises(UsageError, match=r"no column looks like.*'label' has"):
        house.draft(small(house, ["x"], label=(value, value)))


def test_data_without_any_time_is_refused(house):
    path = house.csv("iris.csv", ["id", "width", "label"], [[f"k{i}", i, i % 2] for i in range(60)])
    with pytest.raises(UsageError, match="nights cannot be told apart"):
        house.draft(path)


@pytest.mark.parametrize("source", ["nothing.csv", "x.xlsx", "sql:shop", "sql:Shop:orders", "a{b}.csv"])
def test_what_cannot_be_read_is_refused_in_one_message(source, house):
    with pytest.raises(UsageError) as error:
        house.draft(source)
    assert error.value.do


def test_a_file_without_a_record_is_refused(house):
    with pytest.raises(SourceDamaged, match="no record"):
        house.draft(house.csv("empty.csv", ["id", "date", "label"], []))


@pytest.mark.parametrize(
    "content",
    [
        b"\0,\0\0\n1,2\n",
        b"a\0\n1\n2\n",
        b"\0" * 400,
        bytes(range(256)) * 9,
        b"PAR1" * 99,
        b",\n1,2\n",
        b"\xff\xfea",
        b"a,b\n1\n",
    ],
)
def test_no_bytes_end_in_anything_but_a_message(content, house):
    path = house.folder / "data" / "odd.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises((SourceDamaged, UsageError)) as error:
        house.draft(path)
    assert error.value.do


def test_the_written_draft_is_what_was_checked(house, subscriptions):
    draft = house.draft(house.csv("subs.csv", *subscriptions(200)), "churn")
    save({house.definitions / "churn.yaml": draft.definition}, force=False)
    assert load_use_case("churn", house.definitions) == draft.use_case


@pytest.mark.parametrize(("first_known", "validate"), [(0, 5), (14, 4)])
def test_a_training_is_divided_by_the_nights_whose_outcomes_are_known(house, first_known, validate):
    rows = [[f"k{i}", DAYS[i % 28], i % 7, (i // 28) % 2 if i % 28 >= first_known else ""] for i in range(280)]
    draft = house.draft(house.csv("later.csv", ["id", "date", "value", "label"], rows), "later")
    assert draft.plan.labelled_nights == 28 - first_known
    assert draft.use_case.model.split.validate_nights == validate
    assert f"of {min(27, 28 - first_known)} nights with outcomes" in draft.definition
