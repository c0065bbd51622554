"""Write the page of each week: seven nights, Monday to Sunday, from the metrics and decisions tables."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from jobs.published import Progress, Published, silent
from nightloop.atomic_file import write_atomically
from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.lake import Commit
from nightloop.nights import Nights
from nightloop.reporting.quarter import read_quarter
from nightloop.reporting.week import read_week, week_of
from nightloop.workspace import Workspace

STAGE = "report"


def run(use_case: UseCase, nights: Nights, workspace: Workspace, *, progress: Progress = silent) -> list[Published]:
    """Write HOME/reports/<use case>/week-<monday>.html for every week that holds one of the nights, and publish its digest.

    Nights of the week that were not monitored are listed as missing on the page.

    Raises:
        NotReady: none of a week's nights was monitored.
    """
    weeks = sorted({week_of(night) for night in nights}, key=lambda week: week.first)
    published = []
    for done, week in enumerate(weeks, start=1):
        published.append(_report(use_case, week, workspace))
        progress(f"reporting {use_case.use_case}", done, len(weeks))
    return published


def _report(use_case: UseCase, nights: Nights, workspace: Workspace) -> Published:
    from nightloop.reporting.week_page import render

    lake = workspace.lake
    week = read_week(use_case, nights, workspace)
    page = render(week, use_case, read_quarter(use_case, nights.last, workspace))
    path = write_atomically(workspace.reports / use_case.use_case / f"week-{nights.first}.html", page)
    row = {
        "week": nights.first,
        "page": str(path.relative_to(workspace.reports)),
        "page_digest": hashlib.sha256(page.encode()).hexdigest(),
        "nights_monitored": len(week.monitored),
    }
    inputs = {
        table: lake.snapshot(table).version for table in (f"{use_case.use_case}/metrics", f"{use_case.use_case}/decisions")
    }
    commit = Commit(STAGE, use_case.use_case, definition_digest(use_case), inputs)
    state = lake.publish(f"{use_case.use_case}/reports", nights.last, pa.Table.from_pylist([row]), commit)
    return Published.of(
        use_case.use_case, f"{use_case.use_case}/reports", state, {"page": str(path), "nights_monitored": len(week.monitored)}
    )
