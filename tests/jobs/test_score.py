import os
import random
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from jobs import score
from nightloop.definitions.model import Conformal
from nightloop.errors import ChampionMissing, DefinitionError, NotReady, StoreDamaged, UsageError
from nightloop.lake import Commit
from nightloop.model import bundle, champions
from nightloop.model.calibration import Calibration
from nightloop.model.conformal import OUTCOMES, ClassSet
from nightloop.model.models import LinearModel
from nightloop.model.predictor import LARGEST, Predictor
from nightloop.nights import Nights, one
from nightloop.settings import REPOSITORY
from tests.fixtures_models import NAMES, TINY_LINEAR, tiny_features, tiny_rows

FIRST = date(2024, 3, 1)
WEEK = Nights(FIRST, FIRST + timedelta(days=6))
FEATURES = Commit("features", "tiny")


def keep_bundle(workspace, folder: Path, version: int) -> str:
    """Put a bundle where the registry keeps what it has fetched; the registry itself is tested elsewhere."""
    kept = workspace.settings.home / "bundles" / "tiny" / str(version)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.symlink_to(folder)
    return bundle.digest(folder)


def promote(workspace, folder: Path, version: int, as_of: date) -> None:
    digest = keep_bundle(workspace, folder, version)
    champions.promote(workspace.ledger, "tiny", version, as_of, {"bundle_digest": digest})


@pytest.fixture
def ready(workspace, trees_bundle):
    """A week of features, and a champion from its first night on."""
    workspace.lake.publish_nights("tiny/features", {night: tiny_features(night) for night in WEEK}, FEATURES)
    promote(workspace, trees_bundle, 1, FIRST)
    return workspace


def digests(published):
    return {item.night: item.content_digest for item in published}


def test_each_entity_gets_the_predictors_own_answer(ready, tiny, trees_bundle):
    [published] = score.run(tiny, one(FIRST), ready)
    features, scores = tiny_features(FIRST), ready.lake.read("tiny/scores").sort_by("account")
    predictor = Predictor.load(trees_bundle)
    order = np.argsort(features["account"].to_numpy(), kind="stable")
    found = predictor.predict(tiny_rows(300, seed=FIRST.toordinal())[order])
    assert scores["account"].to_pylist() == sorted(features["account"].to_pylist())
    assert scores["probability"].to_numpy().tobytes() == found.probability.tobytes()
    assert scores["decision"].to_pylist() == found.decision.tolist()
    assert set(scores["model_version"].to_pylist()) == {1}
    for place in range(3):
        assert scores[f"reason_{place + 1}"].to_pylist() == [NAMES[index] for index in found.reason[:, place]]
        assert scores[f"effect_{place + 1}"].to_numpy().tobytes() == found.effect[:, place].tobytes()
    assert (published.rows, published.stage, published.table) == (300, "score", "tiny/scores")
    assert published.as_json()["model_version"] == 1


def test_the_columns_are_those_of_the_scores_table(ready, tiny):
    score.run(tiny, one(FIRST), ready)
    assert ready.lake.snapshot("tiny/scores").columns.names == [
        "account", "probability", "decision", "model_version",
        "reason_1", "reason_2", "reason_3", "effect_1", "effect_2", "effect_3", "night",
    ]  # fmt: skip


def test_scoring_again_changes_nothing(ready, tiny):
    first = score.run(tiny, WEEK, ready)
    again = score.run(tiny, WEEK, ready)
    assert digests(first) == digests(again)
    assert ready.lake.read("tiny/scores").num_rows == 7 * 300


def test_a_range_gives_what_its_nights_give_one_by_one(ready, tiny):
    ranged = digests(score.run(tiny, WEEK, ready))
    single = [score.run(tiny, one(night), ready)[0] for night in reversed(list(WEEK))]
    assert ranged == digests(single)


def test_a_range_is_one_engine_job(ready, tiny, monkeypatch):
    from nightloop.engine.local import LocalEngine

    calls = []
    real = LocalEngine.map_files
    monkeypatch.setattr(LocalEngine, "map_files", lambda self, *given: calls.append(given) or real(self, *given))
    score.run(tiny, WEEK, ready)
    assert len(calls) == 1


def test_a_promotion_leaves_nights_already_scored_as_they_are(ready, tiny, linear_bundle):
    before = digests(score.run(tiny, Nights(FIRST, FIRST + timedelta(days=2)), ready))
    promote(ready, linear_bundle, 2, FIRST)
    after = score.run(tiny, WEEK, ready)
    assert {night: digests(after)[night] for night in before} == before
    assert [item.details["model_version"] for item in after] == [1, 1, 1, 2, 2, 2, 2]
    assert after[3].details["model_as_of"] == str(FIRST)


def test_a_night_before_any_champion_fails_alone_and_pins_nothing(workspace, tiny):
    workspace.lake.publish("tiny/features", FIRST, tiny_features(FIRST), FEATURES)
    with pytest.raises(ChampionMissing, match=f"tiny, night {FIRST}.*python -m jobs train tiny {FIRST}"):
        score.run(tiny, one(FIRST), workspace)
    assert not workspace.lake.exists("tiny/scores")
    assert workspace.ledger.events("tiny") == []


def test_a_range_leaves_out_nights_before_the_first_champion_and_says_so(ready, tiny):
    early = FIRST - timedelta(days=3)
    published = score.run(tiny, Nights(early, FIRST + timedelta(days=1)), ready)
    assert [item.night for item in published] == [FIRST, FIRST + timedelta(days=1)]
    assert published[0].details["nights_without_champion"] == f"{early}..{FIRST - timedelta(days=1)}"


def test_a_range_with_no_champion_at_all_fails(ready, tiny):
    nights = Nights(FIRST - timedelta(days=3), FIRST - timedelta(days=1))
    with pytest.raises(ChampionMissing, match=f"nights {nights}"):
        score.run(tiny, nights, ready)


def test_features_not_published_yet_are_asked_for_and_nothing_is_pinned(workspace, tiny, trees_bundle):
    promote(workspace, trees_bundle, 1, FIRST)
    with pytest.raises(NotReady, match="features"):
        score.run(tiny, one(FIRST), workspace)
    assert workspace.ledger.events("tiny", kind=champions.PINNED) == []


def test_a_night_without_entities_is_published_empty(ready, tiny):
    empty = FIRST + timedelta(days=7)
    ready.lake.publish("tiny/features", empty, tiny_features(empty, rows=0), FEATURES)
    [published] = score.run(tiny, one(empty), ready)
    assert published.rows == 0
    assert empty in ready.lake.states("tiny/scores")


def test_a_feature_the_night_does_not_have_is_named_and_nothing_is_published(workspace, tiny, trees_bundle):
    workspace.lake.publish("tiny/features", FIRST, tiny_features(FIRST).drop_columns(["visits"]), FEATURES)
    promote(workspace, trees_bundle, 1, FIRST)
    with pytest.raises(DefinitionError, match=f"version 1 of 'tiny' needs visits, which night {FIRST}"):
        score.run(tiny, one(FIRST), workspace)
    assert not workspace.lake.exists("tiny/scores")


def test_a_night_its_champion_cannot_score_is_not_pinned_and_a_new_champion_scores_it(workspace, tiny, trees_bundle):
    """The remedy that the message names, training a new champion, must reach the night that asked for it."""
    workspace.lake.publish("tiny/features", FIRST, tiny_features(FIRST).drop_columns(["visits"]), FEATURES)
    promote(workspace, trees_bundle, 1, FIRST)
    with pytest.raises(DefinitionError, match="needs visits"):
        score.run(tiny, one(FIRST), workspace)
    assert workspace.ledger.events("tiny", kind=champions.PINNED) == []
    promote(workspace, linear_without_visits(workspace, tiny), 2, FIRST)
    [published] = score.run(tiny, one(FIRST), workspace)
    assert published.details["model_version"] == 2


def linear_without_visits(workspace, tiny):
    """Write a bundle of a model that was trained after the feature was dropped."""
    kept = {name: feature for name, feature in tiny.features.items() if name != "visits"}
    k = len(kept)
    return bundle.write(
        workspace.settings.home / "fresh",
        use_case=tiny.model_copy(update={"features": kept}),
        model=LinearModel(0.0, (1.0,) * k, (0.0,) * k, (1.0,) * k, (0.0,) * k),
        calibration=Calibration("none"),
        training=bundle.Training(FIRST, WEEK, WEEK, WEEK, "digest", "code", {}, "key"),
        definition="use_case: tiny\n",
        reference={},
        card="# Card\n",
    )


@pytest.mark.parametrize("damage", ["gone", "a bit of a value"])
def test_a_features_file_that_is_not_what_was_written_is_named_and_its_night_neither_scored_nor_pinned(ready, tiny, damage):
    [path] = map(Path, ready.lake.snapshot("tiny/features", one(FIRST)).files[FIRST])
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.unlink() if damage == "gone" else path.write_bytes(content)
    with pytest.raises(StoreDamaged, match=str(FIRST)):
        score.run(tiny, one(FIRST), ready)
    assert not ready.lake.exists("tiny/scores") and champions.pins(ready.ledger, "tiny") == {}
    ready.lake.publish("tiny/features", FIRST, tiny_features(FIRST), FEATURES)
    assert score.run(tiny, one(FIRST), ready)[0].rows == 300


@pytest.mark.parametrize(("size", "files"), [(37, 9), (3, 35), (1, 38)])  # a job: one row group, 101 // 32, 300 // 32 at most 8
def test_several_files_and_row_groups_score_as_one(ready, tiny, tmp_path, size, files):
    import pyarrow.parquet as pq

    expected = digests(score.run(tiny, one(FIRST), ready))
    rows = tiny_features(FIRST)
    for name, part in (("a", rows.slice(0, 100)), ("b", rows.slice(100))):
        pq.write_table(part, tmp_path / f"{name}.parquet", row_group_size=size)
    ready.lake.adopt_nights("tiny/features", {FIRST: [str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]}, FEATURES)
    assert digests(score.run(tiny, one(FIRST), ready)) == expected
    assert len(ready.lake.snapshot("tiny/scores").files[FIRST]) == files


@pytest.mark.parametrize("value", [LARGEST * (1 + 1e-9), -LARGEST * (1 + 1e-9), 1e39, float("-inf")])
def test_a_feature_too_large_for_the_model_is_named_and_not_rounded(ready, tiny, value):
    rows = tiny_features(FIRST)
    for number, is_scored in ((value, False), (LARGEST, True), (-LARGEST, True)):
        visits = pa.array([number if row == 70 else 1.0 for row in range(300)])
        ready.lake.publish(
            "tiny/features", FIRST, rows.set_column(rows.column_names.index("visits"), "visits", visits), FEATURES
        )
        if is_scored:
            assert score.run(tiny, one(FIRST), ready)[0].rows == 300
        else:
            with pytest.raises(UsageError, match=r"feature 'visits' of row 70 is"):
                score.run(tiny, one(FIRST), ready)


def test_a_model_of_fewer_reasons_leaves_the_tables_other_reasons_empty(workspace, tiny, write_bundle, tmp_path):
    short = tiny.model_copy(update={"model": tiny.model.model_copy(update={"reasons": 1})})
    workspace.lake.publish("tiny/features", FIRST, tiny_features(FIRST), FEATURES)
    promote(workspace, write_bundle(tmp_path / "b", use_case=short, model=TINY_LINEAR), 1, FIRST)
    score.run(tiny, one(FIRST), workspace)
    scores = workspace.lake.read("tiny/scores")
    assert scores["reason_1"].null_count == 0
    assert scores["reason_2"].null_count == scores["effect_3"].null_count == 300


def test_what_is_promised_stands_beside_the_answer_and_is_null_where_the_champion_promised_nothing(
    workspace, tiny, write_bundle, tmp_path
):
    promising = tiny.model_copy(update={"model": tiny.model.model_copy(update={"conformal": Conformal(coverage=0.9)})})
    workspace.lake.publish_nights("tiny/features", {night: tiny_features(night) for night in WEEK}, FEATURES)
    promote(workspace, write_bundle(tmp_path / "a", model=TINY_LINEAR), 1, FIRST)
    score.run(promising, one(FIRST), workspace)
    promise = ClassSet(0.9, (0.3, 0.3), OUTCOMES)
    promote(workspace, write_bundle(tmp_path / "b", model=TINY_LINEAR, conformal=promise), 2, FIRST + timedelta(days=1))
    score.run(promising, one(WEEK.last), workspace)
    scores = workspace.lake.read("tiny/scores")
    first, last = (scores.filter(pc.field("night") == night) for night in (FIRST, WEEK.last))
    assert first["prediction_set"].null_count == 300
    assert last["prediction_set"].to_pylist() == promise.columns(last["probability"].to_numpy())["prediction_set"].tolist()
    score.run(tiny, one(WEEK.last), workspace)
    assert workspace.lake.snapshot("tiny/scores", one(WEEK.last)).read()["prediction_set"].null_count == 300, "not asked for"


RUN = """
import sys
from datetime import date
sys.path.insert(0, {repository!r})
from jobs import score
from nightloop.definitions.use_case import UseCase
from nightloop.nights import parse_nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
use_case = UseCase.model_validate_json(open({use_case!r}).read())
workspace = Workspace.open(load_settings(home={home!r}, engine={engine!r}))
print("started", flush=True)
score.run(use_case, parse_nights({nights!r}), workspace)
"""


def command(workspace, tiny, tmp_path, engine="local"):
    (tmp_path / "tiny.json").write_text(tiny.model_dump_json())
    code = RUN.format(
        repository=str(REPOSITORY), use_case=str(tmp_path / "tiny.json"), home=str(workspace.settings.home), engine=engine,
        nights=str(WEEK),
    )  # fmt: skip
    return [sys.executable, "-c", code]


def test_killed_anywhere_and_run_again_gives_the_undisturbed_content(ready, tiny, tmp_path):
    undisturbed = digests(score.run(tiny, WEEK, ready))
    times = random.Random(11)
    for _ in range(3):
        workspace_of_its_own = type(ready)(ready.settings)
        process = subprocess.Popen(command(ready, tiny, tmp_path), stdout=subprocess.PIPE, env=os.environ)
        process.stdout.readline()
        time.sleep(times.uniform(0, 1.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        table = workspace_of_its_own.lake.states("tiny/scores")
        assert {night: state.content_digest for night, state in table.items()} == undisturbed
    assert digests(score.run(tiny, WEEK, ready)) == undisturbed
    assert ready.lake.read("tiny/scores").num_rows == 7 * 300


def test_killed_at_its_first_run_and_run_again_gives_the_undisturbed_content(ready, tiny, tmp_path, settings):
    process = subprocess.Popen(command(ready, tiny, tmp_path), stdout=subprocess.PIPE, env=os.environ)
    process.stdout.readline()
    deadline = time.monotonic() + 20
    while not ready.lake.states("tiny/scores") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    again = digests(score.run(tiny, WEEK, ready))
    half = {night: state.content_digest for night, state in ready.lake.states("tiny/scores").items()}
    assert half == again
    assert ready.lake.read("tiny/scores").num_rows == 7 * 300
