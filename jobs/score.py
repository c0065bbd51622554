"""Stage score: every entity of a night gets an answer, a decision and its reasons, from the champion of that night.

The first scoring of a night pins its champion; scoring it again uses the pin, so it gives the same content whatever was
promoted since. A range of nights is one engine job and one commit.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.published import Progress, Published, silent
from nightloop.definitions.loading import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.errors import ChampionMissing, DefinitionError, Final
from nightloop.lake import Commit, Snapshot, filesystem
from nightloop.lake.files import shared_out
from nightloop.lake.missing import in_words
from nightloop.meaning import meanings_of
from nightloop.meaning.reading import by_meaning, no_longer_made, stored_names
from nightloop.model import champions
from nightloop.model.champions import Champion
from nightloop.model.scoring import check_features, check_task, score_schema
from nightloop.model.spec import Spec
from nightloop.model.use_case_task import answer_columns, task_for
from nightloop.nights import Night, Nights
from nightloop.promotion import ladder, traffic
from nightloop.promotion.bundles import Bundles
from nightloop.promotion.scoring_jobs import Jobs, scored_files
from nightloop.promotion.traffic import Scorer
from nightloop.workspace import Workspace

STAGE = "score"
SCORES = "scores"  # the table of answers

log = logging.getLogger(__name__)


def run(use_case: UseCase, nights: Nights, workspace: Workspace, *, progress: Progress = silent) -> list[Published]:
    """Score these nights, and return what was published; nights of a range that have no champion are left out.

    Raises:
        ChampionMissing: no champion is effective on any of the nights.
        NotReady: the features of a night are not published yet.
        DefinitionError: the features lack one the model was trained on.
        EngineUnavailable, StoreUnavailable, WriteConflict: the same call may succeed later.
    """
    bundles = Bundles(use_case, workspace)
    effective = _champions(use_case, nights, workspace)
    scored = list(effective)
    features = workspace.lake.require(f"{use_case.use_case}/features", Nights(scored[0], scored[-1]))
    features.check_files()
    _check_columns(use_case, _scorers(effective, bundles), features, bundles)
    pinned = {night: champions.pin(workspace.ledger, use_case.use_case, night) for night in scored}
    scorers = _scorers(pinned, bundles)  # after the pins: no later decision reaches these nights
    publishing = Publishing(bundles, features, progress, _left_out(nights, pinned))
    published = publishing.publish(SCORES, scorers, pinned)
    return published + _publish_shadows(publishing, traffic.shadows(workspace.ledger, use_case.use_case, pinned))


@dataclass(frozen=True)
class Publishing:
    """What the tables that are scored from the features of some nights have in common.

    Attributes:
        bundles: of who scores.
        features: of the nights.
        progress: told how far it is.
        details: what is reported of each night.
    """

    bundles: Bundles
    features: Snapshot
    progress: Progress
    details: Mapping[str, object]

    def publish(self, name: str, scorers: Sequence[Scorer], champion_of: Mapping[Night, Champion]) -> list[Published]:
        """Score nights into a table of answers, by its name, and return what was published."""
        began, bundles, features = time.monotonic(), self.bundles, self.features
        use_case, workspace = bundles.use_case, bundles.workspace
        table = f"{use_case.use_case}/{name}"
        entities = _entities(use_case, scorers, bundles, workspace)
        if entities is not None:
            entities.check_files()
        jobs = _jobs(use_case, scorers, features, entities, bundles, folder=workspace.lake.new_folder(table))
        engine = workspace.engine(use_case, [features])
        rows = {str(night): count for night, count in features.rows.items()}
        files = scored_files(jobs, bundles, rows, engine, self.progress)
        inputs = {read.table: read.version for read in (features, entities) if read is not None}
        seconds = (time.monotonic() - began) / len(champion_of)
        commit = Commit(STAGE, use_case.use_case, definition_digest(use_case), inputs, seconds=seconds)
        key = pa.schema([features.schema.field(name) for name in use_case.entity.key])
        schema = score_schema(key, use_case.model.reasons, answer_columns(use_case))
        published = []
        adopted = {night: files.get(night, []) for night in champion_of}
        for state in workspace.lake.adopt_nights(table, adopted, commit, schema=schema):
            champion = champion_of[state.night]
            model = {"model_version": champion.version, "model_as_of": str(champion.as_of)}
            details = {**model, **_divided(scorers, state.night), "engine": engine.name, **self.details}
            published.append(Published.of(use_case.use_case, table, state, details))
            self.progress(f"publishing {table}", len(published), len(champion_of))
        return published


def _publish_shadows(publishing: Publishing, scorers: Sequence[Scorer]) -> list[Published]:
    """Score what shadows answer beside the nights' scores, which are published already, and stay whatever comes of this."""
    if not scorers:
        return []
    use_case = publishing.bundles.use_case
    try:
        _check_columns(use_case, scorers, publishing.features, publishing.bundles)
        return publishing.publish(traffic.SHADOW_SCORES, scorers, {scorer.night: scorer.champion for scorer in scorers})
    except Final as error:
        log.error("%s: the shadow version answers nothing, for: %s", use_case.use_case, error)
        return []


def _champions(use_case: UseCase, nights: Nights, workspace: Workspace) -> dict[Night, Champion]:
    """Return the champion of each night that has one: before the first promotion, and after a retirement, there is none."""
    effective = champions.effective_nights(workspace.ledger, use_case.use_case, nights)
    if effective:
        return effective
    error = champions.missing(workspace.ledger, use_case.use_case, nights.last)
    where = f"{use_case.use_case}, {'night' if len(nights) == 1 else 'nights'} {nights}"
    raise ChampionMissing(error.what, where=where, do=error.do)


def _scorers(champion_of: Mapping[Night, Champion], bundles: Bundles) -> list[Scorer]:
    """Return who scores each night, or its shares: where a model is missing or damaged, the rung that stands in for it."""
    use_case, ledger = bundles.use_case, bundles.workspace.ledger
    return ladder.substituted(use_case, ledger, traffic.scorers(ledger, use_case.use_case, champion_of), bundles.spec)


def _check_columns(use_case: UseCase, scorers: Sequence[Scorer], features: Snapshot, bundles: Bundles) -> None:
    """Check that each night has what its champion needs, before any is pinned: a night pinned to a champion that can never
    score it could not be scored by a later one either.

    Raises:
        DefinitionError: names the night and what it lacks.
    """
    for scorer in ladder.by_models(scorers):
        night, champion = scorer.night, scorer.champion
        spec = bundles.spec(champion)
        check_task(spec, task_for(use_case), champion.version)
        renamed = _renamed(spec, night, features, champion.version)
        for path in features.files.get(night, ()):
            store, location = filesystem(path)
            schema = pq.read_schema(location, filesystem=store)
            check_features(spec, schema, champion.version, str(night), where=path, renamed=renamed)


def _renamed(spec: Spec, night: Night, features: Snapshot, version: int) -> dict[str, str]:
    """Return the features that the night holds under another name than the champion knows them by.

    Raises:
        OtherMeaning: the night does not hold them in the meaning that the champion was trained on.
    """
    renamed, absent = stored_names(features.meanings.get(night, {}), spec.feature_meanings)
    if absent:
        raise no_longer_made(features.table, version, night, absent)
    return renamed


def _divided(scorers: Sequence[Scorer], night: Night) -> dict[str, object]:
    """Return the version of each arm of a night that is split, and the rungs that stood in; nothing of another night."""
    of_night = [scorer for scorer in scorers if scorer.night == night]
    arms = {scorer.arm["name"]: scorer.champion.version for scorer in of_night if scorer.arm}
    rungs = [scorer.rung for scorer in of_night if scorer.rung]
    return {**({"arms": arms} if arms else {}), **({"rungs": rungs} if rungs else {})}


def _left_out(nights: Nights, pinned: Mapping[Night, Champion]) -> dict[str, object]:
    absent = [night for night in nights if night not in pinned]
    return {"nights_without_champion": in_words(absent)} if absent else {}


def _jobs(
    use_case: UseCase,
    scorers: Sequence[Scorer],
    features: Snapshot,
    entities: Snapshot | None,
    bundles: Bundles,
    *,
    folder: str,
) -> Jobs:
    jobs: Jobs = []
    for scorer in scorers:
        night, champion = scorer.night, scorer.champion
        if scorer.rung == ladder.RULE:
            jobs.append({**scorer.labels, "night": str(night), "target": f"{folder}/{night}-{len(jobs)}.parquet"})
            continue
        spec = bundles.spec(champion)
        shared = {
            **bundles.part(champion),
            "night": str(night),
            "columns": json.dumps(_renamed(spec, night, features, champion.version)),
            **_groups(use_case, spec, night, entities),
            **scorer.labels,
        }
        for source, row_groups in shared_out(features.files.get(night, ())):
            target = f"{folder}/{night}-{len(jobs)}.parquet"
            jobs.append({**shared, "source": source, "row_groups": json.dumps(row_groups), "target": target})
    return jobs


def _entities(use_case: UseCase, scorers: Sequence[Scorer], bundles: Bundles, workspace: Workspace) -> Snapshot | None:
    """Return the entities of the nights whose model decides by a group of them; None where none does.

    Raises:
        NotReady: a night of them is not published.
        OtherMeaning: a night holds the column by another definition than today's.
        DefinitionError: today's definition has no such column.
    """
    read = [(of.night, attribute) for of in ladder.by_models(scorers) if (attribute := bundles.spec(of.champion).attribute)]
    if not read:
        return None
    nights, source = [night for night, _ in read], use_case.entity.source
    attributes = {attribute for _, attribute in read}
    unknown = sorted(attributes - set(use_case.sources[source].columns))
    if unknown:
        what = f"the champion of {nights[0]} decides by '{unknown[0]}', which '{source}' no longer has."
        raise DefinitionError(what, where=f"use case '{use_case.use_case}'", do="Bring it back, or train a new champion.")
    table, meanings = f"{use_case.use_case}/raw_{source}", meanings_of(use_case).of_table(f"raw_{source}", use_case)
    columns = {*use_case.entity.key, *attributes}
    required = {column: meanings[column] for column in columns if column in meanings}
    return by_meaning(workspace.lake.require(table, Nights(nights[0], nights[-1])), required)


def _groups(use_case: UseCase, spec: Spec, night: Night, entities: Snapshot | None) -> dict[str, str]:
    """Return where a job finds the group of each entity, and under which names."""
    if entities is None or not spec.attribute:
        return {}
    names = {name: entities.stored_name(night, name) for name in (*use_case.entity.key, spec.attribute)}
    return {"entities": json.dumps({"files": entities.files.get(night, ()), "names": names})}
