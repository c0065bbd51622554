"""Whole runs of an old history, one change at any place of the definition, and new nights: nothing ever mixes meanings.

Every value that a table holds equals that of a lake built from scratch by the definition it claims; and the champion that was
trained before goes on, in batch and service, as if nothing had changed, or says what it lacks.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import features, ingest, monitor, score, train
from jobs.upkeep.apply import apply
from jobs.upkeep.plan import BUILDS, LOST, NOTHING, WORDS, Plan, make_plan
from nightloop.errors import DefinitionError, NightloopError, OtherMeaning, TrainingRefused, UsageError
from nightloop.meaning.digests import KEY, ROWS
from nightloop.nights import Nights, one
from serving import model_snapshot
from tests.jobs.changing import FIRST, NIGHTS, Things, declared

LAST = NIGHTS.last
BEFORE = Nights(FIRST, LAST - timedelta(days=1))
TABLES = ("raw_things", "raw_outcomes", "tiles", "aggregates", "features", "labels")
Claims = dict[tuple[date, str, str], tuple[str, list[str]]]
KEYS = ("event_night", "key", "value")
BY_PART = {"source": "things", "by": ["part"], "description": "Of the part."}


def every_kind() -> dict[str, Any]:
    """Return the definition with a feature of every kind."""
    definition = declared()
    things = definition["sources"]["things"]
    things["columns"]["weight"] = {"type": "number", "expression": "price::double + 1", "description": "Weight."}
    definition["features"] |= {
        "bucket": {"kind": "cross", "columns": ["part"], "buckets": 7, "description": "Part."},
        "busy": {"kind": "peers", "by": ["part"], "description": "Of the part."},
        "before": {"kind": "lag", "expression": "price", "nights": 1, "description": "A night ago."},
        "newest": {"kind": "lookup", "source": "things", "by": {"part": "part"}, "expression": "price", "latest_by": "id"}
        | {"description": "Of the newest of the part."},
        "dear": {"kind": "rate", "of": "price > 0.5", "nights": 2, "smoothing": 1.0, **BY_PART},
        "spent": {"kind": "window", "function": "sum", "of": "weight", "nights": 2, "scale": 2, **BY_PART},
        "trend": {"kind": "ratio", "function": "mean", "of": "price", "nights": 1, "to_nights": 3, "scale": 2, **BY_PART},
    }
    return definition


MEANING: dict[str, object] = {
    "time_zone": "Asia/Tokyo",
    "sources.things.key": ["id", "part"],
    "sources.things.event_at": "ts::timestamp - interval 1 hour",
    "sources.things.known_at": "ts::timestamp + interval 1 hour",
    "sources.things.night": "ts::date",
    "sources.outcomes.revised_within": 1,
    "sources.things.connector.null": "0.5",
    "sources.things.columns.price.expression": "price::double * 100",
    "sources.things.columns.weight.expression": "price::double + 2",
    "sources.things.columns.part.expression": "lower(part)",
    "sources.things.columns.id.expression": "id::bigint + 1000000",
    "sources.outcomes.columns.sold.expression": "sold::int = 0",
    "entity.key": ["id", "part"],
    "label.expression": "not sold",
    "label.matures_after": 1,
    "features.price.expression": "price * 100",
    "features.price.default": 3.0,
    "features.bucket.columns": ["part", "id"],
    "features.bucket.buckets": 5,
    "features.busy.by": ["id"],
    "features.before.expression": "weight",
    "features.before.nights": 2,
    "features.newest.expression": "weight",
    "features.newest.latest_by": "price",
    "features.newest.within": 2,
    "features.dear.of": "price > 0.3",
    "features.dear.nights": 1,
    "features.dear.smoothing": 2.0,
    "features.dear.where": "weight > 1.2",
    "features.spent.function": "mean",
    "features.spent.scale": 1,
    "features.spent.of": "price",
    "features.mean_price.nights": 2,
    "features.trend.function": "sum",
    "features.trend.to_nights": 2,
    "features.trend.default": 0.0,
    "features.more": {"kind": "expression", "expression": "weight", "description": "One more."},
    "features": {"weight": {"kind": "expression", "expression": "weight", "description": "Nothing that was there."}},
}
OTHER: dict[str, object] = {
    "description": "Other words.",
    "owner": "somebody else",
    "schedule": "0 5 * * *",
    "features.price.description": "Other words.",
    "features.price.unit": "EUR",
    "features.price.range": [-9, 9],
    "features.price.expression": "( price ) -- the same",
    "sources.things.columns.price.expression": "PRICE :: double",
    "sources.things.columns.price.unit": "EUR",
    "sources.things.may_be_empty": True,
    "label.description": "Other words.",
    "model": {"task": "binary", "decision_threshold": 0.3},
    "gates.fairness.maximum": 0.4,
    "monitoring": {"minimum_rows": 3},
    "retrain": {"cool_down_nights": 3},
}


def put(definition: dict[str, Any], path: str, value: object) -> None:
    """Put a value at a path such as ``features.spent.nights``."""
    *folders, last = path.split(".")
    for folder in folders:
        definition = definition[folder]
    definition[last] = copy.deepcopy(value)


class History:
    """A lake of old nights with a champion, to be copied, and the lake that it would be without any change."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.engine, self.folder = engine, folder
        self.old = Things(folder / "old", every_kind(), engine)
        self.old.build(BEFORE)
        self.old.promote(FIRST)
        shutil.copytree(folder / "old", folder / "unchanged")
        self.unchanged = Things(folder / "unchanged", every_kind(), engine)
        self.unchanged.build(one(LAST))
        score.run(self.unchanged.use_case, one(LAST), self.unchanged.workspace)
        self.claims = {table: claims(self.unchanged, table) for table in TABLES}
        self.drawn = 0

    def changed(self, changes: Mapping[str, object]) -> Things:
        """Return a copy of the old nights whose definition is changed."""
        self.drawn += 1
        folder = self.folder / f"changed-{self.drawn}"
        shutil.copytree(self.folder / "old", folder)
        changed = Things(folder, every_kind(), self.engine)
        changed.change(lambda definition: [put(definition, path, value) for path, value in changes.items()])
        return changed

    def from_scratch(self, definition: dict[str, Any]) -> dict[str, Claims]:
        """Return what a lake holds that was built by a definition alone."""
        scratch = Things(self.folder / f"scratch-{self.drawn}", definition, self.engine)
        scratch.build()
        return {table: claims(scratch, table) for table in TABLES}


def claims(things: Things, table: str) -> Claims:
    """Return the values of a table by key: for each night, and each meaning that a column claims there."""
    lake, found = things.workspace.lake, {}
    if not lake.exists(f"things/{table}"):
        return {}
    of_night: dict[date, list[dict[str, Any]]] = {}
    for row in lake.read(f"things/{table}").to_pylist():
        of_night.setdefault(row["night"], []).append(row)
    for night, state in lake.states(f"things/{table}").items():
        rows = of_night.get(night, [])
        rows_mean = state.meanings.get("label" if table == "labels" else ROWS, "")
        columns = {name: digest for name, digest in state.meanings.items() if not name.startswith(KEY)}
        for name, digest in columns.items():
            found[night, digest, rows_mean] = name, _values(table, name, rows)
    return found


def _values(table: str, name: str, rows: list[dict[str, Any]]) -> list[str]:
    family, _, column = name.rpartition(":")
    if name == ROWS:
        return [str(len(rows))]
    if table in ("tiles", "aggregates"):  # rows of several groups side by side: a column has values in those of its own
        of_column = [row for row in rows if row.get("tile", "") == family and row[column] is not None]
        return sorted(repr([row.get(key) for key in (*KEYS, column)]) for row in of_column)
    return sorted(repr([row["id"], row[column]]) for row in rows)


def assert_nothing_is_mixed(changed: Things, *from_scratch: Mapping[str, Claims]) -> None:
    """Hold each value to that of the lake that was built from scratch by the definition which the value claims."""
    for table in TABLES:
        true = {claim: values for lake in from_scratch for claim, (_, values) in lake[table].items()}
        for claim, (name, values) in claims(changed, table).items():
            assert claim in true, f"{table} of {claim[0]}: {name} is of no definition that there was"
            assert values == true[claim], f"{table} of {claim[0]}: {name}"


def attempt(things: Things) -> None:
    """Take the next night in, as its schedule would: either it is made, or the error names what must be built."""
    try:
        ingest.run(things.use_case, one(LAST), things.workspace)
        features.run(things.use_case, one(LAST), things.workspace)
    except NightloopError as error:
        assert isinstance(error, OtherMeaning) or "type" in error.what, error


def assert_all_goes_on(changed: Things, history: History, plan: Plan) -> None:
    """After the build: training sees one meaning, and the champion answers as before, or says what it lacks."""
    with pytest.raises(TrainingRefused, match="nights hold labelled rows"):  # five nights are too few for any model
        train.run(changed.use_case, one(BEFORE.last), changed.workspace)
    try:
        score.run(changed.use_case, one(LAST), changed.workspace)
    except (OtherMeaning, DefinitionError) as error:
        assert plan.lost_features, error
        return
    before = history.unchanged.read("scores", LAST)
    assert changed.read("scores", LAST).to_pylist() == before.to_pylist()
    monitor.run(changed.use_case, one(LAST), changed.workspace)
    found = model_snapshot.find(changed.workspace, changed.use_case, LAST)
    sent = history.unchanged.read("raw_things", LAST).select(["id", "price", "part", "weight"]).to_pylist()
    answers = model_snapshot.load(changed.workspace, changed.use_case, found).answers(sent)
    assert [answer["probability"] for answer in answers] == before["probability"].to_pylist()


def run_whole(history: History, path: str) -> None:
    """Go through a change from the old nights to the champion's answers after it."""
    changed = history.changed({path: MEANING[path]})
    scratch = history.from_scratch(changed.definition)
    plan = make_plan(changed.use_case, changed.workspace)
    assert plan.exit_code in (BUILDS, LOST), plan.lines()
    attempt(changed)
    assert_nothing_is_mixed(changed, history.claims, scratch)
    if plan.cannot_be_had:
        with pytest.raises(UsageError):
            apply(changed.use_case, changed.workspace)
        return
    apply(changed.use_case, changed.workspace)
    changed.build(one(LAST))
    assert_nothing_is_mixed(changed, history.claims, scratch)
    after = make_plan(changed.use_case, changed.workspace)
    assert not after.builds and after.exit_code == (LOST if plan.lost_features else NOTHING)
    assert_all_goes_on(changed, history, plan)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> History:
    return History(tmp_path_factory.mktemp("local"), "local")


@pytest.mark.slow
@pytest.mark.parametrize("path", MEANING)
def test_no_change_mixes_meanings(local: History, path: str) -> None:
    run_whole(local, path)


def test_all_other_changes_together_build_nothing(local: History) -> None:
    changed = local.changed(OTHER)
    plan = make_plan(changed.use_case, changed.workspace)
    assert plan.exit_code == WORDS and len({change.thing for change in plan.changes}) >= len(OTHER)
    changed.build()
    for table in TABLES:
        assert claims(changed, table) == local.claims[table]
    assert_all_goes_on(changed, local, plan)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory, spark_url: str) -> Iterator[History]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTLOOP_SPARK_URL", spark_url)
        yield History(tmp_path_factory.mktemp("spark"), "spark")


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(sorted(MEANING)))
def test_nor_on_spark(spark: History, path: str) -> None:
    run_whole(spark, path)
