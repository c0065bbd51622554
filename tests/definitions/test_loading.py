"""A definition loads whole and checked, or says each mistake at its line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nightloop.definitions import definition_digest, load_use_case, use_case_names
from nightloop.definitions.loading import parse_use_case
from nightloop.definitions.structure import json_schema_text
from nightloop.errors import DefinitionError, UnknownUseCase
from nightloop.settings import REPOSITORY

FOLDER = REPOSITORY / "feature_defs"
FILE = "feature_defs/flight_delay.yaml"


def test_every_declared_use_case_loads():
    names = use_case_names(FOLDER)
    assert "flight_delay" in names
    assert [load_use_case(name, FOLDER).use_case for name in names] == names


def test_the_order_of_features_is_the_order_of_the_file(flight_delay_text):
    features = list(parse_use_case(flight_delay_text, FILE, "flight_delay").features)
    places = [flight_delay_text.index(f"\n  {name}: {{kind:") for name in features]
    assert places == sorted(places)


def test_an_unknown_use_case_lists_near_names():
    with pytest.raises(UnknownUseCase, match=r"no use case 'flight_dealy'.*Did you mean 'flight_delay'"):
        load_use_case("flight_dealy", FOLDER)


# Each: a text of the good file, what replaces it, a text that marks the line, what the message must say.
MISTAKES = {
    "broken YAML": ("owner: oper", "owner: [oper", None, "this is not YAML"),
    "a tab": ("  schedule:\n", "\tschedule:\n", None, "this is not YAML"),
    "an unsafe value": ("risk: medium", "risk: !!python/object/apply:os.getcwd []", None, "this is not YAML"),
    "a key twice": ("risk: medium", "risk: medium\nrisk: low", "risk: low", "'risk' is written twice"),
    "an unknown key": ("risk: medium", "risks: medium", "risks: medium", "unknown key 'risks' at the top. Did you mean 'risk'"),
    "an unknown key of a feature": ("smoothing: 20", "smoothing: 20, smothing: 3", "smothing", "Did you mean 'smoothing'"),
    "an unknown kind": (
        "kind: rate",
        "kind: rat",
        "kind: rat,",
        "Did you mean 'rate' or 'ratio'? Allowed kinds: category, cross, expression, lag, lookup, peers, rate, ratio, window.",
    ),
    "a text for a number": (
        "nights: 7,",
        'nights: "7",',
        'nights: "7"',
        "'features > carrier_late_rate_7d > nights' reads '7'",
    ),
    "a number out of bounds": ("nights: 7,", "nights: 0,", "nights: 0", "greater than or equal to 1"),
    "a name of the wrong form": ("  hour: {", "  Hour: {", "  Hour: {", "begin with a small letter"),
    "another file name": ("use_case: flight_delay", "use_case: flight", "use_case: flight", "the use case is named 'flight'"),
    "an unknown time zone": ("America/New_York", "America/NewYork", "America/NewYork", "is no time zone"),
    "a schedule of four fields": ('"0 2 * * *"', '"0 2 * *"', '"0 2 * *"', "is not once a day"),
    "nights that end before they begin": (
        "last_night: 2013-12-30",
        "last_night: 2012-12-30",
        "last_night: 2012",
        "before first_night",
    ),
    "SQL of a source that is no SQL": (
        "expression: tailnum, desc",
        "expression: (tailnum, desc",
        "(tailnum",
        "cannot be read as SQL",
    ),
    "a key that is no column": ("key: [flight_id]\n", "key: [flightid]\n", "key: [flightid]", "Did you mean 'flight_id'"),
    "a column that the table takes": (
        "      tail_number: {",
        "      known_at: {",
        "      known_at: {",
        "is taken by the table",
    ),
    "an unknown source": ("source: weather", "source: wether", "source: wether", "Did you mean 'weather'"),
    "an unknown column": ("expression: temperature,", "expression: temprature,", "temprature", "Did you mean 'temperature'"),
    "an expression that does not parse": (
        "weekday(flight_date)",
        "weekday(flight_date",
        "weekday(flight_date",
        "cannot be read",
    ),
    "an expression outside the subset": ("weekday(flight_date)", "week(flight_date)", "week(", "Did you mean 'weekday'"),
    "a function of the wrong type": (
        "weekday(flight_date)",
        "weekday(carrier)",
        "weekday(c",
        "applied to a string. It takes a date",
    ),
    "a feature that is a text": (
        "expression: scheduled_hour,",
        "expression: carrier,",
        "expression: carrier, unit",
        "yields a string",
    ),
    "a rate of a number": (
        'of: "coalesce(arrival_delay >= 15, true)"',
        "of: arrival_delay",
        "of: arrival",
        "must yield a boolean",
    ),
    "peers by no column": ("by: [origin, scheduled_hour]", "by: [origin, hour]", "by: [origin, hour]", "unknown column 'hour'"),
    "a rate key that the entity lacks": (
        "by: [carrier], nights: 1",
        "by: [air_time], nights: 1",
        "by: [air",
        "Columns of the entity",
    ),
    "a rate key that the source lacks": (
        "by: [carrier], nights: 1",
        "by: [distance], nights: 1",
        "by: [dis",
        "Columns of outcomes",
    ),
    "a lookup key of another type": (
        "by: {tail_number: tail_number}",
        "by: {built_year: tail_number}",
        "{built_year:",
        "Declare both",
    ),
    "a key of a number": ("by: {origin: origin}", "by: {humidity: origin}", "{humidity:", "cannot be a key"),
    "a lookup that is not unique": (", latest_by: observed_at", "", "evening_temperature", "can have several records"),
    "an unknown latest_by": (
        "latest_by: observed_at",
        "latest_by: observed",
        "latest_by: observed,",
        "Did you mean 'observed_at'",
    ),
    "a label that is no boolean": (
        "expression: coalesce(arrival_delay >= 15, true)",
        "expression: arrival_delay",
        None,
        "a boolean",
    ),
    "a label join to no column": (
        "join: {flight_id: flight_id}",
        "join: {flight_id: flight}",
        "flight_id: flight}",
        "unknown column",
    ),
    "a label never known": ("  source: outcomes\n  join", "  source: planes\n  join", "source: planes\n  join", "known_at"),
    "an unknown entity source": ("entity: {source: schedule", "entity: {source: shedule", "shedule", "Did you mean 'schedule'"),
    "an unknown entity key": (
        "schedule, key: [flight_id]",
        "schedule, key: [flight]",
        "key: [flight]",
        "Columns of the entity",
    ),
    "a fairness group that is no column": ("group: origin", "group: orign", "group: orign", "Did you mean 'origin'"),
    "a feature named as a key": ("  hour: {", "  flight_id: {", "  flight_id: {kind", "is taken by a column"),
    "a range that ends before it begins": ("range: [0, 23]", "range: [23, 0]", "range: [23", "ends before it begins"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_shown_at_its_line(mistake, flight_delay_text):
    good, bad, mark, said = MISTAKES[mistake]
    assert good in flight_delay_text
    text = flight_delay_text.replace(good, bad, 1)
    with pytest.raises(DefinitionError) as error:
        parse_use_case(text, FILE, "flight_delay")
    assert said in str(error.value)
    assert error.value.do
    if mark is not None:
        line = text[: text.index(mark)].count("\n") + 1
        assert f"{FILE}:{line}: " in str(error.value)


def test_a_missing_key_is_shown_at_what_lacks_it(flight_delay_text):
    text = flight_delay_text.replace("  matures_after: 2\n", "")
    with pytest.raises(DefinitionError, match="the key 'matures_after' is missing in 'label'") as error:
        parse_use_case(text, FILE, "flight_delay")
    assert error.value.where == f"{FILE}:{text[: text.index('label:')].count(chr(10)) + 1}"


def test_all_mistakes_are_told_at_once(flight_delay_text):
    text = flight_delay_text.replace("expression: temperature,", "expression: temprature,").replace(
        "group: origin", "group: orign"
    )
    with pytest.raises(DefinitionError) as error:
        parse_use_case(text, FILE, "flight_delay")
    assert "temprature" in str(error.value)
    assert "orign" in str(error.value)


@pytest.mark.parametrize("text", ["", "- a\n- list\n", "just words\n", "use_case: flight_delay\nowner: {? [1, 2] : 3}\n"])
def test_a_file_that_is_no_use_case_is_refused(text):
    with pytest.raises(DefinitionError, match=FILE):
        parse_use_case(text, FILE, "flight_delay")


def test_a_file_changed_on_disk_is_read_again(tmp_path: Path, flight_delay_text):
    path = tmp_path / "flight_delay.yaml"
    path.write_text(flight_delay_text, encoding="utf-8")
    before = load_use_case("flight_delay", tmp_path)
    assert load_use_case("flight_delay", tmp_path) is before
    path.write_text(flight_delay_text.replace("risk: medium", "risk: high"), encoding="utf-8")
    assert load_use_case("flight_delay", tmp_path).risk == "high"


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path, flight_delay_text):
    (tmp_path / "flight_delay.yaml").write_bytes(flight_delay_text.encode("latin-1", errors="replace"))
    with pytest.raises(DefinitionError, match="not UTF-8"):
        load_use_case("flight_delay", tmp_path)


def test_the_digest_ignores_comments_and_layout_and_sees_every_value(flight_delay_text):
    def digest(text: str) -> str:
        return definition_digest(parse_use_case(text, FILE, "flight_delay"))

    first = digest(flight_delay_text)
    assert digest("# another comment\n\n" + flight_delay_text) == first
    assert digest(flight_delay_text.replace("smoothing: 20", "smoothing: 21", 1)) != first


def test_the_schema_for_editors_is_the_one_the_code_generates():
    stored = (FOLDER / "schema.json").read_text(encoding="utf-8")
    assert stored == json_schema_text(), "run: python -m nightloop.definitions.structure > feature_defs/schema.json"


def test_loading_imports_nothing_heavy():
    code = (
        "import sys; from nightloop.definitions import load_use_case; "
        f"load_use_case('flight_delay', {str(FOLDER)!r}); "
        "print([m for m in ('pandas', 'numpy', 'pyarrow', 'pyspark', 'mlflow', 'xgboost', 'duckdb') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
