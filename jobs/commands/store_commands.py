"""The commands about what is stored: ledger verify, sweep. What they do is imported when they run."""

from __future__ import annotations

import argparse

Commands = argparse._SubParsersAction  # the type that argparse itself has no public name for

VERIFY = """\
Recomputes the digest of every event and follows the chain from the first to the
last; then looks for every digest that this HOME copied when it recorded an
event, so that a tail that was cut off is noticed too. Ends with exit code 10
where an event is missing or is not what was recorded."""

SWEEP = """\
Removes files of commits that never happened (older than a day) and of versions
that were replaced more than NIGHTLOOP_RETENTION_DAYS ago. What the lineage of
a night that stands, or of a training, still names stays. Run it at any time,
beside stages at work, as often as you like."""


def add_store_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the commands and their arguments."""
    ledger = commands.add_parser("ledger", help="verify the chain of the ledger")
    actions = ledger.add_subparsers(title="actions", metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify",
        help="recompute the whole chain and tell how many events stand, or where it breaks",
        description=VERIFY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verify.add_argument("--json", action="store_true", help="print one JSON object")
    verify.set_defaults(run=_verify)
    sweep = commands.add_parser(
        "sweep",
        help="remove files of tables that nobody can need",
        description=SWEEP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweep.add_argument("use_case", metavar="USE_CASE", nargs="?", help="default: all that are declared")
    sweep.add_argument("--dry-run", action="store_true", help="tell what would go, and remove nothing")
    sweep.add_argument("--json", action="store_true", help="print one JSON object per use case, one a line")
    sweep.set_defaults(run=_sweep)


def _verify(options: argparse.Namespace) -> int:
    from jobs.commands import ledger

    return ledger.verify(as_json=options.json)


def _sweep(options: argparse.Namespace) -> int:
    from jobs.commands import sweep

    return sweep.run(options.use_case, dry_run=options.dry_run, as_json=options.json)
