"""Keys of clients: what each opens, for whom, until when and how often; the ledger knows no key by its text."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from nightloop.access import keys
from nightloop.access.keys import Key
from nightloop.errors import StoreUnavailable, UsageError
from nightloop.ledger import Ledger
from serving.access import rates
from serving.access.gate import CLIENT, Gate, require
from serving.access.key_ring import KeyRing
from serving.access.rates import Rates
from serving.problems import Forbidden, TooManyRequests, Unauthorized

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
USE_CASES = ("flight_delay", "loans")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", lambda: NOW)


def made(ledger: Ledger, *scopes: str, client: str = "shop", **options: Any) -> tuple[Key, str]:
    chosen = {"now": NOW, "days": 10, "per_minute": None, "by": "ada", "use_cases": USE_CASES, **options}
    return keys.issue(ledger, client, scopes or ("score",), **chosen)


def test_a_key_is_listed_without_its_text_which_stands_nowhere(ledger: Ledger, tmp_path: Path) -> None:
    key, text = made(ledger, "score:loans", "decisions", "score:loans", per_minute=7)
    assert keys.all_keys(ledger) == [key] and len(text) >= 45
    assert (key.client, key.scopes, key.per_minute, key.issued_by) == ("shop", ("score:loans", "decisions"), 7, "ada")
    assert key.expires_at == NOW + timedelta(days=10) and key.digest == keys.digest_of(text)
    assert all(text.encode() not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    shown = key.as_json(NOW)
    assert shown == {
        "id": key.id, "client": "shop", "scopes": ["score:loans", "decisions"], "state": "valid",
        "expires_at": "2026-12-08T12:00:00+00:00", "per_minute": 7, "issued_by": "ada",
    }  # fmt: skip
    assert made(ledger)[1] != text


@pytest.mark.parametrize(
    ("scope", "opens"),
    [
        ("score", {("score", "loans"), ("score", "flight_delay")}),
        ("score:loans", {("score", "loans")}),
        ("decisions:flight_delay", {("decisions", "flight_delay")}),
        ("admin:loans", {("score", "loans"), ("decisions", "loans")}),
        ("admin", {(scope, name) for scope in ("score", "decisions") for name in USE_CASES}),
    ],
)
def test_a_scope_opens_what_it_names(ledger: Ledger, scope: str, opens: set[tuple[str, str]]) -> None:
    key, _ = made(ledger, scope)
    assert {(of, name) for of in ("score", "decisions") for name in USE_CASES if key.allows(of, name)} == opens


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"client": "service-token"}, "no name of a client"),
        ({"client": "x"}, "no name of a client"),
        ({"client": "two words"}, "no name of a client"),
        ({"client": "x" * 61}, "no name of a client"),
        ({"scopes": ("scores",)}, "Did you mean 'score'"),
        ({"scopes": ("score:loan",)}, "Did you mean 'loans'"),
        ({"scopes": ("score:",)}, "names no use case"),
        ({"days": 0}, "0 days"),
        ({"days": 3651}, "3651 days"),
        ({"per_minute": 0}, "are none"),
    ],
)
def test_a_key_that_would_not_do_what_it_says_is_refused(ledger: Ledger, change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        made(ledger, *change.pop("scopes", ()), **change)
    assert ledger.events() == []


def test_names_and_numbers_at_their_limits_are_taken(ledger: Ledger) -> None:
    for client in ("ab", "x" * 60, "A.b-c_9"):
        made(ledger, client=client, days=3650, per_minute=1)
    assert made(ledger, days=1)[0].expires_at == NOW + timedelta(days=1)


def test_a_revoked_key_stays_in_the_list_and_is_revoked_once(ledger: Ledger) -> None:
    key, _ = made(ledger)
    assert keys.revoke(ledger, key.id, by="eve", reason="lost").state(NOW) == "revoked"
    keys.revoke(ledger, key.id, by="bob", reason="again")
    assert [of.state(NOW) for of in keys.all_keys(ledger)] == ["revoked"]
    assert [event.payload for event in ledger.events(kind=keys.REVOKED)] == [{"by": "eve", "reason": "lost"}]
    with pytest.raises(UsageError, match="no key has the id 'none'"):
        keys.revoke(ledger, "none", by="eve", reason="lost")


class Asked:
    """A gate, and what comes of one request to it."""

    def __init__(self, ledger: Any, token: str | None = None, per_minute: int | None = None) -> None:
        self.now, self.seconds = NOW, 0.0
        self.ring = KeyRing(SimpleNamespace(ledger=ledger), lambda: self.now)  # type: ignore[arg-type]
        rate = Rates(lambda: self.seconds)
        self.gate = Gate(SecretStr(token) if token else None, self.ring, rate, per_minute)

    def by(self, text: str | None = None, host: str = "192.0.2.7") -> Any:
        headers = {"authorization": f"Bearer {text}"} if text is not None else {}
        url, client = SimpleNamespace(path="/v1/models"), SimpleNamespace(host=host)
        request: Any = SimpleNamespace(headers=headers, url=url, scope={}, client=client)
        asyncio.run(self.gate(request))
        return request


def test_a_key_passes_under_its_clients_name_and_opens_its_scopes_only(ledger: Ledger) -> None:
    key, text = made(ledger, "score:loans")
    request = Asked(ledger).by(text)
    assert request.scope[CLIENT] == "shop"
    require(request, "score", "loans")
    for scope, name in (("score", "flight_delay"), ("decisions", "loans")):
        with pytest.raises(Forbidden, match=f"does not open '{scope}' of '{name}'; it opens score:loans") as refused:
            require(request, scope, name)
        assert refused.value.http_status == 403
    assert key.client == "shop"


def test_once_a_key_was_made_nobody_passes_without_one_and_before_everybody_does(ledger: Ledger) -> None:
    asked = Asked(ledger)
    require(asked.by(), "decisions", "loans")
    assert CLIENT not in asked.by("anything").scope
    key, text = made(ledger)
    assert CLIENT not in asked.by().scope, "the service has not polled yet"
    asked.ring.refresh()
    for other in (None, "", "anything", text[:-1], f"{text}x"):
        with pytest.raises(Unauthorized):
            asked.by(other)
    asked.by(text)
    keys.revoke(ledger, key.id, by="eve", reason="lost")
    asked.ring.refresh()
    with pytest.raises(Unauthorized, match=f"the key {key.id} of 'shop' is revoked"):
        asked.by(text)
    with pytest.raises(Unauthorized, match="asks for a bearer token"):
        asked.by()


def test_the_one_token_opens_everything_beside_keys(ledger: Ledger) -> None:
    _, text = made(ledger, "decisions")
    asked = Asked(ledger, token="the-token-of-all")
    request = asked.by("the-token-of-all")
    assert request.scope[CLIENT] == "service-token"
    require(request, "score", "loans")
    assert asked.by(text).scope[CLIENT] == "shop"
    with pytest.raises(Unauthorized):
        asked.by("the-token-of-al")


def test_a_message_of_a_topic_passes_for_it_is_asked_by_the_service_itself(ledger: Ledger) -> None:
    made(ledger)
    request: Any = SimpleNamespace(headers={}, url=SimpleNamespace(path="/"), scope={CLIENT: "stream"}, client=None)
    asyncio.run(Asked(ledger, token="the-token-of-all", per_minute=1).gate(request))
    require(request, "score", "loans")


def test_a_key_opens_until_the_instant_of_its_expiry(ledger: Ledger) -> None:
    key, text = made(ledger, days=1)
    asked = Asked(ledger)
    asked.now = key.expires_at - timedelta(microseconds=1)
    asked.by(text)
    asked.now = key.expires_at
    with pytest.raises(Unauthorized, match="is expired"):
        asked.by(text)


def test_keys_hold_while_the_ledger_is_away_and_nobody_passes_before_it_was_read(ledger: Ledger) -> None:
    _, text = made(ledger)
    asked = Asked(ledger)
    asked.by(text)

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("the ledger does not answer.")

    asked.ring._workspace = SimpleNamespace(ledger=SimpleNamespace(events=away))  # type: ignore[assignment]
    asked.ring.refresh()
    asked.by(text)
    with pytest.raises(Unauthorized):
        asked.by("another")
    never = Asked(SimpleNamespace(events=away))
    never.ring.refresh()
    with pytest.raises(StoreUnavailable):
        never.by()


def test_a_client_has_so_many_requests_at_once_and_as_many_again_as_time_passes(ledger: Ledger) -> None:
    _, text = made(ledger, per_minute=3)
    _, second = made(ledger, per_minute=3)
    _, other = made(ledger, client="bank")
    asked = Asked(ledger)
    for key in (text, second, text):
        asked.by(key)
    with pytest.raises(TooManyRequests, match="more than 3 requests a minute") as refused:
        asked.by(second)
    assert (refused.value.http_status, refused.value.headers) == (429, {"Retry-After": "20"})
    asked.by(other)
    asked.seconds = 19.9
    with pytest.raises(TooManyRequests) as refused:
        asked.by(text)
    assert refused.value.headers == {"Retry-After": "1"}
    asked.seconds = 20
    asked.by(text)
    with pytest.raises(TooManyRequests):
        asked.by(text)
    asked.seconds = 1000
    for _ in range(3):
        asked.by(text)


def test_without_a_key_an_address_is_limited_as_the_service_says(ledger: Ledger) -> None:
    asked = Asked(ledger, token="the-token-of-all", per_minute=2)
    for host in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        asked.by("the-token-of-all", host)
    with pytest.raises(TooManyRequests):
        asked.by("the-token-of-all", "192.0.2.1")
    with pytest.raises(Unauthorized):
        asked.by("another", "192.0.2.1")
    asked.by("the-token-of-all", "192.0.2.2")


@pytest.mark.parametrize("per_minute", [1, 7, 60, 997])
def test_any_number_a_minute_is_that_number_at_once(per_minute: int) -> None:
    rate = Rates(lambda: 1e6 / 3)
    for _ in range(per_minute):
        rate.take("shop", per_minute)
    with pytest.raises(TooManyRequests) as refused:
        rate.take("shop", per_minute)
    assert refused.value.headers == {"Retry-After": str(math.ceil(60 / per_minute))}


def test_strangers_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_CLIENTS", 3)
    rate = Rates(lambda: 0.0)
    for number in range(50):
        rate.take(f"client {number}", 5)
    assert list(rate._whole_at) == ["client 47", "client 48", "client 49"]
