"""The same scores wherever they are computed and kept."""

from datetime import date, timedelta

import pytest

from jobs import score
from jobs.published import Published
from nightloop.definitions.model import Conformal
from nightloop.lake import Commit
from nightloop.model import bundle, champions
from nightloop.model.conformal import OUTCOMES, ClassSet
from nightloop.model.models import LinearModel
from nightloop.nights import Nights, one
from nightloop.promotion import traffic
from nightloop.promotion.reversal import record_roll_back
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.fixtures_models import tiny_features, with_capacity

FIRST = date(2024, 3, 1)
NIGHTS = Nights(FIRST, FIRST + timedelta(days=3))
LATER = FIRST + timedelta(days=4)


def scored(home, tiny, folder, **settings) -> dict[date, str]:
    """Score four nights in an installation of its own, and return the content digests."""
    workspace = Workspace.open(load_settings(home=home, **settings))
    features = {night: tiny_features(night, rows=250) for night in NIGHTS}
    workspace.lake.publish_nights("tiny/features", features, Commit("features", "tiny"))
    kept = home / "bundles" / "tiny" / "1"
    kept.parent.mkdir(parents=True)
    kept.symlink_to(folder)
    champions.promote(workspace.ledger, "tiny", 1, FIRST, {"bundle_digest": bundle.digest(folder)})
    return {item.night: item.content_digest for item in score.run(tiny, NIGHTS, workspace)}


@pytest.fixture
def promising(tiny):
    """The use case, with a promise: every score has a set."""
    return tiny.model_copy(update={"model": tiny.model.model_copy(update={"conformal": Conformal(coverage=0.9)})})


@pytest.fixture
def promising_bundle(write_bundle, promising, tmp_path):
    return write_bundle(tmp_path / "promising", use_case=promising, conformal=ClassSet(0.9, (0.3, 0.3), OUTCOMES))


@pytest.fixture
def expected(tmp_path, promising, promising_bundle):
    return scored(tmp_path / "local", promising, promising_bundle, engine="local")


def test_spark_and_local_score_the_same_content(expected, tmp_path, promising, promising_bundle, spark_url):
    found = scored(tmp_path / "spark", promising, promising_bundle, engine="spark", spark_url=spark_url)
    assert found == expected


def test_spark_and_local_cut_a_night_in_the_same_place(tmp_path, tiny, write_bundle, spark_url):
    tied = LinearModel(0.0, (0.0, 0.0, 0.0, 0.0), (0.0,) * 4, (1.0,) * 4, (0.0,) * 4)  # every answer is one half
    limited = with_capacity(tiny, 40)
    folder = write_bundle(tmp_path / "bundle", use_case=limited, model=tied, threshold=0.5)
    local = scored(tmp_path / "local", limited, folder, engine="local")
    assert scored(tmp_path / "spark", limited, folder, engine="spark", spark_url=spark_url) == local


def with_second(home, tiny, trees_bundle, linear_bundle, *, percent, arm, **settings) -> tuple[Workspace, list[Published]]:
    """Score a further night while version 2 is tried beside the champion."""
    scored(home, tiny, trees_bundle, engine="local")
    workspace = Workspace.open(load_settings(home=home, **settings))
    (home / "bundles" / "tiny" / "2").symlink_to(linear_bundle)
    champions.promote(workspace.ledger, "tiny", 2, FIRST, {"bundle_digest": bundle.digest(linear_bundle)})
    record_roll_back(workspace.ledger, "tiny", 1, by="Ada", reason="2 is tried first.")
    traffic.split(workspace.ledger, "tiny", 2, percent=percent, by="Ada", arm=arm)
    workspace.lake.publish("tiny/features", LATER, tiny_features(LATER, rows=250), Commit("features", "tiny"))
    return workspace, score.run(tiny, one(LATER), workspace)


def test_spark_and_local_divide_a_night_in_the_same_way(tmp_path, tiny, trees_bundle, linear_bundle, spark_url):
    found = {}
    for engine, settings in {"local": {}, "spark": {"spark_url": spark_url}}.items():
        given = {"percent": 30, "arm": "challenger", "engine": engine, **settings}
        workspace, [found[engine]] = with_second(tmp_path / engine, tiny, trees_bundle, linear_bundle, **given)
        rows = workspace.lake.read("tiny/scores", one(LATER)).to_pylist()
        assert {(row["arm"], row["model_version"]) for row in rows} == {("champion", 1), ("challenger", 2)}
    assert found["local"].content_digest == found["spark"].content_digest and found["spark"].rows == 250


def test_spark_and_local_shadow_a_night_alike(tmp_path, tiny, trees_bundle, linear_bundle, spark_url):
    digests = {}
    for engine, settings in {"local": {}, "spark": {"spark_url": spark_url}}.items():
        given = {"percent": 60, "arm": "shadow", "engine": engine, **settings}
        _, [scores, shadow] = with_second(tmp_path / engine, tiny, trees_bundle, linear_bundle, **given)
        assert (scores.rows, scores.details["model_version"], shadow.details["model_version"]) == (250, 1, 2)
        assert 100 < shadow.rows < 200
        digests[engine] = (scores.content_digest, shadow.content_digest)
    assert digests["local"] == digests["spark"]


def test_a_lake_on_s3_holds_the_same_scores(expected, tmp_path, promising, promising_bundle, s3_lake):
    assert scored(tmp_path / "s3", promising, promising_bundle, engine="local", lake_url=s3_lake) == expected
