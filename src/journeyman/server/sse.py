"""Server-sent events as bytes."""

from journeyman.core.value import Value
from journeyman.server.answers import plain_json

COMMENT = b": still here\n\n"
"""What keeps a silent stream alive, and lets both sides notice when it is not."""

HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # for proxies that would gather an answer first
}


def json_of(value: Value) -> bytes:
    return value.model_dump_json().encode()


def sent(name: str, data: bytes, id: str | int | None = None) -> bytes:
    """An event. `data` is JSON, which has no line ends."""
    place = b"" if id is None else f"id: {id}\n".encode()
    return b"%sevent: %s\ndata: %s\n\n" % (place, name.encode(), plain_json(data))
