"""Definitions that made a night are held in the lake, and read back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightloop.definitions import definition_digest, load_use_case, use_case_names
from nightloop.errors import StoreDamaged
from nightloop.meaning.archive import archive, archived, is_the_only
from nightloop.settings import REPOSITORY
from nightloop.workspace import Workspace
from tests.meaning.definitions import USE_CASE, changed, put

OTHER = changed(put("features.basket.expression", "basket * 100"))


def stored(workspace: Workspace) -> Path:
    return next(Path(workspace.lake.root, "shop", "_documents").iterdir())


def test_a_definition_is_read_back_as_it_was(workspace: Workspace) -> None:
    digest = archive(workspace.lake, USE_CASE)
    assert digest == definition_digest(USE_CASE) and archived(workspace.lake, "shop", digest) == USE_CASE
    assert archived(workspace.lake, "shop", definition_digest(OTHER)) is None


@pytest.mark.parametrize("name", use_case_names(REPOSITORY / "feature_defs"))
def test_what_we_ship_is_read_back_as_it_was(workspace: Workspace, name: str) -> None:
    use_case = load_use_case(name, REPOSITORY / "feature_defs")
    assert archived(workspace.lake, name, archive(workspace.lake, use_case)) == use_case


def test_it_is_written_once_and_is_no_table(workspace: Workspace) -> None:
    archive(workspace.lake, USE_CASE)
    before = stored(workspace).stat().st_mtime_ns
    archive(workspace.lake, USE_CASE)
    assert stored(workspace).stat().st_mtime_ns == before
    assert workspace.lake.tables() == []


def test_a_lake_tells_whether_another_definition_made_a_night(workspace: Workspace) -> None:
    assert is_the_only(workspace.lake, USE_CASE)
    archive(workspace.lake, USE_CASE)
    assert is_the_only(workspace.lake, USE_CASE) and not is_the_only(workspace.lake, OTHER)
    archive(workspace.lake, OTHER)
    assert not is_the_only(workspace.lake, USE_CASE)


@pytest.mark.parametrize("content", ["{}", "not json", None])
def test_a_damaged_definition_is_an_error_and_not_another_definition(workspace: Workspace, content: str | None) -> None:
    digest = archive(workspace.lake, USE_CASE)
    stored(workspace).write_text(content if content is not None else OTHER.model_dump_json())
    with pytest.raises(StoreDamaged, match=rf"the definition {digest[:12]} is not what was written"):
        archived(workspace.lake, "shop", digest)
