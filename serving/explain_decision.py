"""The command explain-decision: an answer of the service by its id, and the same made again from what its line holds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from nightloop.definitions import load_use_case, use_case_names
from nightloop.errors import StoreDamaged
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from serving.decisions import made_again, stored_answer

SHOWN_FEATURES = 12


def run(options: argparse.Namespace) -> int:
    """Print an answered request with what made it (or one JSON object), and whether it comes out the same again.

    Raises:
        UnknownDecision: no answer that is recorded has this id.
        StoreDamaged: the answer comes out otherwise, or its bundle is not the one that answered.
    """
    workspace = Workspace.open(load_settings())
    folder = workspace.settings.definitions
    stored = stored_answer(workspace, options.decision, use_case_names(folder))
    decision = made_again(workspace, load_use_case(stored["use_case"], folder), stored)
    if options.json:
        print(orjson.dumps(decision).decode())  # noqa: T201 - the command's answer
    else:
        print("\n".join(in_words(decision)))  # noqa: T201 - likewise
    if not decision["is_rebuilt_to_the_last_bit"]:
        raise StoreDamaged(
            "the answer comes out otherwise when it is made again.",
            where=f"decision {decision['id']}",
            do="Compare 'answers' with 'rebuilt' (--json): its line was changed, or other code answers now than did then.",
        )
    return 0


def in_words(decision: Mapping[str, Any]) -> Iterator[str]:
    """Yield a decision, as ``made_again`` returns it, for a terminal."""
    arm = f" ({decision['arm']})" if decision.get("arm") else ""
    origin = f"version {decision['model_version']}{arm}, aggregates of {decision['night']}"
    client = f" for {decision['client']}" if decision.get("client") else ""
    yield f"{decision['id']}: {decision['use_case']}, {origin}, recorded {decision['recorded_at']}{client}"
    for row, features, answer in zip(decision["rows"], decision["features"], decision["answers"], strict=True):
        yield f"  asked:    {_pairs(row)}"
        shown = dict(list(features.items())[:SHOWN_FEATURES])
        more = len(features) - len(shown)
        yield f"  features: {_pairs(shown)}{f' and {more} more (--json)' if more else ''}"
        yield f"  answered: {_pairs({name: value for name, value in answer.items() if name != 'reasons'})}"
        for reason in answer.get("reasons") or ():
            yield f"            {_pairs(reason)}"
    if decision["is_rebuilt_to_the_last_bit"]:
        by = f"by bundle {decision['bundle_digest'][:12]}" if decision["bundle_digest"] else "by the rule"
        yield f"  made again from these features {by}: equal to the last bit"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {'missing' if value is None else value}" for name, value in values.items())
