"""What a feature is computed from, in a few words of Markdown."""

from __future__ import annotations

from nightloop.definitions.features import (
    CategoryFeature,
    CrossFeature,
    ExpressionFeature,
    Feature,
    LagFeature,
    LookupFeature,
    PeersFeature,
    RateFeature,
    RatioFeature,
    RecordFeature,
)
from nightloop.reporting.markdown import code, codes


def made_from(feature: Feature) -> str:
    """Return what a feature is computed from."""
    return _records(feature) if isinstance(feature, RecordFeature) else _row(feature)


def _row(
    feature: ExpressionFeature | CategoryFeature | LagFeature | CrossFeature | PeersFeature | LookupFeature,
) -> str:
    match feature:
        case ExpressionFeature():
            return code(feature.expression)
        case CategoryFeature():
            return f"{code(feature.column)} as one of {', '.join(str(level) for level in feature.levels)}"
        case LagFeature():
            return f"{code(feature.expression)}, {feature.nights} nights before"
        case CrossFeature():
            return f"{codes(feature.columns)} in {feature.buckets} buckets"
        case PeersFeature():
            return f"rows of the night with the same {codes(feature.by)}"
    return _lookup(feature)


def _lookup(feature: LookupFeature) -> str:
    newest = f", newest by {code(feature.latest_by)}" if feature.latest_by else ""
    within = f", of {feature.within} nights" if feature.within > 1 else ""
    return f"{code(feature.expression)} of {code(feature.source)} by {codes(list(feature.by.values()))}{newest}{within}"


def _records(feature: RecordFeature) -> str:
    what = code(feature.of) if feature.of else "records"
    where = f" where {code(feature.where)}" if feature.where else ""
    smoothed = f", smoothed by {feature.smoothing:g}" if isinstance(feature, RateFeature) else ""
    ratio = ", short over long" if isinstance(feature, RatioFeature) else ""
    return f"{what} of {code(feature.source)}{where} by {codes(feature.by)}{smoothed}{ratio}"
