"""The house has rooms of a size one can take in, no circles, a library that knows no door, and the field's own words."""

from __future__ import annotations

import ast
import re
from collections import Counter
from statistics import median, quantiles

import pytest

from tests.house.shape import PACKAGES, File, circles, file_graph, files, functions, identifiers, imports, room_graph, strings

HOUSE = files(*PACKAGES)
LIBRARY = files("nightloop")
DOOR = re.compile(r"python -m \w|(?<![\w/.])(jobs|serving|plugins|dags)[./]\w")
RUNS_ITSELF = "nightloop/sources/simulator/__main__.py"  # names the command that it is
NAMES_COMMANDS = "nightloop/errors.py"

# Words that say nothing of what a thing is: call it predictions, version, rows, context, expected, … (docs/architecture.md).
VAGUE = set(
    re.findall(
        r"\w+",
        "said say told tell kept own found made seen around wanted way ways opening usual yardstick alike unfit spare past "
        "numbers look house shelf edition standing surroundings sighting",
    )
)


def test_half_of_the_files_are_read_in_one_sitting() -> None:
    assert median(file.lines for file in HOUSE if not file.path.endswith("__init__.py")) <= 120


def test_no_file_is_much_over_two_hundred_and_fifty_lines() -> None:
    assert {file.path: file.lines for file in HOUSE if file.lines > 280} == {}


def test_there_is_a_line_of_test_for_every_line_of_code() -> None:
    tests = sum(file.lines for file in files("tests") if not file.path.startswith(("tests/benchmarks/", "tests/mutants/")))
    assert tests >= sum(file.lines for file in HOUSE)


def test_functions_do_one_thing() -> None:
    bodies = [lines for file in HOUSE for _, lines in functions(file.tree)]
    assert median(bodies) <= 8
    assert quantiles(bodies, n=10)[-1] <= 20


def test_no_function_is_over_sixty_lines() -> None:
    long = {f"{file.path}: {name}": lines for file in HOUSE for name, lines in functions(file.tree) if lines > 60}
    assert long == {}


def test_no_room_has_more_than_twenty_files() -> None:
    counts = Counter(file.room for file in HOUSE if not file.path.endswith("__init__.py"))
    assert {room: count for room, count in counts.items() if count > 20} == {}


def test_no_two_files_know_one_another_in_a_circle() -> None:
    assert circles(file_graph(*PACKAGES)) == []


def test_no_two_rooms_know_one_another_in_a_circle() -> None:
    assert circles(room_graph(*PACKAGES)) == []


@pytest.mark.parametrize("file", LIBRARY, ids=lambda file: file.path)
def test_the_library_names_no_door_even_in_a_text(file: File) -> None:
    named = [f"{file.path}:{line}: {text.strip()[:60]}" for text, line in strings(file.tree) if DOOR.search(text)]
    assert named == [] or file.path in {RUNS_ITSELF, NAMES_COMMANDS}


def test_the_one_text_that_names_our_commands_stands_in_the_errors() -> None:
    (file,) = [file for file in LIBRARY if file.path == NAMES_COMMANDS]
    assert [text for text, _ in strings(file.tree) if DOOR.search(text)] == ["python -m jobs"]


def vague(file: File) -> Counter[str]:
    """Return the vague words that a file gives as names, and how often."""
    return Counter(word for name, _ in identifiers(file.tree) if (word := name.strip("_").lower()) in VAGUE)


@pytest.mark.parametrize("room", sorted({file.room for file in HOUSE}))
def test_names_tell_what_a_thing_is(room: str) -> None:
    words = {word for file in HOUSE if file.room == room for word in vague(file)}
    assert words == set()


def test_every_library_file_and_public_function_has_a_docstring() -> None:
    bare = [file.path for file in HOUSE if file.text.strip() and not ast.get_docstring(file.tree)]
    assert bare == []


# --- the measures measure ---------------------------------------------------------------------------------------------


def read(text: str, path: str = "nightloop/room/file.py") -> File:
    return File(path, text, ast.parse(text))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("def f():\n    return 1\n", 1),
        ('def f():\n    """Words.\n\n    More.\n    """\n    a = 1\n\n    return a\n', 3),
        ('def f():\n    """Words only."""\n', 0),
        ("async def f(\n    a,\n    b,\n):\n    return (\n        a\n    )\n", 3),
        ("class C:\n    def f(self):\n        x = 1\n        return x\n", 2),
    ],
)
def test_a_body_is_counted_from_its_first_statement_to_its_last(text: str, lines: int) -> None:
    assert [count for _, count in functions(ast.parse(text))] == [lines]


def test_an_inner_function_is_counted_by_itself_too() -> None:
    assert dict(functions(ast.parse("def f():\n    def g():\n        return 1\n    return g\n"))) == {"f": 3, "g": 1}


KNOWN = {"nightloop.lake", "nightloop.lake.tables", "nightloop.errors", "nightloop"}


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        ("import nightloop.errors", {"nightloop.errors"}),
        ("from nightloop.lake import Lake", {"nightloop.lake"}),
        ("from nightloop.lake import tables", {"nightloop.lake.tables"}),
        ("from nightloop import errors", {"nightloop.errors"}),
        ("def f():\n    from nightloop.errors import Final", {"nightloop.errors"}),
        ("if TYPE_CHECKING:\n    from nightloop.errors import Final", set()),
        ("import json\nfrom collections import abc", set()),
        ("import nightloop.lake.gone", {"nightloop.lake"}),
    ],
)
def test_imports_are_found_wherever_they_stand(text: str, imported: set[str]) -> None:
    assert imports(read(text), KNOWN) == imported


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c"}}, [["a", "b"], ["c", "d"]]),
    ],
)
def test_circles_are_found(graph: dict[str, set[str]], found: list[list[str]]) -> None:
    assert circles(graph) == found


@pytest.mark.parametrize(
    ("text", "is_door"),
    [
        ("Run: python -m jobs train", True),
        ("see jobs/train.py", True),
        ("plugins.alerts", True),
        ("two jobs at once", False),
        ("the folder my/jobs/x", False),
        ("serving.", False),
    ],
)
def test_a_door_is_known_by_its_path_module_or_command(text: str, is_door: bool) -> None:
    assert bool(DOOR.search(text)) is is_door


def test_texts_are_read_but_docstrings_are_not() -> None:
    text = '"""python -m jobs"""\n\ndef f(x):\n    """serving.app"""\n    return f"run {x} jobs.train" + "plain"\n'
    assert [value for value, _ in strings(ast.parse(text))] == ["plain", "run ", " jobs.train"]


def test_names_of_every_kind_are_read() -> None:
    text = "class Told:\n    def tell(self, said):\n        kept = self.own = said\n        return [x for seen in kept]\n"
    assert [name for name, _ in identifiers(ast.parse(text))] and set(vague(read(text))) == {
        "told", "tell", "said", "kept", "own", "seen",
    }  # fmt: skip
