"""Two tests of a night: did it jump from the nights before it, and has the level moved from the reference's?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nightloop.evidence.nights.nulls import Null, wave
from nightloop.evidence.nights.profiles import Counts, Floats
from nightloop.evidence.nights.streams import Stream

LOCAL = 28  # nights before that say where a column stands
FITTED = 6  # what the reference's nights were fitted by, but for weekdays
LONGEST_GAP = 7  # nights after which the last one says nothing of the next
SPANS = (2, 3, 4, 5, 7, 10, 14, 21, 28, 42, 60)  # nights over which a moved level is looked for
WHOLE = 0.7  # share of the nights of a span that must be there
WILD = 6.0  # standard deviations off its place, beyond which the next night need not follow a night
HALF = 0.5  # of memory: beyond it, what is new in a window varies less than its level
OUTLIER = 4.0  # a night's part in a level is drawn in to this many standard deviations: one wild night is a fault, no shift
LOOKS = 0.37  # times c squared: independent looks a night that a scan of all spans at the height c is worth
MEDIAN = 1.57  # variance of a median, in that of a mean
SMALLEST = 1e-300


@dataclass(frozen=True)
class Tested:
    """One measure of a night, k columns.

    Attributes:
        chance: (k,), two-sided p-values; NaN where nothing can be told.
        distance: (k,), from what was expected, in the stream's unit.
        since: (k,), ordinal of the first night of the change.
        spread: (k,), standard deviation of the distance without drift, where it was tested.
        degrees: (k,), of Student's t.
        change: (k,), the distance for people: of several nights their median, wild ones as they are.
    """

    chance: Floats
    distance: Floats
    since: Counts
    spread: Floats
    degrees: Floats
    change: Floats


def jumped(null: Null, before: Stream, live: Stream) -> Tested:
    """Test whether the newest night of ``live`` lies off its forecast from the nights before it, the reference's among them.

    The forecast is the median of the last nights, and as much of the last night's distance from it as the column remembers. A
    window of nights stays where it was but for what is new: its forecast is the last night, its variance that of what is new.
    """
    night = np.concatenate([before.night, live.night])
    value = np.vstack([before.value, live.value]) - null.expected(night)
    today, noise = value[-1], live.noise[-1]
    history, days = value[:-1], night[:-1]
    local = _median_of_last(history)
    gap, last = _last_known(history, int(night[-1]) - days)
    away = last - local
    steps = (null.wander.window > 1) & (null.wander.memory > HALF) & (gap <= LONGEST_GAP)
    memory = np.where(gap <= LONGEST_GAP, np.maximum(null.wander.memory, 0) ** gap, 0.0)
    follows = local + np.where(memory > 0, memory * away, 0.0)
    # After a fault nights are back at once; after a night that only wandered far they come back as they remember.
    is_wild = np.abs(away) > WILD * np.sqrt(null.wander.variance)
    is_back = is_wild & (np.abs(today - local) < np.abs(today - follows))
    memory = np.where(is_back, 0.0, memory)
    forecast = np.where(steps, last, np.where(is_back, local, follows))
    of_forecast = np.where(steps | (memory > 0), null.wander.step * gap, null.wander.variance)
    of_forecast = np.where(steps, of_forecast, np.minimum(of_forecast, null.wander.variance) * (1 + MEDIAN / LOCAL))
    variance = np.maximum(of_forecast + np.maximum(noise - null.noise, 0.0), noise)
    parts = wave(night[-1 - LOCAL :], null.middle)
    variance = variance + null.doubt(np.broadcast_to(parts[-1] - parts[:-1].mean(axis=0), (len(today), 3)))
    spread, degrees = np.sqrt(variance), np.maximum(null.nights - FITTED, 2)
    distance = today - forecast
    return Tested(_chance(distance / spread, degrees), distance, np.full(len(spread), night[-1]), spread, degrees, distance)


def moved(null: Null, live: Stream) -> Tested:
    """Test whether the level of the newest nights lies off the reference's, over spans of two to sixty nights.

    The largest standardised distance over the spans, each by Student's t with as many degrees as the reference has independent
    nights; the number of looks that the scan is worth follows Siegmund & Venkatraman (1995). The span of the largest is when
    the level moved.
    """
    night = int(live.night[-1])
    far = live.value - null.expected(live.night)
    reach = OUTLIER * np.sqrt(null.variance_at(live.noise))
    away, parts = np.clip(far, -reach, reach), wave(live.night, null.middle)
    degrees = np.maximum(null.nights / null.wander.inflation(null.nights) - 2, 1)
    nothing = np.full(len(degrees), np.nan)
    best = Tested(nothing, nothing, np.full(len(degrees), night), nothing, degrees, nothing)
    for span in SPANS:
        inside = (live.night > night - span)[:, None] & np.isfinite(away)
        counts = inside.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(inside, away, 0.0).sum(axis=0) / counts
            noise = np.where(inside, live.noise, 0.0).sum(axis=0) / counts
            of_level = null.doubt(inside.T @ parts / np.maximum(counts, 1)[:, None])
            variance = null.variance_at(noise) * null.wander.inflation(float(span)) / counts + of_level
            chance = np.where(counts >= np.maximum(2, WHOLE * span), _chance(mean / np.sqrt(variance), degrees), np.nan)
        better = (chance < best.chance) | (np.isnan(best.chance) & np.isfinite(chance))
        best = Tested(
            np.where(better, chance, best.chance),
            np.where(better, mean, best.distance),
            np.where(better, night - span + 1, best.since),
            np.where(better, np.sqrt(variance), best.spread),
            degrees,
            nothing,
        )
    change = _median(np.where(live.night[:, None] >= best.since, far, np.nan))
    return replace(best, chance=with_looks(best.chance), change=change)


def with_looks(chance: Floats) -> Floats:
    """Return what the smallest p-value over all spans is worth a night."""
    from scipy.special import ndtri

    height = ndtri(np.maximum(chance, SMALLEST) / 2)
    return np.asarray(np.minimum(chance * np.maximum(LOOKS * height**2, 1), 1.0), dtype=np.float64)


def _chance(distance: Floats, degrees: Floats) -> Floats:
    from scipy.special import stdtr

    return np.asarray(2 * stdtr(degrees, -np.abs(distance)), dtype=np.float64)


def _median(values: Floats) -> Floats:
    """Return the median of each column's known nights, NaN where there is none."""
    place = np.sort(values, axis=0)  # NaN last
    counts = np.isfinite(values).sum(axis=0)
    columns = np.arange(values.shape[1])
    low, high = np.maximum(counts - 1, 0) // 2, counts // 2
    return np.asarray((place[low, columns] + place[np.minimum(high, len(values) - 1), columns]) / 2, dtype=np.float64)


def _median_of_last(history: Floats) -> Floats:
    """Return the median of each column's last LOCAL known nights."""
    if np.isfinite(history[-LOCAL:]).all():
        return _median(history[-LOCAL:])
    known = [column[np.isfinite(column)][-LOCAL:] for column in history.T]
    return np.array([np.median(column) if len(column) else np.nan for column in known])


def _last_known(history: Floats, ago: Counts) -> tuple[Floats, Floats]:
    """Return how many nights ago each column was last known, and what it was."""
    known = np.isfinite(history)
    place = len(history) - 1 - np.argmax(known[::-1], axis=0)
    columns = np.arange(history.shape[1])
    return ago[place].astype(np.float64), history[place, columns]
