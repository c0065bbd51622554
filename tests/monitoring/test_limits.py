"""The limits that judged a night are held in the lake, and given back only as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightloop.definitions import UseCase
from nightloop.errors import StoreDamaged
from nightloop.monitoring.limits import LIMITS, archive_limits, limits_digest, with_archived_limits
from nightloop.workspace import Workspace
from tests.fixtures_sales import definition


def other() -> UseCase:
    use_case = definition()
    limits = use_case.monitoring.model_copy(update={"minimum_rows": use_case.monitoring.minimum_rows + 1})
    return use_case.model_copy(update={"monitoring": limits})


def test_limits_come_back_whatever_the_definition_says_today(workspace: Workspace) -> None:
    digest = archive_limits(workspace.lake, definition())
    assert digest == limits_digest(definition()) != limits_digest(other())
    then = with_archived_limits(workspace.lake, other(), digest)
    assert [getattr(then, name) for name in LIMITS] == [getattr(definition(), name) for name in LIMITS]
    assert then.label == other().label


def test_limits_that_were_never_archived_leave_those_of_today(workspace: Workspace) -> None:
    today = other()
    assert with_archived_limits(workspace.lake, today, limits_digest(definition())) is today


@pytest.mark.parametrize("damage", ["{}", "not json", "[]", None])
def test_limits_that_were_touched_are_an_error(workspace: Workspace, damage: str | None) -> None:
    digest = archive_limits(workspace.lake, definition())
    (held,) = Path(workspace.lake.root, "sales", "_documents").iterdir()
    minimum = definition().monitoring.minimum_rows
    changed = held.read_text().replace(f'"minimum_rows": {minimum}', f'"minimum_rows": {minimum + 1}')
    held.write_text(changed if damage is None else damage)
    with pytest.raises(StoreDamaged, match=rf"the limits {digest[:12]} are not what was written.*--todays-rules"):
        with_archived_limits(workspace.lake, other(), digest)
