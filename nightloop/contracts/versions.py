"""Every version of a contract that judged a night, held in the lake under its digest.

So a night that is judged again can be judged by the rules of then, whatever the file says today.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightloop.contracts.suite import Contract, parse_contract
from nightloop.errors import StoreDamaged
from nightloop.lake import Lake
from nightloop.lake.documents import read_document, write_document


def archive_contract(lake: Lake, use_case: str, contract: Contract) -> str:
    """Write the contract into the lake, once, and return its digest."""
    write_document(lake.root, use_case, _name(contract.digest), contract.text.encode())
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
    content = read_document(lake.root, use_case, _name(digest))
    if content is None:
        return None
    contract = parse_contract(content.decode(), f"{today.file}@{digest[:12]}", today.source, columns)
    if contract.digest != digest:
        raise StoreDamaged(
            f"the contract {digest[:12]} is not what was written.",
            where=f"{lake.root}/{use_case}",
            do="Restore the file, or judge the night by today's contract (--todays-rules).",
        )
    return contract


def _name(digest: str) -> str:
    return f"contract-{digest}.yaml"
