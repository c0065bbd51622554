"""What Prometheus reads of the watch: figures of nights, alerts and parts, made once a look."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from jobs.commands import command_line
from jobs.upkeep.watch import Watch
from jobs.upkeep.watch_metrics import WatchMetrics, of_use_cases
from nightloop.alerts import Alert, end_trouble, raise_alert
from nightloop.alerts.rows import deliveries_table
from nightloop.control_room.figures import Figures
from nightloop.control_room.summary import ChampionLine, Summary
from nightloop.errors import SetupError, UsageError
from tests.jobs.changing import Things
from tests.ports import free_port

NOW = datetime(2024, 3, 7, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Samples = dict[tuple[str, ...], float]


@pytest.fixture
def things(tmp_path: Path) -> Things:
    things = Things(tmp_path)
    things.change(lambda declared: declared.update(ready_by="05:00", last_night="2024-03-06"))
    things.workspace = replace(things.workspace, clock=lambda: NOW)
    return things


@pytest.fixture
def metrics() -> WatchMetrics:
    return WatchMetrics()


@pytest.fixture
def url(metrics: WatchMetrics) -> str:
    return f"http://127.0.0.1:{metrics.serve('127.0.0.1', 0)}/metrics"


def scrape(url: str) -> Samples:
    """return the samples of Nightloop by name and the values of their labels, in the order of the labels' names."""
    text = httpx.get(url).raise_for_status().text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("nightloop_")
    }


def test_a_look_makes_the_figures_and_a_scrape_only_reads_them(things: Things, metrics: WatchMetrics, url: str) -> None:
    assert scrape(url) == {}
    watching = Watch(things.workspace, metrics=metrics)
    watching.round()
    samples = scrape(url)
    assert samples["nightloop_use_case_readable", "things"] == 1
    assert samples["nightloop_nights_owed", "ingest", "things"] == 6
    assert samples["nightloop_nights_late", "things"] == 5  # the sixth has until 05:00
    assert samples["nightloop_nights_late_since_timestamp_seconds", "things"] == NOW.replace(day=2, hour=5).timestamp()
    assert samples["nightloop_watch_round_timestamp_seconds",] == NOW.timestamp()
    parts = {key[1]: value for key, value in samples.items() if key[0] == "nightloop_part_up"}
    assert parts == dict.fromkeys(["disk", "ledger", "nights of things", "alerts", "figures"], 1)
    assert not any("age" in key[0] or "verdict" in key[0] for key in samples)
    things.build()
    assert scrape(url) == samples
    watching.round()
    assert scrape(url)["nightloop_nights_owed", "ingest", "things"] == 0


def test_only_declared_names_are_labels(things: Things, metrics: WatchMetrics, url: str) -> None:
    alert = Alert("k", "things", date(2024, 3, 6), "zoe@example.org", "t", "of zoe@example.org", "d", "now")
    raise_alert(things.workspace.ledger, alert)
    Watch(things.workspace, metrics=metrics).round()
    assert "zoe" not in httpx.get(url).text and "2024" not in httpx.get(url).text


def test_what_cannot_be_read_has_no_figures_and_hides_no_other(things: Things, metrics: WatchMetrics, url: str) -> None:
    (things.folder / "feature_defs" / "broken.yaml").write_text("use_case: [")
    watching = Watch(things.workspace, metrics=metrics)
    watching.round()
    samples = scrape(url)
    assert samples["nightloop_use_case_readable", "broken"] == 0 and samples["nightloop_use_case_readable", "things"] == 1
    assert ("nightloop_nights_late", "broken") not in samples and ("nightloop_nights_late", "things") in samples


def test_without_a_ledger_the_figures_go_and_the_watch_goes_on(things: Things, metrics: WatchMetrics, url: str) -> None:
    Watch(things.workspace, metrics=metrics).round()
    assert any(key[0] == "nightloop_nights_owed" for key in scrape(url))
    gone = f"postgresql+psycopg2://nobody@127.0.0.1:{free_port()}/x"
    settings = things.settings.model_copy(update={"ledger_url": gone})
    metrics_of_gone = WatchMetrics()
    Watch(replace(things.workspace, settings=settings), metrics=metrics_of_gone).round()
    samples = scrape(f"http://127.0.0.1:{metrics_of_gone.serve('127.0.0.1', 0)}/metrics")
    assert samples["nightloop_part_up", "ledger"] == samples["nightloop_part_up", "figures"] == 0
    assert not any(key[0] == "nightloop_nights_owed" for key in samples)


def test_figures_of_a_store_that_went_away_are_not_shown_as_if_they_were_new(
    things: Things, metrics: WatchMetrics, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = Watch(things.workspace, metrics=metrics)
    watching.round()
    monkeypatch.setattr("jobs.upkeep.watch_metrics.listed", lambda _: 1 / 0)
    watching.round()
    samples = scrape(url)
    assert samples["nightloop_part_up", "figures"] == 0 and ("nightloop_nights_late", "things") not in samples


@pytest.mark.parametrize(("state", "age"), [("pending", 15 * 60.0), ("delivered", 0.0), ("given up", 0.0), ("no channel", 0.0)])
def test_alerts_count_by_channel_and_state_and_the_oldest_that_waits_has_its_age(
    things: Things, state: str, age: float
) -> None:
    ledger = things.workspace.ledger
    raise_alert(ledger, Alert("k", "things", None, "s", "t", "w", "d", "now"), lambda: NOW - 15 * MINUTE)
    with ledger.transaction() as connection:
        connection.execute(deliveries_table.update().values(state=state))
    metrics = WatchMetrics()
    metrics.read(things.workspace)
    samples = {(s.name, *s.labels.values()): s.value for family in metrics.collect() for s in family.samples}
    counts = {key[1:]: value for key, value in samples.items() if key[0] == "nightloop_alert_deliveries"}
    states = ("pending", "delivered", "given up", "no channel")
    assert counts == {(channel, of): float(of == state) for channel in ("email", "slack") for of in states}
    assert samples["nightloop_alert_oldest_pending_seconds",] == age


def test_a_failure_of_no_use_case_counts_by_its_dag_until_it_is_over(things: Things, metrics: WatchMetrics, url: str) -> None:
    ledger, watching = things.workspace.ledger, Watch(things.workspace, metrics=metrics)
    counts = []
    for change in (
        lambda: None,
        lambda: raise_alert(ledger, Alert("stage_failed", "", None, "keep_up.keep_up", "t", "w", "d", "today")),
        lambda: raise_alert(ledger, Alert("part_down", "", None, "spark", "t", "w", "d", "now")),
        lambda: end_trouble(ledger, "", [None], "keep_up.keep_up"),
    ):
        change()
        watching.round()
        counts.append({key[1]: value for key, value in scrape(url).items() if key[0] == "nightloop_installation_failures"})
    assert counts == [{"keep_up": 0}, {"keep_up": 1}, {"keep_up": 1}, {"keep_up": 0}]


def test_a_summary_is_written_number_by_number() -> None:
    figures = Figures(
        waits=2, behind=3, rows_scored=12, seconds={"score": 1.5}, verdicts={"drift": "fail", "performance": "pass"}
    )
    champion = ChampionLine(4, as_of=date(2024, 3, 1), age=5, maximum_age=30)
    families = of_use_cases([Summary("things", figures=figures, champion=champion)], unread=["slow"])
    samples = {(s.name.removeprefix("nightloop_"), *s.labels.values()): s.value for family in families for s in family.samples}
    assert samples == {
        ("use_case_readable", "things"): 1,
        ("use_case_readable", "slow"): 0,
        ("nights_late", "things"): 0,
        ("nights_given_up", "things"): 0,
        ("nights_refused", "things"): 0,
        ("waits", "things"): 2,
        ("newest_scored_age_nights", "things"): 3,
        ("newest_scored_rows", "things"): 12,
        ("newest_scored_seconds", "things", "score"): 1.5,
        ("champion_age_nights", "things"): 5,
        ("champion_maximum_age_nights", "things"): 30,
        ("verdict", "things", "drift"): 2,
        ("verdict", "things", "performance"): 0,
    }


def test_the_command_refuses_a_port_that_is_none_and_one_that_is_taken(
    things: Things, metrics: WatchMetrics, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("home", "definitions", "contracts", "engine"):
        monkeypatch.setenv(f"NIGHTLOOP_{name.upper()}", str(getattr(things.settings, name)))
    for port in ("-1", "65536"):
        assert command_line.main(["watch", "--once", "--metrics-port", port]) == UsageError.exit_code
    taken = metrics.serve("127.0.0.1", 0)
    assert command_line.main(["watch", "--once", "--metrics-port", str(taken)]) == SetupError.exit_code
    assert f"127.0.0.1:{taken}" in capsys.readouterr().err
    assert command_line.main(["watch", "--once", "--metrics-port", "0"]) == 0
    assert "metrics at http://127.0.0.1:" in capsys.readouterr().err
