"""The faults themselves: each is one small change, of a program, into another program."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants import document
from tests.mutants.document import Tally, shares
from tests.mutants.faults import Fault, faults
from tests.mutants.modules import EQUIVALENT, ROOMS, Room
from tests.mutants.runner import Coverage

REPOSITORY = Path(__file__).parents[2]


def changed(source: str, *, sql: bool = False) -> set[str]:
    """Return what a source becomes, fault by fault."""
    return {fault.applied_to(source) for fault in faults(source, sql=sql)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", {"x = a <= b"}),
        ("x = a <= b", {"x = a < b"}),
        ("x = a > b", {"x = a >= b"}),
        ("x = a >= b", {"x = a > b"}),
        ("x = a == b", {"x = a != b"}),
        ("x = a != b", {"x = a == b"}),
        ("x = a is b", {"x = a is not b"}),
        ("x = a is not b", {"x = a is b"}),
        ("x = a in b", {"x = a not in b"}),
        ("x = a not in b", {"x = a in b"}),
        ("x = a < b <= c", {"x = a <= b <= c", "x = a < b < c"}),
        ("x = a + b", {"x = a - b"}),
        ("x = a - b", {"x = a + b"}),
        ("x = a * b", {"x = a / b"}),
        ("x = a // b", {"x = a * b"}),
        ("x = a % b", {"x = a * b"}),
        ("x = a & b", {"x = a | b"}),
        ("x = a and b or c", {"x = a or b or c", "x = a and b and c"}),
        ("x = not a", {"x = a"}),
        ("x = -a", {"x = a"}),
        ("x = ~a", {"x = a"}),
        ("x = 0.5", {"x = 1.5"}),
        ("x = True", {"x = False"}),
        ("x = min(a, b)", {"x = max(a, b)"}),
        ("x = pc.less(a, b)", {"x = pc.greater(a, b)"}),
        ("if a:\n    f = 'é' + b", {"if (not (a)):\n    f = 'é' + b", "if a:\n    f = 'é' - b"}),
        ("x = a if b else c", {"x = a if (not (b)) else c"}),
        ("x = [a for a in b if c]", {"x = [a for a in b if True]"}),
        ("check(a)", {"pass"}),
        ("raise ValueError(a + 1)", {"pass"}),
    ],
)
def test_a_source_gets_these_faults_and_no_others(source: str, expected: set[str]) -> None:
    assert changed(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""What a < b means, 1 + 1."""',
        "x: Literal[1, 2]",
        "def f(a: tuple[int, int]) -> Literal[3]: ...",
        "x = 'a <= b'",
        "if TYPE_CHECKING:\n    import a",
        "@cache(maxsize=4)\nclass A: ...",
    ],
)
def test_what_is_no_part_of_the_program_gets_none(source: str) -> None:
    assert changed(source) == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <= b", {"a < b"}),
        ("a < b AND c", {"a <= b AND c", "a < b OR c"}),
        ("min(a) - 2", {"max(a) - 2", "min(a) + 2"}),
        ("a is null", {"a is not null"}),
        ("order by a desc", {"order by a asc"}),
    ],
)
def test_a_text_of_sql_gets_faults_inside_it(text: str, expected: set[str]) -> None:
    assert changed(f"x = '{text}'", sql=True) == {f"x = '{fault}'" for fault in expected}
    assert changed(f"x = f'{{y}} {text}'", sql=True) == {f"x = f'{{y}} {fault}'" for fault in expected}


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_room_has_modules_and_every_fault_of_one_is_another_program(room: Room) -> None:
    path = room.paths()[0]
    source = path.read_text(encoding="utf-8")
    whole = ast.dump(ast.parse(source))
    found = faults(source, sql="sql" in path.name)
    assert len(found) > 3
    assert all(ast.dump(ast.parse(fault.applied_to(source))) != whole for fault in found[:20])
    assert all((REPOSITORY / test).exists() for test in room.tests), "a room without its tests"


def test_what_is_called_equivalent_stands_in_the_code_and_has_a_reason() -> None:
    for (module, line, what), reason in EQUIVALENT.items():
        source = (REPOSITORY / module).read_text(encoding="utf-8")
        lines = source.splitlines()
        places = {(lines[fault.line - 1].strip(), fault.what) for fault in faults(source, sql=True)}
        assert (line, what) in places, f"{module}: no such fault any more: {line} ({what})"
        assert len(reason.split()) > 3


TRIED = """
import sys
from nightloop.settings import REPOSITORY
from tests.mutants.faults import Fault
from tests.mutants.runner import Coverage, is_noticed, measure

path = REPOSITORY / "nightloop" / "nights.py"
source = path.read_text(encoding="utf-8")
covered = measure(["tests/house/test_nights.py"], [path])
start = source.index("timedelta(days=1)")
line = source.count("\\n", 0, start) + 1
tomorrow = Fault(line, start, start + len("timedelta(days=1)"), "timedelta(days=2)", "two days")
spaces = Fault(line, start, start, " ", "a space")
shown = [is_noticed(path, tomorrow, covered, budget=budget) for budget in (30.0, 0.0)]
print(shown, is_noticed(path, spaces, covered, budget=30.0))
"""


def test_a_test_of_the_line_notices_a_fault_and_not_a_space_and_a_fault_shown_to_nobody_is_not_noticed() -> None:
    done = subprocess.run([sys.executable, "-c", TRIED], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[True, False] False"


def test_tests_are_shown_the_quickest_first_and_all_of_them_for_a_line_that_runs_at_import() -> None:
    coverage = Coverage({("a.py", 3): {"slow", "quick"}}, {"slow": 2.0, "quick": 0.1, "other": 1.0})
    assert coverage.of(Path("a.py"), 3) == ["quick", "slow"]
    assert coverage.of(Path("a.py"), 1) == ["quick", "other", "slow"]


def test_the_share_of_a_room_is_over_all_its_faults() -> None:
    room, other = ROOMS[0], ROOMS[1]
    missed = (Fault(1, 0, 1, "x", "y"),)
    tallies = [Tally(room, "a.py", 1, 10, 10), Tally(room, "b.py", 1, 2, 1, missed), Tally(other, "c.py", 1, 0, 0)]
    assert shares(tallies) == {room: 11 / 12, other: 1.0}


def test_a_run_of_one_module_leaves_the_lines_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "PAGE", tmp_path / "mutants.md")
    room, module, other = ROOMS[0], *ROOMS[0].module_names()[:2]
    document.write([Tally(room, module, 1, 8, 4), Tally(room, other, 1, 4, 4)])
    document.write([Tally(room, module, 2, 8, 8)])
    page = (tmp_path / "mutants.md").read_text()
    assert f"| `{module}` | 2 | 8 | 8 | 100% |\n| `{other}` | 1 | 4 | 4 | 100% |" in page
    assert f"| {room.name} | {room.least:.0%} | 100% |" in page
