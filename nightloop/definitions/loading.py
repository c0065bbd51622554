"""Load a use case from its YAML file, checked as a whole: what loads can be built.

Nothing here imports pandas, pyspark, mlflow or xgboost: a scheduler loads definitions every time it parses a DAG.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from nightloop.definitions.problems import Problems
from nightloop.definitions.structure import to_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.definitions.yaml_lines import read_yaml
from nightloop.errors import DefinitionError, UnknownUseCase, suggest


def use_case_names(folder: Path | str) -> list[str]:
    """Return the names of the use cases declared in ``folder``, sorted."""
    return sorted(path.stem for path in Path(folder).glob("*.yaml"))


def load_use_case(name: str, folder: Path | str) -> UseCase:
    """Read and check feature_defs/<name>.yaml.

    Raises:
        UnknownUseCase: no such file; near names are listed.
        DefinitionError: the file has mistakes; each is shown at its line.
    """
    names = use_case_names(folder)
    if name not in names:
        raise UnknownUseCase(
            f"there is no use case '{name}'.", where=str(folder), do=suggest(name, names, "Declared use cases")
        )
    path = Path(folder) / f"{name}.yaml"
    status = path.stat()
    return _load(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1024)
def _load(path: Path, mtime_ns: int, size: int) -> UseCase:  # noqa: ARG001 - the file's state is part of the cache key
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DefinitionError(
            f"the file is not UTF-8 text ({error.reason}).", where=str(path), do="Save it as UTF-8."
        ) from error
    return parse_use_case(text, _shown(path), path.stem)


def parse_use_case(text: str, file: str, name: str) -> UseCase:
    """Check the text of one file, which must declare the use case ``name``.

    Raises:
        DefinitionError: every mistake of the file, each at its line.
    """
    document, lines = read_yaml(text, file)
    problems = Problems(file, lines)
    use_case = to_use_case(document, problems)
    problems.raise_if_any()
    assert use_case is not None  # noqa: S101 - without problems there is one
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
    return f"{path.parent.name}/{path.name}" if path.parent.name else path.name
