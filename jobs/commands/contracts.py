"""Let Great Expectations judge a night in full, compare the fast path with it, and write the pages of the contracts.

Built when somebody asks, for the library costs seconds and a nightly ingest rarely needs it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from pathlib import Path

import pyarrow as pa

from jobs.console import output
from jobs.in_force import in_force
from jobs.ingest import Intake, Judged
from jobs.published import silent
from nightloop.contracts import Rule
from nightloop.contracts.data_docs import ValidationReport, ValidationRequest, index_page, judge_in_full, suite_page, write
from nightloop.contracts.fast_path import fast_result
from nightloop.contracts.quarantine import RELEASED
from nightloop.contracts.results import Result
from nightloop.definitions import UseCase, load_use_case
from nightloop.errors import NotReady
from nightloop.nights import Night, one, parse_night
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

HEAD = ("source", "contract", "rows", "rules", "broken", "not judged", "what Great Expectations found")


def run(options: argparse.Namespace) -> int:
    """Build the pages and print where they are."""
    night = parse_night(options.nights) if options.nights else None
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions)
    night = night or newest(use_case, workspace)
    index, broken = build(use_case, night, workspace)
    if options.json:
        print(json.dumps({"use_case": use_case.use_case, "night": str(night), "page": str(index), "broken": broken}))  # noqa: T201
        return 0
    for source, rules in broken.items():
        for rule, observed in rules.items():
            output.print(f"{source}: {rule}: observed {observed}", markup=False)
    output.print(f"{use_case.use_case} {night}: {sum(map(len, broken.values()))} rules broken; pages: {index}", markup=False)
    return 0


def newest(use_case: UseCase, workspace: Workspace) -> Night:
    """Return the newest night that was taken in, whether it was published or failed.

    Raises:
        NotReady: none was.
    """
    nights = workspace.lake.states(f"{use_case.use_case}/quarantine")
    if not nights:
        do = f"Run: python -m jobs ingest {use_case.use_case} {use_case.first_night}"
        raise NotReady("no night was taken in yet.", where=use_case.use_case, do=do)
    return max(nights)


def build(use_case: UseCase, night: Night, workspace: Workspace) -> tuple[Path, dict[str, dict[str, str]]]:
    """Read and judge a night again, publish nothing, and write HOME/reports/<use case>/data_docs/.

    Returns:
        The index page, and by source the rules that the night breaks with what was observed.

    Raises:
        AssertionError: the fast path and Great Expectations differ: an error of ours.
    """
    intake = Intake(in_force(use_case, one(night), workspace), workspace, todays_rules=True)
    judged = {item.source: item for item in intake.judge(night, intake.readers(one(night), silent))}
    publishable = {name: item.judgement.publishable for name, item in judged.items()}
    pages, rows, broken = {}, [], {}
    for name, item in judged.items():
        contract = intake.contracts[name]
        requests = _requests(use_case, night, intake, item, publishable)
        reports = [judge_in_full(part) for part in requests if part.rules and part.rows.num_rows]
        for report in reports:
            _compare(report)
            pages[report.request.name] = report.html
        known = {rule.name: rule for part in requests for rule in part.rules}
        title = f"{use_case.use_case}: contract of {name}"
        pages[name] = suite_page(title, [known.get(rule.name, rule) for rule in contract.rules])
        broken[name] = _broken(reports)
        rows.append(_row(name, item, reports, broken[name], len(contract.rules)))
    released = workspace.ledger.events(use_case.use_case, kind=RELEASED, night=night)
    summary = "Judged as the night was delivered, by today's contracts."
    if released:
        summary += f" {sum(event.payload['records'] for event in released)} records were released from its quarantine."
    pages["index"] = index_page(f"{use_case.use_case}: contracts, night {night}", summary, rows, HEAD)
    return write(pages, workspace.reports / use_case.use_case / "data_docs"), {k: v for k, v in broken.items() if v}


def _requests(
    use_case: UseCase, night: Night, intake: Intake, item: Judged, publishable: Mapping[str, pa.Table]
) -> list[ValidationRequest]:
    """Return what is asked of Great Expectations: rules that set aside about all rows, the others about those published."""
    parameters = intake.parameters(night, item.contract, publishable)
    rules: list[Rule] = []
    for rule in intake.contracts[item.source].rules:
        arguments = parameters.arguments(rule)
        rules += [] if arguments is None else [replace(rule, kwargs=arguments)]
    shows = not any(column.personal for column in use_case.sources[item.source].columns.values())
    return [
        ValidationRequest(
            f"{item.source}-{suffix}",
            f"{use_case.use_case}: {item.source} of {night}, {which_rows}",
            [rule for rule in rules if (rule.on_breach == "quarantine") == sets_aside],
            table,
            shows,
        )
        for suffix, which_rows, sets_aside, table in (
            ("as-delivered", "as delivered", True, item.arrival.rows),
            ("as-kept", "as kept", False, item.judgement.publishable),
        )
    ]


def _compare(report: ValidationReport) -> None:
    """Compare the fast path with the library."""
    for rule, result in zip(report.request.rules, report.results, strict=True):
        fast = fast_result(rule, report.request.rows)
        if fast is not None and (fast.success, fast.rows) != (result.success, result.rows):
            raise AssertionError(f"{rule.place}: the fast path gives {fast}, Great Expectations {result}")


def _broken(reports: list[ValidationReport]) -> dict[str, str]:
    pairs: list[tuple[Rule, Result]] = [
        pair for report in reports for pair in zip(report.request.rules, report.results, strict=True)
    ]
    return {rule.name: result.observed for rule, result in pairs if not result.success}


def _row(name: str, item: Judged, reports: list[ValidationReport], broken: Mapping[str, str], rules: int) -> list[str]:
    links = ", ".join(f'<a href="{r.request.name}.html">{r.request.name.removeprefix(f"{name}-")}</a>' for r in reports)
    not_judged = ", ".join(item.judgement.not_judged)
    counts = f"{item.arrival.rows_in:,} delivered, {item.judgement.publishable.num_rows:,} kept"
    return [
        escape(name), f'<a href="{name}.html">contract</a>', counts, str(rules),
        escape(", ".join(f"{rule} ({observed})" for rule, observed in broken.items())) or "none",
        escape(not_judged) or "none", links or "nothing was delivered",
    ]  # fmt: skip
