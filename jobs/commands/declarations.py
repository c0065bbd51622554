"""What each command beside the stages takes on the command line, and the module that does it, imported when it runs."""

from __future__ import annotations

from jobs.commands import descriptions
from jobs.completion import SHELLS
from jobs.declaring import PARTITIONS, Commands, Parser, described, runs
from jobs.embedded.arguments import add_embedded
from jobs.online.arguments import add_online
from jobs.tour.arguments import add_draft_options, add_tour_arguments


def add_commands(commands: Commands[Parser]) -> None:
    """Declare the commands. The module of each has a ``run``, which takes the parsed options and returns the exit code."""
    _add_status(commands)
    _add_new(commands)
    _add_try(commands)
    _add_check(commands)
    _add_docs(commands)
    _add_quarantine(commands)
    _add_release(commands)
    _add_contracts(commands)
    _add_verify(commands)
    _add_ledger(commands)
    _add_alerts(commands)
    _add_plan(commands)
    _add_compare(commands)
    _add_keep_up(commands)
    _add_skip(commands)
    _add_watch(commands)
    _add_sweep(commands)
    _add_champion(commands)
    _add_answers(commands)
    add_online(commands)
    _add_completion(commands)
    add_embedded(commands)


def _add_status(commands: Commands[Parser]) -> None:
    command = commands.add_parser("status", help="tell what exists per night, which champion is effective, and what is missing")
    command.add_argument("use_case", metavar="USE_CASE", nargs="?")
    command.add_argument("nights", metavar="NIGHT", nargs="?", help="a night or a range (default: every night with something)")
    command.add_argument("--all", action="store_true", help="every use case, by the newest nights: the control room")
    command.add_argument(
        "--check", action="store_true", help="with --all: exit with 1 where a night is late, missing or refused"
    )
    runs(command, "jobs.commands.status")


def _add_new(commands: Commands[Parser]) -> None:
    command = commands.add_parser("new", help="draft a use case and its contracts from a sample of data")
    command.add_argument("use_case", metavar="USE_CASE", help="name of the new use case, for example churn")
    command.add_argument(
        "--from",
        dest="source",
        metavar="FILE_OR_TABLE",
        required=True,
        help="CSV, Parquet or JSON Lines (also .gz), a pattern with {night}, s3://…, or sql:CONNECTION:TABLE",
    )
    add_draft_options(command)
    command.add_argument("--force", action="store_true", help="replace what is there under this name")
    runs(command, "jobs.commands.new")


def _add_try(commands: Commands[Parser]) -> None:
    command = described(commands, "try", "go from a file to a scored, watched and reported month at once", descriptions.TRY)
    add_tour_arguments(command)
    runs(command, "jobs.tour.command")


def _add_check(commands: Commands[Parser]) -> None:
    command = commands.add_parser("check", help="read every definition and contract and tell every mistake; touches no data")
    command.add_argument("use_case", metavar="USE_CASE", nargs="?", help="default: all of them")
    runs(command, "jobs.commands.check")


def _add_docs(commands: Commands[Parser]) -> None:
    command = commands.add_parser("docs", help="write the page of a use case: features, contracts, gates, lineage")
    command.add_argument("use_case", metavar="USE_CASE", nargs="?", help="default: all of them")
    command.add_argument("--to", metavar="FOLDER", help="default: docs/use_cases")
    command.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")
    runs(command, "jobs.commands.docs")


def _add_quarantine(commands: Commands[Parser]) -> None:
    command = commands.add_parser("quarantine", help="show what stands in quarantine: counts by rule, and examples")
    command.add_argument("use_case", metavar="USE_CASE")
    command.add_argument("nights", metavar="NIGHT", nargs="?", help="a night or a range (default: all)")
    runs(command, "jobs.commands.quarantine")


def _add_release(commands: Commands[Parser]) -> None:
    command = described(
        commands, "release", "let quarantined records into their night, after a fix or by a person's word", descriptions.RELEASE
    )
    command.add_argument("use_case", metavar="USE_CASE")
    command.add_argument("nights", metavar="NIGHT", help="a night YYYY-MM-DD")
    command.add_argument("--source", metavar="SOURCE", help="only records of this source")
    command.add_argument("--rule", metavar="RULE", help="only records that this rule set aside, as the quarantine names it")
    command.add_argument("--record", metavar="DIGEST", help="only the record whose digest begins so")
    command.add_argument("--reason", metavar="WHY", required=True, help="why they may come in; kept in the ledger")
    command.add_argument("--by", metavar="WHO", required=True, help="who says so; kept in the ledger")
    command.add_argument("--accept", action="store_true", help="let them in although they break a rule of the contract")
    runs(
        command,
        "jobs.commands.quarantine",
        prints=PARTITIONS,
        function="run_release",
    )


def _add_contracts(commands: Commands[Parser]) -> None:
    command = commands.add_parser(
        "contracts", help="let Great Expectations judge a night in full, and write its pages (data docs)"
    )
    command.add_argument("use_case", metavar="USE_CASE")
    command.add_argument("nights", metavar="NIGHT", nargs="?", help="a night (default: the newest published)")
    runs(command, "jobs.commands.contracts")


def _add_verify(commands: Commands[Parser]) -> None:
    command = described(commands, "verify", "compare what is stored with what was recorded of it", descriptions.VERIFY)
    command.add_argument("use_case", metavar="USE_CASE")
    command.add_argument("nights", metavar="NIGHTS", nargs="?", help="a night, or a range FIRST..LAST, of the tables (all)")
    command.add_argument("--content", action="store_true", help="work out the content digest of each night from its rows, too")
    runs(command, "jobs.commands.stores", function="run_verify")


def _add_ledger(commands: Commands[Parser]) -> None:
    ledger = commands.add_parser("ledger", help="verify the chain of the ledger")
    actions = ledger.add_subparsers(title="actions", metavar="ACTION", required=True)
    verify = described(
        actions, "verify", "recompute the chain; tell how many events stand, or where it breaks", descriptions.VERIFY_LEDGER
    )
    runs(verify, "jobs.commands.stores", function="run_verify_ledger")


def _add_alerts(commands: Commands[Parser]) -> None:
    alerts = described(
        commands, "alerts", "list alerts and how far they are, test the channels, send again", descriptions.ALERTS
    )
    alerts.set_defaults(module="jobs.commands.alerts")
    actions = alerts.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    listed = actions.add_parser("list", help="show the alerts with their state by channel, oldest first")
    listed.add_argument("--undelivered", action="store_true", help="only those that reached nobody, or not every channel yet")
    test = actions.add_parser("test", help="send a test alert by each configured channel, and tell what came of it")
    test.add_argument("use_case", metavar="USE_CASE", nargs="?", help="its people (default: those of every use case)")
    resend = actions.add_parser("resend", help="send again, now, what was not delivered")
    resend.add_argument("alerts", metavar="ALERT", nargs="*", help="ids as list shows them (default: all that were not)")
    for action in (listed, test, resend):
        action.add_argument("--json", action="store_true", help="print one JSON object")


def _add_plan(commands: Commands[Parser]) -> None:
    command = described(commands, "plan", "tell what a change of the definition will do, before it happens", descriptions.PLAN)
    command.add_argument("use_case", metavar="USE_CASE")
    command.add_argument("--against", metavar="REVISION_OR_FILE", help="another definition (default: the lake's)")
    runs(command, "jobs.commands.plan")
    command = described(commands, "apply", "build again what was made by another definition than today's", descriptions.APPLY)
    command.add_argument("use_case", metavar="USE_CASE")
    command.add_argument("--at-most", metavar="NIGHTS", type=int, help="nights to build in this call (default: all)")
    command.add_argument("--engine", choices=("spark", "local", "auto"), help="engine over the use case's choice")
    runs(command, "jobs.commands.plan", PARTITIONS, function="run_apply")


def _add_compare(commands: Commands[Parser]) -> None:
    command = described(commands, "compare", "try a changed definition beside the one that is there", descriptions.COMPARE)
    command.add_argument("use_case", metavar="USE_CASE")
    command.add_argument("--against", metavar="REVISION_OR_FILE", required=True, help="the other definition")
    command.add_argument("--nights", metavar="FIRST..LAST", help="nights to build (default: the newest 60 of the lake)")
    command.add_argument("--engine", choices=("spark", "local", "auto"), help="engine over the use case's choice")
    runs(command, "jobs.commands.compare")


def _add_keep_up(commands: Commands[Parser]) -> None:
    command = described(commands, "keep-up", "do what the nights of a use case lack, oldest first", descriptions.KEEP_UP)
    command.add_argument("use_case", metavar="USE_CASE", nargs="?", help="default: all that are declared")
    command.add_argument("--dry-run", action="store_true", help="tell what is owed, and do nothing")
    command.add_argument("--at-most", metavar="NIGHTS", type=int, default=32, help="nights of a use case in this call (32)")
    runs(command, "jobs.commands.keep_up", "print one JSON object per use case, one a line")


def _add_skip(commands: Commands[Parser]) -> None:
    command = described(commands, "skip", "give a night up for good, so that the nights after it go on", descriptions.SKIP)
    command.add_argument("use_case", metavar="USE_CASE")
    command.add_argument("night", metavar="NIGHT", help="a night YYYY-MM-DD that is over")
    command.add_argument("--reason", metavar="WHY", required=True, help="why it will never come; kept in the ledger")
    command.add_argument("--by", metavar="WHO", required=True, help="who says so; kept in the ledger")
    runs(command, "jobs.commands.keep_up", PARTITIONS, function="run_skip")


def _add_watch(commands: Commands[Parser]) -> None:
    command = described(commands, "watch", "look at every part, again and again, and alert by itself", descriptions.WATCH)
    command.add_argument("--every", metavar="SECONDS", type=int, default=60, help="between two looks (60)")
    command.add_argument("--once", action="store_true", help="look once; end with 9 where something is wrong")
    command.add_argument("--metrics-port", metavar="PORT", type=int, help="answer Prometheus there, at /metrics (no)")
    command.add_argument("--metrics-host", metavar="HOST", default="127.0.0.1", help="address for that (127.0.0.1)")
    runs(command, "jobs.commands.watch", "print one JSON object per look, one a line")


def _add_sweep(commands: Commands[Parser]) -> None:
    command = described(commands, "sweep", "remove files of tables that nobody can need", descriptions.SWEEP)
    command.add_argument("use_case", metavar="USE_CASE", nargs="?", help="default: all that are declared")
    command.add_argument("--dry-run", action="store_true", help="tell what would go, and remove nothing")
    runs(command, "jobs.commands.stores", prints="print one JSON object per use case, one a line", function="run_sweep")
    command = described(commands, "compact", "write a night's many small files as few", descriptions.COMPACT)
    command.add_argument("use_case", metavar="USE_CASE")
    command.add_argument("nights", metavar="NIGHTS", nargs="?", help="a night, or FIRST..LAST (default: all)")
    runs(command, "jobs.commands.stores", prints="print one JSON object per table changed, one a line", function="run_compact")


def _add_champion(commands: Commands[Parser]) -> None:
    champion = commands.add_parser("champion", help="show who is champion; roll back, retire, or mend a moved alias")
    actions = champion.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, summary, description in descriptions.CHAMPION:
        action = described(actions, name, summary, description)
        action.add_argument("use_case", metavar="USE_CASE")
        if name == "rollback":
            action.add_argument("--to", metavar="VERSION", type=int, help="default: the champion before the one of now")
            action.add_argument("--unpin", action="store_true", help="also take back the pins of scored nights from NIGHT on")
        if name in ("rollback", "retire"):
            action.add_argument("--from", dest="first", metavar="NIGHT", help="default: the first night not yet scored")
        if name not in ("show", "history"):
            action.add_argument("--reason", metavar="WHY", required=True, help="why; kept in the ledger")
            action.add_argument("--by", metavar="WHO", required=True, help="who says so; kept in the ledger")
        action.add_argument("--json", action="store_true", help="print one JSON object")
        action.set_defaults(module="jobs.commands.champion", action=name)


def _add_answers(commands: Commands[Parser]) -> None:
    """Declare what shows how a model, or one of its answers, was made."""
    command = described(commands, "reproduce", "train a registered version again, and compare", descriptions.REPRODUCE)
    command.add_argument("use_case", metavar="USE_CASE")
    command.add_argument("version", metavar="VERSION", type=int, help="as MLflow and `champion history` number it")
    runs(command, "jobs.commands.models", function="run_reproduce")
    command = described(commands, "explain", "show what made one answer of a scored night", descriptions.EXPLAIN)
    command.add_argument("use_case", metavar="USE_CASE")
    command.add_argument("night", metavar="NIGHT", help="the scored night")
    command.add_argument("entity", metavar="ENTITY", nargs="+", help="a value for each column of the entity's key")
    command.add_argument(
        "--method", choices=("contributions", "lime"), default="contributions", help="lime: ask LIME too, which is an extra"
    )
    runs(command, "jobs.commands.models", function="run_explain")


def _add_completion(commands: Commands[Parser]) -> None:
    command = described(commands, "completion", "print what a shell needs to complete this command", descriptions.COMPLETION)
    command.add_argument("shell", choices=SHELLS)
    command.set_defaults(module="jobs.completion")
