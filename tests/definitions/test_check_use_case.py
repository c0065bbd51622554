"""What the shape of a file alone cannot show: calendar, sources, entity and label fit together."""

from __future__ import annotations

from datetime import date

import pytest

from nightloop.definitions.checking.rules import BESIDE_THE_KEY, RESERVED
from nightloop.settings import REPOSITORY
from tests.definitions.rides import ABSENT, accepted, assert_told, changed, told_of

RIDE, OUTCOME = "sources.rides", "sources.outcomes"
TEXT = {"type": "string", "expression": "zone", "description": "Zone."}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Etc/GMT+5"])
def test_a_time_zone_of_the_tz_database_is_accepted(zone):
    assert accepted({"time_zone": zone}).time_zone == zone


@pytest.mark.parametrize("zone", ["Berlin", "Europe", "", "../Berlin", "/etc/localtime", "Europe/Berlin\0", "CEST+1"])
def test_anything_else_is_no_time_zone(zone):
    assert_told({"time_zone": zone}, "time_zone", "is no time zone.", "Write one like America/New_York or UTC.")


def test_a_near_time_zone_is_asked_for():
    assert_told({"time_zone": "Europe/Berlim"}, "time_zone", "no time zone", "Did you mean 'Europe/Berlin'")


def test_a_use_case_may_have_one_night_but_not_end_before_it_begins():
    first = date(2024, 1, 1)
    assert accepted({"last_night": first}).last_night == first
    assert accepted({"last_night": ABSENT}).last_night is None
    assert_told({"last_night": date(2023, 12, 31)}, "last_night", "last_night 2023-12-31 is before first_night.", "later night")


def test_a_schedule_is_once_a_day():
    assert accepted({"schedule": "30 23 * * *"}).schedule == "30 23 * * *"
    for line in ("0 24 * * *", "0 2 * * mon-fri", "0 */6 * * *"):
        what = f"'{line}' is not once a day: a night is a day, and each is taken in once."
        assert_told({"schedule": line}, "schedule", what, "Write minute and hour of every day, for example '0 2 * * *'.")


def test_scores_are_ready_after_the_night_is_taken_in():
    assert accepted({"schedule": "0 2 * * *", "ready_by": "02:01"}).ready_by == "02:01"
    told = "ready_by 02:00 is not after the schedule's 02:00"
    assert_told({"schedule": "0 2 * * *", "ready_by": "02:00"}, "ready_by", told, "later time of the morning")
    assert_told({"ready_by": "6:00"}, "ready_by", "6:00", "")


@pytest.mark.parametrize("name", RESERVED)
def test_a_column_may_not_be_called_like_one_that_the_table_adds(name):
    change = {f"sources.zones.columns.{name}": TEXT}
    assert_told(change, f"sources.zones.columns.{name}", f"'{name}' is taken by the table itself.", "another name")


@pytest.mark.parametrize("part", ["event_at", "known_at", "night", "withdrawn"])
def test_every_clock_of_a_source_is_read_as_sql(part):
    change = {f"{OUTCOME}.{part}": "(landed_at", f"{OUTCOME}.revised_within": 3}
    assert_told(change, f"{OUTCOME}.{part}", "'(landed_at' cannot be read as SQL.", "Write one DuckDB expression")


def test_a_column_is_read_as_any_sql_of_duckdb():
    change = {"sources.zones.columns.zone.expression": "list_extract(string_split(zone, '-'), 1)[1:3]::varchar"}
    assert accepted(change).sources["zones"].columns["zone"].expression.startswith("list_extract")


@pytest.mark.parametrize("name", BESIDE_THE_KEY)
def test_an_entity_s_key_is_not_called_like_what_stands_beside_it(name):
    change = {f"{RIDE}.columns.{name}": TEXT, "entity.key": ["ride_id", name]}
    told = told_of(changed(change))
    assert f"'{name}' is a column of the tables labels and scores." in {what for _, what, _ in told}


def test_an_entity_s_key_may_have_several_columns():
    assert accepted({"entity.key": ["ride_id", "zone"]}).entity.key == ["ride_id", "zone"]
    assert_told({"entity.key": ["ride_id", "area"]}, "entity.key", "unknown column 'area' in 'key'", "Columns of the entity")


def test_a_source_of_the_entity_comes_once():
    assert accepted({f"{RIDE}.revised_within": 0}).sources["rides"].revised_within == 0
    change = {f"{RIDE}.revised_within": 1}
    assert_told(change, f"{RIDE}.revised_within", "'rides' holds the entities", "Leave out revised_within")


REVISIONS = {
    # what is declared of a source, and what is told of it; None where nothing is
    "once, with both clocks": ({"event_at": "a", "known_at": "b"}, None),
    "revised, with both clocks": ({"event_at": "a", "known_at": "b", "revised_within": 1}, None),
    "revised, with a night": ({"event_at": "a", "night": "b", "revised_within": 366}, None),
    "withdrawn": ({"event_at": "a", "known_at": "b", "revised_within": 1, "withdrawn": "c"}, None),
    "revised, without an event": ({"known_at": "b", "revised_within": 1}, "revised_within"),
    "revised, a snapshot": ({"event_at": "a", "revised_within": 1}, "revised_within"),
    "revised, without any clock": ({"revised_within": 1}, "revised_within"),
    "withdrawn, but never revised": ({"event_at": "a", "known_at": "b", "withdrawn": "c"}, "withdrawn"),
}


@pytest.mark.parametrize("name", REVISIONS)
def test_late_corrected_and_withdrawn_records_need_both_clocks(name):
    declared, part = REVISIONS[name]
    change = {f"sources.zones.{key}": value for key, value in declared.items()}
    if part is None:
        assert accepted(change)
    else:
        words = {"revised_within": "does not say when they happen", "withdrawn": "revised_within is 0"}[part]
        assert_told(change, f"sources.zones.{part}", words)


def test_a_source_may_be_another_use_case_s_table_but_not_its_own():
    table = {"kind": "table", "use_case": "drivers", "table": "scores"}
    assert accepted({"sources.zones.connector": table})
    change = {"sources.zones.connector": table | {"use_case": "rides"}}
    assert_told(change, "sources.zones.connector.use_case", "'rides' would have to be run before itself.", "another use case")


def test_the_pattern_of_a_files_connector_is_checked_at_its_line():
    change = {"sources.zones.connector.arrives_by": "03:00"}
    assert_told(change, "sources.zones.connector.pattern", "speak of a night's own files", "Write {night}")


@pytest.mark.parametrize("table", ["repayments", "outcomes"])
def test_all_simulated_tables_are_of_the_portfolio_of_the_first(table):
    text = (REPOSITORY / "feature_defs" / "credit_risk.yaml").read_text(encoding="utf-8")
    assert told_of(changed({}, text), "credit_risk") == []
    change = {f"sources.{table}.connector.portfolio": {"seed": 1, "scale": 0.01}}
    at = f"sources.{table}.connector.portfolio"
    assert_told(change, at, "the portfolio differs from that of the first simulated source.", "Give all of them the same", text)


def test_a_label_is_of_a_source_that_is_declared_and_known():
    assert_told({"label.source": "outcome"}, "label.source", "unknown source 'outcome'.", "Did you mean 'outcomes'?")
    assert_told({f"{OUTCOME}.known_at": ABSENT, f"{OUTCOME}.night": "landed_at::date"}, "label.source", "are known", "known_at")


def test_a_label_is_joined_by_keys_of_one_type():
    assert accepted({"label.join": {"ride_id": "ride_id", "zone": "zone"}})
    assert_told(
        {"label.join": {"zone": "rider_id"}}, "label.join", "'zone' is of type string in the source, 'rider_id' of type"
    )
    assert_told(
        {"label.join": {"fare": "distance"}}, "label.join", "'fare' is a number and cannot be a key.", "A key is a string"
    )
    assert_told({"label.join": {"ride": "ride_id"}}, "label.join", "unknown column 'ride' in 'join'.", "Columns of outcomes:")
    assert_told({"label.join": {"ride_id": "ride"}}, "label.join", "unknown column 'ride' in 'join'.", "Columns of the entity:")


def test_a_label_is_of_the_task_s_type():
    assert accepted({"label.expression": "fare > 3"})
    assert_told({"label.expression": "fare"}, "label.expression", "'fare' yields a number.", "It must yield a boolean.")
    assert_told({"label.expression": "distance > 3"}, "label.expression", "unknown column 'distance'")


def test_the_group_of_fairness_and_the_columns_of_fitting_are_the_entity_s():
    assert accepted({"gates.fairness.group": "shared", "model.fit_where_known": ["distance", "zone"]})
    assert_told({"gates.fairness.group": "driver"}, "gates.fairness.group", "unknown column 'driver' in 'group'.", "the entity")
    change = {"model.fit_where_known": ["distance", "fare"]}
    assert_told(change, "model.fit_where_known", "unknown column 'fare' in 'fit_where_known'.", "Columns of the entity")


def test_nothing_is_said_of_features_where_the_entity_s_source_is_unknown():
    change = {"entity.source": "riders", "features.zone_rides.by": ["nothing"], "label.source": "nowhere"}
    assert_told(change, "entity.source", "unknown source 'riders'.", "Did you mean 'rides'?")


def test_every_source_is_checked_and_every_mistake_told_first_line_first():
    change = {
        "schedule": "0",
        "sources.weather.key": ["zones"],
        "sources.zones.key": ["zones", "areas"],
        "label.source": "outcome",
        "gates.fairness.group": "zones",
    }
    told = told_of(changed(change))
    assert [what for _, what, _ in told] == [
        "'0' is not once a day: a night is a day, and each is taken in once.",
        "unknown column 'zones' in 'key'.",
        "unknown column 'zones' in 'key'.",
        "unknown column 'areas' in 'key'.",
        "unknown source 'outcome'.",
        "one key can have several records: 'zones' is unique by zones, areas.",
        "unknown column 'zones' in 'group'.",
    ]
    lines = [int(where.rpartition(":")[2]) for where, _, _ in told]
    assert lines == sorted(lines)
