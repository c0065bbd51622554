"""Every version of the limits that a night was judged by when it was monitored, held in the lake under its digest."""

from __future__ import annotations

import json
from collections.abc import Mapping

from nightloop.definitions import UseCase
from nightloop.definitions.use_case import Value
from nightloop.lake import Lake
from nightloop.lake.documents import read_version, write_document
from nightloop.meaning.digests import digest_of

LIMITS = ("monitoring", "retrain")
"""What of a definition judges a scored night, and decides; beside them limits of calibration, and what answers are worth."""
CALIBRATION, VALUE = "calibration", "value"


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
    then = read_version(
        lake.root,
        use_case.use_case,
        _name(digest),
        json.loads,
        digest=digest,
        digest_of=digest_of,
        what=f"the limits {digest[:12]} are",
        do="Restore the file, or judge the night by today's limits (--todays-rules).",
    )
    return use_case if then is None else _with_limits(use_case, then)


def _with_limits(use_case: UseCase, limits: Mapping[str, object]) -> UseCase:
    """Return the use case with limits; nights that were judged before calibration or value were have today's of them."""
    of_then: dict[str, object] = {name: type(getattr(use_case, name)).model_validate(limits[name]) for name in LIMITS}
    if CALIBRATION in limits:
        calibration = type(use_case.gates.calibration).model_validate(limits[CALIBRATION])
        of_then["gates"] = use_case.gates.model_copy(update={CALIBRATION: calibration})
    if VALUE in limits:
        of_then[VALUE] = Value.model_validate(limits[VALUE])
    return use_case.model_copy(update=of_then)


def _limits(use_case: UseCase) -> dict[str, object]:
    of_nights = {name: getattr(use_case, name).model_dump(mode="json") for name in LIMITS}
    value = {} if use_case.value is None else {VALUE: use_case.value.model_dump(mode="json")}
    return {**of_nights, CALIBRATION: use_case.gates.calibration.model_dump(mode="json"), **value}


def _name(digest: str) -> str:
    return f"limits-{digest}.json"
