"""What a page claims about the code, and which of it is not so: each check takes a page's text and returns its false claims."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from jobs.commands.command_line import parser as jobs_parser
from nightloop import errors
from nightloop.lake import Lake
from nightloop.ledger import Ledger
from nightloop.nights import parse_nights
from nightloop.settings import REPOSITORY, Settings

CODE_FOLDERS = ("dags", "plugins", "jobs", "serving", "nightloop", "deploy", "tests", "feature_defs", "great_expectations")
PACKAGES = ("dags", "plugins", "jobs", "serving", "nightloop", "tests")
OBJECTS: dict[str, Any] = {"lake": Lake, "ledger": Ledger}  # as pages call them: lake.publish(…)
PLACEHOLDER = re.compile(r"[<{…*]|\.\.\.|\b[A-Z]{4,}\b|churn")  # a name for the reader to fill in

# Libraries of the field by the name a page would use. One that a page names must be a requirement, and installed.
LIBRARIES = {
    "Airflow": "apache-airflow", "Spark": "pyspark", "Delta": "deltalake", "deltalake": "deltalake", "pyarrow": "pyarrow",
    "DuckDB": "duckdb", "sqlglot": "sqlglot", "Great Expectations": "great-expectations", "XGBoost": "xgboost",
    "scikit-learn": "scikit-learn", "MLflow": "mlflow", "DVC": "dvc", "pandas": "pandas", "NumPy": "numpy",
    "matplotlib": "matplotlib", "Fairlearn": "fairlearn", "Evidently": "evidently", "FastAPI": "fastapi",
    "uvicorn": "uvicorn", "orjson": "orjson", "pydantic": "pydantic", "pydantic-settings": "pydantic-settings",
    "SQLAlchemy": "sqlalchemy", "boto3": "boto3", "rich": "rich", "Jinja2": "jinja2", "scipy": "scipy",
    "ruamel.yaml": "ruamel.yaml",
    "filelock": "filelock", "tenacity": "tenacity", "hypothesis": "hypothesis", "moto": "moto",
    "polars": "polars", "Chromium": "playwright", "vulture": "vulture", "ruff": "ruff", "mypy": "mypy",
    "import-linter": "import-linter", "SHAP": "shap", "LIME": "lime", "Optuna": "optuna", "Kafka": "confluent-kafka",
    "Kubernetes": "kubernetes-validate",
    "LightGBM": "lightgbm", "CatBoost": "catboost", "Dask": "dask", "Ray": "ray", "dbt": "dbt-core",
    "Feast": "feast", "PyTorch": "torch", "TensorFlow": "tensorflow", "Celery": "celery", "Redis": "redis", "Flask": "flask",
}  # fmt: skip


# --- reading a page -------------------------------------------------------------------------------------------------


def fences(text: str) -> list[str]:
    """Return the contents of fenced and of indented blocks of code."""
    return [*re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S), *re.findall(r"(?:^ {4}\S.*\n?)+", text, re.M)]


def spans(text: str) -> list[str]:
    """Return what stands in backticks in running text and in tables."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return [span.strip() for _, span in re.findall(r"(`+)(.+?)\1", prose)]


def code(text: str) -> str:
    """Return all code of a page, one piece a line; a line that a backslash continues is one."""
    return "\n".join([*spans(text), *fences(text)]).replace("\\\n", " ")


def sections_without(text: str, heading: str) -> str:
    """Return the page without the section of a heading."""
    return re.sub(rf"^## {heading}\n.*?(?=^## |\Z)", "", text, flags=re.M | re.S)


# --- the code -------------------------------------------------------------------------------------------------------


@cache
def tracked() -> tuple[str, ...]:
    """Every file of the repository, also one that is new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.splitlines()
    return tuple(sorted({path for path in listed if (REPOSITORY / path).exists()}))


@cache
def source_words() -> frozenset[str]:
    """Every word of the code, the definitions and the files of deployment; comments and docstrings too."""
    suffixes = (".py", ".yaml", ".yml", ".json", ".sh", ".j2", ".toml", ".in", "Dockerfile", "Makefile")
    paths = [path for path in tracked() if path.endswith(suffixes) and not path.startswith(("tests/house", "docs/"))]
    return frozenset(word for path in paths for word in re.findall(r"\w+", (REPOSITORY / path).read_text(encoding="utf-8")))


@cache
def source_text() -> str:
    """The Python of everything but tests, as one text."""
    paths = [path for path in tracked() if path.endswith(".py") and path.startswith((*PACKAGES[:-1], "deploy"))]
    return "\n".join((REPOSITORY / path).read_text(encoding="utf-8") for path in paths)


@cache
def class_names() -> frozenset[str]:
    """Names of all classes of the repository."""
    paths = [path for path in tracked() if path.endswith(".py")]
    trees = [ast.parse((REPOSITORY / path).read_text(encoding="utf-8")) for path in paths]
    return frozenset(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


@cache
def make_targets() -> frozenset[str]:
    """Targets of the Makefile."""
    return frozenset(re.findall(r"^([a-z][\w-]*):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.M))


@cache
def dag_families() -> frozenset[str]:
    """Names of the files of dags/."""
    return frozenset(path.stem for path in (REPOSITORY / "dags").glob("[a-z]*.py"))


@cache
def use_cases() -> frozenset[str]:
    """Names of the use cases that are declared."""
    return frozenset(path.stem for path in (REPOSITORY / "feature_defs").glob("*.yaml"))


def subcommands() -> dict[str, argparse.ArgumentParser]:
    """Every command of python -m jobs with its parser."""
    (action,) = [item for item in jobs_parser()._actions if isinstance(item, argparse._SubParsersAction)]
    return dict(action.choices)


@cache
def requirements() -> frozenset[str]:
    """Names of the distributions that are asked for by name."""
    text = "".join((REPOSITORY / name).read_text() for name in ("requirements.in", "requirements-dev.in"))
    return frozenset(name.lower() for name in re.findall(r"^([A-Za-z][\w.-]*)", text, re.M))


# --- checks ---------------------------------------------------------------------------------------------------------


def false_paths(text: str) -> Iterator[str]:
    """Yield files and folders in backticks that are not there."""
    names = {path.rsplit("/", 1)[-1] for path in tracked()}
    for span in spans(text):
        path = re.sub(r":\d+$", "", span)
        if not re.fullmatch(r"[\w./-]+", path) or PLACEHOLDER.search(path):
            continue
        if "/" in path and path.split("/")[0] in {*CODE_FOLDERS, "docs"}:
            if not (REPOSITORY / path).exists():
                yield span
        elif "/" not in path and re.search(r"\.(py|yaml|yml|json|md|sh|ubj|html|parquet|db)$", path):
            yield from [span] if path not in names and path not in source_text() else []


def false_home_paths(text: str) -> Iterator[str]:
    """Yield files below HOME whose first part no code names."""
    for path in re.findall(r"HOME/(\w+(?:\.\w+)*)", text):
        if f'"{path}"' not in source_text() and f"/{path}" not in source_text() and f"'{path}'" not in source_text():
            yield f"HOME/{path}"


def false_names(text: str) -> Iterator[str]:
    """Yield dotted names of our packages, and imports in examples, that do not resolve."""
    for span in spans(text):
        for name in re.findall(rf"(?<![\w./-])((?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?![\w/])", span):
            if not name.endswith((".py", ".md", ".yaml")) and not _resolves(name):
                yield name
    for module, imported in re.findall(r"^from ((?:nightloop|jobs|serving|plugins)[\w.]*) import ([\w, ]+)$", code(text), re.M):
        yield from (f"{module}.{name}" for name in imported.split(", ") if not _resolves(f"{module}.{name}"))


def _resolves(name: str) -> bool:
    parts = name.split(".")
    if parts in (["nightloop", "keep_up"], ["nightloop", "ship_audit"]):
        return parts[1] in dag_families()  # a DAG that is there once
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return not isinstance(found, ModuleType) or cut == len(parts)
    return False


def false_calls(text: str) -> Iterator[str]:
    """Yield calls of the lake and the ledger whose method or parameters are not so."""
    for call in re.findall(r"\b((?:lake|ledger)\.(?!py\b|db\b|md\b)\w+(?:\([^`]*?\))?)", "\n".join(spans(text))):
        tree = ast.parse(call.replace("…", "..."), mode="eval").body
        target = tree.func if isinstance(tree, ast.Call) else tree
        assert isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
        method = getattr(OBJECTS[target.value.id], target.attr, None)
        if method is None or (isinstance(tree, ast.Call) and not _named(tree) <= set(inspect.signature(method).parameters)):
            yield call


def _named(call: ast.Call) -> set[str]:
    names = {argument.id for argument in call.args if isinstance(argument, ast.Name)}
    return names | {keyword.arg for keyword in call.keywords if keyword.arg}


def false_classes(text: str) -> Iterator[str]:
    """Yield names in CamelCase, in backticks, that are no class of ours."""
    for span in spans(text):
        for name in re.findall(r"^([A-Z][a-z]+(?:[A-Z][a-z]+)+)\b", span):
            if name not in class_names():
                yield name


def false_words(text: str) -> Iterator[str]:
    """Yield names_with_underscores, in backticks, that stand nowhere in the code; a path is another check's."""
    for span in set(spans(text)) - set(tracked()):
        for word in re.findall(r"(?<![\w$-])[a-z]\w*_\w+(?!\w)", span):
            if word.rstrip("_") not in source_words() and not PLACEHOLDER.search(span) and not _is_pair(word):
                yield word


def _is_pair(word: str) -> bool:
    """Say whether code makes the word of parts, as ``pooled_`` and a metric, or ``gate_`` and a gate."""
    head, _, rest = word.partition("_")
    return f"{head}_" in source_text() and (rest in source_words() or rest.rstrip("0123456789_") in source_words())


def false_settings(text: str) -> Iterator[str]:
    """Yield variables NIGHTLOOP_… that are no setting."""
    for name in re.findall(r"(?<!CONN_)NIGHTLOOP_([A-Z_]+)", text):
        if name.lower() not in Settings.model_fields and not name.startswith("CONNECTION_"):
            yield f"NIGHTLOOP_{name}"


def false_commands(text: str) -> Iterator[str]:
    """Yield commands python -m jobs …, or nightloop …, that the command line does not take."""
    for line in re.findall(r"(?:python -m jobs|(?:`|\$ )nightloop) ([a-z][^`#\n)]*)", text.replace("\\\n", " ")):
        if line.strip() in subcommands():
            continue  # named, not called
        try:
            options = jobs_parser().parse_args(shlex.split(line))
            if nights := getattr(options, "nights", None):
                parse_nights(nights)
        except (SystemExit, errors.NightloopError):
            yield line.strip()


def false_modules_run(text: str) -> Iterator[str]:
    """Yield python -m MODULE of ours that cannot be run."""
    for name in re.findall(r"python3? -m ([\w.]+)", text):
        if name.split(".")[0] in PACKAGES and not _runs(name):
            yield name


def _runs(name: str) -> bool:
    path = REPOSITORY / name.replace(".", "/")
    return (path / "__main__.py").is_file() or (
        "__main__" in path.with_suffix(".py").read_text() if path.with_suffix(".py").is_file() else False
    )


def false_options(text: str) -> Iterator[str]:
    """Yield --options in backticks by themselves that no program of ours has."""
    named = [match[1] for span in spans(text) if (match := re.match(r"(--[a-z][\w-]+)", span))]
    for option in named:
        if f'"{option}"' not in source_text() and not _is_stage_option(option) and option not in FOREIGN_OPTIONS:
            yield option


FOREIGN_OPTIONS = {"--reprocess-behavior", "--to-date", "--from-date"}  # of airflow backfill create


def _is_stage_option(option: str) -> bool:
    return any(option in action.option_strings for command in subcommands().values() for action in command._actions)


def false_targets(text: str) -> Iterator[str]:
    """Yield make targets that the Makefile does not have."""
    for target in re.findall(r"(?:^|[ $])make ([a-z][\w-]*)", code(text), re.M):
        if target not in make_targets():
            yield f"make {target}"


def false_dags(text: str) -> Iterator[str]:
    """Yield DAG ids whose family or use case is not there."""
    for use_case, family in re.findall(r"(?<![\w/.<])(<uc>|[a-z]\w+)\.([a-z_]+)(?![\w.(/])", "\n".join(spans(text))):
        known = use_case in use_cases() or use_case == "<uc>"
        if known and family not in dag_families() and family not in {"yaml", "md", "html"}:
            yield f"{use_case}.{family}"


def false_exit_codes(text: str) -> Iterator[str]:
    """Yield exit codes that no error has, or not the one it is said of."""
    kinds = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and hasattr(kind, "exit_code")}
    known = {0, *(kind.exit_code for kind in kinds.values())}
    for number in re.findall(r"exit code:? (\d+)", text, re.I):
        if int(number) not in known:
            yield f"exit code {number}"
    for name, number in re.findall(r"`(\w+)`,? \(?exit code (\d+)", text):
        if name in kinds and kinds[name].exit_code != int(number):
            yield f"{name}, exit code {number}"


def false_libraries(text: str) -> Iterator[str]:
    """Yield libraries that are not asked for by name, or not installed; under the heading "Not yet" any may stand."""
    held = sections_without(text, "Not yet")
    for name, distribution in LIBRARIES.items():
        named = re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", held)
        if named and distribution not in extras() and not (distribution in requirements() and _installed(distribution)):
            yield name


def extras() -> set[str]:
    """Return the distributions that are asked for by hand, outside of the lock."""
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {re.split(r"[<>=!~]", item)[0] for items in declared["optional-dependencies"].values() for item in items}


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def false_decisions(text: str) -> Iterator[str]:
    """Yield numbers of decisions that have no record."""
    for number in re.findall(r"(?:decisions?[ /]|\[)(0\d{3})\b", text):
        if not list((REPOSITORY / "docs" / "decisions").glob(f"{number}-*.md")):
            yield f"decision {number}"


CHECKS: dict[str, Callable[[str], Iterator[str]]] = {
    check.__name__.removeprefix("false_").replace("_", " "): check
    for check in (
        false_paths, false_home_paths, false_names, false_calls, false_classes, false_words, false_settings, false_commands,
        false_modules_run, false_options, false_targets, false_dags, false_exit_codes, false_libraries, false_decisions,
    )
}  # fmt: skip


def broken_links(page: Path) -> list[str]:
    """Return links of a page that lead to no file, or to no heading of one."""
    broken = []
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)", page.read_text(encoding="utf-8")):
        file, _, heading = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (heading and heading not in _anchors(target)):
            broken.append(link)
    return broken


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
