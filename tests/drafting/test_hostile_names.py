"""Whatever a file calls its columns and holds in its cells: the draft is valid, and means what it says."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightloop.drafting import DraftOptions, draft_use_case
from nightloop.drafting.names import legal_name
from nightloop.drafting.yaml_text import comment, flow

HOSTILE = [
    "a: b", "# no", "- x", "{a: 1}", "[1, 2]", "*alias", "&anchor", "!!python/object:os.system", "%TAG", "@at", "`tick`", "'",
    '"', "yes", "null", "~", "1e3", "0x1f", "2024-01-01", "=", "<<", "a\nb", "a\r\nb: c", "tab\there", "\x85next", "\u2028line",
    "\ufeffbom", "émoji 😀", "x" * 300, "\\", "\\n", "'; DROP TABLE text; --", '" || (SELECT 1) || "', "select", "{night}",
    "$PARAMETER", "night", "known_at", "label", "key", "by", "ROW", "../../etc", "\x7f", "\x00",
]  # fmt: skip


@given(st.text())
def test_any_text_is_written_so_that_yaml_reads_it_back(text):
    assert yaml.safe_load(f"{{k: {flow(text)}, {flow(text)}: 1}}")["k"] == text
    assert yaml.safe_load(f"- {flow([text, {'a': text}])}") == [[text, {"a": text}]]


@given(st.text())
def test_no_text_leaves_its_comment(text):
    assert yaml.safe_load(f"a: 1  {comment(text)}\nb: 2\n") == {"a": 1, "b": 2}


@given(st.one_of(st.floats(allow_nan=False), st.integers(), st.booleans(), st.none(), st.dates()))
def test_any_number_is_written_so_that_yaml_reads_it_back(value):
    assert yaml.safe_load(f"v: {flow(value)}")["v"] == value


def drafted(names: list[str], values: list[str], labels: tuple[str, ...] = ("0", "1")) -> None:
    """Draft over a table with these columns, each holding these values in turn."""
    count = 40
    columns = {name: [values[(i + k) % len(values)] for i in range(count)] for k, name in enumerate(names)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.parquet"
        fixed = {
            "id of it": [f"k{i}" for i in range(count)],
            "when at": [f"2024-01-{i % 28 + 1:02d}T10:00:00Z" for i in range(count)],
            "the label": [labels[i // 3 % len(labels)] for i in range(count)],
        }
        pq.write_table(pa.table({**fixed, **columns}), path)
        options = DraftOptions(label="the label", key=("id of it",), event_at="when at", search_steps=0)
        draft = draft_use_case("new_one", str(path), options, Path(folder) / "feature_defs")
    assert (draft.read, draft.refused) == (count, 0)
    originals = [column.profile.original for column in draft.plan.fields if column.profile]
    told = [column.profile.original for column in draft.plan.outcome_fields if column.profile]
    assert {*originals, *told, *draft.plan.left_out} == {*fixed, *names}


@pytest.mark.parametrize("part", range(4))
def test_hostile_names_and_values_are_quoted(part):
    drafted(HOSTILE[part::4], HOSTILE[part::4])


@pytest.mark.parametrize("part", range(0, len(HOSTILE) - 1, 4))
def test_hostile_categories_and_outcomes_are_quoted(part):
    few = HOSTILE[part : part + 5]
    drafted(["plan"], few, tuple(few))


@pytest.mark.parametrize(
    ("original", "name"),
    [("płeć", "plec"), ("Straße", "strasse"), ("Ærø", "aero"), ("Ilığı", "iligi"), ("größe", "grosse"), ("年", "column")],
)
def test_letters_without_a_plain_one_in_them_are_written_as_is_usual(original, name):
    assert legal_name(original, []) == name


@pytest.mark.parametrize("word", ["TRUE", "null", "Case", "select", "current_date", "interval", "Not", "cast"])
def test_a_word_of_sql_is_no_name_of_a_column(word):
    drafted([word], ["0", "00"])


@pytest.mark.parametrize("labels", [("0", "1"), ("1.5", "2", "3.25", "4", "5", "6")], ids=["classes", "numbers"])
def test_a_column_may_be_called_as_the_search_for_leaks_calls_its_own(labels):
    drafted(["x", "Y", "v", "r", "value", "text", "observed"], ["0", "1"], labels)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4, unique_by=str.casefold),
    st.lists(st.text(max_size=12), min_size=1, max_size=6),
)
def test_any_names_and_values_make_a_valid_draft(names, values):
    names = [name for name in names if not name.startswith("=") and name.casefold() not in ("id of it", "when at", "the label")]
    drafted(names, values)
