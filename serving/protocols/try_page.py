"""GET /try: a person fills in a row, and sees the answer and its reasons as bars.

The page is one file without any data: its script reads /openapi.json, as any client may, and asks the predict route.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from fastapi import FastAPI, Response

PAGE = Path(__file__).with_name("try.html")


def add_try_page(app: FastAPI) -> None:
    """Add the page."""
    text = PAGE.read_text(encoding="utf-8")
    headers = {"Content-Security-Policy": _policy(text), "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

    @app.get("/try", include_in_schema=False)
    async def try_page() -> Response:
        return Response(text, media_type="text/html; charset=utf-8", headers=headers)


def _policy(text: str) -> str:
    """Return what a browser may run and reach: the script and the style that stand in the page, and this service."""
    script, style = (_digest(text, tag) for tag in ("script", "style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _digest(text: str, tag: str) -> str:
    inside = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'" for part in inside)
