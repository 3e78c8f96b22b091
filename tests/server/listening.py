"""An application behind a real socket, for what streams; and a reader of server-sent events."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncGenerator[str]:
    """The address of `app` on loopback."""
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@dataclass(frozen=True, slots=True)
class Told:
    """A server-sent event; that of a comment has no name."""

    name: str
    id: str | None
    data: Any


@asynccontextmanager
async def stream(
    address: str, path: str, last: str | int | None = None, token: str | None = None, **query: str | int
) -> AsyncGenerator[AsyncIterator[Told]]:
    headers = {"Last-Event-ID": str(last)} if last is not None else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    async with (
        httpx.AsyncClient(base_url=address, timeout=120) as client,
        client.stream("GET", f"/api/v1{path}", headers=headers, params=query) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _events(response)


async def _events(response: httpx.Response) -> AsyncIterator[Told]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            data = json.loads(fields["data"]) if "data" in fields else None
            yield Told(fields.get("event", ""), fields.get("id"), data)
            fields = {}


async def take(events: AsyncIterator[Told], name: str, count: int = 1) -> list[Told]:
    """The next events with a name; what comes in between is passed over."""
    found: list[Told] = []
    async with asyncio.timeout(120):
        async for event in events:
            if event.name == name:
                found.append(event)
                if len(found) == count:
                    break
    return found
