"""Read the body of a request, no further than its limit."""

from __future__ import annotations

from fastapi import Request

from serving.problems import TooLarge, WrongMedia

JSON = "application/json"


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read the body.

    Raises:
        WrongMedia: it is declared as something else than JSON.
        TooLarge: it has more bytes than one may have.
    """
    media = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if media != JSON and not media.endswith("+json"):
        raise WrongMedia(f"the body is declared as '{media[:60]}'.", do=f"Send JSON, as Content-Type: {JSON}.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than {max_bytes:,} bytes.", do="Send fewer rows at a time.")
