"""The work of attempts: results, changes, checks, output, files."""

from collections.abc import Sequence
from typing import Literal

from pydantic import RootModel

from journeyman.client.requests import Requests
from journeyman.core.api.tasks import AttemptLine
from journeyman.core.api.work import (
    AttemptView,
    ChecksView,
    ChunkText,
    Citations,
    CommandPage,
    DiffView,
    EventPage,
    Evidence,
    FileList,
    FileText,
    ResultView,
    TestState,
    Timeline,
    WorkPage,
)


class AttemptLines(RootModel[tuple[AttemptLine, ...]]):
    """The attempts of a task, as they come over the wire."""


class AttemptRequests(Requests):
    """`attempt` is "turn.number", its number in the newest turn, or "chosen"."""

    async def attempts(self, task: str) -> tuple[AttemptLine, ...]:
        """All attempts of all turns, in their order."""
        return (await self._ask("GET", "/tasks/{task}/attempts", AttemptLines, task=task)).root

    async def attempt(self, task: str, attempt: str = "chosen") -> AttemptView:
        return await self._ask("GET", "/tasks/{task}/attempts/{attempt}", AttemptView, task=task, attempt=attempt)

    async def result(self, task: str, attempt: str = "chosen") -> ResultView:
        return await self._ask("GET", "/tasks/{task}/attempts/{attempt}/result", ResultView, task=task, attempt=attempt)

    async def attempt_events(
        self, task: str, attempt: str = "chosen", *, after: int | None = None, limit: int | None = None
    ) -> EventPage:
        """A page of an attempt's events behind the place `after`, which counts those of the whole task."""
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/events",
            EventPage,
            query={"after": after, "limit": limit},
            task=task,
            attempt=attempt,
        )

    async def log(self, task: str, *, after: int | None = None, limit: int | None = None) -> EventPage:
        """A page of the events of all attempts, in the order in which they happened."""
        return await self._ask("GET", "/tasks/{task}/log", EventPage, query={"after": after, "limit": limit}, task=task)

    async def diff(
        self,
        task: str,
        attempt: str = "chosen",
        *,
        against: str = "base",
        path: str | None = None,
        context: int = 3,
        whitespace: Literal["show", "ignore"] = "show",
    ) -> DiffView:
        """The changes file by file, from the base, from another attempt, or from what was chosen in another turn
        ("turn-1"); of one file only with `path`."""
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/diff",
            DiffView,
            query={"against": against, "path": path, "context": context, "whitespace": whitespace},
            task=task,
            attempt=attempt,
        )

    async def patch(self, task: str, attempt: str = "chosen", *, against: str = "base") -> bytes:
        """The changes as a patch in git's format, binary files included; empty where nothing was changed."""
        said = await self._send(
            "GET",
            "/tasks/{task}/attempts/{attempt}/patch",
            query={"against": against},
            task=task,
            attempt=attempt,
        )
        return said.body

    async def checks(
        self, task: str, attempt: str = "chosen", *, state: Sequence[TestState] = (), limit: int = 1000
    ) -> ChecksView:
        """Every check before and after, with at most `limit` of its tests; only those in these states."""
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/checks",
            ChecksView,
            query={"state": [*state] or None, "limit": limit},
            task=task,
            attempt=attempt,
        )

    async def evidence(self, task: str, attempt: str = "chosen") -> Evidence:
        return await self._ask("GET", "/tasks/{task}/attempts/{attempt}/evidence", Evidence, task=task, attempt=attempt)

    async def citations(self, task: str, attempt: str = "chosen") -> Citations:
        return await self._ask(
            "GET", "/tasks/{task}/attempts/{attempt}/citations", Citations, task=task, attempt=attempt
        )

    async def work(
        self,
        task: str,
        attempt: str = "chosen",
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> WorkPage:
        """A page of the work log; without a bound the newest."""
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/work",
            WorkPage,
            query={"before": before, "after": after, "limit": limit},
            task=task,
            attempt=attempt,
        )

    async def timeline(self, task: str, attempt: str = "chosen", *, after: int | None = None) -> Timeline:
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/timeline",
            Timeline,
            query={"after": after},
            task=task,
            attempt=attempt,
        )

    async def commands(
        self, task: str, attempt: str = "chosen", *, after: int | None = None, search: str | None = None
    ) -> CommandPage:
        """Commands and checks whose output is kept; with `search` those that have it in them or their output."""
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/commands",
            CommandPage,
            query={"after": after, "search": search},
            task=task,
            attempt=attempt,
        )

    async def chunk(
        self, task: str, chunk: str, attempt: str = "chosen", *, start: int | None = None, end: int | None = None
    ) -> ChunkText:
        """Lines of a command's output as text, from 1 and inclusive."""
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/chunks/{chunk}",
            ChunkText,
            query={"start": start, "end": end},
            task=task,
            attempt=attempt,
            chunk=chunk,
        )

    async def raw_chunk(self, task: str, chunk: str, attempt: str = "chosen") -> bytes:
        """A command's whole output, byte by byte."""
        said = await self._send(
            "GET", "/tasks/{task}/attempts/{attempt}/chunks/{chunk}/raw", task=task, attempt=attempt, chunk=chunk
        )
        return said.body

    async def files(
        self, task: str, attempt: str = "chosen", *, folder: str = "", seq: int | None = None, deep: bool = False
    ) -> FileList:
        """What is in a folder of the workspace after event `seq`; at the end without it."""
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/files",
            FileList,
            query={"folder": folder, "seq": seq, "deep": deep},
            task=task,
            attempt=attempt,
        )

    async def file(
        self,
        task: str,
        path: str,
        attempt: str = "chosen",
        *,
        seq: int | None = None,
        start: int | None = None,
        end: int | None = None,
    ) -> FileText:
        """Lines of a file of the workspace after event `seq`."""
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/files/text",
            FileText,
            query={"path": path, "seq": seq, "start": start, "end": end},
            task=task,
            attempt=attempt,
        )

    async def raw_file(self, task: str, path: str, attempt: str = "chosen", *, seq: int | None = None) -> bytes:
        """A file of the workspace after event `seq`, byte for byte."""
        said = await self._send(
            "GET",
            "/tasks/{task}/attempts/{attempt}/files/raw",
            query={"path": path, "seq": seq},
            task=task,
            attempt=attempt,
        )
        return said.body

    async def chunk_cast(self, task: str, chunk: str, attempt: str = "chosen") -> str:
        """A recording of one command, in asciicast's version 2."""
        said = await self._send(
            "GET", "/tasks/{task}/attempts/{attempt}/chunks/{chunk}/cast", task=task, attempt=attempt, chunk=chunk
        )
        return said.body.decode()

    async def terminal_cast(
        self, task: str, attempt: str = "chosen", *, after: int | None = None, limit: int | None = None
    ) -> str:
        """A recording of an attempt's commands and checks, one after the other, in asciicast's version 2."""
        said = await self._send(
            "GET",
            "/tasks/{task}/attempts/{attempt}/terminal",
            query={"after": after, "limit": limit},
            task=task,
            attempt=attempt,
        )
        return said.body.decode()
