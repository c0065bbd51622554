"""Judge quarantined records once more, beside what their night has published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from nightloop.contracts.judging import SHARE_RULE, Breach, judge
from nightloop.contracts.parameters import Parameters
from nightloop.contracts.suite import Contract
from nightloop.errors import UsageError, command


def passing(contract: Contract, published: pa.Table, candidates: pa.Table, numbers: Parameters, cache: Path) -> dict[int, str]:
    """Return, for each candidate, the rule that still sets it aside; "" for one that passes today.

    A candidate is judged together with the published rows, for a key may be there already. Published rows stay whatever
    today's contract says of them: taking the night in again is what applies it to them.
    """
    rows = pa.concat_tables([published, candidates])
    found = judge(contract, rows, numbers, refused=0, cache=cache).set_aside
    first = published.num_rows
    return {at: found[first + at].name if first + at in found else "" for at in range(candidates.num_rows)}


def check_keys(key: Sequence[str], published: pa.Table, accepted: pa.Table, where: str) -> None:
    """Refuse to accept records that would share a key, or that have none: nothing could tell their rows apart.

    Raises:
        UsageError: names the first such key.
    """
    seen = {tuple(row.values()) for row in published.select(key).to_pylist()}
    for row in accepted.select(key).to_pylist():
        values = tuple(row.values())
        if None in values or values in seen:
            why = "has no whole key" if None in values else "has a key that another row of the night has"
            raise UsageError(
                f"a record {why}: {', '.join(f'{name} {value}' for name, value in row.items())}.",
                where=where,
                do=f"Accept only one record of a key: name it with --record ({command('quarantine')} shows the digests).",
            )
        seen.add(values)


def breaches(contract: Contract, rows: pa.Table, numbers: Parameters, cache: Path) -> tuple[Breach, ...]:
    """Return the limits of the whole night that these rows break; the share set aside was judged when the night came."""
    limits = replace(contract, rules=tuple(rule for rule in contract.rules if rule.on_breach == "fail"))
    found = judge(limits, rows, numbers, refused=0, cache=cache).breaches
    return tuple(breach for breach in found if breach.rule != SHARE_RULE)
