"""YAML is read with the line of every value; what is not YAML, or means two things, is told at its line."""

from __future__ import annotations

import pytest

from nightloop.definitions.yaml_lines import Lines, read_yaml
from nightloop.errors import DefinitionError

TEXT = """\
# a comment
name: rides
entity: {source: rides,
  key: [ride_id,
    zone]}
sources:
  rides:
    key:
      - ride_id
      - zone
    description: >
      Two
      lines.
first: 2024-01-01
"""

LINES = {
    (): 2,
    ("name",): 2,
    ("entity",): 3,
    ("entity", "source"): 3,
    ("entity", "key"): 4,
    ("entity", "key", 0): 4,
    ("entity", "key", 1): 5,
    ("sources",): 6,
    ("sources", "rides"): 7,
    ("sources", "rides", "key"): 8,
    ("sources", "rides", "key", 0): 9,
    ("sources", "rides", "key", 1): 10,
    ("sources", "rides", "description"): 11,
    ("first",): 14,
    # what is not written is shown at what should hold it
    ("sources", "rides", "event_at"): 7,
    ("sources", "zones", "key", 0): 6,
    ("entity", "key", 2): 4,
    ("nothing",): 2,
    ("name", "deeper"): 2,
}


@pytest.mark.parametrize("path", LINES)
def test_each_value_has_the_line_on_which_it_is_written(path):
    _, lines = read_yaml(TEXT, "file.yaml")
    assert lines.of(path) == LINES[path]


def test_the_values_are_read_as_yaml_means_them():
    document, _ = read_yaml(TEXT, "file.yaml")
    assert document["entity"] == {"source": "rides", "key": ["ride_id", "zone"]}
    assert document["first"].isoformat() == "2024-01-01"
    assert document["sources"]["rides"]["description"] == "Two lines.\n"


def test_a_document_of_one_value_has_one_line():
    assert read_yaml("\n\njust words\n", "file.yaml") == ("just words", Lines(3))


def test_an_alias_has_the_lines_of_its_anchor_under_its_own_key():
    _, lines = read_yaml("a: &one\n  b: 1\nc: *one\n", "file.yaml")
    assert (lines.of(["a", "b"]), lines.of(["c"]), lines.of(["c", "b"])) == (2, 3, 2)


REFUSED = {
    # a text: the line, what was read, the way out
    "": ("file.yaml:1", "the file is empty.", "Write a use case"),
    "# nothing\n": ("file.yaml:1", "the file is empty.", "Write a use case"),
    "a: 1\nb: [\n": ("file.yaml:3", "this is not YAML:", "Look at this line and the one above it"),
    "a: 1\n\tb: 2\n": ("file.yaml:2", "this is not YAML:", "Look at this line"),
    "a: b: c\n": ("file.yaml:1", "this is not YAML:", "needs quotes"),
    "a: 1\n--- \nb: 2\n": ("file.yaml:2", "this is not YAML:", "Look at this line"),
    "a: *nowhere\n": ("file.yaml:1", "this is not YAML:", "Look at this line"),
    "a: 1\nb: !!python/name:os.system x\n": ("file.yaml:2", "this is not YAML:", "Look at this line"),
    "a: 1\nb: 2\na: 3\n": ("file.yaml:3", "the key 'a' is written twice (first on line 1).", "Keep one of them."),
    "a:\n  b: 1\n  c: 2\n  b: 3\n": ("file.yaml:4", "the key 'b' is written twice (first on line 2).", "Keep one of them."),
    "a: [{b: 1,\n  b: 2}]\n": ("file.yaml:2", "the key 'b' is written twice (first on line 1).", "Keep one of them."),
    "a: 1\nb: 2023-02-29\n": (
        "file.yaml:2",
        "'2023-02-29' is no day of the calendar:",
        "Write a day that exists",
    ),
    "a: [2024-13-01]\n": ("file.yaml:1", "'2024-13-01' is no day of the calendar:", "needs quotes"),
    "a: !!int x\n": ("file.yaml", "a value cannot be read:", "Look at the values with '!!'."),
    "a: \0\n": ("file.yaml", "this is not YAML:", "Look at this line"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_read_is_told_at_its_line(text):
    where, what, do = REFUSED[text]
    with pytest.raises(DefinitionError) as refused:
        read_yaml(text, "file.yaml")
    assert refused.value.where == where
    assert what in refused.value.what
    assert refused.value.do is not None
    assert do in refused.value.do


@pytest.mark.parametrize("text", ["a: 2024-02-29\n", "a: '2023-02-29'\n", "a: 2024-02-29 10:00:00\n"])
def test_a_day_that_exists_and_a_text_that_looks_like_one_are_read(text):
    assert read_yaml(text, "file.yaml")[0]["a"]


def test_a_key_twice_in_two_mappings_is_no_mistake():
    assert read_yaml("a: {b: 1}\nc: {b: 2}\n", "file.yaml")[0] == {"a": {"b": 1}, "c": {"b": 2}}
