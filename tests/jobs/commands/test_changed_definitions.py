"""A definition that changes: what a champion was trained on is made beside today's, plans tell, and builds mend."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs import features, ingest, score, train
from jobs.in_force import available, in_force
from jobs.upkeep.apply import apply
from jobs.upkeep.plan import BUILDS, LOST, NOTHING, WORDS, make_plan
from nightloop.errors import OtherMeaning, TrainingRefused, UsageError
from nightloop.meaning import meanings_of
from nightloop.meaning.carrying import carried_name
from nightloop.meaning.staleness import stale
from nightloop.model import champions
from nightloop.nights import Nights, one
from serving import model_snapshot
from tests.jobs.changing import FIRST, NIGHTS, ROWS, Things

LAST = NIGHTS.last
BEFORE = Nights(FIRST, LAST - timedelta(days=1))


def hundredfold(declared: dict[str, Any]) -> None:
    declared["features"]["price"]["expression"] = "price * 100"


def other_unit(declared: dict[str, Any]) -> None:
    declared["sources"]["things"]["columns"]["price"]["expression"] = "price::double * 100"


@pytest.fixture
def things(tmp_path: Path) -> Things:
    """Five nights made by the first definition, and a champion that was trained by it."""
    things = Things(tmp_path)
    things.build(BEFORE)
    things.promote(FIRST)
    return things


def test_nothing_changed_is_no_plan(things: Things) -> None:
    plan = make_plan(things.use_case, things.workspace)
    assert (plan.exit_code, plan.builds, plan.changes) == (NOTHING, (), ())
    assert plan.lines() == ["things: nothing changes against what the lake was made by"]
    assert apply(things.use_case, things.workspace) == []


def test_words_and_rules_build_nothing(things: Things) -> None:
    use_case = things.change(lambda declared: declared["features"]["price"].update(description="Other words.", unit="EUR"))
    plan = make_plan(use_case, things.workspace)
    assert plan.exit_code == WORDS and not plan.builds and {change.kind for change in plan.changes} == {"words"}
    use_case = things.change(lambda declared: declared["gates"]["fairness"].update(maximum=0.4))
    kinds = {change.thing: change.kind for change in make_plan(use_case, things.workspace).changes}
    assert kinds["gates.fairness.maximum"] == "rule"


def test_a_changed_feature_is_told_with_its_nights_and_the_champion_goes_on(things: Things) -> None:
    plan = make_plan(things.change(hundredfold), things.workspace)
    assert plan.exit_code == BUILDS and plan.champion == 1 and not plan.lost_features
    assert [(build.table, build.nights, build.rows) for build in plan.builds] == [("features", tuple(BEFORE), 5 * ROWS)]
    text = "\n".join(plan.lines())
    assert "~ changed feature price: price -> price * 100" in text
    assert "build features of 2024-03-01..2024-03-05: 60 rows (another definition of price)" in text
    assert "version 1 goes on with the meanings it was trained on" in text


def test_the_next_night_holds_both_meanings_each_as_a_lake_built_by_it_alone_would(things: Things, tmp_path: Path) -> None:
    old = meanings_of(things.use_case).features
    use_case = things.change(other_unit)
    apply(use_case, things.workspace)
    things.build(one(LAST))
    of_then, of_today = Things(tmp_path / "then"), Things(tmp_path / "today")
    of_today.change(other_unit)
    for lake in (of_then, of_today):
        lake.build()
    for table, names in (("features", ("price", "mean_price")), ("aggregates", ("mean_price",))):
        both = things.read(table, LAST)
        for name in names:
            assert both[name].to_pylist() == of_today.read(table, LAST)[name].to_pylist()
            assert both[carried_name(name, old[name])].to_pylist() == of_then.read(table, LAST)[name].to_pylist()
    raw = things.read("raw_things", LAST)
    assert [column for column in raw.column_names if column.startswith("price")] == ["price", "price__" + old_column(of_then)]


def old_column(things: Things) -> str:
    return meanings_of(things.use_case).columns["things"]["price"][:8]


def test_without_a_champion_nothing_older_is_carried(tmp_path: Path) -> None:
    things = Things(tmp_path)
    things.build(BEFORE)
    use_case = things.change(hundredfold)
    assert in_force(use_case, one(LAST), things.workspace).carried == []


def test_an_unbuilt_history_is_named_before_anything_is_mixed(things: Things) -> None:
    use_case = things.change(other_unit)
    ingest.run(use_case, one(LAST), things.workspace)
    with pytest.raises(OtherMeaning, match=r"raw_things of 2024-03-0. has .*price|tiles of .* by another definition"):
        features.run(use_case, one(LAST), things.workspace)


def test_applied_in_parts_it_ends_where_one_call_ends(things: Things) -> None:
    use_case = things.change(other_unit)
    sizes = []
    while make_plan(use_case, things.workspace).builds:
        sizes.append(len({(item.table, item.night) for item in apply(use_case, things.workspace, at_most=2)}))
        assert len(sizes) < 20
    assert make_plan(use_case, things.workspace).exit_code == NOTHING
    assert not [reasons for reasons in stale(use_case, things.workspace.lake).values() if "another definition" in str(reasons)]


def test_at_most_builds_the_newest_nights_first(things: Things) -> None:
    use_case = things.change(hundredfold)
    published = apply(use_case, things.workspace, at_most=2)
    assert sorted(item.night for item in published) == list(BEFORE)[-2:]
    with pytest.raises(UsageError, match="builds nothing"):
        apply(use_case, things.workspace, at_most=0)


def test_the_old_definition_put_back_needs_nothing(things: Things) -> None:
    before = {night: state.content_digest for night, state in things.workspace.lake.states("things/features").items()}
    things.change(hundredfold)
    use_case = things.change(lambda declared: declared["features"]["price"].update(expression="price"))
    assert make_plan(use_case, things.workspace).exit_code == NOTHING
    assert {night: state.content_digest for night, state in things.workspace.lake.states("things/features").items()} == before


def test_stale_tells_a_changed_definition(things: Things) -> None:
    reasons = stale(things.change(hundredfold), things.workspace.lake)
    assert reasons[FIRST] == {"features": "another definition of price"}


def rename_the_key(declared: dict[str, Any]) -> None:
    columns = declared["sources"]["things"]["columns"]
    declared["sources"]["things"]["columns"] = {"segment" if name == "part" else name: of for name, of in columns.items()}
    declared["features"]["mean_price"]["by"] = ["segment"]
    declared["gates"]["fairness"]["group"] = "segment"


def test_a_renamed_key_has_its_tiles_and_aggregates_built_again_and_the_service_finds_the_old_ones(things: Things) -> None:
    before = served(things)
    use_case = things.change(rename_the_key)
    assert served(things, part="segment") == before
    plan = make_plan(use_case, things.workspace)
    assert [build.table for build in plan.builds] == ["tiles", "aggregates"]
    with pytest.raises(OtherMeaning, match=r"aggregates of .* has key segment by another definition"):
        features.run(use_case, one(BEFORE.last), things.workspace, step="features")
    old = things.workspace.lake.states("things/features")[BEFORE.last].content_digest
    apply(use_case, things.workspace)
    features.run(use_case, BEFORE, things.workspace, step="features")
    assert things.workspace.lake.states("things/features")[BEFORE.last].content_digest == old
    assert served(things, part="segment") == before


def served(things: Things, part: str = "part") -> list[float]:
    """Return the service's answers on two things of the last night."""
    found = model_snapshot.find(things.workspace, things.use_case, BEFORE.last)
    rows = [{"id": 1, "price": 0.5, part: "A"}, {"id": 2, "price": 0.25, part: "B"}]
    return [answer["probability"] for answer in model_snapshot.load(things.workspace, things.use_case, found).answers(rows)]


def rename(declared: dict[str, Any]) -> None:
    declared["features"]["cost"] = declared["features"].pop("price")


def test_a_rename_costs_nothing(things: Things) -> None:
    plan = make_plan(things.change(rename), things.workspace)
    assert [(change.kind, change.thing, change.detail) for change in plan.changes] == [("renamed", "feature price", "to cost")]
    assert not plan.builds and plan.exit_code == WORDS


ACCIDENTS: dict[str, tuple[Callable[[dict[str, Any]], object], int, str]] = {
    "added": (
        lambda d: d["features"].update(twice={**d["features"]["price"], "expression": "price * 2"}),
        BUILDS,
        "+ added feature twice",
    ),
    "removed": (lambda d: d["features"].pop("mean_price"), BUILDS, "- removed feature mean_price"),
    "window": (lambda d: d["features"]["mean_price"].update(nights=2), BUILDS, "~ changed feature mean_price: "),
    "label": (lambda d: d["label"].update(expression="not sold"), BUILDS, "~ changed label"),
    "maturity": (lambda d: d["label"].update(matures_after=1), BUILDS, "~ changed label"),
    "null marker": (lambda d: d["sources"]["things"]["connector"].update(null="NA"), LOST, "~ changed column things.price"),
    "time zone": (lambda d: d.update(time_zone="Asia/Tokyo"), LOST, "~ changed source things"),
    "key": (lambda d: d["sources"]["things"].update(key=["id", "part"]), LOST, "~ changed source things"),
    "type": (
        lambda d: d["sources"]["things"]["columns"]["part"].update(type="integer", expression="1"),
        LOST,
        "give the int64 another name",
    ),
    "engine": (lambda d: d.update(engine="spark"), WORDS, "engine: local -> spark"),
}


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_each_accident_is_told_before_it_harms(things: Things, accident: str) -> None:
    change, exit_code, words = ACCIDENTS[accident]
    plan = make_plan(things.change(change), things.workspace)
    assert plan.exit_code == exit_code and words in "\n".join(plan.lines())
    assert plan.as_json()["exit_code"] == exit_code


def test_what_cannot_be_had_back_is_not_built(things: Things) -> None:
    use_case = things.change(ACCIDENTS["type"][0])
    with pytest.raises(UsageError, match=r"column things\.part is string in the lake"):
        apply(use_case, things.workspace)


def test_a_column_that_the_file_no_longer_has_is_carried_no_more_and_todays_nights_go_on(things: Things) -> None:
    use_case = things.change(
        lambda declared: declared["sources"]["things"]["columns"]["price"].update(expression="cost::double")
    )
    for night in NIGHTS:
        file = things.folder / "data" / f"{night}.csv"
        file.write_text(file.read_text().replace("price", "cost"))
    ingest.run(use_case, NIGHTS, things.workspace)
    features.run(use_case, NIGHTS, things.workspace)
    made_by = available(in_force(use_case, one(LAST), things.workspace), one(LAST), things.workspace)
    assert made_by.carried == [] and {lost.feature.partition("__")[0] for lost in made_by.lost} == {"price", "mean_price"}
    assert all("does not have price__" in lost.reason for lost in made_by.lost)
    features.run(use_case, NIGHTS, things.workspace)
    (event,) = things.workspace.ledger.events("things", kind="meaning_lost", night=LAST)
    assert event.payload["features"].keys() == {lost.feature for lost in made_by.lost}
    assert all("does not have price__" in reason for reason in event.payload["features"].values())
    assert things.read("features", LAST)["price"].null_count == 0


def test_a_value_that_only_the_older_meaning_cannot_read_sets_no_record_aside(things: Things) -> None:
    use_case = things.change(
        lambda declared: declared["sources"]["things"]["columns"]["price"].update(
            expression="replace(price, ' EUR', '')::double"
        )
    )
    file = things.folder / "data" / f"{LAST}.csv"
    lines = file.read_text().splitlines()
    lines[1] = ",".join([*lines[1].split(",")[:2], "0.5 EUR", *lines[1].split(",")[3:]])
    file.write_text("\n".join(lines) + "\n")
    ingest.run(use_case, one(LAST), things.workspace)
    raw = things.read("raw_things", LAST)
    older = next(name for name in raw.column_names if name.startswith("price__"))
    assert raw.num_rows == ROWS and raw["price"].null_count == 0 and raw[older].null_count == 1


def test_a_plan_against_a_file_or_a_revision_and_nothing_else(things: Things) -> None:
    earlier = things.folder / "earlier.yaml"
    earlier.write_text((things.folder / "feature_defs" / "things.yaml").read_text())
    use_case = things.change(hundredfold)
    assert make_plan(use_case, things.workspace, str(earlier)).changes[0].thing == "feature price"
    with pytest.raises(UsageError, match="'no-such-revision' is neither a file nor a Git revision"):
        make_plan(use_case, things.workspace, "no-such-revision")
    with pytest.raises(UsageError, match="neither a file nor"):
        make_plan(use_case, things.workspace, "--output=/tmp/x")


def test_what_a_later_champion_looks_back_on_is_carried_too(tmp_path: Path) -> None:
    things = Things(tmp_path)
    things.build(BEFORE)
    things.promote(LAST)
    use_case = things.change(other_unit)
    apply(use_case, things.workspace)
    things.build(one(LAST))
    assert {name.partition("__")[0] for name in things.read("features", LAST).column_names if "__" in name} == {
        "price",
        "mean_price",
    }


def test_champions_since_a_night_are_those_that_score_it_or_a_later_one(things: Things) -> None:
    ledger = things.workspace.ledger
    champions.pin(ledger, "things", FIRST)
    champions.promote(ledger, "things", 2, FIRST, {})
    champions.pin(ledger, "things", FIRST + timedelta(days=1))
    champions.promote(ledger, "things", 3, LAST, {})
    versions = [[champion.version for champion in champions.since(ledger, "things", night)] for night in NIGHTS]
    assert versions == [[1, 2, 3], [2, 3], [2, 3], [2, 3], [2, 3], [3]]
    assert [champion.version for champion in champions.since(ledger, "things", FIRST - timedelta(days=9))] == [1, 2, 3]
    assert champions.since(ledger, "another", FIRST) == []


def test_a_champion_scores_and_answers_by_its_features_new_names(tmp_path: Path) -> None:
    unchanged, changed = Things(tmp_path / "unchanged"), Things(tmp_path / "changed")
    for things in (unchanged, changed):
        things.build(BEFORE)
        things.promote(FIRST)
    before = served(changed)
    changed.change(rename)
    assert served(changed) == before
    for things in (unchanged, changed):
        things.build(one(LAST))
        score.run(things.use_case, one(LAST), things.workspace)
    digests = [things.workspace.lake.states("things/scores")[LAST].content_digest for things in (unchanged, changed)]
    assert digests[0] == digests[1]


def test_a_training_names_what_must_be_built_or_builds_it_first(things: Things) -> None:
    use_case = things.change(hundredfold)
    with pytest.raises(OtherMeaning, match=r"features of 2024-03-01\.\.2024-03-05 has price by another definition") as refused:
        train.run(use_case, one(BEFORE.last), things.workspace)
    assert "jobs apply things" in str(refused.value)
    with pytest.raises(TrainingRefused, match="nights hold labelled rows"):  # five nights are too few, once they are built
        train.run(use_case, one(BEFORE.last), things.workspace, build=True)
    assert make_plan(use_case, things.workspace).exit_code == NOTHING
