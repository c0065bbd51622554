"""Run every benchmark, or those named: python -m tests.benchmarks [NAME …]."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tests.benchmarks import document

NOT_BENCHMARKS = {"__init__", "__main__", "bare_service", "document", "drafted_sets", "events"}


def main(names: list[str]) -> None:
    """Measure, and write each section."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    for name in names or [name for name in found if name not in NOT_BENCHMARKS and not name.startswith("test_")]:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        print(f"{name}: {module.TITLE}", flush=True)
        document.write(name, module.TITLE, module.measure(), getattr(module, "PAGE", document.PAGE))


if __name__ == "__main__":
    main(sys.argv[1:])
