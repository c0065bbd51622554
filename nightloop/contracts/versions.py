"""Every version of a contract that judged a night, held in the lake under its digest.

So a night that is judged again can be judged by the rules of then, whatever the file says today.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightloop.contracts.suite import Contract, parse_contract
from nightloop.lake import Lake
from nightloop.lake.documents import read_version, write_document


def archive_contract(lake: Lake, use_case: str, contract: Contract) -> str:
    """Write the contract into the lake, once, and return its digest."""
    write_document(lake.root, use_case, _name(contract.source, contract.digest), contract.text.encode())
    return contract.digest


def archived_contract(lake: Lake, use_case: str, digest: str, today: Contract, columns: Sequence[str]) -> Contract | None:
    """Return the contract of a digest, or None where none was archived.

    Args:
        lake: that holds it.
        use_case: name.
        digest: of the contract.
        today: the contract of the same source today; names the file.
        columns: of the source's raw table.

    Raises:
        StoreDamaged: it is not what was written.
    """
    return read_version(
        lake.root,
        use_case,
        _name(today.source, digest),
        lambda text: parse_contract(text.decode(), f"{today.file}@{digest[:12]}", today.source, columns),
        digest=digest,
        digest_of=lambda contract: contract.digest,
        what=f"the contract {digest[:12]} is",
        do="Restore the file, or judge the night by today's contract (--todays-rules).",
    )


def _name(source: str, digest: str) -> str:
    return f"contract-{source}-{digest}.yaml"  # sources may have the same rules; their texts have their names
