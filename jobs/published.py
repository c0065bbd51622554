"""What a stage reports: its progress, and every partition it published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.lake import NightState


@dataclass(frozen=True)
class Published:
    """One partition of one table, as it was committed."""

    use_case: str
    night: Night
    stage: str
    table: str
    table_version: int
    rows: int
    content_digest: str
    details: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, use_case: str, table: str, state: NightState, details: Mapping[str, object] | None = None) -> Self:
        """Report a night as the lake has committed it."""
        return cls(
            use_case=use_case,
            night=state.night,
            stage=state.stage,
            table=table,
            table_version=state.version,
            rows=state.rows,
            content_digest=state.content_digest,
            details=details or {},
        )

    def as_json(self) -> dict[str, object]:
        """Return plain values for ``--json``; details join the top level and never hide a field."""
        fields = {
            "use_case": self.use_case,
            "night": str(self.night),
            "stage": self.stage,
            "table": self.table,
            "table_version": self.table_version,
            "rows": self.rows,
            "content_digest": self.content_digest,
        }
        return {**self.details, **fields}


class Progress(Protocol):
    """Called with how far long work has come; the command line draws a bar, Airflow logs a line, tests pass ``silent``."""

    def __call__(self, doing: str, done: int, total: int) -> None:
        """Take note that ``done`` of ``total`` steps of ``doing`` are finished."""


def silent(doing: str, done: int, total: int) -> None:
    """Report nothing."""
