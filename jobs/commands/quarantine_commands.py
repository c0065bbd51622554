"""The commands about contracts on the command line: quarantine, release, contracts. What they do is imported when they run."""

from __future__ import annotations

import argparse

Commands = argparse._SubParsersAction  # the type that argparse itself has no public name for

RELEASE = """\
Judges the quarantined records of a night again, by today's declaration of the
source and today's contract, and publishes those that pass into the night's raw
table. With --accept a person lets them in although they break a rule; the
ledger keeps who and why. Taking the night in again keeps what was released."""


def add_quarantine_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the commands and their arguments."""
    quarantine = commands.add_parser("quarantine", help="show what stands in quarantine: counts by rule, and examples")
    quarantine.add_argument("use_case", metavar="USE_CASE")
    quarantine.add_argument("nights", metavar="NIGHT", nargs="?", help="a night or a range (default: all)")
    quarantine.add_argument("--json", action="store_true", help="print one JSON object")
    quarantine.set_defaults(run=_quarantine)
    _add_release(
        commands.add_parser(
            "release",
            help="let quarantined records into their night, after a fix or by a person's word",
            description=RELEASE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    contracts = commands.add_parser(
        "contracts", help="let Great Expectations judge a night in full, and write its pages (data docs)"
    )
    contracts.add_argument("use_case", metavar="USE_CASE")
    contracts.add_argument("nights", metavar="NIGHT", nargs="?", help="a night (default: the newest published)")
    contracts.add_argument("--json", action="store_true", help="print one JSON object")
    contracts.set_defaults(run=_contracts)


def _add_release(release: argparse.ArgumentParser) -> None:
    release.add_argument("use_case", metavar="USE_CASE")
    release.add_argument("nights", metavar="NIGHT", help="a night YYYY-MM-DD")
    release.add_argument("--source", metavar="SOURCE", help="only records of this source")
    release.add_argument("--rule", metavar="RULE", help="only records that this rule set aside, as the quarantine names it")
    release.add_argument("--record", metavar="DIGEST", help="only the record whose digest begins so")
    release.add_argument("--reason", metavar="WHY", required=True, help="why they may come in; kept in the ledger")
    release.add_argument("--by", metavar="WHO", required=True, help="who says so; kept in the ledger")
    release.add_argument("--accept", action="store_true", help="let them in although they break a rule of the contract")
    release.add_argument("--json", action="store_true", help="print one JSON object per published partition, one a line")
    release.set_defaults(run=_release)


def _quarantine(options: argparse.Namespace) -> int:
    from jobs.commands import quarantine
    from nightloop.nights import parse_nights

    nights = parse_nights(options.nights) if options.nights else None
    return quarantine.show(options.use_case, nights, as_json=options.json)


def _release(options: argparse.Namespace) -> int:
    from jobs import release
    from jobs.commands.console import output, tell_published
    from nightloop.definitions import load_use_case
    from nightloop.nights import parse_night
    from nightloop.settings import load_settings
    from nightloop.workspace import Workspace

    night = parse_night(options.nights)
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions)
    request = release.ReleaseRequest(options.reason, options.by, options.source, options.rule, options.record, options.accept)
    published = release.run(use_case, night, workspace, request)
    for item in published:
        tell_published(item, as_json=options.json)
    if not published and not options.json:
        output.print(f"no record passes today: python -m jobs quarantine {options.use_case} {night} shows what holds them")
    return 0


def _contracts(options: argparse.Namespace) -> int:
    from jobs.commands.contracts import show
    from nightloop.nights import parse_night

    return show(options.use_case, parse_night(options.nights) if options.nights else None, as_json=options.json)
