"""Find columns that tell the outcome together: the parts of a sum, a product or a ratio; two or three amounts compared."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nightloop.drafting.column_profile import ColumnProfile
from nightloop.drafting.roles import Task

Floats = NDArray[np.float64]

ROWS = 1_000
"""Records on which pairs are tried first."""
MOST = 40
"""Columns of numbers whose pairs are tried."""
TOGETHER = 0.995
WHOLE = 0.999999
"""Share of the variance of a number that its parts leave nothing of."""
NEARLY = 1e-3
FEWEST = 50
PARTS, FEWEST_OF_A_CLASS = 3, 10
"""Columns whose weighted sum is looked at, and records of each class that it is judged on."""

_PAIRS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "difference": lambda a, b: a - b,
    "sum": lambda a, b: a + b,
    "ratio": lambda a, b: np.divide(a, b, out=np.full_like(a, np.nan), where=b != 0),
    "product": lambda a, b: a * b,
}


def told_together(rows: pa.Table, columns: Sequence[ColumnProfile], y: Floats, task: Task) -> dict[str, str]:
    """Return the columns that tell the outcome only together, and how.

    Args:
        rows: values of the columns by name.
        columns: of which none tells it alone.
        y: the outcome, NaN where it is not known.
        task: no order is known of the classes of ``multiclass``: nothing is looked for.
    """
    amounts = {
        item.name: np.asarray(rows.column(item.name).cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
        for item in columns
        if item.type in ("integer", "number") and item.distinct > 2 and item.missing < item.rows / 2  # noqa: PLR2004
    }
    if task == "regression":
        return _parts(amounts, y)
    return _compared(amounts, y) if task == "binary" else {}


def _parts(amounts: dict[str, Floats], y: Floats) -> dict[str, str]:
    """Find the terms of a sum or difference, or the factors of a product or ratio, that make up the outcome exactly."""
    terms = _exact(amounts, y)
    if terms:
        return _named(terms, "sum" if all(sign > 0 for sign in terms.values()) else "difference")
    positive = {name: np.log(x, out=np.full_like(x, np.nan), where=x > 0) for name, x in amounts.items() if np.nanmin(x) > 0}
    factors = _exact(positive, np.log(y, out=np.full_like(y, np.nan), where=y > 0)) if np.nanmin(y) > 0 else {}
    return _named(factors, "product" if all(sign > 0 for sign in factors.values()) else "ratio")


def _exact(amounts: dict[str, Floats], y: Floats) -> dict[str, float]:
    """Return each column that the outcome adds up from, with 1 or -1; nothing where a rest remains."""
    names = [name for name, x in amounts.items() if np.nanstd(x) > 0]
    if len(names) < 2 or np.nanstd(y) == 0:  # noqa: PLR2004 - of one alone a correlation tells
        return {}
    matrix = np.column_stack([amounts[name] for name in names])
    whole = ~np.isnan(matrix).any(axis=1) & ~np.isnan(y)
    if whole.sum() < len(names) + FEWEST:
        return {}
    scale = matrix[whole].std(axis=0)
    spread = y[whole].std()
    if not spread or not scale.all():
        return {}
    centred = (matrix[whole] - matrix[whole].mean(axis=0)) / scale
    target = (y[whole] - y[whole].mean()) / spread
    weights = np.linalg.lstsq(centred, target, rcond=None)[0]
    if 1 - np.mean((target - centred @ weights) ** 2) < WHOLE:
        return {}
    slopes = dict(zip(names, weights * spread / scale, strict=True))
    used = {name: slope for (name, slope), weight in zip(slopes.items(), weights, strict=True) if abs(weight) > NEARLY}
    are_terms = len(used) > 1 and all(abs(abs(slope) - 1) < NEARLY for slope in used.values())
    return {name: float(np.sign(slope)) for name, slope in used.items()} if are_terms else {}


def _named(parts: dict[str, float], how: str) -> dict[str, str]:
    all_parts = ", ".join(f"'{name}'" for name in parts)
    return dict.fromkeys(parts, f"the {how} of {all_parts} is the outcome itself, in every record of the sample")


def _compared(amounts: dict[str, Floats], y: Floats) -> dict[str, str]:
    """Find two columns whose difference, sum, ratio or product tells which of two classes it is."""
    known = np.flatnonzero(~np.isnan(y))
    subset = known[:: max(len(known) // ROWS, 1)]
    alone = {name: _tells(x[subset], y[subset]) for name, x in amounts.items()}
    likely = sorted(alone, key=lambda name: -alone[name])[:MOST]
    reasons: dict[str, str] = {}
    for one, other in itertools.combinations(likely, 2):
        for how, computed in _PAIRS.items():
            if _tells(computed(amounts[one][subset], amounts[other][subset]), y[subset]) < TOGETHER - NEARLY:
                continue
            if (figure := _tells(computed(amounts[one], amounts[other]), y)) >= TOGETHER:
                for name, with_it in ((one, other), (other, one)):
                    reasons.setdefault(name, f"with '{with_it}' it tells the outcome (AUC {figure:.3f} of their {how})")
                break
    return reasons | _three_compared({name: amounts[name] for name in amounts if name in likely and name not in reasons}, y)


def _three_compared(amounts: dict[str, Floats], y: Floats) -> dict[str, str]:
    """Find three columns whose weighted sum tells which of two classes it is: those that explain most of it by least squares.

    Weights are fitted on every other record, and judged on the others.
    """
    known = ~np.isnan(y)
    varying = {name: x[known] for name, x in amounts.items() if np.nanstd(x[known]) > 0}
    if len(varying) < PARTS or known.sum() < 2 * FEWEST:
        return {}
    names, label = list(varying), y[known]
    matrix = np.column_stack([np.nan_to_num((x - np.nanmean(x)) / np.nanstd(x)) for x in varying.values()])
    fit, judged = slice(0, None, 2), slice(1, None, 2)
    if min(label[judged].sum(), (1 - label[judged]).sum()) < FEWEST_OF_A_CLASS:
        return {}
    for chosen in {tuple(_explaining(matrix[fit], label[fit])), tuple(_heaviest(matrix[fit], label[fit]))}:
        weights = _weights(matrix[fit][:, chosen], label[fit])
        figure = separation(matrix[judged][:, chosen] @ weights, label[judged] == 1)
        if figure >= TOGETHER:
            three = [names[place] for place in chosen]
            reasons = {}
            for name in three:
                others = " and ".join(f"'{other}'" for other in three if other != name)
                reasons[name] = f"with {others} it tells the outcome (AUC {figure:.3f} of their weighted sum)"
            return reasons
    return {}


def _explaining(matrix: Floats, y: Floats) -> list[int]:
    """Return the columns that explain most of what those before them left, one after the other."""
    chosen: list[int] = []
    rest = y - y.mean()
    for _ in range(PARTS):
        gain = np.abs(matrix.T @ rest)
        gain[chosen] = -1
        chosen.append(int(np.argmax(gain)))
        rest = y - y.mean() - matrix[:, chosen] @ _weights(matrix[:, chosen], y)
    return sorted(chosen)


def _heaviest(matrix: Floats, y: Floats) -> list[int]:
    """Return the columns of the largest weights among all."""
    return sorted(int(place) for place in np.argsort(-np.abs(_weights(matrix, y)))[:PARTS])


def _weights(matrix: Floats, y: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(matrix, y - y.mean(), rcond=None)[0])


def _tells(x: Floats, y: Floats) -> float:
    there = np.isfinite(x) & ~np.isnan(y)
    return separation(x[there], y[there] == 1) if there.sum() >= FEWEST else 0.0


def separation(x: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the AUC of a value for one of two classes, whichever way it points; 0 with one class only.

    The same as that of ``nightloop.evidence`` without its interval: thousands are asked for.
    """
    place = np.unique(x, return_inverse=True)[1]
    hits, all_of = np.bincount(place, weights=positive), np.bincount(place)
    others = all_of - hits
    pairs = hits.sum() * others.sum()
    area = np.sum(hits * (np.cumsum(others) - others / 2)) / pairs if pairs else 0.0
    return float(max(area, 1 - area)) if pairs else 0.0
