"""The service with a played model, as a browser meets it."""

import asyncio
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from journeyman.core.model import Reply, call, say
from journeyman.models.script import ScriptCall, Step
from journeyman.models.script_server import ScriptServer
from journeyman.server.demo import PROMPT as DEMO
from tests.conftest import PLAIN_PYTEST, git, lay
from tests.web import stories

T = TypeVar("T")
READY = 120.0
"""Seconds; generous, since the machine may be loaded."""

HOURS = PLAIN_PYTEST | {
    "AGENTS.md": "Run the tests with `python -m pytest -q`.\n",
    "shop.py": 'def price(amount):\n    """What that many cost."""\n    return amount * 0\n',
    "test_shop.py": "from shop import price\n\n\ndef test_price():\n    assert price(2) == 14\n",
}
PATCH = """*** Begin Patch
*** Update File: shop.py
@@
-    return amount * 0
+    return amount * 7
*** Add File: NOTES.md
+# Notes
+
+Each costs 7.
*** End Patch"""
AGAIN = """*** Begin Patch
*** Update File: shop.py
@@
-def price(amount):
+PRICE = 7
+
+
+def price(amount):
@@
-    return amount * 7
+    return PRICE * amount
*** End Patch"""
ANSWER = """### Summary

- Each costs **7** now【F:shop.py†L3】
- Nobody has seen this【F:nowhere.py†L9】

```mermaid
flowchart LR
  amount --> price
```
"""
HELD = "wait for me"
"""A prompt with these words waits in its third step until the gate is opened."""
AT_THE_GATE = 1e6
"""The pace of a reply that waits there."""
SLOWLY = "take your time"
"""A prompt with these words is answered as slowly as the pen lets it, and with the same again if it is asked again."""
STORY = "".join(f"{number}. The price of {number} is `{7 * number}`\n" for number in range(1, 101))


DEMO_STEPS: list[Reply] = [
    call("shell", "d0", command="python -m pytest -q"),
    call("apply_patch", "d1", patch=stories.FIXED),
    call("shell", "d2", command="python -m pytest -q"),
    say("A span that lies within another one does not end it any more【F:hours/spans.py†L14】"),
]
"""How the demonstration's task is worked."""


def held(reply: Reply) -> Step:
    """The same call, of which nothing is told until the gate is open."""
    [asked] = reply.calls
    return Step(
        calls=(ScriptCall(name=asked.name, arguments=asked.arguments, call_id=asked.call_id),),
        pieces=1,
        pace=AT_THE_GATE,
    )


@dataclass(slots=True)
class Model:
    """A model that plays the same work for each task. It runs in a thread of its own, so that it can be held."""

    gate: threading.Event = field(default_factory=threading.Event)
    base_url: str = ""
    heard: list[str] = field(default_factory=list[str])
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    pen: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def write(self, pieces: int) -> None:
        """Let a slow reply go on for so many of its pieces."""
        self.loop.call_soon_threadsafe(lambda: [self.pen.release() for _ in range(pieces)])

    def hold(self) -> None:
        """Have the next slow reply wait for its first piece, whatever was let go on before."""
        self.loop.call_soon_threadsafe(lambda: setattr(self, "pen", asyncio.Semaphore(0)))

    async def pause(self, seconds: float) -> None:
        """What goes on between the pieces of a reply: other conversations are answered meanwhile."""
        if seconds != AT_THE_GATE:
            await self.pen.acquire()
        elif not await asyncio.to_thread(self.gate.wait, READY):
            raise AssertionError("nobody opened the gate")

    def replies(self) -> list[Any]:
        steps: list[Reply] = [
            call("update_plan", "c0", plan=[{"step": "Look", "status": "in_progress"}]),
            call("shell", "c1", command="cat shop.py"),
            call("apply_patch", "c2", patch=PATCH),
            call("shell", "c3", command="printf '\\033[32mgreen\\033[0m\\n'; python -m pytest -q"),
            say(ANSWER),
            call("apply_patch", "c5", patch=AGAIN),
            say("The price has a name now."),
            *[say("Nothing more to do.")] * 6,
        ]
        return [self._entry(number, step) for number, step in enumerate(steps)]

    def _entry(self, number: int, step: Reply) -> Any:
        def play(request: dict[str, Any]) -> Reply | Step:
            said = json.dumps(request, ensure_ascii=False)
            self.heard.append(said)
            if DEMO in said:
                return DEMO_STEPS[min(number, len(DEMO_STEPS) - 1)]
            if SLOWLY in said:
                slow = Step(text=STORY, reasoning="Seven each.", pieces=50, pace=1.0)
                return slow if number == 0 else say(STORY)
            if number == 3 and HELD in said:
                return held(step)
            return step

        return play


@contextmanager
def in_a_thread(
    serving: Callable[[], AbstractAsyncContextManager[T]], loop: asyncio.AbstractEventLoop | None = None
) -> Generator[T]:
    """What an asynchronous context gives, which is kept open in a thread of its own, where `loop` runs."""
    ready, stop = threading.Event(), asyncio.Event()
    loop = loop or asyncio.new_event_loop()
    given: list[T] = []

    async def serve() -> None:
        async with serving() as one:
            given.append(one)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(READY)
        yield given[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@contextmanager
def played_model() -> Generator[Model]:
    model = Model()
    with in_a_thread(lambda: ScriptServer(model.replies(), pause=model.pause), model.loop) as server:
        model.base_url = server.base_url
        try:
            yield model
        finally:
            model.gate.set()


def free_port() -> int:
    """One below those that the kernel hands out, so that nobody is given it while the service is down."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port was found")


@dataclass(slots=True)
class Served:
    """`journeyman serve`, which can be ended and started again at the same address."""

    home: Path
    arguments: tuple[str, ...]
    port: int = field(default_factory=free_port)
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    process: subprocess.Popen[str] | None = None
    said: str = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environ = {**os.environ, **self.environ, "JOURNEYMAN_HOME": str(self.home), "COLUMNS": "120"}
        words = [sys.executable, "-m", "journeyman.cli.main", "serve", "--port", str(self.port), *self.arguments]
        with (self.home / "serve.log").open("a") as log:
            self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True, env=environ)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if "Ctrl-C ends" in line:
                return
        raise AssertionError((self.home / "serve.log").read_text())

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(READY)
        finally:
            self.process.kill()
            self.process.communicate()
            self.process = None

    @property
    def join_link(self) -> str:
        found = re.search(r"http://\S+/join#\S+", self.said)
        assert found is not None, self.said
        return found[0]


@contextmanager
def served(
    home: Path, model: Model, *arguments: str, settings: str = "", environ: Mapping[str, str] | None = None
) -> Generator[Served]:
    """The service with a model; `settings` are more of its settings, as TOML."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text(
        f'model = "box"\n[models.box]\nwire = "responses"\nbase_url = "{model.base_url}"\nname = "scripted"\n{settings}'
    )
    service = Served(home, arguments, environ=environ or {})
    service.start()
    try:
        yield service
    finally:
        service.end()


def shop(folder: Path) -> Path:
    """A repository with a bug and the test that shows it."""
    folder.mkdir(parents=True)
    lay(folder, HOURS)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Shop")
    return folder
