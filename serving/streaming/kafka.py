"""Answer the requests of a Kafka topic into another, each once for whoever reads committed answers.

A message's value is the body that ``POST /v1/{use_case}/predict`` takes, and the answer is what that route answers: the same
application answers both, so that limits, contract, ladder, traffic and audit hold for either. What the route refuses is an
answer, too, with its status; what it cannot answer now (nothing loaded, a full disk) is asked again until it can.

Answers and the offsets they stand for are one transaction (KIP-447): a consumer that dies between them leaves neither, and
one that was taken for dead cannot add to what its successor writes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import FastAPI

from nightloop.errors import NightloopError, SourceUnavailable
from serving.metrics import Metrics
from serving.streaming.application_call import Reply, post
from serving.threads import in_thread

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

    from serving.audit import AuditLog

log = logging.getLogger("serving")

STATUS, REQUEST = "status", "request"
"""Headers of an answer: the status of HTTP, and topic/partition/offset of the request."""
SECONDS_OF_A_CALL, SECONDS_TO_BEGIN, SECONDS_OF_A_LOOK = 30.0, 5.0, 0.005
UNAVAILABLE = 503
OURS = ("group.id", "transactional.id", "enable.auto.commit", "isolation.level", "enable.auto.offset.store")
"""Properties on which the promise above stands: nobody else sets them."""


@dataclass(frozen=True)
class Stream:
    """What is read and written.

    Attributes:
        use_case: that answers.
        requests, answers: topics.
        group: of the consumers that share the partitions of ``requests`` among them.
        properties: of librdkafka, for both ends; ``bootstrap.servers`` among them.
        most: messages answered in one transaction.
        again_seconds: before what could not be answered is asked again.
    """

    use_case: str
    requests: str
    answers: str
    group: str
    properties: Mapping[str, str] = field(repr=False)
    most: int = 500
    again_seconds: float = 1.0


class KafkaAnswers:
    """Reads, answers and writes, until it is stopped."""

    def __init__(self, app: FastAPI, stream: Stream, metrics: Metrics) -> None:
        self._app, self._stream, self._metrics = app, stream, metrics
        self._path = f"/v1/{stream.use_case}/predict"
        self._headers = {"content-type": "application/json"}
        self._problem: KafkaError | None = None

    async def keep_on(self, stop: asyncio.Event) -> None:
        """Answer what comes until ``stop``, through every time in which Kafka is not there."""
        while not stop.is_set():
            try:
                await self.run(stop)
            except NightloopError as error:
                log.error("%s", error)
            except Exception:
                log.exception("an unexpected error ended the stream of %s; it begins again", self._stream.requests)
            self._problem = None
            await _waited(stop, self._stream.again_seconds)

    async def run(self, stop: asyncio.Event) -> None:
        """Answer what comes; on ``stop`` a transaction that is under way is finished.

        Raises:
            SourceUnavailable: the brokers are not there, or end this consumer's work; what was not committed is read again.
        """
        from confluent_kafka import KafkaException

        consumer = None
        try:
            consumer, producer = await in_thread(self._open)
            while not stop.is_set():
                messages = await in_thread(consumer.consume, self._stream.most, 0.2)
                requests = [message for message in messages if not message.error()]
                if requests:
                    await self._transact(consumer, producer, requests, stop)
                if self._problem is not None:
                    raise KafkaException(self._problem)
        except KafkaException as error:
            reason = error.args[0]
            raise SourceUnavailable(
                f"Kafka cannot be reached, or has ended this consumer's work ({reason.str()}).",
                where=f"topics {self._stream.requests} and {self._stream.answers}",
                do="Look at its brokers; the service tries again. Requests without a committed answer are answered then.",
            ) from error
        finally:
            if consumer is not None:
                await in_thread(consumer.close)

    def _open(self) -> tuple[Consumer, Producer]:
        """Join the group, and begin to write.

        Raises:
            confluent_kafka.KafkaException: the brokers do not answer.
        """
        from confluent_kafka import Consumer, Producer

        both = {**self._stream.properties, "error_cb": self._note_error}
        consumer = Consumer(
            {
                "auto.offset.reset": "earliest",
                **both,
                "group.id": self._stream.group,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
            }
        )
        # A name of its own for each process: the group's generation, not the name, ends one that was taken for dead.
        named = f"{self._stream.group}-{time.time_ns():x}"
        producer = Producer({**both, "transactional.id": named, "enable.idempotence": True})
        producer.init_transactions(SECONDS_TO_BEGIN)
        consumer.subscribe([self._stream.requests])
        return consumer, producer

    def _note_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._problem = error
        else:
            log.warning("Kafka: %s", error.str())

    async def _transact(self, consumer: Consumer, producer: Producer, requests: Sequence[Message], stop: asyncio.Event) -> None:
        """Answer some messages, and commit their answers with their offsets; or neither, and go back to the first of them."""
        from confluent_kafka import KafkaException

        replies = await self._replies(requests, stop)
        if replies is None:
            return
        audit: AuditLog | None = self._app.state.audit
        taken = audit.taken if audit else 0
        while audit and not audit.has_written(taken):  # no answer is committed whose line a kill could take
            if await _waited(stop, SECONDS_OF_A_LOOK):
                return
        try:
            await in_thread(self._commit, consumer, producer, list(zip(requests, replies, strict=True)))
        except KafkaException as error:
            if not error.args[0].txn_requires_abort():
                raise
            log.warning("answers of %d requests are given again: %s", len(requests), error.args[0].str())
            await in_thread(producer.abort_transaction, SECONDS_OF_A_CALL)
            await in_thread(_go_back, consumer, requests)
            return
        self._count(consumer, requests, replies)

    async def _replies(self, requests: Sequence[Message], stop: asyncio.Event) -> list[Reply] | None:
        """Answer each, and wait for those that cannot be answered now; None: stopped before they could."""
        replies = [await self._reply(message) for message in requests]
        while waiting := [place for place, reply in enumerate(replies) if reply.status == UNAVAILABLE]:
            log.warning("%d requests wait: %s", len(waiting), replies[waiting[0]].body[:300].decode(errors="replace"))
            if await _waited(stop, self._stream.again_seconds):
                return None
            for place in waiting:
                replies[place] = await self._reply(requests[place])
        return replies

    async def _reply(self, message: Message) -> Reply:
        headers = {**self._headers, "x-request-id": _place(message)}
        return await post(self._app, self._path, message.value() or b"", headers)

    def _commit(self, consumer: Consumer, producer: Producer, answered: Sequence[tuple[Message, Reply]]) -> None:
        producer.begin_transaction()
        for message, reply in answered:
            headers: list[tuple[str, str | bytes | None]] = [(STATUS, str(reply.status)), (REQUEST, _place(message))]
            headers += [(name, value) for name, value in reply.headers.items() if name == "x-decision-id"]
            producer.produce(self._stream.answers, reply.body, message.key(), headers=headers)
            producer.poll(0)
        offsets = _after([message for message, _ in answered])
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), SECONDS_OF_A_CALL)
        producer.commit_transaction(SECONDS_OF_A_CALL)

    def _count(self, consumer: Consumer, requests: Sequence[Message], replies: Sequence[Reply]) -> None:
        name, now = self._stream.use_case, time.time()
        for message, reply in zip(requests, replies, strict=True):
            self._metrics.stream_messages.labels(name, str(reply.status)).inc()
            self._metrics.stream_seconds.labels(name).observe(max(now - message.timestamp()[1] / 1000, 0.0))
        for place in _after(requests):
            _, end = consumer.get_watermark_offsets(place, cached=True)
            self._metrics.stream_lag.labels(name, str(place.partition)).set(max(end - place.offset, 0))


async def _waited(stop: asyncio.Event, seconds: float) -> bool:
    """Wait, and return whether it was stopped meanwhile."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _place(message: Message) -> str:
    return f"{message.topic()}/{message.partition()}/{message.offset()}"


def _offsets(requests: Sequence[Message]) -> dict[tuple[str, int], list[int]]:
    """Return the offsets of messages by topic and partition, in order of these."""
    offsets: dict[tuple[str, int], list[int]] = {}
    for message in requests:
        at = (str(message.topic()), int(message.partition() or 0))
        offsets.setdefault(at, []).append(int(message.offset() or 0))
    return dict(sorted(offsets.items()))


def _after(requests: Sequence[Message]) -> list[TopicPartition]:
    """Return, by partition, the offset after the last of these messages."""
    from confluent_kafka import TopicPartition

    return [TopicPartition(*at, max(offsets) + 1) for at, offsets in _offsets(requests).items()]


def _go_back(consumer: Consumer, requests: Sequence[Message]) -> None:
    """Read these messages again, as far as their partitions are still this consumer's."""
    from confluent_kafka import TopicPartition

    ours = {(place.topic, place.partition) for place in consumer.assignment()}
    for at, offsets in _offsets(requests).items():
        if at in ours:
            consumer.seek(TopicPartition(*at, min(offsets)))
