"""Requests of a Kafka topic, answered into another: by librdkafka's mock of a cluster, over sockets and in transactions.

The mock keeps offsets and transactions, but shows its readers what was not committed, too, as a broker would not to readers of
committed messages. So what a test lets fail has no status, and after a kill an answer may be seen twice.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from nightloop.errors import NightloopError, SetupError
from nightloop.settings import REPOSITORY
from serving.streaming.declared import streams_of
from serving.streaming.kafka import OURS, REQUEST, STATUS, KafkaAnswers, Stream
from tests.serving.clinic import NIGHTS, Clinic
from tests.serving.conftest import ready, serve, wait_for
from tests.serving.test_audit import lines

URL, NAME = "/v1/clinic_visits/predict", "clinic_visits"


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """Addresses of three brokers, which live as long as the module."""
    cluster = Producer({"test.mock.num.brokers": 3})
    yield ",".join(f"{broker.host}:{broker.port}" for broker in cluster.list_topics(timeout=20).brokers.values())


@pytest.fixture
def stream(brokers: str, request: pytest.FixtureRequest) -> Stream:
    """Topics and a group of the test's own."""
    name = request.node.originalname[-60:]
    return Stream(NAME, f"{name}.asked", f"{name}.answered", name, {"bootstrap.servers": brokers}, again_seconds=0.1)


def ask(stream: Stream, bodies: list[bytes | None], first: int = 0) -> None:
    producer = Producer(dict(stream.properties))
    for place, body in enumerate(bodies, first):
        producer.produce(stream.requests, body, f"k{place}".encode())
    assert producer.flush(30) == 0


def answers(stream: Stream, count: int, seconds: float = 60, *, killed: bool = False) -> dict[str, Message]:
    """Return so many answers by their keys, and see that none comes twice, unless a service was killed.

    Those without a status are of transactions that a test ended.
    """
    reader = Consumer(
        {**stream.properties, "group.id": f"{stream.group}.reader", "auto.offset.reset": "earliest"}
        | {"isolation.level": "read_committed"}
    )
    reader.subscribe([stream.answers])
    by_key: dict[str, Message] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for message in reader.consume(500, 0.2):
            if not message.error() and message.headers():
                key = message.key().decode()
                assert killed or key not in by_key, f"{key} is answered twice"
                by_key[key] = message
                end = time.monotonic() + 1 if len(by_key) == count else end
    reader.close()
    assert len(by_key) == count
    return by_key


def headers(message: Message) -> dict[str, str]:
    return {name: value.decode() for name, value in message.headers()}


def rows(clinic: Clinic) -> list[dict[str, Any]]:
    return clinic.rows(NIGHTS.last)


def test_each_message_is_answered_as_the_route_answers_it(published_clinic: Clinic, stream: Stream) -> None:
    bodies = [orjson.dumps(row) for row in rows(published_clinic)[:20]]
    several = orjson.dumps({"rows": rows(published_clinic)[:3]})
    ask(stream, [*bodies, several, b"{", None])
    with ready(published_clinic, streams=(stream,)) as client:
        by_key = answers(stream, 23)
        for place, body in enumerate([*bodies, several, b"{", b""]):
            over_http = client.post(URL, content=body, headers={"content-type": "application/json"})
            assert by_key[f"k{place}"].value() == over_http.content
            assert headers(by_key[f"k{place}"])[STATUS] == str(over_http.status_code) == ("200" if place < 21 else "422")
        metrics = client.get("/metrics").text
    assert len({headers(message)[REQUEST] for message in by_key.values()}) == 23
    assert headers(by_key["k0"])[REQUEST].rpartition("/")[0].rpartition("/")[0] == stream.requests
    assert 'nightloop_stream_messages_total{status="200",use_case="clinic_visits"} 21.0' in metrics
    assert 'nightloop_stream_messages_total{status="422",use_case="clinic_visits"} 2.0' in metrics
    assert 'nightloop_stream_lag{partition="' in metrics


def test_what_cannot_be_answered_now_is_answered_when_it_can(clinic: Clinic, stream: Stream) -> None:
    ask(stream, [orjson.dumps(rows(clinic)[0])])
    lake = clinic.settings.home / "lake"
    away = lake.rename(lake.with_name("away"))
    with serve(clinic, streams=(stream,)) as client:
        wait_for(lambda: 'route="/v1/clinic_visits/predict",status="503"' in client.get("/metrics").text)
        assert "nightloop_stream_messages_total{" not in client.get("/metrics").text
        shutil.rmtree(lake, ignore_errors=True)
        away.replace(lake)
        (message,) = answers(stream, 1).values()
    assert headers(message)[STATUS] == "200"


def test_a_transaction_that_fails_gives_its_answers_again_and_none_is_twice(
    published_clinic: Clinic, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, failures = KafkaAnswers._commit, []

    def failing(self: KafkaAnswers, consumer: Any, producer: Any, answered: Any) -> None:
        """Fail twice where all is written and nothing committed, as when the broker ends a transaction."""
        if len(failures) < 2:
            producer.begin_transaction()
            for message, reply in answered:
                producer.produce(self._stream.answers, reply.body, message.key())
            producer.flush(30)
            failures.append(len(answered))
            raise KafkaException(KafkaError(KafkaError.INVALID_TXN_STATE, "ended by the test", txn_requires_abort=True))
        commit(self, consumer, producer, answered)

    monkeypatch.setattr(KafkaAnswers, "_commit", failing)
    ask(stream, [orjson.dumps(row) for row in rows(published_clinic)[:10]])
    with ready(published_clinic, streams=(stream,)):
        answers(stream, 10)
    assert sum(failures) >= 10


def test_a_killed_service_loses_no_answer_and_the_audit_holds_each(clinic: Clinic, stream: Stream, tmp_path: Path) -> None:
    properties = tmp_path / "kafka.properties"
    properties.write_text(
        f"# brokers\n\nbootstrap.servers = {stream.properties['bootstrap.servers']}\nsession.timeout.ms=6000\n"
    )
    asked = [orjson.dumps(row) for row in (rows(clinic) * 40)[:1500]]
    ask(stream, asked)
    command = [sys.executable, "-m", "serving", "--port", "0", "--use-case", NAME, "--kafka-properties", str(properties)]
    command += ["--stream", f"{NAME}:{stream.requests}:{stream.answers}", "--kafka-group", stream.group]
    environment = {
        **os.environ, "PYTHONPATH": str(REPOSITORY), "NIGHTLOOP_HOME": str(clinic.settings.home),
        "NIGHTLOOP_DEFINITIONS": str(clinic.settings.definitions),
    }  # fmt: skip
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    wait_for(lambda: len(lines(clinic.settings.home)) > 100)
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    second = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        by_key = answers(stream, len(asked), 120, killed=True)
    finally:
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0
    assert {headers(message)[STATUS] for message in by_key.values()} == {"200"}
    recorded = {line["id"]: line for line in lines(clinic.settings.home)}
    for message in by_key.values():
        line = recorded[headers(message)["x-decision-id"]]
        assert line["answers"] == json.loads(message.value())
        assert line["request_id"] == headers(message)[REQUEST]


def test_brokers_that_are_not_there_keep_nothing_else_from_being_answered(published_clinic: Clinic, stream: Stream) -> None:
    nowhere = replace(stream, properties={"bootstrap.servers": "127.0.0.1:9", "log_level": "0"})
    with ready(published_clinic, streams=(nowhere,)) as client:
        assert client.post(URL, json=rows(published_clinic)[0]).status_code == 200


@pytest.mark.parametrize(
    "declared", ["clinic_visits", "clinic_visits:a", "clinic_visits:a:b:c", "clinic_visits::b", "other:a:b"]
)
def test_a_stream_that_is_not_declared_as_one_is_refused(declared: str, tmp_path: Path) -> None:
    (tmp_path / "p").write_text("bootstrap.servers=127.0.0.1:9")
    with pytest.raises(NightloopError, match="no USE_CASE:REQUESTS:ANSWERS"):
        streams_of([declared], group="g", properties=tmp_path / "p", use_cases=[NAME])


@pytest.mark.parametrize("line", ["bootstrap.servers", "=x", *(f"{name}=x" for name in OURS)])
def test_a_property_that_is_none_or_not_theirs_to_set_is_refused_without_its_value(line: str, tmp_path: Path) -> None:
    (tmp_path / "p").write_text(f"sasl.password=hush\n{line}hush\n")
    with pytest.raises(SetupError, match="line 2") as refused:
        streams_of([f"{NAME}:a:b"], group="g", properties=tmp_path / "p", use_cases=[NAME])
    assert "hush" not in str(refused.value)


def test_passwords_do_not_show_where_a_stream_does(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("bootstrap.servers=127.0.0.1:9\nsasl.password=hush=x\n")
    (stream,) = streams_of([f"{NAME}:a:b"], group="g", properties=tmp_path / "p", use_cases=[NAME])
    assert stream.properties["sasl.password"] == "hush=x"
    assert "hush" not in repr(stream)


@pytest.mark.parametrize("properties", [None, "no/such/file"])
def test_a_stream_needs_a_file_of_properties(properties: str | None) -> None:
    with pytest.raises(SetupError):
        streams_of([f"{NAME}:a:b"], group="g", properties=Path(properties) if properties else None, use_cases=[NAME])
