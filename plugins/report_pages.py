"""Show the pages of HOME/reports on Airflow's own server, to signed-in users only.

Airflow does not authenticate the web apps of plugins: each route here asks Airflow's own access check. Pages hold scripts
(plots), so they are served in a sandbox, without the user's session: a page can draw, not act.
"""

from __future__ import annotations

from pathlib import Path

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse

from nightloop.settings import load_settings

SANDBOX = "sandbox allow-scripts allow-popups; frame-ancestors 'self'"
SHOWN = {".html": "text/html", ".png": "image/png", ".svg": "image/svg+xml", ".md": "text/plain", ".json": "application/json"}

pages = FastAPI(title="Nightloop reports", docs_url=None, redoc_url=None, openapi_url=None)


@pages.get("/reports/{name:path}", dependencies=[Depends(requires_access_view(AccessView.PLUGINS))])
def report(name: str) -> FileResponse:
    """Send one file of the reports folder."""
    folder = (load_settings().home / "reports").resolve()
    file = (folder / name).resolve()
    if not file.is_relative_to(folder) or not file.is_file() or file.suffix not in SHOWN:
        raise HTTPException(404, f"there is no page {Path(name).name} in the reports; it may have been made in another home.")
    headers = {"Content-Security-Policy": SANDBOX, "X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
    return FileResponse(file, media_type=SHOWN[file.suffix], headers=headers)


class NightloopReports(AirflowPlugin):
    """Mount the pages below /nightloop."""

    name = "nightloop_reports"
    fastapi_apps = ({"app": pages, "url_prefix": "/nightloop", "name": "Nightloop reports"},)
