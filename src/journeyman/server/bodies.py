"""What no request may be: too large, or with a NUL in its path or its query, which no store takes."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from journeyman.server.answers import error

TOO_LARGE = "The body is too large: it may have {} MB here."


class Bounds:
    """ASGI middleware: a body has at most `most` bytes, at some paths `others`. What is too large is not read."""

    def __init__(self, app: ASGIApp, most: int, others: Mapping[str, int]) -> None:
        self._app = app
        self._most = most
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._others.get(scope["path"], self._most)
        told = Headers(scope=scope).get("content-length", "0")
        if told.isdigit() and int(told) > most:
            await error(413, "too_large", TOO_LARGE.format(most // 2**20))(scope, receive, send)
            return
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            await error(400, "bad_request", "There is a NUL in the path or the query.")(scope, receive, send)
            return
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(413, TOO_LARGE.format(most // 2**20))
            return message

        await self._app(scope, bounded, send)
