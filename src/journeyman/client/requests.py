"""What all parts of the client have: requests by path, with values in and out."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from journeyman.client.errors import ServerFailed
from journeyman.client.transport import Answer, Method, Query, Transport

V = TypeVar("V", bound=BaseModel)


class Requests:
    """`path` has braces where the keyword arguments go that are not named here."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def _ask(self, method: Method, path: str, answer: type[V], /, **more: Any) -> V:
        """The value that the server answers with; `more` is that of `_send`."""
        said = await self._send(method, path, **more)
        return self._value(answer, said.body)

    async def _send(
        self,
        method: Method,
        path: str,
        /,
        *,
        query: Query | None = None,
        body: BaseModel | bytes | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        again: bool | None = None,
        **places: str,
    ) -> Answer:
        """Raises what `Transport.send` raises."""
        data = body.model_dump_json(exclude_unset=True).encode() if isinstance(body, BaseModel) else body
        where = filled(path, places)
        return await self._transport.send(
            method, where, query=query, body=data, content_type=content_type, headers=headers, again=again
        )

    def _value(self, kind: type[V], body: bytes) -> V:
        """What the server has sent. Fields that a newer server adds are passed over."""
        try:
            return kind.model_validate_json(body, extra="ignore")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ServerFailed(
                f"The answer of {self._transport.address} cannot be read ({kind.__name__} {where}: {first['msg']}). "
                "Is the server of another version?",
                status=200,
                code="unreadable",
            ) from error


def filled(path: str, places: Mapping[str, str]) -> str:
    """`path` with each `{name}` in its place, quoted."""
    return re.sub(r"\{(\w+)\}", lambda found: quote(places[found[1]], safe=""), path)
