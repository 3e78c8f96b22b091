"""The work of attempts: results, changes, checks, output, files."""

from journeyman.client.requests import Requests
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
    StepPage,
    Timeline,
)


class AttemptRequests(Requests):
    """`attempt` is "turn.number", its number in the newest turn, or "chosen"."""

    async def attempt(self, task: str, attempt: str = "chosen") -> AttemptView:
        return await self._ask("GET", "/tasks/{task}/attempts/{attempt}", AttemptView, task=task, attempt=attempt)

    async def result(self, task: str, attempt: str = "chosen") -> ResultView:
        return await self._ask("GET", "/tasks/{task}/attempts/{attempt}/result", ResultView, task=task, attempt=attempt)

    async def attempt_events(
        self, task: str, attempt: str = "chosen", *, after: int | None = None, limit: int | None = None
    ) -> EventPage:
        """A page of an attempt's events behind the number `after`."""
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/events",
            EventPage,
            query={"after": after, "limit": limit},
            task=task,
            attempt=attempt,
        )

    async def diff(
        self, task: str, attempt: str = "chosen", *, against: str | None = None, path: str | None = None
    ) -> DiffView:
        """The changes file by file, from the base or from another attempt; of one file only with `path`."""
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/diff",
            DiffView,
            query={"against": against, "path": path},
            task=task,
            attempt=attempt,
        )

    async def patch(self, task: str, attempt: str = "chosen", *, against: str | None = None) -> bytes:
        """The changes as a patch in git's format, binary files included; empty where nothing was changed."""
        said = await self._send(
            "GET",
            "/tasks/{task}/attempts/{attempt}/patch",
            query={"against": against},
            task=task,
            attempt=attempt,
        )
        return said.body

    async def checks(self, task: str, attempt: str = "chosen") -> ChecksView:
        return await self._ask("GET", "/tasks/{task}/attempts/{attempt}/checks", ChecksView, task=task, attempt=attempt)

    async def evidence(self, task: str, attempt: str = "chosen") -> Evidence:
        return await self._ask("GET", "/tasks/{task}/attempts/{attempt}/evidence", Evidence, task=task, attempt=attempt)

    async def citations(self, task: str, attempt: str = "chosen") -> Citations:
        return await self._ask(
            "GET", "/tasks/{task}/attempts/{attempt}/citations", Citations, task=task, attempt=attempt
        )

    async def steps(
        self, task: str, attempt: str = "chosen", *, before: int | None = None, after: int | None = None
    ) -> StepPage:
        """A page of steps; without a bound the newest."""
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/steps",
            StepPage,
            query={"before": before, "after": after},
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

    async def commands(self, task: str, attempt: str = "chosen", *, after: int | None = None) -> CommandPage:
        return await self._ask(
            "GET",
            "/tasks/{task}/attempts/{attempt}/commands",
            CommandPage,
            query={"after": after},
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
            "/tasks/{task}/attempts/{attempt}/file",
            FileText,
            query={"path": path, "seq": seq, "start": start, "end": end},
            task=task,
            attempt=attempt,
        )
