"""Every definition that a night was made by, held in the lake: old digests can be read without anybody's repository."""

from __future__ import annotations

from nightloop.definitions import UseCase, definition_digest
from nightloop.lake import Lake
from nightloop.lake.documents import document_names, read_version, write_document


def archive(lake: Lake, use_case: UseCase) -> str:
    """Write the definition into the lake, once, and return its digest."""
    digest = definition_digest(use_case)
    write_document(lake.root, use_case.use_case, _name(digest), use_case.model_dump_json().encode())
    return digest


def archived(lake: Lake, use_case: str, digest: str) -> UseCase | None:
    """Return the definition of a digest, or None where none was archived.

    Raises:
        StoreDamaged: it is not what was written.
    """
    return read_version(
        lake.root,
        use_case,
        _name(digest),
        UseCase.model_validate_json,
        digest=digest,
        digest_of=definition_digest,
        what=f"the definition {digest[:12]} is",
        do="Restore the file, or build the nights again that it made.",
    )


def definition_of(lake: Lake, use_case: UseCase, digest: str) -> UseCase | None:
    """Return the definition of a digest: the one given, or one that the lake holds; None where it holds none."""
    return use_case if definition_digest(use_case) == digest else archived(lake, use_case.use_case, digest)


def is_the_only(lake: Lake, use_case: UseCase) -> bool:
    """Whether no other definition of the use case ever made a night of this lake."""
    others = {name for name in document_names(lake.root, use_case.use_case) if name.startswith("definition-")}
    return others <= {_name(definition_digest(use_case))}


def _name(digest: str) -> str:
    return f"definition-{digest}.json"
