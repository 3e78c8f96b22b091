"""A server on loopback that plays a script over OpenAI's two wires, for our agent and for others.

    python -m journeyman.models.script_server SCRIPT --port N

`POST /v1/responses` and `POST /v1/chat/completions`, streaming or not, and `GET /v1/models`. The next reply is chosen
by the number of the model's turns that the request holds, so clients can run side by side on one script.
"""

import argparse
import asyncio
import json
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, cast

from journeyman.core.errors import ModelError, UsageError
from journeyman.core.model import Reply
from journeyman.core.usage import Usage
from journeyman.models import script_wire
from journeyman.models.script import Answer, Entry, Fault, Order, Script, Step, as_script, choose
from journeyman.models.script_http import Connection, Exchange, Received

_ERRORS: dict[str, tuple[int, str, str]] = {
    "unauthorized": (401, "invalid_api_key", "Incorrect API key provided."),
    "not_found": (404, "model_not_found", "The model does not exist or you do not have access to it."),
    "too_long": (400, "context_length_exceeded", "Your input exceeds the context window of this model."),
    "refused": (400, "content_filter", "The prompt was filtered by the content management policy."),
    "quota": (429, "insufficient_quota", "You exceeded your current quota, please check your plan."),
    "rate_limit": (429, "rate_limit_exceeded", "Rate limit reached for requests."),
    "server_error": (500, "server_error", "The server had an error while processing your request."),
    "overloaded": (529, "overloaded_error", "Overloaded."),
}


class ScriptServer:
    """`async with ScriptServer(script) as server:` listens at `server.base_url` and keeps `server.requests`.

    An entry of the script may be a function of the parsed request. `problems` says where the script did not fit.
    `pause` waits between the events of a reply that has a pace.
    """

    def __init__(
        self,
        script: Script | Sequence[Entry] | Path | str,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        order: Order | None = None,
        models: Sequence[str] = ("scripted",),
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._script = as_script(script)
        self._order = order or self._script.order
        self._host, self._port = host, port
        self._models = tuple(models)
        self._pause = pause
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: Counter[tuple[str, int]] = Counter()
        self._rendered: dict[tuple[int, int, str], script_wire.Rendered] = {}
        self._server: asyncio.Server | None = None
        self.requests: list[Received] = []
        self.problems: list[str] = []
        self.connections_made = 0

    @property
    def base_url(self) -> str:
        return f"http://{self._host}:{self._port}/v1"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            if connection.transport is not None:
                connection.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _connection(self) -> Connection:
        self.connections_made += 1
        return Connection(self._handle, self._connections)

    def _handle(self, exchange: Exchange) -> None:
        request = exchange.request
        path = request.path.partition("?")[0].rstrip("/")
        if request.method == "GET" and path.endswith("/models"):
            data = [{"id": name, "object": "model", "created": 0, "owned_by": "script"} for name in self._models]
            exchange.answer(200, _json({"object": "list", "data": data}))
        elif request.method == "GET" and path.endswith("/health"):
            exchange.answer(200, b'{"status":"ok"}')
        elif request.method == "POST" and path.endswith(("/responses", "/chat/completions")):
            self.requests.append(request)
            try:
                self._play(exchange, "chat" if path.endswith("/completions") else "responses")
            except (ModelError, ValueError) as error:
                self._problem(exchange, str(error))
        else:
            exchange.answer(404, _error("not_found", f"No {request.method} {path} here."))

    def _play(self, exchange: Exchange, wire: str) -> None:
        request = exchange.request
        turn = request.turn = len(self.requests) - 1 if self._order == "arrival" else exchange.turns.count(request.body)
        entry = self._script.at(turn)
        if isinstance(entry, ModelError):
            raise entry
        step, which = self._step(entry, request)
        if isinstance(step, Step) and step.error and (fault := self._fault(step, request, turn)):
            self._spawn(self._fail(exchange, fault, step, turn, wire))
        elif isinstance(step, Step) and (step.delay or step.pace):
            self._spawn(self._slowly(exchange, step, (turn, which, wire)))
        else:
            rendered = self._render(step, (turn, which, wire))
            events, end = self._events(rendered, step, request, wire)
            if _wants_stream(request.body):
                exchange.stream(b"".join(events) + end)
            else:
                exchange.answer(200, self._body(rendered, step, request, wire))

    def _step(self, entry: Entry, request: Received) -> tuple[Step | Reply, int]:
        """The step to play and its number among the alternatives; -1 for one that must not be kept."""
        if isinstance(entry, Step | Reply):
            return entry, 0
        if isinstance(entry, str):
            return Step(text=entry), 0
        value = json.loads(request.body)
        if callable(entry):
            answer: Answer = entry(value)
            return (Step(text=answer) if isinstance(answer, str) else answer), -1
        step = choose(cast("Sequence[Step]", entry), newest(value))
        return step, list(cast("Sequence[Step]", entry)).index(step)

    def _fault(self, step: Step, request: Received, turn: int) -> Fault | None:
        key = (_conversation(json.loads(request.body)), turn)
        fault = step.fault(self._failed[key])
        self._failed[key] += fault is not None
        return fault

    def _render(self, step: Step | Reply, key: tuple[int, int, str]) -> script_wire.Rendered:
        if (known := self._rendered.get(key)) is not None:
            return known
        turn, which, wire = key
        reply = step.reply(turn) if isinstance(step, Step) else step
        reply = reply.model_copy(update={"model": reply.model or self._models[0]})
        count = step.pieces if isinstance(step, Step) else script_wire.PIECES
        rendered = (script_wire.chat if wire == "chat" else script_wire.responses)(reply, str(turn), count)
        if which >= 0:
            self._rendered[key] = rendered
        return rendered

    def _events(
        self, rendered: script_wire.Rendered, step: Step | Reply, request: Received, wire: str
    ) -> tuple[tuple[bytes, ...], bytes]:
        usage = _usage(step, request, rendered)
        if wire == "responses":
            return rendered.events, script_wire.responses_end(rendered, usage)
        compact = request.body.replace(b" ", b"") if len(request.body) < 4096 else request.body
        asked = b'"include_usage":true' in compact or b'"include_usage": true' in compact
        return rendered.events, script_wire.chat_end(rendered, usage, with_usage=asked)

    def _body(self, rendered: script_wire.Rendered, step: Step | Reply, request: Received, wire: str) -> bytes:
        usage = _usage(step, request, rendered)
        made = script_wire.chat_usage(usage) if wire == "chat" else script_wire.responses_usage(usage)
        return _json({**rendered.body, "usage": made})

    async def _slowly(self, exchange: Exchange, step: Step, key: tuple[int, int, str]) -> None:
        await asyncio.sleep(step.delay)
        rendered, wire = self._render(step, key), key[2]
        if not _wants_stream(exchange.request.body):
            exchange.answer(200, self._body(rendered, step, exchange.request, wire))
            return
        events, end = self._events(rendered, step, exchange.request, wire)
        exchange.begin()
        for event in (*events, end):
            exchange.send(event)
            await self._pause(step.pace)
        exchange.close_stream()

    async def _fail(self, exchange: Exchange, fault: Fault, step: Step, turn: int, wire: str) -> None:
        await asyncio.sleep(step.delay)
        if known := _ERRORS.get(fault.kind):
            status, code, message = known
            wait = "" if fault.retry_after is None else f"retry-after: {fault.retry_after:g}\r\n"
            exchange.answer(status, _error(code, fault.message or message), extra=wait)
            return
        match fault.kind:
            case "garbage":
                exchange.stream(sse_garbage(fault.message))
            case "html":
                page = f"<html><head><title>{fault.message or 'Bad gateway'}</title></head></html>"
                exchange.answer(200, page.encode(), "text/html")
            case "hang":
                await exchange.closed.wait()
            case "closed":
                exchange.cut()
            case _:
                reply = step if step.text or step.calls else Step(text="This sentence has no end, since")
                events, _ = self._events(self._render(reply, (turn, -1, wire)), reply, exchange.request, wire)
                exchange.begin(b"".join(events)[:-20])
                if fault.kind == "stall":
                    await exchange.closed.wait()
                exchange.cut()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _problem(self, exchange: Exchange, message: str) -> None:
        self.problems.append(message)
        exchange.answer(400, _error("script", message))


def sse_garbage(message: str) -> bytes:
    return b"data: {" + (message or "this is no JSON").encode() + b"\n\n"


def newest(body: dict[str, Any]) -> str:
    """The text of what came after the model's last turn in a parsed request of either wire."""
    items = body.get("input", body.get("messages"))
    if isinstance(items, str):
        return items
    texts: list[str] = []
    for item in reversed(cast("list[dict[str, Any]]", items or [])):
        kind = item.get("type", "message")
        if item.get("role") == "assistant" or kind in ("function_call", "custom_tool_call", "reasoning"):
            break
        texts.append(_text_of(item.get("content", item.get("output"))))
    return "\n".join(reversed(texts))


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in cast("list[dict[str, Any]]", content))
    return content if isinstance(content, str) else ""


def _conversation(body: dict[str, Any]) -> str:
    """What tells conversations apart: the cache key, else their beginning."""
    key = body.get("prompt_cache_key")
    items = body.get("input", body.get("messages")) or [""]
    return key or json.dumps([body.get("instructions"), items[:2]])


def _usage(step: Step | Reply, request: Received, rendered: script_wire.Rendered) -> Usage:
    """What the script says, else four bytes a token."""
    if step.usage is not None and step.usage.total_tokens:
        return step.usage
    written = sum(len(event) for event in rendered.events) // 8
    return Usage(input_tokens=len(request.body) // 4 + 1, output_tokens=max(written // 4, 1))


def _wants_stream(body: bytes) -> bool:
    return b'"stream":true' in body or b'"stream": true' in body


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _error(code: str, message: str) -> bytes:
    return _json({"error": {"message": message, "type": code, "param": None, "code": code}})


async def serve(script: Path, port: int, host: str, order: Order | None) -> None:
    """Serves until the process is told to end."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with ScriptServer(script, port, host=host, order=order) as server:
        print(server.base_url, flush=True)
        await stop.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Play a script of replies over OpenAI's wires on loopback.")
    parser.add_argument("script", type=Path, help="a .json or .jsonl file")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; the address is printed")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--order", choices=["turns", "arrival"], default=None)
    chosen = parser.parse_args(arguments)
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(serve(chosen.script, chosen.port, chosen.host, chosen.order))
    except UsageError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
