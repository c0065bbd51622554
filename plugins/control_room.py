"""The control room in Airflow's menu: every use case by nights, for signed-in users only.

A link of its own, not a frame: Airflow lets nothing that it frames lead to its own pages, and every cell here does.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.plugins_manager import AirflowPlugin

from nightloop.settings import load_settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from nightloop.control_room.cells import Answer
    from nightloop.control_room.room import ControlRoom
    from nightloop.nights import Night

PREFIX = "/nightloop"
SECONDS = 1.5
"""For which a page may read use cases anew; it shows the others as they were, or says that they are being read."""
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='%233b82f6'%3E"
    "%3Cpath d='M2 3h8v8H2zM14 14h8v8h-8z'/%3E%3Cpath opacity='.5' d='M14 3h8v8h-8zM2 14h8v8H2z'/%3E%3C/svg%3E"
)


def address(use_case: str, night: Night | None, answer: Answer) -> str:
    """Return where Airflow answers what a cell raises, relative to the control room's own address."""
    name, key = quote(use_case, safe=""), quote(str(night or ""), safe="")
    match answer.target:
        case "runs":
            return f"../dags/{name}.{quote(answer.subject, safe='')}/runs?partition_key_pattern={key}"
        case "training":
            return f"../dags/{name}.train/runs"
        case "approvals":
            return f"../required_actions?dag_id_pattern={name}.train"
        case "page":
            return f"reports/{quote(answer.subject)}"
        case "address":
            return answer.subject
    return ""


@cache
def control_room() -> ControlRoom:
    """Return the room of this process, which remembers what it has read."""
    from nightloop.control_room.room import ControlRoom
    from nightloop.workspace import Workspace

    return ControlRoom(Workspace.open())


def report_pages(folder: Path) -> dict[str, list[str]]:
    """Return the pages of the reports folder by use case, newest names first."""
    pages: dict[str, list[str]] = {}
    for file in sorted(folder.glob("*/**/*.html"), reverse=True):
        name = file.relative_to(folder).as_posix()
        pages.setdefault(name.partition("/")[0], []).append(name)
    return dict(sorted(pages.items()))


def add_routes(app: FastAPI, access: Any) -> None:
    """Add the control room and the index of reports to our app; what they need is imported when one is asked for.

    Args:
        app: of the reports; Airflow mounts one app at a prefix.
        access: the dependency that lets signed-in users in.
    """
    from fastapi.responses import HTMLResponse

    def page(html: str) -> HTMLResponse:
        from nightloop.control_room.page import policy

        guards = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "private, no-store"}
        return HTMLResponse(html, headers={"Content-Security-Policy": policy(), **guards})

    def show_room() -> Any:
        from nightloop.control_room.page import render
        from nightloop.nights import utc_now

        return page(render(control_room().overview(utc_now(), SECONDS), address))

    def show_reports() -> Any:
        from nightloop.control_room.page import render_reports

        return page(render_reports(report_pages(load_settings().home / "reports")))

    for path, show in (("/control_room", show_room), ("/reports", show_reports)):
        app.add_api_route(path, show, methods=["GET"], dependencies=[access], response_model=None)


class NightloopControlRoom(AirflowPlugin):
    """The control room's place in the menu. Without a route of Airflow's own, the entry is a plain link."""

    name = "nightloop_control_room"

    @property
    def external_views(self) -> list[dict[str, Any]]:  # type: ignore[override]  # asks the configuration, when Airflow asks
        """The entry, with the path that ``[api] base_url`` has."""
        from airflow.sdk.configuration import conf

        base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
        entry = {"name": "Nightloop", "href": f"{base}{PREFIX}/control_room", "icon": ICON}
        return [{**entry, "destination": "nav", "nav_top_level": True}]
