"""Every version of the limits that a night was judged by when it was monitored, held in the lake under its digest."""

from __future__ import annotations

import json

from nightloop.definitions import UseCase
from nightloop.errors import StoreDamaged
from nightloop.lake import Lake
from nightloop.lake.documents import read_document, write_document
from nightloop.meaning.digests import digest_of

LIMITS = ("monitoring", "retrain")
"""What of a definition judges a scored night, and decides."""


def limits_digest(use_case: UseCase) -> str:
    """Return the digest of a use case's limits."""
    return digest_of(_limits(use_case))


def archive_limits(lake: Lake, use_case: UseCase) -> str:
    """Write the limits into the lake, once, and return their digest."""
    digest = limits_digest(use_case)
    write_document(lake.root, use_case.use_case, _name(digest), json.dumps(_limits(use_case)).encode())
    return digest


def with_archived_limits(lake: Lake, use_case: UseCase, digest: str) -> UseCase:
    """Return the use case with the limits of a digest; as it is where none were archived.

    Raises:
        StoreDamaged: they are not what was written.
    """
    content = read_document(lake.root, use_case.use_case, _name(digest))
    if content is None:
        return use_case
    try:
        limits = json.loads(content)
        then = {name: type(getattr(use_case, name)).model_validate(limits[name]) for name in LIMITS}
        changed = use_case.model_copy(update=then)
    except (ValueError, KeyError, TypeError):
        changed = None
    if changed is None or limits_digest(changed) != digest:
        raise StoreDamaged(
            f"the limits {digest[:12]} are not what was written.",
            where=f"{lake.root}/{use_case.use_case}",
            do="Restore the file, or judge the night by today's limits (--todays-rules).",
        )
    return changed


def _limits(use_case: UseCase) -> dict[str, object]:
    return {name: getattr(use_case, name).model_dump(mode="json") for name in LIMITS}


def _name(digest: str) -> str:
    return f"limits-{digest}.json"
