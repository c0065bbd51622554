"""What every test stands on: quiet libraries, a home of its own, and the shared servers of the session."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

# Before anything is imported: no telemetry, no drawing on a screen, no progress bars of other people's libraries.
# Threads of XGBoost that have nothing to do sleep: those that spin take the cores from the tests beside them.
os.environ.update(
    DO_NOT_TRACK="1",
    GX_ANALYTICS_ENABLED="false",
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true",
    DVC_NO_ANALYTICS="1",
    SCARF_ANALYTICS="false",
    MPLBACKEND="Agg",
    OMP_WAIT_POLICY="passive",
    GIT_PYTHON_REFRESH="quiet",
)
# The processes that tests start are hundreds: what one has compiled, the next need not compile again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
for name in [name for name in os.environ if name.startswith("NIGHTLOOP_")]:
    del os.environ[name]

# The same examples every time, so that a change is judged by what it changes; "search" draws new ones each time, "daily"
# (where CI is set) new ones each day: those of one date are the same on every machine. No example has a time limit: cores are
# shared.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", derandomize=False, deadline=None)
hypothesis.settings.register_profile("daily", derandomize=False, database=None, deadline=None)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "daily" if os.environ.get("CI") else "same")
DATE = os.environ.get("HYPOTHESIS_DATE") or datetime.now(UTC).date().isoformat()
hypothesis.settings.load_profile(PROFILE)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Seed the draws of a day by its date, before Hypothesis reads its option."""
    if PROFILE == "daily" and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = DATE.replace("-", "")


def pytest_report_header() -> str:
    """Say which examples are drawn, and how to draw them again."""
    again = f" of {DATE}; again with HYPOTHESIS_PROFILE=daily HYPOTHESIS_DATE={DATE}" if PROFILE == "daily" else ""
    return f"property tests draw the examples '{PROFILE}'{again}"


pytest_plugins = [f"tests.{path.stem}" for path in sorted(Path(__file__).parent.glob("fixtures_*.py"))]

from nightloop.settings import Settings, load_settings  # noqa: E402
from nightloop.workspace import Workspace  # noqa: E402


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation of the test's own, on the local engine."""
    return load_settings(home=tmp_path / "home", engine="local")


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    """The stores of that installation."""
    return Workspace.open(settings)
