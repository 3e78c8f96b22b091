"""A server that is played byte by byte over a real socket."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CUT = b""
"""In place of an answer: the connection is closed."""


@dataclass(slots=True)
class Played:
    """Gives its answers in their order, a connection each; keeps what was asked."""

    answers: list[bytes]
    address: str = ""
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        writer.write(self.answers.pop(0))
        await writer.drain()
        writer.close()


def answer(status: int, body: object, *headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(data)}", "connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + data


def refusal(status: int, *headers: str, code: str = "why") -> bytes:
    return answer(status, {"error": {"code": code, "message": "It is so", "details": [1]}}, *headers)


def stream(text: str) -> bytes:
    """A live stream that is cut behind `text`."""
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return (head + text).encode()


@asynccontextmanager
async def played(*answers: bytes) -> AsyncGenerator[Played]:
    server = Played(list(answers))
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener:
        yield server
