"""Ship the answers that the service recorded into the lake: the table ``online_answers``, by the night of asking.

A night is published from all lines of this HOME and the answers that its partition holds already, each answer once. So it may
be shipped again at any time, from several services in turn, and after lines are removed, and stays what it is. Of two that
ship at the same instant the later one's answers stand; the other finds at its next round that its lines are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.published import Progress, Published, silent
from nightloop.audit.answers_table import rows_of, schema_of, table_of
from nightloop.audit.segments import Torn, lines_of, nights_over, segments_of
from nightloop.daily import check_over
from nightloop.definitions.loading import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.lake import Commit, Lake
from nightloop.nights import Night, Nights, one
from nightloop.workspace import Workspace

STAGE = "ship_audit"
ROWS = 10_000  # that are put into columns at a time


def run(use_case: UseCase, nights: Nights | None, workspace: Workspace, *, progress: Progress = silent) -> list[Published]:
    """Ship the answers of nights, and return what was published.

    Args:
        use_case: whose answers.
        nights: which; None: every night that is over and has lines that were not there when it was shipped last.
        workspace: its HOME has the lines, its lake the table.
        progress: told of each night.

    Raises:
        BadNight: a night is not over.
        StoreDamaged: a line is not what was written.
    """
    if nights is not None:
        check_over(use_case, nights.last, workspace.clock())
    asked = list(nights) if nights else nights_over(workspace.settings.home, use_case.time_zone, workspace.clock())
    published = []
    for done, night in enumerate(asked, start=1):
        published += _ship(use_case, night, workspace, even_if_unchanged=nights is not None)
        progress(f"shipping answers of {use_case.use_case}", done, len(asked))
    return published


def _ship(use_case: UseCase, night: Night, workspace: Workspace, *, even_if_unchanged: bool) -> list[Published]:
    lake, table, zone = workspace.lake, table_of(use_case.use_case), use_case.time_zone
    paths = segments_of(workspace.settings.home, night, zone)
    sizes = {path.name: path.stat().st_size for path in paths}  # before they are read: what is added since is seen next time
    shipped = lake.states(table).get(night)
    before = shipped.summary["segments"] if shipped else {}
    if shipped and not even_if_unchanged and sizes.items() <= before.items():
        return []
    torn: list[Torn] = []
    fresh = _table(use_case, _whole(lines_of(paths, use_case.use_case, night, zone), torn))
    earlier = _shipped_before(lake, table, night, fresh) if shipped else fresh.slice(0, 0)
    summary = {"segments": {**before, **sizes}}
    commit = Commit(STAGE, use_case.use_case, definition_digest(use_case), summary=summary)
    state = lake.publish(table, night, pa.concat_tables([earlier, fresh], promote_options="default"), commit)
    details = {"from_lines": fresh.num_rows, "shipped_before": earlier.num_rows, "torn": len(torn)}
    return [Published.of(use_case.use_case, table, state, details)]


def _whole(lines: Iterable[dict[str, Any] | Torn], torn: list[Torn]) -> Iterator[dict[str, Any]]:
    """Yield the lines that are whole, and note the others."""
    for line in lines:
        if isinstance(line, Torn):
            torn.append(line)
        else:
            yield line


def _table(use_case: UseCase, lines: Iterable[dict[str, Any]]) -> pa.Table:
    """Return the rows of lines, each answer once."""
    schema, ids, parts = schema_of(use_case), set[str](), list[pa.Table]()
    rows: list[dict[str, Any]] = []
    for line in lines:
        if line["id"] in ids:
            continue
        ids.add(line["id"])
        rows += rows_of(use_case, line)
        if len(rows) >= ROWS:
            parts.append(pa.Table.from_pylist(rows, schema))
            rows = []
    return pa.concat_tables([*parts, pa.Table.from_pylist(rows, schema)])


def _shipped_before(lake: Lake, table: str, night: Night, fresh: pa.Table) -> pa.Table:
    """Return the rows of a partition whose answers have no line here (any more)."""
    stored = lake.read(table, one(night)).drop_columns(["night"])
    return stored.filter(pc.invert(pc.is_in(stored["decision_id"], fresh["decision_id"].combine_chunks())))
