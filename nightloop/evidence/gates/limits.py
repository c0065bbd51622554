"""The limits that verdicts are given by, as the statistics see them: a use case's own classes have these attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol


class SuspicionLimits(Protocol):
    """From where on a figure is too good to be true."""

    @property
    def suspicious_above(self) -> float: ...  # noqa: D102
    @property
    def suspicious_below(self) -> float | None: ...  # noqa: D102


class DataLimits(Protocol):
    """See DataGate of the use case."""

    @property
    def minimum_rows_share(self) -> float: ...  # noqa: D102
    @property
    def minimum_labelled_share(self) -> float: ...  # noqa: D102
    @property
    def minimum_matched_share(self) -> float: ...  # noqa: D102
    @property
    def maximum_scale_change(self) -> float: ...  # noqa: D102
    @property
    def maximum_missing_rise(self) -> float: ...  # noqa: D102


class PerformanceLimits(SuspicionLimits, Protocol):
    """See PerformanceGate of the use case."""

    @property
    def over_baseline(self) -> float: ...  # noqa: D102
    @property
    def margin_to_champion(self) -> float: ...  # noqa: D102
    @property
    def rule(self) -> Literal["non_inferior", "superior"]: ...  # noqa: D102
    @property
    def yearly_budget(self) -> float | None: ...  # noqa: D102
    @property
    def minimum_rows(self) -> int: ...  # noqa: D102


class CalibrationLimits(Protocol):
    """See CalibrationGate of the use case."""

    @property
    def maximum_error(self) -> float: ...  # noqa: D102
    @property
    def maximum_bias(self) -> float: ...  # noqa: D102
    @property
    def maximum_group_bias(self) -> float | None: ...  # noqa: D102
    @property
    def minimum_rows(self) -> int: ...  # noqa: D102


class FairnessLimits(Protocol):
    """See FairnessGate of the use case."""

    @property
    def none_because(self) -> str | None: ...  # noqa: D102
    @property
    def group(self) -> str | None: ...  # noqa: D102
    @property
    def crossed(self) -> Sequence[Sequence[str]]: ...  # noqa: D102
    @property
    def bounds(self) -> Mapping[str, float]: ...  # noqa: D102
    @property
    def error_costs(self) -> tuple[float, float] | None: ...  # noqa: D102
    @property
    def minimum_group_rows(self) -> int: ...  # noqa: D102


class SlicesLimits(Protocol):
    """See SlicesGate of the use case."""

    @property
    def maximum_loss(self) -> float: ...  # noqa: D102
    @property
    def minimum_rows(self) -> int: ...  # noqa: D102


class StabilityLimits(Protocol):
    """See StabilityGate of the use case."""

    @property
    def maximum_loss(self) -> float: ...  # noqa: D102
    @property
    def minimum_origins(self) -> int: ...  # noqa: D102


class BehaviourLimits(Protocol):
    """See BehaviourGate of the use case."""

    @property
    def maximum_reversal(self) -> float: ...  # noqa: D102
    @property
    def maximum_change(self) -> float: ...  # noqa: D102


class BundleLimits(Protocol):
    """See BundleGate of the use case."""

    @property
    def maximum_megabytes(self) -> float: ...  # noqa: D102
    @property
    def maximum_milliseconds_a_row(self) -> float: ...  # noqa: D102
