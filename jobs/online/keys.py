"""The command keys: issue, list and revoke the keys of clients of the service."""

from __future__ import annotations

import argparse
import json

from jobs.console import output
from jobs.declaring import by_whom
from nightloop.access import keys
from nightloop.access.keys import Key
from nightloop.definitions import use_case_names
from nightloop.settings import load_settings
from nightloop.workspace import Workspace


def run_issue(options: argparse.Namespace) -> int:
    """Issue a key and print it, for it is nowhere else."""
    workspace = Workspace.open(load_settings())
    key, text = keys.issue(
        workspace.ledger,
        options.client,
        options.scope,
        now=workspace.clock(),
        days=options.days,
        per_minute=options.per_minute,
        by=by_whom(options),
        use_cases=use_case_names(workspace.settings.definitions),
    )
    if options.json:
        print(json.dumps({**key.as_json(workspace.clock()), "key": text}))  # noqa: T201 - the command's answer
        return 0
    output.print(f"{key.id}: {_words(key)}, until {key.expires_at:%Y-%m-%d %H:%M} UTC", markup=False, highlight=False)
    output.print("The key, which is shown this once and kept nowhere:", markup=False)
    print(text)  # noqa: T201 - never broken over lines
    return 0


def run_list(options: argparse.Namespace) -> int:
    """Print every key that was issued, with its state; no key can be read from that."""
    workspace = Workspace.open(load_settings())
    now = workspace.clock()
    every = keys.all_keys(workspace.ledger)
    if options.json:
        print(json.dumps({"keys": [key.as_json(now) for key in every]}))  # noqa: T201 - the command's answer
        return 0
    for key in every:
        until = f"{key.state(now)}, until {key.expires_at:%Y-%m-%d}, by {key.issued_by}"
        output.print(f"{key.id}: {_words(key)}: {until}", markup=False, highlight=False)
    if not every:
        output.print("no key was issued: the service asks for its token, or for nothing where it has none", markup=False)
    return 0


def run_revoke(options: argparse.Namespace) -> int:
    """Revoke a key."""
    workspace = Workspace.open(load_settings())
    key = keys.revoke(workspace.ledger, options.key, by=by_whom(options), reason=options.reason)
    if options.json:
        print(json.dumps(key.as_json(workspace.clock())))  # noqa: T201 - the command's answer
    else:
        words = f"{key.id}: {_words(key)}: revoked; services refuse it when they have polled (5 s)"
        output.print(words, markup=False, highlight=False)
    return 0


def _words(key: Key) -> str:
    limit = f", {key.per_minute} requests a minute" if key.per_minute else ""
    return f"{key.client} may {', '.join(key.scopes)}{limit}"
