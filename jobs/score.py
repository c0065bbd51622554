"""Stage score: every entity of a night gets an answer, a decision and its reasons, from the champion of that night.

The first scoring of a night pins its champion; scoring it again uses the pin, so it gives the same content whatever was
promoted since. A range of nights is one engine job and one commit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.published import Progress, Published, silent
from nightloop.definitions.loading import definition_digest
from nightloop.definitions.model import reasons_share
from nightloop.definitions.use_case import UseCase
from nightloop.engine import Engine
from nightloop.errors import ChampionMissing, DefinitionError
from nightloop.lake import Commit, Snapshot, filesystem
from nightloop.lake.files import shared_out
from nightloop.lake.missing import in_words
from nightloop.meaning import meanings_of
from nightloop.meaning.reading import by_meaning, no_longer_made, stored_names
from nightloop.model import bundle, champions
from nightloop.model.capacity import cut_of, ends_of
from nightloop.model.champions import Champion
from nightloop.model.predictor import Predictor
from nightloop.model.scoring import check_features, check_task, score_schema
from nightloop.model.spec import Spec
from nightloop.model.use_case_task import answer_columns, task_for
from nightloop.nights import Night, Nights
from nightloop.promotion import ladder, traffic
from nightloop.promotion.traffic import Scorer
from nightloop.workspace import Workspace

STAGE = "score"
WORKER, RANKER = "nightloop.model.scoring:score_file", "nightloop.model.scoring:rank_file"

Jobs = list[dict[str, str]]


@dataclass(frozen=True)
class Bundles:
    """The bundles of champions: each is fetched and read once, however many nights it scores."""

    use_case: UseCase
    workspace: Workspace
    _read: dict[int, tuple[Spec, dict[str, str]]] = field(default_factory=dict)

    def spec(self, champion: Champion) -> Spec:
        """Return what the bundle says of its model."""
        return self._of(champion)[0]

    def part(self, champion: Champion) -> dict[str, str]:
        """Return what every job of this champion shares."""
        return self._of(champion)[1]

    def capacity(self, job: Mapping[str, str]) -> int | None:
        """Return how many entities of a night the model of a job decides positively, where it decides so."""
        return self._read[int(job["model_version"])][0].capacity

    def _of(self, champion: Champion) -> tuple[Spec, dict[str, str]]:
        if champion.version not in self._read:
            folder = self.workspace.registry.fetch_champion(self.use_case.use_case, champion)
            part = {
                "bundle": str(folder),
                "bundle_digest": champion.bundle_digest,
                "model_version": str(champion.version),
                "key": json.dumps(self.use_case.entity.key),
                "reasons": str(self.use_case.model.reasons),
                "answer": json.dumps(answer_columns(self.use_case)),
                "reasons_for": self.use_case.model.reasons_for,
            }
            if ladder.rungs_of(self.use_case):
                Predictor.load(folder)  # whether it can answer, while another may stand in for it
            self._read[champion.version] = bundle.read_spec(folder), part
        return self._read[champion.version]


def run(use_case: UseCase, nights: Nights, workspace: Workspace, *, progress: Progress = silent) -> list[Published]:
    """Score these nights, and return what was published; nights of a range that have no champion are left out.

    Raises:
        ChampionMissing: no champion is effective on any of the nights.
        NotReady: the features of a night are not published yet.
        DefinitionError: the features lack one the model was trained on.
        EngineUnavailable, StoreUnavailable, WriteConflict: the same call may succeed later.
    """
    began = time.monotonic()
    bundles = Bundles(use_case, workspace)
    effective = _champions(use_case, nights, workspace)
    scored = list(effective)
    features = workspace.lake.require(f"{use_case.use_case}/features", Nights(scored[0], scored[-1]))
    features.check_files()
    _check_columns(use_case, _scorers(effective, bundles), features, bundles)
    pinned = {night: champions.pin(workspace.ledger, use_case.use_case, night) for night in scored}
    scorers = _scorers(pinned, bundles)  # after the pins: no later decision reaches these nights
    table = f"{use_case.use_case}/scores"
    entities = _entities(use_case, scorers, bundles, workspace)
    if entities is not None:
        entities.check_files()
    jobs = _jobs(use_case, scorers, features, entities, bundles, folder=workspace.lake.new_folder(table))
    engine = workspace.engine(use_case, [features])
    by_rule = [job for job in jobs if job.get("rung") == ladder.RULE]
    by_model = [job for job in jobs if job.get("rung") != ladder.RULE]
    share, rows = reasons_share(use_case.model.reasons_for), {str(night): count for night, count in features.rows.items()}
    ends = {job["night"]: ends_of(bundles.capacity(job), share, rows[job["night"]]) for job in reversed(by_model)}
    files = _score(_cut(by_model, ends, engine, progress), engine, progress)
    for job in by_rule:
        files.setdefault(Night.fromisoformat(job["night"]), []).append(ladder.score_by_rule(use_case, job, workspace.lake))
    inputs = {read.table: read.version for read in (features, entities) if read is not None}
    seconds = (time.monotonic() - began) / len(scored)
    commit = Commit(STAGE, use_case.use_case, definition_digest(use_case), inputs, seconds=seconds)
    key = pa.schema([features.schema.field(name) for name in use_case.entity.key])
    schema = score_schema(key, use_case.model.reasons, answer_columns(use_case))
    published = []
    for state in workspace.lake.adopt_nights(table, {night: files.get(night, []) for night in pinned}, commit, schema=schema):
        champion = pinned[state.night]
        model = {"model_version": champion.version, "model_as_of": str(champion.as_of)}
        details = {**model, **_divided(scorers, state.night), "engine": engine.name, **_left_out(nights, pinned)}
        published.append(Published.of(use_case.use_case, table, state, details))
        progress(f"publishing {table}", len(published), len(pinned))
    return published


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


def _cut(jobs: Jobs, ends: Mapping[str, Mapping[str, int]], engine: Engine, progress: Progress) -> Jobs:
    """Return the jobs with the last answers that each night's ``ends`` count, by their names; its rows are ranked first."""
    ranked = [{**job, "ranked": str(max(of.values()))} for job in jobs if (of := ends[job["night"]])]
    if not ranked:
        return jobs
    progress("ranking", 0, len(ranked))
    first: dict[str, list[list[float | int]]] = {}
    for answer in engine.map_files(RANKER, ranked, lambda done, total: progress("ranking", done, total)):
        prediction, tie = first.setdefault(answer["night"], [[], []])
        prediction += answer["highest"][0]
        tie += answer["highest"][1]
    cuts: dict[str, dict[str, str]] = {}
    for night, (prediction, tie) in first.items():
        for name, count in ends[night].items():
            cut = cut_of(np.array(prediction), np.array(tie, dtype=np.int64), count)
            if cut is not None:
                cuts.setdefault(night, {})[name] = json.dumps(asdict(cut))
    return [{**job, **cuts.get(job["night"], {})} for job in jobs]


def _score(jobs: Jobs, engine: Engine, progress: Progress) -> dict[Night, list[str]]:
    files: dict[Night, list[str]] = {}
    if not jobs:
        return files
    progress("scoring", 0, len(jobs))
    for answer in engine.map_files(WORKER, jobs, lambda done, total: progress("scoring", done, total)):
        files.setdefault(Night.fromisoformat(answer["night"]), []).append(answer["file"])
    return files
