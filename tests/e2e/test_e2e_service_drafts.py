"""What a model writes is seen while it writes it, from another process than the one that works; and the worker may die
in the middle of it."""

import asyncio
import json
import os
import signal
import sys
from contextlib import aclosing

import pytest

from journeyman.client import AsyncClient, TaskCreate
from journeyman.core.api.live import DraftPiece
from journeyman.core.api.work import NumberedEvent
from journeyman.core.events import Finished, Replied
from journeyman.models.script import Step
from journeyman.models.script_server import ScriptServer
from tests.conftest import MakeRepository, Program
from tests.e2e.service import serving
from tests.e2e.test_e2e_service_worker import worker_of

pytestmark = pytest.mark.timeout(300)  # a server is started, perhaps on a loaded machine

WHOLE = "The price is " + " ".join(str(number) for number in range(100))
THOUGHT = "I look for the price."


class Pen:
    """Lets a model send as many pieces as a test says."""

    def __init__(self) -> None:
        self._pieces = asyncio.Semaphore(0)

    async def pause(self, _seconds: float) -> None:
        await self._pieces.acquire()

    def write(self, pieces: int) -> None:
        for _ in range(pieces):
            self._pieces.release()


class Screen:
    """What somebody who watches has before their eyes."""

    def __init__(self) -> None:
        self.thought = ""
        self.text = ""
        self.replies: list[str] = []
        self.doubled = False
        self.done = asyncio.Event()
        self._news = asyncio.Event()

    async def watch(self, address: str, task: str) -> None:
        async with AsyncClient(address) as client, aclosing(client.live(task)) as live:
            async for told in live:
                match told:
                    case DraftPiece():
                        self.text = told.text if told.fresh else self.text + told.text
                        self.thought = told.reasoning if told.fresh else self.thought + told.reasoning
                        self.doubled |= bool(self.text and self.replies)
                    case NumberedEvent(event=Replied() as event):
                        self.thought = self.text = ""
                        self.replies.append(event.reply.text)
                    case NumberedEvent(event=Finished()):
                        return
                    case _:
                        pass
                self._news.set()

    async def until_written(self) -> None:
        """Wait for some of the text."""
        async with asyncio.timeout(120):
            while not self.text:
                await self._news.wait()
                self._news.clear()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the worker is in the service's process")
async def test_two_watch_a_reply_whose_worker_is_killed_in_the_middle(
    program: Program, make_repository: MakeRepository
) -> None:
    folder, pen = make_repository({"a.txt": "one\n"}), Pen()
    script = [Step(reasoning=THOUGHT, text=WHOLE, pieces=40, pace=1.0)]
    async with ScriptServer(script, pause=pen.pause) as model:
        program.use(model.base_url)
        async with serving(program, "--no-auth") as service, AsyncClient(service.address) as client:
            view = await client.submit(TaskCreate(prompt="What is the price?", repository=str(folder), mode="ask"))
            screens = Screen(), Screen()
            watching = [asyncio.create_task(screen.watch(service.address, view.task.id)) for screen in screens]
            pen.write(60)
            for screen in screens:
                await screen.until_written()
                assert WHOLE.startswith(screen.text) and screen.text != WHOLE
                assert screen.thought == THOUGHT
                assert screen.replies == []
            os.kill(worker_of(service.process.pid), signal.SIGKILL)
            pen.write(1000)
            async with asyncio.timeout(120):
                await asyncio.gather(*watching)
            for screen in screens:
                assert screen.replies == [WHOLE]
                assert not screen.doubled
        assert "another one is started" in service.err


async def test_a_terminal_shows_what_is_being_written_and_json_only_what_is(
    program: Program, make_repository: MakeRepository
) -> None:
    folder, pen = make_repository({"a.txt": "one\n"}), Pen()
    async with ScriptServer([Step(text=WHOLE, pieces=40, pace=1.0)], pause=pen.pause) as model:
        program.use(model.base_url)
        async with serving(program, "--no-auth") as service, AsyncClient(service.address) as client:
            view = await client.submit(TaskCreate(prompt="What is the price?", repository=str(folder), mode="ask"))
            piped = await program.start("tasks", "watch", view.task.id, "--json")
            program.env["FORCE_COLOR"] = "1"  # as on a terminal
            drawn = await program.start("tasks", "watch", view.task.id)
            assert drawn.stderr is not None
            pen.write(30)
            async with asyncio.timeout(120):
                seen = b""
                while b"  The price is 0 1" not in seen:
                    more = await drawn.stderr.read(4096)
                    assert more, seen
                    seen += more
                pen.write(1000)
                (out, _), (result, _) = await asyncio.gather(piped.communicate(), drawn.communicate())
            assert WHOLE[:40] in result.decode()
            kinds = [line["item"]["type"] for line in map(json.loads, out.splitlines()) if "item" in line]
            assert kinds.count("agent_message") == 1 and "draft" not in out.decode()
