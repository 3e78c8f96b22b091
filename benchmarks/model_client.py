"""What a model client costs: processor time of a call, at the start and at the end of 200 steps.

    python benchmarks/model_client.py [--steps N] [--rounds N] [--output CHARACTERS] [--parallel N] [--json]

A server in a process of its own plays a script of N tool calls and answers at once, streaming. Ours over both wires,
httpx by hand and the official `openai` package make the same calls in turn, step by step, so that all see the same
noise. The processor time is that of the client's process; figures are medians, in milliseconds. `first` (import,
client and first call, wall) is taken in fresh processes, less what Python itself needs.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journeyman.core.items import Item, ToolResult, UserMessage
from journeyman.core.model import ModelRequest, ToolSpec
from journeyman.models.choice import ModelChoice
from journeyman.models.open import open_model

INSTRUCTIONS = "You are an engineer who works in a repository with the tools below. " * 20
PARAMETERS = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
TOOLS = tuple(ToolSpec(name=f"tool{n}", description="Does one thing. " * 20, parameters=PARAMETERS) for n in range(5))

Step = Callable[[], Awaitable[str]]
"""Makes the next call of a conversation, and gives the arguments that came back."""


@dataclass
class Timed:
    """Milliseconds of one client, one list entry a step."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def row(self, span: slice) -> tuple[float, float]:
        return statistics.median(self.cpu[span]), statistics.median(self.wall[span])


@asynccontextmanager
async def ours(wire: str, base_url: str, output: str) -> AsyncGenerator[Step]:
    items: list[Item] = [UserMessage(text="Fix the tests.")]
    async with open_model(ModelChoice("box", wire, "m", base_url), env={}) as model:

        async def step() -> str:
            reply = await model.reply(ModelRequest(INSTRUCTIONS, items, TOOLS, cache_key="bench"))
            items.extend(reply.items)
            items.extend(ToolResult(call_id=call.call_id, content=output) for call in reply.calls)
            return reply.calls[0].arguments

        yield step


@asynccontextmanager
async def by_hand(base_url: str, output: str) -> AsyncGenerator[Step]:
    """httpx and json, and nothing kept from one call to the next."""
    import httpx

    tools = [{"type": "function", "function": tool_fields(tool)} for tool in TOOLS]
    messages: list[Any] = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": "Fix the tests."}]
    async with httpx.AsyncClient(timeout=60) as client:

        async def step() -> str:
            body = {"model": "m", "stream": True, "tools": tools, "messages": messages}
            arguments, ident = "", ""
            async with client.stream("POST", f"{base_url}/chat/completions", json=body) as answer:
                async for line in answer.aiter_lines():
                    if not line.startswith("data: {"):
                        continue
                    for choice in json.loads(line[6:])["choices"]:
                        for call in choice["delta"].get("tool_calls") or ():
                            ident = call.get("id") or ident
                            arguments += call["function"].get("arguments") or ""
            messages.extend(chat_turn(ident, arguments, output))
            return arguments

        yield step


@asynccontextmanager
async def official(wire: str, base_url: str, output: str) -> AsyncGenerator[Step]:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key="x", base_url=base_url) as client:
        yield official_chat(client, output) if wire == "chat" else official_responses(client, output)


def official_chat(client: Any, output: str) -> Step:
    tools = [{"type": "function", "function": tool_fields(tool)} for tool in TOOLS]
    messages: list[Any] = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": "Fix the tests."}]

    async def step() -> str:
        arguments, ident = "", ""
        create = client.chat.completions.create
        async for chunk in await create(model="m", messages=messages, tools=tools, stream=True):
            for choice in chunk.choices:
                for call in choice.delta.tool_calls or ():
                    ident = call.id or ident
                    arguments += call.function.arguments or ""
        messages.extend(chat_turn(ident, arguments, output))
        return arguments

    return step


def official_responses(client: Any, output: str) -> Step:
    tools = [{"type": "function", "strict": False, **tool_fields(tool)} for tool in TOOLS]
    items: list[Any] = [{"role": "user", "content": "Fix the tests."}]

    async def step() -> str:
        arguments = ""
        create = client.responses.create
        async for event in await create(model="m", instructions=INSTRUCTIONS, input=items, tools=tools, stream=True):
            if event.type == "response.output_item.done":
                arguments = event.item.arguments
                items.append(event.item.model_dump(exclude_none=True))
                items.append({"type": "function_call_output", "call_id": event.item.call_id, "output": output})
        return arguments

    return step


def tool_fields(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def chat_turn(ident: str, arguments: str, output: str) -> list[Any]:
    call = {"id": ident, "type": "function", "function": {"name": "shell", "arguments": arguments}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": ident, "content": output},
    ]


CLIENTS: dict[str, Callable[[str, str], Any]] = {
    "journeyman, Responses": lambda url, output: ours("responses", url, output),
    "journeyman, Chat": lambda url, output: ours("chat", url, output),
    "httpx by hand, Chat": by_hand,
    "openai package, Chat": lambda url, output: official("chat", url, output),
    "openai package, Responses": lambda url, output: official("responses", url, output),
}


@contextmanager
def server(steps: int, delay: float = 0.0) -> Any:
    """The script server in its own process; yields its address."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.jsonl"
        calls = [[{"name": "shell", "arguments": {"command": f"cat file{number}"}}] for number in range(steps)]
        script.write_text("\n".join(json.dumps({"calls": call, "delay": delay}) for call in calls))
        argv = [sys.executable, "-m", "journeyman.models.script_server", str(script)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait()


async def measure(base_url: str, steps: int, output: str) -> dict[str, Timed]:
    """All clients, in turn at every step."""
    timed = {name: Timed() for name in CLIENTS}
    async with AsyncExitStack() as stack:
        clients = {name: await stack.enter_async_context(make(base_url, output)) for name, make in CLIENTS.items()}
        for number in range(steps):
            for name, step in clients.items():
                cpu, wall = time.process_time(), time.perf_counter()
                arguments = await step()
                timed[name].cpu.append((time.process_time() - cpu) * 1000)
                timed[name].wall.append((time.perf_counter() - wall) * 1000)
                assert json.loads(arguments) == {"command": f"cat file{number}"}, (name, number, arguments)
    return timed


async def side_by_side(wire: str, base_url: str, count: int, steps: int = 10) -> float:
    """Milliseconds of processor time a call with `count` conversations under way in one model."""

    async def converse(model: Any, key: str) -> None:
        items: list[Item] = [UserMessage(text="Fix the tests.")]
        for _ in range(steps):
            reply = await model.reply(ModelRequest(INSTRUCTIONS, items, TOOLS, cache_key=key))
            items.extend(reply.items)
            items.extend(ToolResult(call_id=call.call_id, content="x" * 1000) for call in reply.calls)

    async with open_model(ModelChoice("box", wire, "m", base_url), env={}) as model:
        await asyncio.gather(*(converse(model, f"warm {number}") for number in range(count)))
        begun = time.process_time()
        await asyncio.gather(*(converse(model, str(number)) for number in range(count)))
        return (time.process_time() - begun) * 1000 / count / steps


async def first_call(name: str, base_url: str) -> None:
    async with CLIENTS[name](base_url, "x") as step:
        await step()


def first(name: str, base_url: str) -> float:
    """Milliseconds from the start of a fresh process, less Python's own, to the end of its first call."""
    argv = [sys.executable, __file__, "--first", name, "--at", base_url]
    begun = time.perf_counter()
    subprocess.run(argv, check=True)
    called = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio, json"], check=True)
    return (2 * called - begun - time.perf_counter()) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=int, default=1000, help="characters of each tool result")
    parser.add_argument("--parallel", type=int, default=200, help="conversations at a time in the last figure")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--first", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--at", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.first:
        asyncio.run(first_call(chosen.first, chosen.at))
        return 0
    rows: dict[str, dict[str, float]] = {}
    with server(chosen.steps) as base_url:
        output = ("x = 1  # a line of code\n" * (chosen.output // 23 + 1))[: chosen.output]
        rounds = [asyncio.run(measure(base_url, chosen.steps, output)) for _ in range(chosen.rounds)]
        for name in CLIENTS:
            early = [one[name].row(slice(1, 20)) for one in rounds]
            late = [one[name].row(slice(-20, None)) for one in rounds]
            rows[name] = {
                "first": min(first(name, base_url) for _ in range(chosen.rounds)),
                "cpu_early": min(cpu for cpu, _ in early),
                "cpu_late": min(cpu for cpu, _ in late),
                "wall_early": min(wall for _, wall in early),
                "wall_late": min(wall for _, wall in late),
            }
    with server(10, delay=0.2) as base_url:
        for wire in ("Responses", "Chat"):
            cost = asyncio.run(side_by_side(wire.lower(), base_url, chosen.parallel))
            rows[f"journeyman, {wire}"]["parallel"] = cost
    if chosen.json:
        print(json.dumps(rows))
        return 0
    print(f"{'client':28}{'first':>8}{'cpu 1–20':>11}{'cpu last 20':>13}{'wall 1–20':>11}{'wall last 20':>14}")
    for name, row in rows.items():
        print(
            f"{name:28}{row['first']:8.0f}{row['cpu_early']:11.2f}{row['cpu_late']:13.2f}"
            f"{row['wall_early']:11.2f}{row['wall_late']:14.2f}"
        )
    for name, row in rows.items():
        if "parallel" in row:
            print(f"{name}, {chosen.parallel} at a time: {row['parallel']:.2f} of processor time a call")
    print(
        f"milliseconds; best of {chosen.rounds} rounds of medians; {chosen.steps} steps of {chosen.output} characters"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
