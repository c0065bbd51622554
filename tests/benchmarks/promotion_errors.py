"""What the rules of promotion let through, by simulation: error rates, power, and what a year of trainings may lose.

Two worlds, fitted to what the shipped use cases measure. Rows come in nights; each night has a level of its own, and each model
leans on something of its own whose worth changes by night, so that the difference of two models differs between nights, and a
night may resemble the one before. A model is made worse by noise in its score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.gates import PerformanceGate
from nightloop.evidence import intervals
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.gates.succession import succession
from nightloop.promotion.anchor import proved_better
from tests.benchmarks.document import table

TITLE = "Error rates of a promotion"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "gates.md"
ALIKE = 0.2  # correlation of a night with the one before
DRAWS, YEARS, MONTHS = 80, 10, 12
NEWEST, DECLARED = 14, {"credit_risk": 70, "flight_delay": 84}  # nights, by the origins that are declared
SEED = 20130101
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Rows a night, and how nights and models differ.

    Attributes:
        rows: of a night.
        level: log-odds of a row on a common night.
        signal: how much what every model knows moves the log-odds.
        mood: standard deviation of the level by night.
        lean: weight a model gives to what only it leans on.
        twist: standard deviation, by night, of what that is worth.
        opinion: standard deviation of what a model adds to all its log-odds of a night.
        noise: of a champion's score; more of it makes a model worse.
        margin: of the use case, and its budget of the year.
        alike: correlation of a night's mood, and of what a lean is worth, with those of the night before.
    """

    rows: int
    level: float
    signal: float
    mood: float
    lean: float
    twist: float
    noise: float
    margin: float
    opinion: float = 0.0
    alike: float = ALIKE

    def draw(self, random: np.random.Generator, nights: int, noises: Sequence[float]) -> tuple[Any, ...]:
        """Return the night and label of each row, and a score (n,) for each model, whose noise is given."""
        night = np.repeat(np.arange(nights), self.rows)
        known, *rest = random.standard_normal((1 + 2 * len(noises), len(night)))
        leaned, own = rest[: len(noises)], rest[len(noises) :]
        worth = [self.twist * self._by_night(random, nights) for _ in noises]
        odds = self.level + self.signal * known + self.mood * self._by_night(random, nights)[night]
        odds = odds + sum(of[night] * on for of, on in zip(worth, leaned, strict=True))
        scores = [self.signal * known + self.lean * on + noise * of for on, of, noise in zip(leaned, own, noises, strict=True)]
        scores = [score + self.opinion * self._by_night(random, nights)[night] for score in scores]
        return night, random.random(len(night)) < _share(odds), *map(_share, scores)

    def _by_night(self, random: np.random.Generator, nights: int) -> Floats:
        """Return a standard normal value a night, correlated with the one before."""
        values = random.standard_normal(nights)
        for place in range(1, nights):
            values[place] = self.alike * values[place - 1] + np.sqrt(1 - self.alike**2) * values[place]
        return values

    def noise_of(self, loss: float) -> float:
        """Return the noise that makes a model's true AUC so much lower than the champion's; negative: higher."""
        noises, areas = _areas(self)
        at_champion = float(np.interp(self.noise, noises, areas))
        return float(np.interp(loss - at_champion, -areas, noises))


WORLDS = {
    "credit_risk": World(1000, -1.9, 0.95, 0.2, 0.4, 0.08, 0.5, margin=0.02),
    "flight_delay": World(930, -1.2, 0.75, 0.7, 0.45, 0.12, 0.4, margin=0.01, opinion=0.25),
}


@cache
def _areas(world: World) -> tuple[Floats, Floats]:
    """Return noises and the AUC that each makes, on many nights, with the same draws for all."""
    noises = np.linspace(0, 2.0, 21)
    areas = np.zeros(len(noises))
    for seed in range(6):
        for place, noise in enumerate(noises):
            random = np.random.default_rng([SEED, seed])
            night, label, score = world.draw(random, 150, [noise])
            areas[place] += intervals.auc_by_night(label, score, night).value / 6
    return noises, areas


def compare(night: Any, label: Any, candidate: Floats, champion: Floats, anchor: Floats | None = None) -> Evaluation:
    """Return what the gate judges: a candidate, a champion (version 2), and an anchor (version 1, or the champion itself).

    The last NEWEST nights are the candidate's own, those before them are of one earlier origin.
    """
    constant = np.full(len(label), 0.5)
    whole = Evaluation(
        night,
        label,
        candidate,
        constant,
        champion,
        constant,
        None,
        anchor=champion if anchor is None else anchor,
        champion_version=2,
        anchor_version=2 if anchor is None else 1,
    )
    is_newest = night > night.max() - NEWEST
    return whole if is_newest.all() else replace(whole.of(is_newest), earlier=(whole.of(~is_newest),))


def promotions(world: World, loss: float, nights: int, *, draws: int = DRAWS, **limits: Any) -> tuple[float, float]:
    """Return the share of trainings that promote a candidate truly worse by ``loss``, and that promote a certain loss."""
    gate = PerformanceGate(**{"margin_to_champion": world.margin, **limits})
    noise, promoted, certain = world.noise_of(loss), 0, 0
    for draw in range(draws):
        random = np.random.default_rng([SEED, draw, nights])
        parts = succession(compare(*world.draw(random, nights, [noise, world.noise])), gate)
        passed = all(part.passed for part in parts)
        promoted += passed
        certain += passed and parts[0].figures[1].high < 0  # type: ignore[operator]
    return promoted / draws, certain / draws


def year(world: World, step: float, nights: int, seed: int, gate: PerformanceGate, *, anchored: bool) -> tuple[float, int]:
    """Return what twelve monthly candidates, each truly worse than the champion by ``step``, lose in all, and how many pass."""
    champion = anchor = 0.0
    passed = 0
    for month in range(MONTHS):
        random = np.random.default_rng([SEED, seed, month])
        losses = [champion + step, champion, *([anchor] if anchor != champion else [])]
        parts = succession(compare(*world.draw(random, nights, [world.noise_of(loss) for loss in losses])), gate)
        if not all(part.passed for part in (parts if anchored else parts[:1])):
            continue
        figures = [item.as_json() for part in parts for item in part.figures]
        better = proved_better(figures, champion=2, anchor=2 if anchor == champion else 1)
        is_anchor_passed = (2 if anchor == champion else 1) in better
        champion, passed = champion + step, passed + 1
        anchor = champion if is_anchor_passed else anchor
    return champion, passed


def measure() -> str:
    """Return the tables of docs/gates.md."""
    return "\n\n".join(part() for part in (errors, power, years, variance))


def errors() -> str:
    """Return what is promoted at the nights that are shipped, by how much the candidate is truly worse."""
    losses = (-0.01, 0.0, 0.005, 0.01, 0.015, 0.02)
    rows: list[list[object]] = []
    for name, world in _worlds():
        nights = DECLARED[name.split(",")[0]]
        shares = [promotions(world, loss, nights) for loss in (*losses, world.margin)]
        certain = max(share for _, share in shares)
        rows.append([name, nights, f"{world.margin:g}", *(f"{share:.1%}" for share, _ in shares), f"{certain:.1%}"])
    head = ["use case", "nights", "margin", "better by 0.01", "equal", *(f"worse by {loss:g}" for loss in losses[2:])]
    words = f"Promoted by the rules against the champion, {DRAWS:,} trainings each:"
    return f"{words}\n\n{table([*head, 'worse by the margin', 'a certain loss'], rows)}"


def power() -> str:
    """Return what share of equal and of better candidates passes, by the number of nights."""
    lengths = (14, 28, 42, 56, 84)
    rows: list[list[object]] = []
    for name, world in WORLDS.items():
        for words, loss in (("equal", 0.0), ("better by 0.01", -0.01)):
            shares = (promotions(world, loss, nights, draws=DRAWS // 3)[0] for nights in lengths)
            rows.append([f"as {name}", words, *(f"{share:.0%}" for share in shares)])
    return f"The same by the number of nights:\n\n{table(['use case', 'candidate', *map(str, lengths)], rows)}"


def years() -> str:
    """Return what a year of slightly worse candidates loses, with and without the budget."""
    rows: list[list[object]] = []
    for name, nights in DECLARED.items():
        world = WORLDS[name]
        for step in (0.005, 0.01):
            for anchored in (False, True):
                gate = PerformanceGate(margin_to_champion=world.margin)
                made = [year(world, step, nights, seed, gate, anchored=anchored) for seed in range(YEARS)]
                lost, passed = np.array([of[0] for of in made]), np.mean([of[1] for of in made])
                beyond = np.mean(lost > world.margin + 1e-9)
                ends = [f"{np.mean(lost):.3f}", f"{np.quantile(lost, 0.95):.3f}", f"{beyond:.0%}"]
                budget = f"{world.margin:g}" if anchored else "none"
                rows.append([f"{name}, {nights} nights", f"{step:g}", budget, f"{passed:.1f}", *ends])
    head = [
        "use case",
        "each worse by",
        "yearly_budget",
        "of 12 promoted",
        "AUC lost",
        "in 19 of 20 years less than",
        "beyond the budget",
    ]
    words = f"What twelve monthly candidates lose in a year, each truly worse than the champion of then, {YEARS} years each:"
    return f"{words}\n\n{table(head, rows)}"


def variance() -> str:
    """Return how wide the interval of a difference of two equal models is, by how it is made."""
    rows = []
    for name, world in _worlds():
        for words, method in METHODS.items():
            reaches, covered = [], 0
            for draw in range(DRAWS // 2):
                night, label, *scores = world.draw(np.random.default_rng([SEED, 7, draw]), 14, [world.noise, world.noise])
                value, reach = method(night, label, *scores)
                reaches.append(reach)
                covered += abs(value) <= reach
            rows.append([name, words, f"{np.mean(reaches):.4f}", f"{covered / (DRAWS // 2):.1%}"])
    words = "The interval of the difference of two models that are equally good, 14 nights, by how it is made:"
    return f"{words}\n\n{table(['use case', 'interval', 'mean reach to either side', 'holds the truth'], rows)}"


def _worlds() -> list[tuple[str, World]]:
    """Return each world with nights that do not know one another, and with nights that resemble the one before."""
    return [
        (f"{name}, {words}", replace(world, alike=alike))
        for name, world in WORLDS.items()
        for words, alike in (("nights independent", 0.0), (f"correlated {ALIKE:g}", ALIKE))
    ]


def _unpaired(night: Any, label: Any, one: Floats, other: Floats) -> tuple[float, float]:
    ends = [intervals.auc(label, score) for score in (one, other)]
    reaches = [(of.interval(night)[1] or 0) - of.value for of in ends]
    return ends[0].value - ends[1].value, float(np.hypot(*reaches))


def _by_rows(night: Any, label: Any, one: Floats, other: Floats) -> tuple[float, float]:
    difference = intervals.auc(label, one).minus(intervals.auc(label, other))
    return difference.value, (difference.interval()[1] or 0) - difference.value


def _by_nights(night: Any, label: Any, one: Floats, other: Floats) -> tuple[float, float]:
    difference = intervals.auc(label, one).minus(intervals.auc(label, other))
    return difference.value, (difference.interval(night)[1] or 0) - difference.value


def _within_nights(night: Any, label: Any, one: Floats, other: Floats) -> tuple[float, float]:
    difference = intervals.auc_by_night(label, one, night).minus(intervals.auc_by_night(label, other, night))
    return difference.value, (difference.interval(night)[1] or 0) - difference.value


METHODS: dict[str, Callable[..., tuple[float, float]]] = {
    "two figures by night, not paired": _unpaired,
    "paired by row, rows as independent": _by_rows,
    "paired by row, all rows, by night": _by_nights,
    "AUC within nights, between nights (as judged)": _within_nights,
}


def _share(odds: Any) -> Any:
    return 1 / (1 + np.exp(-odds))
