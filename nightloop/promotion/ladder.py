"""Who answers where a champion cannot: the champion before it, then a rule, then nobody; as the use case declares it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nightloop.errors import DefinitionError, NightloopError, StoreDamaged, UsageError
from nightloop.features.online import evaluate
from nightloop.lake import filesystem
from nightloop.model import champions
from nightloop.model.scoring import label_columns, of_arm, score_schema
from nightloop.model.use_case_task import NO_MODEL, answer_columns, task_for
from nightloop.nights import Night, one

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Lake
    from nightloop.ledger import Ledger
    from nightloop.model.champions import Champion
    from nightloop.promotion.traffic import Scorer

log = logging.getLogger(__name__)

CHAMPION, PREVIOUS, RULE = "champion", "previous", "rule"
RUNG = "rung"  # of an answer: which rung gave it
UNUSABLE = (StoreDamaged, UsageError)  # a bundle that is not what was promoted, or that the registry does not have
Loaded = TypeVar("Loaded")


def rungs_of(use_case: UseCase) -> Sequence[str]:
    """Return what is tried after the champion, in order; nothing where none is declared."""
    return use_case.serving.ladder if use_case.serving else ()


def previous_of(ledger: Ledger, use_case: str, champion: Champion) -> Champion | None:
    """Return who was champion before a champion came to be it; None where nobody was."""
    changes = [change for change in champions.changes(ledger, use_case) if change.champion is not None]
    first = next((place for place, change in enumerate(changes) if change.version == champion.version), 0)
    return next((change.champion for change in reversed(changes[:first])), None)


@dataclass(frozen=True)
class Usable(Generic[Loaded]):
    """The first rung that can answer.

    Attributes:
        rung: its name.
        champion: the promotion of its version; of a rule that of the version that cannot.
        loaded: its model; None of a rule.
        problem: why the version that should answer cannot; None where it can.
    """

    rung: str
    champion: Champion
    loaded: Loaded | None
    problem: NightloopError | None = None


def first_usable(
    use_case: UseCase,
    champion: Champion,
    ledger: Ledger,
    load: Callable[[Champion], Loaded],
    unusable: tuple[type[NightloopError], ...] = UNUSABLE,
) -> Usable[Loaded]:
    """Return the first rung whose model can be loaded, or the rule where it comes first.

    Args:
        use_case: declares the rungs.
        champion: who should answer.
        ledger: knows who was champion before.
        load: loads a model.
        unusable: errors of it after which the next rung is tried.

    Raises:
        NightloopError: that of the champion's model, where no rung is left.
    """
    try:
        return Usable(CHAMPION, champion, load(champion))
    except unusable as error:
        for rung in rungs_of(use_case):
            if rung == RULE:
                return Usable(RULE, champion, None, error)
            before = previous_of(ledger, use_case.use_case, champion)
            if before is not None:
                try:
                    return Usable(PREVIOUS, before, load(before), error)
                except unusable as of_previous:
                    log.warning("%s, version %d: %s", use_case.use_case, before.version, of_previous)
        raise


def by_models(scorers: Iterable[Scorer]) -> list[Scorer]:
    """Return those that a model answers, not a rule."""
    return [scorer for scorer in scorers if scorer.rung != RULE]


def substituted(
    use_case: UseCase, ledger: Ledger, scorers: Iterable[Scorer], load: Callable[[Champion], object]
) -> list[Scorer]:
    """Return who scores instead of whom: the same scorers, each with the rung that can.

    Raises:
        StoreDamaged, UsageError: see ``first_usable``.
    """
    able: list[Scorer] = []
    for scorer in scorers:
        usable = first_usable(use_case, scorer.champion, ledger, load)
        if usable.problem is not None:
            log.warning("%s, night %s: %s answers, for: %s", use_case.use_case, scorer.night, usable.rung, usable.problem)
        rung = None if usable.rung == CHAMPION else usable.rung
        able.append(replace(scorer, rung=rung, champion=usable.champion))
    return able


def rule_columns(use_case: UseCase, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, NDArray[Any] | None]:
    """Return the columns of the rule's answers to rows of entity columns (n,), by name; None: null in every row.

    Raises:
        DefinitionError: the rule gives a row no number, or no probability where one is answered.
    """
    text = use_case.serving.rule if use_case.serving else None
    answer = evaluate(text or "null", use_case.sources[use_case.entity.source].types, rows)
    is_wrong = np.isnan(answer) | ((answer < 0) | (answer > 1) if use_case.model.task == "binary" else False)
    if is_wrong.any():
        row = int(np.flatnonzero(is_wrong)[0])
        raise DefinitionError(
            f"the rule answers {answer[row]} for row {row}.",
            where=f"use case '{use_case.use_case}', the rule of its ladder",
            do="Let it give a number for every row (coalesce), and a probability from 0 to 1 where the label is true or false.",
        )
    task = task_for(use_case)
    return task.column_values(answer, task.decide(answer))


def score_by_rule(use_case: UseCase, job: Mapping[str, str], lake: Lake) -> str:
    """Write the rule's answers to a night's entities into a Parquet file of scores, and return the file.

    Args:
        use_case: declares the rule.
        job: ``night``, ``target``, the file, ``rung``, and ``arm`` where the night is split: see ``score_file``.
        lake: holds the rows of the entity's source.

    Raises:
        DefinitionError: see ``rule_columns``.
    """
    key, table = list(use_case.entity.key), f"{use_case.use_case}/raw_{use_case.entity.source}"
    rows = lake.read(table, one(Night.fromisoformat(job["night"]))).combine_chunks()
    (batch,) = of_arm(rows.to_batches() or [pa.RecordBatch.from_pylist([], schema=rows.schema)], key, job)
    schema = score_schema(batch.select(key).schema, use_case.model.reasons, answer_columns(use_case), job)
    labels = {**label_columns(job, batch.num_rows), "model_version": np.full(batch.num_rows, NO_MODEL)}
    answer = {**rule_columns(use_case, batch.to_pylist()), **labels}
    arrays = [
        batch.column(field.name)
        if field.name in key
        else pa.array(values, field.type)
        if (values := answer.get(field.name)) is not None
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    store, path = filesystem(job["target"])
    with store.open_output_stream(path) as stream:
        pq.write_table(pa.table(arrays, schema=schema), stream, compression="zstd")
    return job["target"]
