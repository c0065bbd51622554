"""Whatever is wrong in a definition is told once, at its line, with what was read and the way out, and nothing else."""

from __future__ import annotations

import pytest

from tests.definitions.mistakes import DEFINITION, RIGHT, Mistake
from tests.definitions.rides import FILE, line_of, told_of

# One slip may be two mistakes: a column that lost its name is missing elsewhere, a label of another source has other columns.
TWO = ("a column that the table has", "a label never known")


def test_the_right_definition_has_no_mistake():
    assert told_of(RIGHT) == []


@pytest.mark.parametrize("name", DEFINITION)
def test_a_mistake_is_told_at_its_line(name):
    mistake: Mistake = DEFINITION[name]
    assert mistake.right in RIGHT
    wrong = RIGHT.replace(mistake.right, mistake.wrong, 1)
    found = told_of(wrong)
    meant = [item for item in found if mistake.said in item[1] and mistake.do in item[2]]
    assert meant, found
    assert {where for where, _, _ in meant} == {f"{FILE}:{line_of(wrong, mistake.mark)}"}, meant
    assert all(what and do for _, what, do in found)
    assert len(found) == (2 if name in TWO else 1), found
