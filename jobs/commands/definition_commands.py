"""The commands about definitions on the command line: new, check, docs. What they do is imported when they run."""

from __future__ import annotations

import argparse

Commands = argparse._SubParsersAction  # the type that argparse itself has no public name for


def add_definition_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the commands and their arguments."""
    _add_new(commands.add_parser("new", help="draft a use case and its contracts from a sample of data"))
    check = commands.add_parser("check", help="read every definition and contract and tell every mistake; touches no data")
    check.add_argument("use_case", metavar="USE_CASE", nargs="?", help="default: all of them")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(run=_check)
    docs = commands.add_parser("docs", help="write the page of a use case: features, contracts, gates, lineage")
    docs.add_argument("use_case", metavar="USE_CASE", nargs="?", help="default: all of them")
    docs.add_argument("--to", metavar="FOLDER", help="default: docs/use_cases")
    docs.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")
    docs.add_argument("--json", action="store_true", help="print one JSON object")
    docs.set_defaults(run=_docs)


def _add_new(command: argparse.ArgumentParser) -> None:
    command.add_argument("use_case", metavar="USE_CASE", help="name of the new use case, for example churn")
    command.add_argument(
        "--from",
        dest="source",
        metavar="FILE_OR_TABLE",
        required=True,
        help="CSV, Parquet or JSON Lines (also .gz), a pattern with {night}, s3://…, or sql:CONNECTION:TABLE",
    )
    command.add_argument("--label", metavar="COLUMN", help="column to predict (default: guessed)")
    command.add_argument(
        "--key",
        metavar="COLUMN",
        action="append",
        help="column of the key; may be given again (default: guessed)",
    )
    command.add_argument("--event-at", metavar="COLUMN", help="when a record happened (default: guessed)")
    command.add_argument("--time-zone", metavar="ZONE", default="UTC", help="zone of nights and local times (default: UTC)")
    command.add_argument("--task", choices=("binary", "regression", "multiclass"), help="default: by the label's values")
    command.add_argument("--matures-after", metavar="NIGHTS", type=int, default=1, help="nights until outcomes are known (1)")
    command.add_argument("--force", action="store_true", help="replace what is there under this name")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=_new)


def _new(options: argparse.Namespace) -> int:
    from jobs.commands import new

    return new.run(options)


def _check(options: argparse.Namespace) -> int:
    from jobs.commands import check

    return check.show(options.use_case, as_json=options.json)


def _docs(options: argparse.Namespace) -> int:
    from jobs.commands import docs

    return docs.write(options.use_case, to=options.to, only_check=options.check, as_json=options.json)
