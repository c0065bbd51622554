"""A body is read field by field as the use case declares it; what is refused is named by its path."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from serving.problems import MOST_MISTAKES, BadRequest, Mistake, TooLarge
from serving.rows import RowReader, Rows, entity_columns, needed_columns, title_of
from tests.serving.stubs import ROW, USE_CASE

READER = RowReader(USE_CASE, max_rows=3)


def read(value: Any, reader: RowReader = READER) -> Rows:
    return reader.read(json.dumps(value).encode())


def refused(value: Any, reader: RowReader = READER) -> BadRequest:
    with pytest.raises(BadRequest) as error:
        read(value, reader)
    assert error.value.where == "the request's body"
    return error.value


def mistakes(value: Any, reader: RowReader = READER) -> list[tuple[str, str]]:
    return [(mistake.where, mistake.what) for mistake in refused(value, reader).mistakes or []]


def test_one_row_is_read_with_its_types_and_what_it_leaves_out_is_missing() -> None:
    rows = read(ROW | {"booked_at": "2024-01-02T03:04:05+01:00"})
    assert (rows.is_batch, rows.night) == (False, None)
    assert rows.rows == [
        ROW | {"visit_date": date(2024, 1, 7), "booked_at": datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC), "note": None}
    ]


def test_several_rows_are_read_in_their_order_with_the_night_they_ask_for() -> None:
    rows = read({"rows": [ROW, ROW | {"visit_id": "v2"}], "night": "2024-01-04"})
    assert (rows.is_batch, rows.night) == (True, date(2024, 1, 4))
    assert [row["visit_id"] for row in rows.rows] == ["v1", "v2"]
    assert read({"rows": [ROW]}).night is None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_as_many_rows_as_allowed_are_read(count: int) -> None:
    assert len(read({"rows": [ROW] * count}).rows) == count


def test_one_row_more_than_allowed_is_too_large() -> None:
    with pytest.raises(TooLarge, match=r"has 4 rows; one request may carry 3\..*jobs score") as error:
        read({"rows": [ROW] * 4})
    assert error.value.http_status == 413


def test_numbers_of_rows_are_written_with_thousands() -> None:
    with pytest.raises(TooLarge, match=r"has 1,001 rows; one request may carry 1,000\."):
        read({"rows": [{}] * 1001}, RowReader(USE_CASE, max_rows=1000))


def test_too_many_rows_are_refused_before_any_of_them_is_checked() -> None:
    with pytest.raises(TooLarge):
        read({"rows": ["no row"] * 4})


def test_no_row_at_all_is_refused() -> None:
    ((where, what),) = mistakes({"rows": []})
    assert where == "rows" and "at least 1 item" in what


@pytest.mark.parametrize(("body", "kind"), [([], "list"), (None, "NoneType"), (1, "int"), ("rows", "str"), (True, "bool")])
def test_what_is_no_object_is_refused_by_its_kind(body: Any, kind: str) -> None:
    error = refused(body)
    assert error.what == f"the body is a JSON {kind}, not an object."
    assert error.mistakes is None


@pytest.mark.parametrize("body", [b"", b"{", b'{"price": NaN}', b'{"price": Infinity}', b"\xff"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="not readable as JSON") as error:
        READER.read(body)
    assert error.value.do == 'Send one JSON object, or {"rows": [...]}.'


KEY_AND_READ = ["visit_id", "visit_date", "clinic", "planned_hour", "price", "is_new", "patient"]


def test_a_row_must_name_its_key_and_what_a_feature_reads_and_nothing_else() -> None:
    assert needed_columns(USE_CASE) == set(KEY_AND_READ)
    assert set(entity_columns(USE_CASE)) - needed_columns(USE_CASE) == {"booked_at", "note"}
    assert mistakes({}) == [(name, "Field required") for name in KEY_AND_READ]


@pytest.mark.parametrize("name", [name for name in KEY_AND_READ if name != "visit_id"])
def test_what_a_feature_reads_may_be_null_but_must_be_named(name: str) -> None:
    assert read(ROW | {name: None}).rows[0][name] is None
    assert mistakes({key: value for key, value in ROW.items() if key != name}) == [(name, "Field required")]


def test_a_key_must_hold_a_value() -> None:
    ((where, what),) = mistakes(ROW | {"visit_id": None})
    assert (where, what) == ("visit_id", "Input should be a valid string")


@pytest.mark.parametrize(
    ("field", "fits", "breaks"),
    [
        ("clinic", "x" * 1000, "x" * 1001),
        ("planned_hour", 2**63 - 1, 2**63),
        ("planned_hour", -(2**63), -(2**63) - 1),
        ("price", 1e308, "1.5"),
        ("is_new", True, 1),
        ("visit_date", "2024-02-29", "2023-02-29"),
        ("booked_at", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05"),
        ("note", "", 7),
    ],
)
def test_a_value_is_read_up_to_its_limit_and_refused_beyond_it(field: str, fits: Any, breaks: Any) -> None:
    assert read(ROW | {field: fits}).rows
    assert [where for where, _ in mistakes(ROW | {field: breaks})] == [field]


def test_a_mistake_in_a_batch_is_named_by_its_row_and_field() -> None:
    assert [where for where, _ in mistakes({"rows": [ROW, ROW | {"price": "much"}]})] == ["rows.1.price"]
    assert [where for where, _ in mistakes({"rows": [ROW], "night": "soon"})] == ["night"]
    assert [where for where, _ in mistakes({"rows": [ROW], "nights": None})] == ["nights"]
    assert [where for where, _ in mistakes({"rows": [7]})] == ["rows.0"]


@pytest.mark.parametrize(
    ("changes", "text"), [({"price": "x"}, "1 field is not"), ({"price": "x", "clinic": 1}, "2 fields are not")]
)
def test_the_refusal_counts_the_fields_and_names_the_use_case(changes: dict[str, Any], text: str) -> None:
    error = refused(ROW | changes)
    assert error.what == f"{text} as use case 'clinic_visits' declares."
    assert "/docs" in (error.do or "")
    assert len(error.mistakes or []) == len(changes)


def test_a_use_case_whose_entity_has_a_column_rows_is_read_as_one_row() -> None:
    visits = USE_CASE.sources["visits"]
    rows_column = visits.columns["planned_hour"]
    with_rows = USE_CASE.model_copy(
        update={
            "sources": USE_CASE.sources
            | {"visits": visits.model_copy(update={"columns": visits.columns | {"rows": rows_column}})}
        }
    )
    rows = read(ROW | {"rows": 4}, RowReader(with_rows, 3))
    assert (rows.is_batch, rows.rows[0]["rows"]) == (False, 4)


def test_the_models_are_named_and_described_after_the_use_case() -> None:
    assert title_of(USE_CASE) == "ClinicVisits"
    assert (READER.row.__name__, READER.batch.__name__) == ("ClinicVisitsRow", "ClinicVisitsRows")
    schema = READER.row.model_json_schema()
    assert schema["required"] == KEY_AND_READ
    assert schema["description"] == USE_CASE.sources["visits"].description
    described = {name: field["description"] for name, field in schema["properties"].items()}
    assert described["visit_id"] == "Number of the visit. Part of the key."
    assert described["price"] == "Price of the visit. Unit: euro. null: not known."
    assert described["note"] == "What the desk wrote. No feature reads it."
    assert set(schema["example"]) == needed_columns(USE_CASE)
    assert read(schema["example"]).rows


@pytest.fixture
def checked_by_shape_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a row's fields be checked by nobody: what is refused is refused before that."""
    monkeypatch.setattr(READER.row, "model_validate_json", lambda _: pytest.fail("the fields were checked"))
    monkeypatch.setattr(READER.batch, "model_validate_json", lambda _: pytest.fail("the fields were checked"))


@pytest.mark.usefixtures("checked_by_shape_only")
@pytest.mark.parametrize("as_batch", [False, True])
def test_a_row_of_far_more_fields_than_there_are_is_refused_before_they_are_checked(as_batch: bool) -> None:
    row = {f"k{number}": number for number in range(len(entity_columns(USE_CASE)) + MOST_MISTAKES + 1)}
    error = refused({"rows": [ROW, row]} if as_batch else row)
    assert f"a row has {len(row)} fields; use case 'clinic_visits' declares {len(entity_columns(USE_CASE))}." in error.what
    where = "rows.1.k0" if as_batch else "k0"
    assert len(error.mistakes or []) == MOST_MISTAKES
    assert (error.mistakes or [])[0] == Mistake(where=where, what="Not a declared field", read="0")


def test_a_row_of_a_few_fields_too_many_names_each() -> None:
    row = ROW | {f"k{number}": number for number in range(len(entity_columns(USE_CASE)) + MOST_MISTAKES - len(ROW))}
    assert {what for _, what in mistakes(row)} == {"Extra inputs are not permitted"}


@pytest.mark.usefixtures("checked_by_shape_only")
@pytest.mark.parametrize("many", [[[]] * (MOST_MISTAKES + 1), {str(number): 1 for number in range(MOST_MISTAKES + 1)}])
def test_a_field_of_many_values_is_refused_before_it_is_checked(many: Any) -> None:
    error = refused(ROW | {"clinic": many})
    (mistake,) = error.mistakes or []
    assert "a field holds 21 values" in error.what
    assert (mistake.where, mistake.what, len(mistake.read) < 70) == ("clinic", "Input should be one value", True)


def test_a_field_of_some_values_is_told_as_any_wrong_value() -> None:
    assert mistakes(ROW | {"clinic": [[]] * MOST_MISTAKES}) == [("clinic", "Input should be a valid string")]


def test_a_text_is_read_in_the_normal_form_that_its_column_declares() -> None:
    visits = USE_CASE.sources["visits"]
    clinic = visits.columns["clinic"].model_copy(update={"normal": ["trim", "lower"]})
    columns = {**visits.columns, "clinic": clinic}
    sources = {**USE_CASE.sources, "visits": visits.model_copy(update={"columns": columns})}
    reader = RowReader(USE_CASE.model_copy(update={"sources": sources}), max_rows=3)
    assert [read(ROW | {"clinic": text}, reader).rows[0]["clinic"] for text in (" North\u00a0", "NORTH", None)] == [
        "north",
        "north",
        None,
    ]
    assert read(ROW | {"clinic": " North"}).rows[0]["clinic"] == " North"
    assert [where for where, _ in mistakes(ROW | {"clinic": 7}, reader)] == ["clinic"]


@pytest.mark.parametrize("body", ['{"clinic": "north", "clinic": "south"}', '{"rows": [{"price": 1, "note": "", "price": 1}]}'])
def test_a_name_given_twice_is_refused(body: str) -> None:
    twice = "clinic" if "south" in body else "price"
    with pytest.raises(BadRequest, match=f"not readable as JSON: '{twice}' is given twice in one object"):
        READER.read(body.encode())


def test_a_body_may_have_as_many_values_as_its_rows_and_no_more() -> None:
    most = 2 * 3 * (len(entity_columns(USE_CASE)) + 20)
    reader = RowReader(USE_CASE, max_rows=3)
    just = b'{"note": "%s"}' % (b"," * (most - 1))
    with pytest.raises(BadRequest, match="fields are not as use case"):
        reader.read(just)
    with pytest.raises(BadRequest, match=rf"the body has {most + 1:,} commas and brackets; 3 rows may have {most:,}\."):
        reader.read(just.replace(b'"note', b',"note'))


def test_a_body_nested_deeper_than_python_reads_is_refused() -> None:
    with pytest.raises(BadRequest, match="not readable as JSON"):
        RowReader(USE_CASE, max_rows=1000).read(b'{"note": ' + b"[" * 50_000)
