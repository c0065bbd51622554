"""What the commands about the service's answers take on the command line."""

from __future__ import annotations

from jobs.declaring import PARTITIONS, Commands, Parser, described, runs

SHIP_AUDIT = """\
Publishes what HOME/audit holds of the answers of nights that are over, a row
for each row that was answered, as the table online_answers: each answer once,
however often it is shipped. Without a night: those that have lines which were
not there when they were shipped last. The lines themselves stay."""

TRAFFIC = """\
Without an option: how the entities are divided, and how many rows each arm has
of the nights scored so. --canary and --compare let a version that was promoted
before answer a share of them, by a hash of their keys, in batch and by the
service, from the first night that is not scored yet; again with a larger share:
who is in it stays. Scored nights stay as they are, also after --end. --shadow
lets it answer beside the champion: into the table shadow_scores, and the audit."""

KEYS = """\
A key lets a client of the service ask for what its scopes name, under its name,
until it expires. Scopes are score, decisions (read answers that were given) and
admin (all); score:flight_delay is of one use case. Once a key was issued, nobody
passes without one (or the token). Services follow within 5 s, not restarted. To
change a key, issue another for the same client, and revoke the old one."""

EXPLAIN_DECISION = """\
Finds the answer in the audit of this HOME, or in the lake where its night is
shipped, shows who asked, what was asked, the features, the version and what was
answered, and makes the answer again from these features and the bundle that its
line names. Ends with 0 where it is equal to the last bit, with 10 where not."""


def add_online(commands: Commands[Parser]) -> None:
    """Declare the commands traffic, keys, ship-audit and explain-decision."""
    _add_traffic(commands)
    _add_keys(commands)
    _add_ship_audit(commands)
    _add_explain_decision(commands)


def _add_traffic(commands: Commands[Parser]) -> None:
    command = described(commands, "traffic", "let a version answer a share of the entities", TRAFFIC)
    command.add_argument("use_case", metavar="USE_CASE")
    action = command.add_mutually_exclusive_group()
    action.add_argument("--canary", metavar="VERSION", type=int, help="a version that is tried before it answers all")
    action.add_argument("--compare", metavar="VERSION", type=int, help="a version that is compared with the champion")
    action.add_argument("--shadow", metavar="VERSION", type=int, help="a version that answers too, and nobody sees it")
    action.add_argument("--end", action="store_true", help="let the champion answer all again")
    command.add_argument(
        "--share", metavar="PERCENT", type=float, help="of the entities (default: canary 5, shadow 100, else 50)"
    )
    command.add_argument("--reason", metavar="WHY", default="", help="why; kept in the ledger")
    command.add_argument("--by", metavar="WHO", help="who says so; kept in the ledger (default: the account's name)")
    runs(command, "jobs.online.traffic")


def _add_keys(commands: Commands[Parser]) -> None:
    command = described(commands, "keys", "issue, list and revoke the keys of the service's clients", KEYS)
    actions = command.add_subparsers(title="actions", metavar="ACTION", required=True)
    issue = described(actions, "issue", "issue a key, and show it this once", KEYS)
    issue.add_argument("client", metavar="CLIENT", help="whose it is: the audit records this name")
    issue.add_argument("--scope", metavar="SCOPE", action="append", required=True, help="what it opens; may be given again")
    issue.add_argument("--days", metavar="DAYS", type=int, default=365, help="after which it expires (%(default)s)")
    issue.add_argument("--per-minute", metavar="REQUESTS", type=int, help="that the client may send (default: the service's)")
    runs(issue, "jobs.online.keys", function="run_issue")
    shown = actions.add_parser("list", help="show every key that was issued, without its text")
    runs(shown, "jobs.online.keys", function="run_list")
    revoke = actions.add_parser("revoke", help="let a key open nothing any more")
    revoke.add_argument("key", metavar="ID", help="as list shows it")
    revoke.add_argument("--reason", metavar="WHY", required=True, help="why; kept in the ledger")
    runs(revoke, "jobs.online.keys", function="run_revoke")
    for action in (issue, revoke):
        action.add_argument("--by", metavar="WHO", help="who says so; kept in the ledger (default: the account's name)")


def _add_ship_audit(commands: Commands[Parser]) -> None:
    command = described(commands, "ship-audit", "bring the service's answers into the lake", SHIP_AUDIT)
    command.add_argument("use_case", metavar="USE_CASE", nargs="?", help="default: all that are declared")
    command.add_argument("nights", metavar="NIGHTS", nargs="?", help="a night, or FIRST..LAST (default: all that changed)")
    runs(command, "jobs.commands.stores", PARTITIONS, function="run_ship_audit")


def _add_explain_decision(commands: Commands[Parser]) -> None:
    command = described(commands, "explain-decision", "show an answer of the service", EXPLAIN_DECISION)
    command.add_argument("decision", metavar="ID", help="the X-Decision-Id of the answer")
    runs(command, "serving.explain_decision")
