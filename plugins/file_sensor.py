"""Wait for the files of a night without holding a worker: a sensor that defers to the triggerer, and what runs there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from nightloop.definitions.connectors import FilesConnector
from nightloop.errors import DefinitionError, NightloopError
from nightloop.nights import Night, Nights
from plugins.operators import open_use_case, partition_night
from plugins.retries import in_words

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightloop.definitions.use_case import UseCase
    from nightloop.sources.files import Folder, Listing

SECONDS_BETWEEN_LOOKS = 5.0
SECONDS_BETWEEN_LOOKS_AT_S3 = 20.0
GRACE = timedelta(minutes=10)
"""How long after the deadline Airflow itself ends the wait, should no triggerer be alive to do it."""


def sources_with_deadline(use_case: UseCase) -> list[str]:
    """Return the sources whose files arrive by a declared time, in the order of the file."""
    return [name for name, source in use_case.sources.items() if getattr(source.connector, "arrives_by", None)]


def folder_of(connector: FilesConnector, base: str) -> Folder:
    """Open what looks at the place of a delivery; pyarrow is imported here, not at parse."""
    from nightloop.sources.files import Folder

    return Folder(connector, Path(base), cache=Path(base))


class FilesTrigger(BaseTrigger):
    """Looks again and again, in a thread of the triggerer, until files are whole or the deadline is over.

    Args:
        connector: the source's ``FilesConnector`` as plain values.
        base: folder that relative patterns start at.
        night: the night, YYYY-MM-DD.
        until: the deadline, ISO 8601 with an offset.
    """

    def __init__(self, *, connector: dict[str, Any], base: str, night: str, until: str) -> None:
        super().__init__()
        self.connector, self.base, self.night, self.until = connector, base, night, until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what another process builds the same trigger from."""
        arguments = {"connector": self.connector, "base": self.base, "night": self.night, "until": self.until}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event when there is nothing more to wait for; the task lists the files once more."""
        judge = await asyncio.to_thread(self._judge)
        s3 = str(self.connector["pattern"]).startswith("s3://")
        while (outcome := await asyncio.to_thread(judge)) == "waiting":
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS_AT_S3 if s3 else SECONDS_BETWEEN_LOOKS)
        yield TriggerEvent({"outcome": outcome})

    def _judge(self) -> Callable[[], str]:
        """Return a function that lists the files and judges the wait; run in a thread, for the imports would block the loop."""
        from nightloop.sources.waiting import Outcome, Watch

        folder, night = folder_of(FilesConnector.model_validate(self.connector), self.base), Night.fromisoformat(self.night)
        watch = Watch(datetime.fromisoformat(self.until))

        def judge() -> str:
            try:
                return str(watch.judge(folder.listing(night), datetime.now(UTC)))
            except NightloopError as error:
                self.log.warning("%s", error)  # the task raises it, should it last until the deadline
                return str(Outcome.WAITING if datetime.now(UTC) < watch.until else Outcome.LATE)

        return judge


@dataclass(frozen=True)
class Wait:
    """What a task waits for: whose files, of which night, where, and until when."""

    use_case: UseCase
    source: str
    night: Night
    connector: FilesConnector
    base: str

    @property
    def until(self) -> datetime:
        """The deadline, in the use case's time zone."""
        from nightloop.sources.waiting import deadline

        assert self.connector.arrives_by is not None  # noqa: S101 - a wait is made of a source that declares it
        return deadline(self.connector.arrives_by, self.night, self.use_case.time_zone)

    def list_files(self) -> Listing:
        """Return what lies there now."""
        return folder_of(self.connector, self.base).listing(self.night)

    def trigger(self) -> FilesTrigger:
        """Return what waits in the triggerer."""
        connector = self.connector.model_dump(mode="json")
        return FilesTrigger(connector=connector, base=self.base, night=str(self.night), until=self.until.isoformat())


class FilesSensor(BaseSensorOperator):
    """Wait until the night's files of a source are there and whole; fail when they are not by the declared time.

    A night whose deadline is over when the task starts (a backfill) is looked at once. A source that may be empty does not
    fail: what did not come by the deadline is taken as nothing.
    """

    ui_color = "#fff4d6"

    def __init__(
        self,
        *,
        use_case_name: str,
        source: str,
        nights: Callable[[Mapping[str, Any]], Nights] = partition_night,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.use_case_name = use_case_name
        self.source = source
        self.nights = nights

    @in_words
    def execute(self, context: Context) -> list[str]:
        """List the files; where there is something to wait for, leave the worker until the trigger has found it."""
        from nightloop.sources.waiting import Outcome, Watch

        wait, since = self._wait(context), datetime.now(UTC)
        listing = wait.list_files()
        outcome = Watch(wait.until).judge(listing, since)
        if outcome == Outcome.WAITING:
            self.log.info("waiting for %s until %s", listing.pattern, wait.until)
            timeout = max(wait.until - since, timedelta()) + GRACE
            self.defer(trigger=wait.trigger(), method_name="resume", kwargs={"since": since.isoformat()}, timeout=timeout)
        return self._end(wait, outcome, listing, since)

    @in_words
    def resume(self, context: Context, event: dict[str, Any], since: str) -> list[str]:
        """End the wait as the trigger judged it: return the files, or fail."""
        wait = self._wait(context)
        listing = wait.list_files()  # raises what kept the trigger from listing anything
        return self._end(wait, event["outcome"], listing, datetime.fromisoformat(since))

    def _end(self, wait: Wait, outcome: str, listing: Listing, since: datetime) -> list[str]:
        from nightloop.sources.waiting import Outcome, late

        if outcome == Outcome.LATE:
            error = late(wait.source, wait.night, listing, wait.until, since=since)
            if listing.files or not wait.use_case.sources[wait.source].may_be_empty:
                raise error
            self.log.warning("%s The source may be empty: the night goes on without it.", error.what)
        for path, size in listing.files:
            self.log.info("%s is there, %d bytes", path, size)
        return [path for path, _ in listing.files]

    def _wait(self, context: Mapping[str, Any]) -> Wait:
        use_case, workspace = open_use_case(self.use_case_name)
        connector = use_case.sources[self.source].connector
        if not isinstance(connector, FilesConnector) or connector.arrives_by is None:
            raise DefinitionError(
                f"source '{self.source}' declares no arrives_by any more.",
                where=use_case.use_case,
                do="Run the night anew: its run was planned before the definition changed.",
            )
        base = str(workspace.settings.definitions.resolve().parent)
        return Wait(use_case, self.source, self.nights(context).first, connector, base)
