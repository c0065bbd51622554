"""Run the tests on a module with one fault in it, in a child that has the third-party libraries already imported.

A first run without a fault records, with coverage.py, which test runs which line and how long it takes. A fault is then
shown to the tests that run its line, the quickest first, until one of them fails.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import coverage
import pytest

from nightloop.settings import REPOSITORY
from tests.mutants.faults import Fault

WARM = (
    "numpy",
    "pyarrow.compute",
    "pyarrow.parquet",
    "pyarrow.dataset",
    "pandas",
    "duckdb",
    "sqlglot",
    "sqlalchemy",
    "deltalake",
)
WARM += ("pydantic_settings", "hypothesis", "scipy.special", "xgboost", "sklearn.linear_model", "yaml")
WARM += ("httpx", "tenacity", "faker.contrib.pytest.plugin", "hydra.extra.pytest_plugin", "anyio.pytest_plugin")
QUIET = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:random_order", "-W", "ignore", "--no-header", "--tb=no")
QUIET += ("--assert=plain",)  # which assertion fails is not asked, and to rewrite them all is most of a child's time
OURS = ("nightloop", "jobs", "serving", "plugins", "dags", "tests")
GENEROUS = 5.0  # how many times its usual time a test may take before the fault counts as an endless loop
BROKEN = 97  # exit code of a child that never got to the tests
PATIENCE = 60.0  # seconds beside that, for pytest itself to start


@dataclass
class Coverage:
    """Which tests run which lines of which file, and how many seconds each takes."""

    tests_of: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def of(self, path: Path, line: int) -> list[str]:
        """Return the tests that run a line, the quickest first; all tests for a line that runs at import."""
        found = self.tests_of.get((str(path), line), set())
        return sorted(found or self.seconds, key=lambda test: (self.seconds.get(test, 0.0), test))


class _Timed:
    """A pytest plugin: switches coverage's context by test, and keeps the seconds of each."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration


class _Contexts:
    def __init__(self, measured: coverage.Coverage) -> None:
        self.measured = measured

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        yield
        self.measured.switch_context("")


class _Only:
    """A pytest plugin: run these tests, in this order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.place = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted((item for item in items if item.nodeid in self.place), key=lambda item: self.place[item.nodeid])


class _Faulty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a text instead of from its file."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self.name, self.path, self.source = name, path, source

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_loader(fullname, self, origin=str(self.path)) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self.path)
        exec(compile(self.source, str(self.path), "exec"), module.__dict__)


def warm_up(names: Sequence[str] = WARM) -> None:
    """Import what every child would import, once."""
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def measure(tests: Sequence[str], paths: Sequence[Path]) -> Coverage:
    """Run tests without a fault, in a child, and return which lines each runs.

    Raises:
        SystemExit: a test fails without any fault.
    """
    data = REPOSITORY / f".coverage.{os.getpid()}.{abs(hash(tuple(tests)))}"
    seconds_file = data.with_suffix(".seconds")
    child = os.fork()
    if child == 0:
        _end_with(lambda: _record(tests, paths, data, seconds_file))
    _, status = os.waitpid(child, 0)
    try:
        if status:
            raise SystemExit(f"tests fail without a fault: {' '.join(tests)}")
        return _read(data, seconds_file)
    finally:
        data.unlink(missing_ok=True)
        seconds_file.unlink(missing_ok=True)


def _record(tests: Sequence[str], paths: Sequence[Path], data: Path, seconds_file: Path) -> int:
    measured = coverage.Coverage(data_file=str(data), include=[str(path) for path in paths], context="")
    seconds: dict[str, float] = {}
    measured.start()
    code = pytest.main([*QUIET, *tests], plugins=[_Timed(seconds), _Contexts(measured)])
    measured.stop()
    measured.save()
    seconds_file.write_text("\n".join(f"{value} {test}" for test, value in seconds.items()), encoding="utf-8")
    return int(code)


def _read(data: Path, seconds_file: Path) -> Coverage:
    stored = coverage.CoverageData(str(data))
    stored.read()
    found = Coverage()
    for line in seconds_file.read_text(encoding="utf-8").splitlines():
        value, _, test = line.partition(" ")
        found.seconds[test] = float(value)
    for file in stored.measured_files():
        for line, contexts in stored.contexts_by_lineno(file).items():
            found.tests_of[file, line] = {context for context in contexts if context in found.seconds}
    return found


def is_noticed(path: Path, fault: Fault, seen: Coverage, *, budget: float) -> bool:
    """Show a fault to the tests that run its line; a test that fails, or never ends, has noticed it.

    Args:
        path: the module's file.
        fault: the change.
        seen: which tests run which lines.
        budget: seconds of tests, by their usual time, after which a fault counts as unnoticed.
    """
    tests = list(_within(seen.of(path, fault.line), seen.seconds, budget))
    if not tests:
        return False
    patience = PATIENCE + GENEROUS * sum(seen.seconds[test] for test in tests)
    child = os.fork()
    if child == 0:
        _end_with(lambda: _run(path, fault, tests))
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return _noticed(os.waitstatus_to_exitcode(status))
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _noticed(code: int) -> bool:
    if code in (BROKEN, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"the tests could not be run on a fault (exit code {code})")
    return code != 0


def _run(path: Path, fault: Fault, tests: Sequence[str]) -> int:
    name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    sys.meta_path.insert(0, _Faulty(name, path, fault.applied_to(path.read_text(encoding="utf-8"))))
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    try:
        return int(pytest.main([*QUIET, *files], plugins=[_Only(tests)]))
    except BaseException:
        return 1


def _within(tests: Sequence[str], seconds: Mapping[str, float], budget: float) -> Iterator[str]:
    spent = 0.0
    for test in tests:
        spent += seconds.get(test, 0.0)
        if spent > budget:
            return
        yield test


def _end_with(run: Callable[[], int]) -> NoReturn:
    """Run in a child, and end it there whatever happens: a child that went on would go on with its parent's work."""
    code = BROKEN
    try:
        os.setsid()
        _silence()
        code = run()
    finally:
        os._exit(code)


def _silence() -> None:
    """Forget what the parent imported of ours, take the rest for granted, and print nothing."""
    for name in [name for name in list(sys.modules) if name.partition(".")[0] in OURS and not name.startswith("tests.mutants")]:
        del sys.modules[name]
    gc.freeze()  # pytest collects garbage at its end, and none of this is
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
