"""A night that is judged again is judged by the rules of then, unless those of today are asked for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs import ingest, monitor
from nightloop.definitions import UseCase, definition_digest
from nightloop.errors import ContractBroken, StoreDamaged
from nightloop.nights import Nights, one
from tests.fixtures_watched import FIRST as FIRST_WATCHED
from tests.jobs.changing import FIRST, ROWS, Things

DEAR = """\
  - type: expect_column_values_to_be_between
    kwargs: {column: price, max_value: 0.5}
    meta: {on_breach: ON_BREACH, description: Nothing is dear.}
"""


@pytest.fixture
def things(tmp_path: Path) -> Things:
    """A night that was taken in by the first contract."""
    things = Things(tmp_path)
    ingest.run(things.use_case, one(FIRST), things.workspace)
    return things


def suite(things: Things) -> Path:
    return things.folder / "great_expectations" / "things" / "things.yaml"


def stricter(things: Things, on_breach: str = "quarantine") -> None:
    """Let the contract set dear things aside, or fail their night; its limit of what may be set aside goes."""
    text = suite(things).read_text().replace("share_limit: 0.5", "share_limit: 0.9")
    suite(things).write_text(text + DEAR.replace("ON_BREACH", on_breach))


def taken_in(things: Things, night: int = 0, **options: bool) -> int:
    """Take a night in, and return how many things were published."""
    ingest.run(things.use_case, one(FIRST + timedelta(days=night)), things.workspace, **options)
    return things.read("raw_things", FIRST + timedelta(days=night)).num_rows


def test_a_night_taken_in_again_is_judged_by_the_contract_of_then_and_a_new_one_by_todays(things: Things) -> None:
    before = things.workspace.lake.states("things/raw_things")[FIRST]
    stricter(things)
    assert taken_in(things) == ROWS
    again = things.workspace.lake.states("things/raw_things")[FIRST]
    assert (again.content_digest, again.rules) == (before.content_digest, before.rules)
    assert taken_in(things, night=1) < ROWS
    assert things.workspace.lake.states("things/raw_things")[FIRST + timedelta(days=1)].rules != before.rules


def test_todays_contract_can_be_asked_for_and_is_then_that_of_the_night(things: Things) -> None:
    stricter(things)
    fewer = taken_in(things, todays_rules=True)
    assert fewer < ROWS
    suite(things).write_text(suite(things).read_text().replace("0.5}", "2}"))
    assert taken_in(things) == fewer, "the contract by which it was judged last"


def test_a_night_that_broke_its_contract_was_never_judged_well_and_gets_todays(things: Things) -> None:
    stricter(things, "fail")
    with pytest.raises(ContractBroken, match=r"max_value 0\.5"):
        taken_in(things, night=1)
    event = things.workspace.ledger.events("things", kind="contract_broken")[-1]
    suite(things).write_text(suite(things).read_text().replace("max_value: 0.5", "max_value: 2"))
    assert taken_in(things, night=1) == ROWS
    rules = things.workspace.lake.states("things/raw_things")[FIRST + timedelta(days=1)].rules
    assert event.payload["contract_digest"] not in ("", rules), "the verdict names the version that it was given by"


def test_where_the_columns_mean_something_else_the_contract_is_todays(things: Things) -> None:
    stricter(things)
    things.change(lambda declared: declared["sources"]["things"]["columns"]["price"].update(expression="price::double + 0"))
    assert taken_in(things) < ROWS


def test_a_rule_of_then_is_shown_at_its_version_and_line(things: Things) -> None:
    stricter(things, "warn")
    assert taken_in(things, todays_rules=True) == ROWS
    version = things.workspace.lake.states("things/raw_things")[FIRST].rules[:12]
    suite(things).write_text(suite(things).read_text().split("  - type: expect_column_values_to_be_between")[0])
    taken_in(things)
    warned = things.workspace.ledger.events("things", kind="contract_warned", night=FIRST)[-1]
    assert warned.payload["breaches"][0]["place"] == f"great_expectations/things/things.yaml@{version}:7"


def test_sources_of_the_same_rules_have_a_contract_each(things: Things) -> None:
    states = [things.workspace.lake.states(f"things/raw_{source}")[FIRST] for source in ("things", "outcomes")]
    assert states[0].rules == states[1].rules, "one digest, for the rules are the same"
    stricter(things)
    other = suite(things).with_name("outcomes.yaml")
    other.write_text(other.read_text().replace("0.5", "0.4"))
    assert taken_in(things) == ROWS
    after = [things.workspace.lake.states(f"things/raw_{source}")[FIRST] for source in ("things", "outcomes")]
    assert [state.content_digest for state in after] == [state.content_digest for state in states]


def documents(things: Any, kind: str) -> list[Path]:
    return sorted(Path(things.workspace.lake.root).glob(f"*/_documents/{kind}-*"))


def test_a_contract_of_then_that_was_touched_is_an_error_and_one_that_is_gone_gives_way_to_todays(things: Things) -> None:
    rules = things.workspace.lake.states("things/raw_things")[FIRST].rules
    (held,) = [path for path in documents(things, "contract-things") if rules in path.name]
    stricter(things)
    held.write_text(held.read_text().replace("0.5", "0.4"))
    with pytest.raises(StoreDamaged, match=r"is not what was written.*--todays-rules"):
        taken_in(things)
    held.unlink()
    assert taken_in(things) < ROWS


# --- limits of what is monitored -----------------------------------------------------------------------------------------

NIGHTS = Nights(FIRST_WATCHED, FIRST_WATCHED + timedelta(days=4))


def with_monitoring(use_case: UseCase, **changes: object) -> UseCase:
    return use_case.model_copy(update={"monitoring": use_case.monitoring.model_copy(update=changes)})


def outcomes(watched: Any, use_case: UseCase, **options: bool) -> list[str]:
    """Monitor again, and return the verdict on performance of each night."""
    monitor.run(use_case, NIGHTS, watched.workspace, **options)
    return watched.workspace.lake.read("loans/decisions", NIGHTS).sort_by("night")["performance_verdict"].to_pylist()


def test_a_night_monitored_again_is_judged_by_the_limits_of_then(watched: Any) -> None:
    watched.publish_nights(NIGHTS)
    before = outcomes(watched, watched.use_case)
    digests = {night: state.content_digest for night, state in watched.workspace.lake.states("loans/decisions").items()}
    events = len(watched.workspace.ledger.events("loans"))
    high = with_monitoring(watched.use_case, auc_floor=0.999, minimum_rows=1)
    assert outcomes(watched, high) == before
    assert {night: state.content_digest for night, state in watched.workspace.lake.states("loans/decisions").items()} == digests
    assert len(watched.workspace.ledger.events("loans")) == events
    commits = watched.workspace.lake.states("loans/decisions").values()
    assert {state.definition_digest for state in commits} == {definition_digest(high)}, "one that there is"
    strict = outcomes(watched, high, todays_rules=True)
    assert strict != before and "fail" in strict
    assert outcomes(watched, watched.use_case) == strict, "the limits by which it was judged last"


def test_a_decision_names_the_limits_it_was_made_by(watched: Any) -> None:
    watched.publish_nights(NIGHTS)
    outcomes(watched, watched.use_case)
    event = watched.workspace.ledger.events("loans", kind="decision_made")[-1]
    assert event.payload["limits_digest"] == watched.workspace.lake.states("loans/decisions")[NIGHTS.last].rules
    assert event.night == NIGHTS.last


@pytest.mark.parametrize("damage", ["{}", "not json", None])
def test_limits_of_then_that_were_touched_are_an_error_and_gone_ones_give_way_to_todays(
    watched: Any, damage: str | None
) -> None:
    watched.publish_nights(NIGHTS)
    before = outcomes(watched, watched.use_case)
    (held,) = documents(watched, "limits")
    high = with_monitoring(watched.use_case, auc_floor=0.999, minimum_rows=1)
    held.write_text(held.read_text().replace('"minimum_rows": ', '"minimum_rows": 1') if damage is None else damage)
    with pytest.raises(StoreDamaged, match=r"are not what was written.*--todays-rules"):
        outcomes(watched, high)
    held.unlink()
    assert outcomes(watched, high) != before


def test_limits_of_then_of_another_question_are_not_asked(watched: Any) -> None:
    watched.publish_nights(NIGHTS)
    before = outcomes(watched, watched.use_case)
    label = watched.use_case.label.model_copy(update={"matures_after": watched.use_case.label.matures_after + 1})
    high = with_monitoring(watched.use_case, auc_floor=0.999, minimum_rows=1).model_copy(update={"label": label})
    then = monitor._with_limits_of_then(high, NIGHTS.last, watched.workspace)
    assert then is high and before
