"""The shop's history as a person meets it: a CSV file per source and night, contracts, and records that no night may use."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from nightloop.definitions import UseCase, load_use_case
from nightloop.nights import cutoff
from nightloop.settings import Settings, load_settings
from tests.features.shop import DEFINITION, REVISED_WITHIN, History, Version

MISSING = "\\N"
SOURCES = ("visits", "payments", "clicks", "customers")
TOO_LATE, OTHER_NIGHT, UNREADABLE, BROKEN = "night:too_late", "night:own", "readable:amount", "values_to_be_between(payment_id)"

SUITE = """\
name: {source}
meta: {{quarantined_share_limit: 0.9}}
expectations:
  - type: {rule}
    kwargs: {kwargs}
    meta: {{on_breach: quarantine, description: {description}}}
"""
RULES = {
    "visits": ("expect_column_values_to_be_unique", "{column: visit_id}", "A visit is there once."),
    "payments": ("expect_column_values_to_be_between", "{column: payment_id, min_value: 0}", "0 <= payment_id."),
    "clicks": ("expect_column_values_to_be_unique", "{column: click_id}", "A click is there once."),
    "customers": ("expect_column_values_to_be_unique", "{column: customer}", "A customer changes once a night."),
}

Record = dict[str, object]


@dataclass
class DeliveredShop:
    """A folder with the shop's definition, contracts and files; and what of the files must end in quarantine."""

    folder: Path
    history: History
    records: Counter[tuple[str, date]] = field(default_factory=Counter)
    unusable: dict[date, Counter[tuple[str, str]]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def settings(self) -> Settings:
        named = {"definitions": self.folder / "feature_defs", "contracts": self.folder / "great_expectations"}
        return load_settings(home=self.folder / "home", engine="local", **named)

    @property
    def use_case(self) -> UseCase:
        return load_use_case("shop", self.folder / "feature_defs")


def deliver(history: History, folder: Path) -> DeliveredShop:
    """Write definition, contracts and the files of every night."""
    made = DeliveredShop(folder, history)
    text = DEFINITION.format(first=history.nights.first, revised=REVISED_WITHIN)
    text = text.replace('{night}.csv"}', f"{{night}}.csv\", null: '{MISSING}'}}")
    _write(folder / "feature_defs" / "shop.yaml", text)
    for source, (rule, kwargs, description) in RULES.items():
        suite = SUITE.format(source=source, rule=rule, kwargs=kwargs, description=description)
        _write(folder / "great_expectations" / "shop" / f"{source}.yaml", suite)
    for night in history.nights:
        for source in SOURCES:
            good = history.visits[night] if source == "visits" else _arrived(history, source, night)
            bad = list(_unusable(history, source, night))
            made.records[source, night] = len(good) + len(bad)
            made.unusable[night].update((source, rule) for rule, _ in bad)
            # What must not count stands between what does.
            records = [*good[:1], *(record for _, record in bad), *good[1:]]
            _write_csv(folder / source / f"{night}.csv", records)
    return made


def _arrived(history: History, source: str, night: date) -> list[Record]:
    return [_record(version) for version in history.of(source) if version.night == night]


def _record(version: Version, **changed: object) -> Record:
    stamps = {"event_at": version.event_at, "known_at": version.known_at}
    withdrawn = {"withdrawn": version.withdrawn} if version.source == "payments" else {}
    return {**version.columns, **stamps, **withdrawn, **changed}


def _unusable(history: History, source: str, night: date) -> Iterable[tuple[str, Record]]:
    """Yield (rule, record) of what comes too late, is from tomorrow, cannot be read, or breaks the contract."""
    arrived = [version for version in history.of(source) if version.night == night]
    if source in ("visits", "customers") or not arrived:
        return
    after = cutoff(night, "America/New_York")
    if source == "clicks":
        yield OTHER_NIGHT, _record(arrived[0], click_id=-1, known_at=after)
        return
    yield OTHER_NIGHT, _record(arrived[0], known_at=after + timedelta(hours=1), amount=77_777.0)
    yield UNREADABLE, _record(arrived[-1], amount="ten")
    yield BROKEN, _record(arrived[-1], payment_id=-1, amount=66_666.0)
    for version in history.of(source):  # corrections of what is settled, one night past the last that may correct it
        if night - version.event_night == timedelta(days=REVISED_WITHIN + 1):
            yield TOO_LATE, _record(version, known_at=after - timedelta(hours=2), amount=88_888.0, withdrawn=False)
            return


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_csv(path: Path, records: list[Record]) -> None:
    if not records:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(records[0])
        writer.writerows([_text(value) for value in record.values()] for record in records)


def _text(value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)


def rules_of(rows: Iterable[Mapping[str, str]]) -> Counter[tuple[str, str]]:
    """Count quarantined records by (source, rule)."""
    return Counter((row["source"], row["rule"]) for row in rows)
