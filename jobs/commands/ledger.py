"""The command ledger verify: recompute the chain, and tell how many events stand."""

from __future__ import annotations

import argparse
import json

from jobs.console import output
from nightloop.ledger import Ledger
from nightloop.settings import load_settings


def run(options: argparse.Namespace) -> int:
    """Verify the chain and print how many events stand, and how far the copied digests of this HOME vouch for them.

    Raises:
        StoreDamaged: the chain breaks; the message names the first event that is not what was recorded.
    """
    verified = Ledger.open(load_settings()).verify()
    if options.json:
        print(json.dumps(verified.as_json()))  # noqa: T201 - the command's answer
    else:
        output.print(verified.in_words(), markup=False)
    return 0
