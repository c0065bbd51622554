"""Send what is due: resolve who it goes to, claim it, put what repeats into one message, and note what came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nightloop.alerts.message import Message, message_id, messages_of
from nightloop.alerts.queue import Claimed, Queue, Route
from nightloop.alerts.senders import NotSent, Sender
from nightloop.ledger import Clock, Ledger
from nightloop.nights import utc_now

log = logging.getLogger("nightloop.alerts")

Channels = Callable[[str], Mapping[str, Sender | str]]
"""Use case -> channel -> who sends, or why nobody can."""


@dataclass(frozen=True)
class Sent:
    """What came of a round.

    Attributes:
        messages: how many were sent.
        delivered: how many deliveries they were; a message may hold many.
        failed: reasons of those that were not, by server.
    """

    messages: int
    delivered: int
    failed: Mapping[str, str]


def deliver_due(ledger: Ledger, channels: Channels, *, only: Sequence[str] | None = None, clock: Clock = utc_now) -> Sent:
    """Send what is due now, and return what came of it. Any number of processes may call it at any time.

    Args:
        ledger: beside which the outbox stands.
        channels: who sends for a use case.
        only: ids of the alerts to send whether they are due or not.
        clock: for tests.

    Raises:
        StoreUnavailable: the ledger's database cannot be written. What a mail server or webhook does raises nothing.
    """
    queue = Queue(ledger, clock)
    queue.tidy()
    resolved: dict[Route, Sender | str] = {}
    for use_case_name, channel in queue.routes(only):
        resolved[(use_case_name, channel)] = channels(use_case_name).get(channel, f"{channel}: there is no such channel")
    queue.has_no_channel({route: reason for route, reason in resolved.items() if isinstance(reason, str)}, only)
    senders = {route: sender for route, sender in resolved.items() if not isinstance(sender, str)}
    rounds = [
        _send_by(queue, server, {route: sender for route, sender in senders.items() if sender.server == server}, only)
        for server in sorted({sender.server for sender in senders.values()})
        if only is not None or not queue.is_resting(server)
    ]
    failed = {server: reason for sent in rounds for server, reason in sent.failed.items()}
    return Sent(sum(sent.messages for sent in rounds), sum(sent.delivered for sent in rounds), failed)


def _send_by(queue: Queue, server: str, senders: Mapping[Route, Sender], only: Sequence[str] | None) -> Sent:
    """Send what one server is to carry; stop where it does not answer."""
    planned = list(_planned(queue.claim(list(senders), only), senders))
    messages = delivered = 0
    failed: dict[str, str] = {}
    for at, (sender, message, claimed) in enumerate(planned):
        if not queue.hold(message, claimed):
            continue  # another sender has them: this one was too slow
        answer = _attempt(sender, message)
        if isinstance(answer, NotSent):
            failed[server] = answer.reason
            queue.failed(claimed, answer)
            if answer.is_servers:
                queue.rest(server, answers=False)
                queue.release([item for _, _, left in planned[at + 1 :] for item in left], answer.reason)
                break
            continue
        queue.delivered(claimed, answer)
        queue.rest(server, answers=True)
        messages, delivered = messages + 1, delivered + len(claimed)
    return Sent(messages, delivered, failed)


def _attempt(sender: Sender, message: Message) -> str | NotSent:
    """Send, log what came of it, and return the remark or what went wrong, whatever that is."""
    try:
        remark = sender.send(message)
    except NotSent as error:
        log.error("%s: not delivered: %s", message.headline, error.reason)
        return error
    except Exception as error:  # a mistake of ours in one message must not keep the others from people
        log.exception("%s: not delivered", message.headline)
        return NotSent(f"{type(error).__name__}: {error}", is_servers=False)
    log.info("%s: delivered by %s%s", message.headline, sender.server, f", but {remark}" if remark else "")
    return remark


def _planned(claimed: Sequence[Claimed], senders: Mapping[Route, Sender]) -> Iterator[tuple[Sender, Message, list[Claimed]]]:
    """Divide what was claimed into messages. One whose end is not known is sent as it was, under its name."""
    by_readers: dict[tuple[str, str], list[Claimed]] = {}
    for item in claimed:
        by_readers.setdefault((item.route[1], senders[item.route].readers), []).append(item)
    for (channel, _), items in by_readers.items():
        of_id = {item.stored.id: item for item in items}
        for message in _messages(items, channel):
            parts = [of_id[stored.id] for stored in message.alerts]
            yield senders[parts[0].route], message, parts


def _messages(items: Sequence[Claimed], channel: str) -> Iterator[Message]:
    by_name: dict[str, list[Claimed]] = {}
    for item in items:
        by_name.setdefault(item.message, []).append(item)
    fresh = by_name.pop("", [])
    for name, parts in by_name.items():
        alerts = tuple(item.stored for item in parts)
        if message_id(alerts, channel) == name:
            yield Message(name, alerts)
        else:  # a part of it goes to others now
            fresh += parts
    yield from messages_of([item.stored for item in fresh], channel)
