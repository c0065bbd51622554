"""Choose the draft's features by what they bring on later nights, and the parameters of its trees."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from nightloop.definitions.features import CategoryFeature, Feature
from nightloop.drafting.column_profile import ColumnProfile
from nightloop.drafting.fields import Field
from nightloop.drafting.names import legal_name
from nightloop.drafting.plan import Plan
from nightloop.drafting.proposals import MOST_LEVELS, History, Proposal, of_history, of_pairs, of_records, with_names
from nightloop.drafting.worth.groupings import best_groupings
from nightloop.drafting.worth.judge import Judge, judge_of
from nightloop.drafting.worth.sample_rows import SampleRows
from nightloop.drafting.worth.search import CORRELATED_ON, Candidates, Chosen, Joined, Progress, search_forward, standard_ranks
from nightloop.drafting.worth.trees import Trees, choose_trees

Floats = NDArray[np.float64]
FEATURE: TypeAdapter[Feature] = TypeAdapter(Feature)

MOST_CANDIDATES = 400
MOST_CELLS, FEWEST_FITTED = 1_500_000, 5_000
"""Values that a small model is fitted on, rows times candidates: what keeps a search to half a minute; and rows at least."""
MOST_UNJUDGED = 60
"""Features of a draft whose sample is too small to tell them apart; columns as they come are always among them."""
MOST_GROUPS, MOST_SMALL = 20_000, 60
"""Groups of a column that has a history, and of one of whole numbers that does not look like an identity."""
WEEKDAY = "isodow("
PAIRED, GATHERED = 5, 3
"""The best columns of numbers: so many are taken by twos, so many have a history."""
UNJUDGED_GROUPINGS = 3
RUNNING = 0.98
"""Rank correlation with the nights from which on a column is a running number: every later night is beyond it."""


@dataclass(frozen=True)
class Selection:
    """What a draft is made of.

    Attributes:
        plan: with the columns that the chosen histories need, and no others.
        features: the chosen ones, each with its reason.
        choice: what the search came to; None where the sample is too small for one.
        trees: parameters; None where the sample is too small to try any.
        running: columns that only grow, or only fall, with time: no candidates.
    """

    plan: Plan
    features: Sequence[Proposal]
    choice: Chosen | None = None
    trees: Trees | None = None
    running: Sequence[str] = ()


# --- the columns that histories need --------------------------------------------------------------------------------


def with_groups(plan: Plan) -> Plan:
    """Return the plan with every column that may gather records in both sources, hour and weekday of the event among them."""
    names = [item.name for item in plan.fields]
    date = plan.field[plan.event_date]
    weekday = Field(
        legal_name("event_weekday", names),
        "integer",
        f"{WEEKDAY}{date.sql})",
        "Local weekday of the event, Monday is 1.",
        "derived",
    )
    fields = (*plan.fields, weekday)
    shared = {item.name for item in plan.outcome_fields}
    more = [item for item in fields if item.name not in shared and _gathers(item)]
    return replace(plan, fields=fields, outcome_fields=(*plan.outcome_fields, *more))


def _gathers(item: Field) -> bool:
    if item.profile is None:
        return item.type == "integer"  # hour and weekday; groups that are only watched are texts
    column = item.profile
    if column.personal or column.sensitive or item.type not in ("string", "integer", "boolean") or column.distinct < 2:  # noqa: PLR2004
        return False
    return column.distinct <= MOST_GROUPS and (item.type != "integer" or _is_identity(column) or column.distinct <= MOST_SMALL)


def _is_identity(column: ColumnProfile) -> bool:
    return column.name.endswith(("id", "_no", "_nr", "number", "code"))


def _without_unused(wide: Plan, features: Sequence[Proposal]) -> Plan:
    """Return the plan without the columns of groups by which no chosen feature gathers."""
    used = {name for item in features for name in _by(item)} | {*wide.key}
    of_entity = {item.name for item in wide.fields}
    return replace(
        wide,
        fields=tuple(item for item in wide.fields if item.name in used or not item.sql.startswith(WEEKDAY)),
        outcome_fields=tuple(item for item in wide.outcome_fields if item.name in used or item.name not in of_entity),
    )


def _by(item: Proposal) -> list[str]:
    by = item.declaration.get("by", [])
    return [str(name) for name in by] if isinstance(by, Sequence) else []


# --- the choice -----------------------------------------------------------------------------------------------------


def select(rows: SampleRows, wide: Plan, *, held_back: int, steps: int, progress: Progress) -> Selection:
    """Return what the draft is to be made of.

    Args:
        rows: of the sample, over the columns of ``wide``.
        wide: the plan ``with_groups``.
        held_back: of the newest nights, how many are not looked at: a training is validated on them.
        steps: sets of features that may be measured; 0: none.
        progress: told of long work.
    """
    model = rows.use_case.model
    whole = judge_of(model, rows.label, rows.night, gap=wide.nights_to_outcome, held_back=held_back) if steps else None
    raw = list(of_records(wide, rows.levels))
    if whole is None:
        return _unjudged(wide, raw)
    judge = whole.before_newest().of_newest(max(MOST_CELLS // max(len(raw), 1), FEWEST_FITTED))
    pool = _Pool(rows, wide)
    pool.add(raw, progress)
    worth = _without_each(pool, judge)
    amounts = _best_numbers(pool, worth)
    for history in _histories(rows, wide, judge, amounts):
        pool.add(of_history(wide, history), progress)
    pool.add(of_pairs(amounts[:PAIRED]), progress)
    candidates = pool.candidates(worth)
    fitted = max(MOST_CELLS // len(candidates.names), FEWEST_FITTED)
    choice = search_forward(candidates, judge.of_newest(fitted), steps=steps, progress=progress, whole=whole)
    trees = choose_trees(whole.of_newest(fitted), *candidates.of(list(choice.joined)), progress)
    features = [
        replace(pool.proposal[name], comment=_reason(pool.proposal[name], joined, choice))
        for name, joined in choice.joined.items()
    ]
    return Selection(_without_unused(wide, features), features, choice, trees, pool.running)


def _unjudged(wide: Plan, raw: Sequence[Proposal]) -> Selection:
    """Take the columns as they come, and the history of a few groups."""
    groups = [item for item in wide.outcome_fields if item.profile and item.name in wide.field and _gathers(item)]
    few = sorted(groups, key=lambda item: item.profile.distinct if item.profile else 0)
    fit = [item for item in few if item.profile and item.profile.distinct <= max(item.profile.rows // 5, 2)]
    histories = (of_history(wide, History((item.name,))) for item in fit[:UNJUDGED_GROUPINGS])
    proposed = with_names([*raw, *itertools.chain.from_iterable(histories)], {*wide.key, "by", "key"})
    features = proposed[: max(MOST_UNJUDGED, len(raw))]
    return Selection(_without_unused(wide, features), features)


class _Pool:
    """Candidates and their values, added group by group."""

    def __init__(self, rows: SampleRows, plan: Plan) -> None:
        self.proposal: dict[str, Proposal] = {}
        self.running: list[str] = []
        self._rows = rows
        self._taken = {*plan.key, "by", "key"}
        self._values: list[Floats] = []
        self._levels: dict[str, int] = {}

    def add(self, drafts: Iterable[Proposal], progress: Progress) -> None:
        """Compute more candidates, as long as they are not too many."""
        room = MOST_CANDIDATES - len(self.proposal)
        items = with_names(itertools.islice(drafts, max(room, 0)), self._taken | set(self.proposal))
        if not items:
            return
        progress("values of candidates", len(self.proposal), MOST_CANDIDATES)
        features = {item.name: FEATURE.validate_python(dict(item.declaration)) for item in items}
        values = self._rows.values(features)
        runs = self._runs(values) & np.array([bool(item.number) for item in items])
        self.running += [item.name for item, run in zip(items, runs, strict=True) if run]
        self._values.append(values[:, ~runs])
        self._levels |= {name: len(of.levels) for name, of in features.items() if isinstance(of, CategoryFeature)}
        self.proposal |= {item.name: item for item, run in zip(items, runs, strict=True) if not run}

    def _runs(self, values: Floats) -> NDArray[np.bool_]:
        """Return which columns of values (n, k) follow the nights, as the number of a record does."""
        step = max(len(values) // CORRELATED_ON, 1)
        ranks = standard_ranks(np.column_stack([values, self._rows.night.astype(np.float64)])[::step])
        return np.asarray(np.abs(ranks[:, :-1].T @ ranks[:, -1]) >= RUNNING)

    def candidates(self, raw: Mapping[str, float]) -> Candidates:
        """Return all of them; ``raw`` are columns as they come, with what each is worth among them."""
        return Candidates(tuple(self.proposal), np.column_stack(self._values), self._levels, raw)


def _without_each(pool: _Pool, judge: Judge) -> dict[str, float]:
    """Return what a model of the candidates so far loses without each, by name."""
    candidates = pool.candidates({})
    losses = judge.losses_without(*candidates.of(candidates.names))
    return dict(zip(candidates.names, losses.tolist(), strict=True))


def _best_numbers(pool: _Pool, worth: Mapping[str, float]) -> list[str]:
    """Return the columns of numbers of many values, those first that are worth most."""
    amounts = {item.number: worth[name] for name, item in pool.proposal.items() if item.number}
    return sorted(amounts, key=lambda number: -amounts[number])


def _histories(rows: SampleRows, wide: Plan, judge: Judge, amounts: Sequence[str]) -> list[History]:
    """Return the groupings whose history is looked at, and the columns of numbers that each gathers."""
    shared = {item.name for item in wide.outcome_fields}
    groups = [item for item in wide.fields if item.name in shared and _gathers(item)]
    looked_at = slice(0, int(judge.folds[-1].later[-1]) + 1)
    codes = {item.name: rows.codes(item.name)[looked_at] for item in groups}
    many = [item.name for item in groups if item.profile and item.profile.distinct > MOST_LEVELS]
    groupings = best_groupings(codes, judge.outcome[looked_at], always=many)
    known_later = [item.name for item in wide.outcome_fields if _is_known_later(item, wide)]
    return [
        History(
            by,
            amounts=tuple(amounts[:GATHERED]) if by[0] in many or at == 0 else (),
            of_outcome=tuple(known_later[:GATHERED]) if at == 0 else (),
            counts=all(wide.field[name].profile for name in by),
        )
        for at, by in enumerate(groupings)
    ]


def _is_known_later(item: Field, plan: Plan) -> bool:
    """Whether it is a number that becomes known with the outcome."""
    return item.type in ("integer", "number") and item.name not in plan.field and item.name != plan.label.column.name


def _reason(item: Proposal, joined: Joined, choice: Chosen) -> str:
    others = {1: "", 2: ", with one other"}.get(joined.together, f", with {joined.together - 1} others")
    why = f"{choice.gained(joined.gain)} on later nights{others}"
    return f"{why}; {item.comment}" if item.comment else why
