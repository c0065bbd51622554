"""Load a use case from its YAML file, checked as a whole: what loads can be built.

Nothing here imports pandas, pyspark, mlflow or xgboost: a scheduler loads definitions every time it parses a DAG.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nightloop.definitions.extending import NOTHING, SHARED, Beside, Document, chain, merged
from nightloop.definitions.families import written_out
from nightloop.definitions.problems import Problems
from nightloop.definitions.structure import to_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.definitions.yaml_lines import Key, read_yaml
from nightloop.errors import DefinitionError, UnknownUseCase, suggest


def use_case_names(folder: Path | str) -> list[str]:
    """Return the names of the use cases declared in ``folder``, sorted."""
    return sorted(path.stem for path in Path(folder).glob("*.yaml"))


def load_use_case(name: str, folder: Path | str) -> UseCase:
    """Read and check feature_defs/<name>.yaml, and what it extends.

    Raises:
        UnknownUseCase: no such file; near names are listed.
        DefinitionError: the file has mistakes; each is shown at its line.
    """
    names = use_case_names(folder)
    if name not in names:
        raise UnknownUseCase(
            f"there is no use case '{name}'.", where=str(folder), do=suggest(name, names, "Declared use cases")
        )
    return _load(_documents(name, Path(folder)))


def definition_text(name: str, folder: Path | str) -> str:
    """Return the text of a definition that needs no other file: as it stands, or with what it extends put in.

    Raises:
        DefinitionError: a file cannot be read.
    """
    first, *extended = _documents(name, Path(folder))
    if not extended:
        return first.text
    head = f"# {name}.yaml with what it extends: {', '.join(document.name for document in extended)}\n"
    return head + yaml.safe_dump(merged((first, *extended))[0], sort_keys=False, allow_unicode=True, width=128)


def place_in_definition(name: str, folder: Path | str, path: tuple[Key, ...]) -> str:
    """Return where a value of a definition stands, as file:line: in its own file or in one that it extends."""
    try:
        documents = _documents(name, Path(folder))
    except OSError:
        return f"{_shown(Path(folder, f'{name}.yaml'))}:1"
    _, problems = _plain(documents)
    return problems.lines.place(path)


def beside(*folders: Path) -> Beside:
    """Return the files that a definition may extend: of the first folder that has one of the name."""
    files = {
        f"{prefix}{path.stem}": path
        for folder in reversed(folders)
        for prefix, within in (("", folder), (f"{SHARED}/", folder / SHARED))
        for path in within.glob("*.yaml")
    }
    return Beside(lambda name: _read(files[name], name) if name in files else None, sorted(files))


def parse_use_case(text: str, file: str, name: str, others: Beside = NOTHING) -> UseCase:
    """Check the text of one file, which must declare the use case ``name``; ``others`` are files that it may extend.

    Raises:
        DefinitionError: every mistake of the file, each at its line.
    """
    return _checked(chain(Document(name, text, *read_yaml(text, file)), others))


def _documents(name: str, folder: Path) -> tuple[Document, ...]:
    return chain(_read(folder / f"{name}.yaml", name), beside(folder))


def _read(path: Path, name: str) -> Document:
    status = path.stat()
    return _read_once(path, name, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1024)
def _read_once(path: Path, name: str, mtime_ns: int, size: int) -> Document:  # noqa: ARG001 - the file's state is part of the cache key
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DefinitionError(
            f"the file is not UTF-8 text ({error.reason}).", where=str(path), do="Save it as UTF-8."
        ) from error
    return Document(name, text, *read_yaml(text, _shown(path)))


@lru_cache(maxsize=1024)
def _load(documents: tuple[Document, ...]) -> UseCase:
    """Return the use case of files as they were read: each is read again, and is another, once its file changes."""
    return _checked(documents)


def _plain(documents: tuple[Document, ...]) -> tuple[Any, Problems]:
    """Return what files declare together, with plain features, and the mistakes met on the way."""
    document, lines = merged(documents)
    problems = Problems(documents[0].lines.file, lines)
    return written_out(document, problems) if isinstance(document, dict) else document, problems


def _checked(documents: tuple[Document, ...]) -> UseCase:
    document, problems = _plain(documents)
    use_case = to_use_case(document, problems)
    problems.raise_if_any()
    assert use_case is not None  # noqa: S101 - without problems there is one
    name = documents[0].name
    if use_case.use_case != name:
        problems.add(("use_case",), f"the use case is named '{use_case.use_case}'.", f"A file {name}.yaml declares '{name}'.")
    from nightloop.definitions.checking.task import check_task
    from nightloop.definitions.checking.use_case import check_use_case

    check_use_case(use_case, problems)
    check_task(use_case, problems)
    problems.raise_if_any()
    return use_case


def definition_digest(use_case: UseCase) -> str:
    """Return a digest of all that the use case declares; comments and layout of the file do not count."""
    canonical = json.dumps(use_case.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _shown(path: Path) -> str:
    """Return the path as a person would write it: from the folder of definitions on."""
    folders = path.parts[-3:-1] if path.parent.name == SHARED else path.parts[-2:-1]
    return "/".join([*folders, path.name])
