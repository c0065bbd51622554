"""Show the pages of HOME/reports on Airflow's own server, to signed-in users only.

Airflow does not authenticate the web apps of plugins: each route here asks Airflow's own access check. Pages hold scripts
(plots), so they are served in a sandbox, without the user's session: a page can draw, not act.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

from nightloop.settings import load_settings
from plugins.control_room import PREFIX, add_routes

if TYPE_CHECKING:
    from fastapi import FastAPI

SANDBOX = "sandbox allow-scripts allow-popups; frame-ancestors 'self'"
SHOWN = {".html": "text/html", ".png": "image/png", ".svg": "image/svg+xml", ".md": "text/plain", ".json": "application/json"}


def find_page(folder: Path, name: str) -> Path | None:
    """Return the file of that name below the folder, if it is one that may be shown."""
    try:
        file = (folder / name).resolve()
        return file if file.is_relative_to(folder.resolve()) and file.is_file() and file.suffix in SHOWN else None
    except (OSError, ValueError):  # no file can have such a name: too long, or with a zero byte in it
        return None


def pages() -> FastAPI:
    """Build the web app; only the API server calls this, for every task loads the plugins and should not pay for it."""
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
    from airflow.api_fastapi.core_api.security import requires_access_view
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import FileResponse

    app = FastAPI(title="Nightloop reports", docs_url=None, redoc_url=None, openapi_url=None)
    headers = {"Content-Security-Policy": SANDBOX, "X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}

    def report(name: str) -> Any:
        file = find_page(load_settings().home / "reports", name)
        if file is None:
            raise HTTPException(404, f"there is no page {Path(name).name} in the reports of this home.")
        return FileResponse(file, media_type=SHOWN[file.suffix], headers=headers)

    access = Depends(requires_access_view(AccessView.PLUGINS))
    add_routes(app, access)
    app.add_api_route("/reports/{name:path}", report, methods=["GET"], dependencies=[access], response_model=None)
    return app


class NightloopReports(AirflowPlugin):
    """Mount the pages below /nightloop."""

    name = "nightloop_reports"

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # late, see pages()
        """The app, built when the API server asks for it."""
        return [{"app": pages(), "url_prefix": PREFIX, "name": "Nightloop reports"}]
