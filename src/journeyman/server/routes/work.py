"""What an attempt did: its steps, terminal, checks, changes, files and times."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from journeyman.core.api.tasks import AttemptLine
from journeyman.core.api.work import (
    AttemptView,
    ChecksView,
    ChunkText,
    Citations,
    CommandPage,
    DiffView,
    Evidence,
    FileList,
    FileText,
    ResultView,
    TestState,
    Timeline,
    WorkPage,
)
from journeyman.core.errors import UsageError
from journeyman.server import attempts, citations, diffs, files, terminal
from journeyman.server.answers import Route, answered, problems
from journeyman.server.attempts import MOST
from journeyman.server.errors import ApiError
from journeyman.server.found import SeenAttempt, SeenTask
from journeyman.server.parts import parts_of
from journeyman.server.views.lines import attempt_line
from journeyman.server.views.terminal import chunk_text

router = APIRouter(prefix="/tasks/{task_id}/attempts", tags=["work"], route_class=Route, responses=problems(404, 409))

Limit = Annotated[int, Query(ge=1, le=1000, description="How many to answer with at most.")]
Line = Annotated[int, Query(ge=1, le=10**9, description="The first line, from 1.")]
LastLine = Annotated[int | None, Query(ge=1, le=10**9, description="The last line, inclusive; the end without it.")]
Seq = Annotated[int, Query(ge=0, le=MOST, description="The number of an event of the attempt.")]
Chunk = Annotated[str, Path(pattern=r"^[0-9a-f]{6}$", description="The id of a command's output.", examples=["9c41d2"])]
FilePath = Annotated[
    str, Query(min_length=1, max_length=4096, description="A path within the repository.", examples=["src/app.py"])
]
Against = Annotated[
    str,
    Query(
        min_length=1,
        max_length=80,
        description='What to compare with: "base", an attempt ("1", "2.1"), or "turn-1" for what was chosen there. '
        'Of a review "reviewed" is the change that it looks at.',
        examples=["base"],
    ),
]
AtStep = Annotated[int | None, Query(ge=1, le=MOST, description="After which event; at the end without it.")]

TEXT = answered("text/plain", "Plain text, to be saved.")
BYTES = answered("application/octet-stream", "The bytes, to be saved.")
CAST = answered("application/x-asciicast", "A recording in asciicast's version 2.")


@router.get("")
async def list_attempts(request: Request, task: SeenTask) -> tuple[AttemptLine, ...]:
    """All attempts of all turns, in their order."""
    store = parts_of(request).store
    chosen = await _chosen(request, task.id, task.chosen)
    return tuple(attempt_line(one, one.id if one.id in chosen else None) for one in await store.attempts(task.id))


async def _chosen(request: Request, task_id: str, newest: str | None) -> set[str]:
    turns = await parts_of(request).store.turns.all(task_id)
    return {chosen for chosen in (newest, *(turn.chosen for turn in turns)) if chosen is not None}


@router.get("/{attempt}")
async def get_attempt(request: Request, task: SeenTask, attempt: SeenAttempt) -> AttemptView:
    """An attempt as its page opens: what it started from, its plan, its answer and its result so far."""
    chosen = await _chosen(request, task.id, task.chosen)
    return await attempts.attempt_view(
        parts_of(request).store, task, attempt, attempt.id if attempt.id in chosen else None
    )


@router.get("/{attempt}/result")
async def get_result(request: Request, attempt: SeenAttempt) -> ResultView:
    """The outcome. 409 `not_ready` while there is none."""
    return attempts.result_view(await attempts.result_of(parts_of(request).store, attempt))


@router.get("/{attempt}/evidence")
async def get_evidence(request: Request, attempt: SeenAttempt) -> Evidence:
    """All that the harness itself saw, without a word of the model's to believe."""
    parts = parts_of(request)
    result = await attempts.result_of(parts.store, attempt)
    refusals = await parts.store.pages.of_kinds(attempt.id, ("request_refused",))
    checks = await attempts.checks_of(parts.store, attempt, most=200)
    return Evidence(
        verdict=result.verdict,
        sentences=attempts.result_view(result).sentences,
        checks=checks.checks,
        warnings=result.warnings,
        citations=await citations.cited(parts, attempt, result.citations),
        refusals=attempts.refused(refusals),
    )


@router.get("/{attempt}/checks")
async def get_checks(
    request: Request,
    attempt: SeenAttempt,
    state: Annotated[tuple[TestState, ...], Query(description="Only tests in these states.")] = (),
    limit: Annotated[int, Query(ge=0, le=10_000, description="Tests of each check that are listed at most.")] = 1000,
) -> ChecksView:
    """Every check before and after, test by test, what matters first."""
    return await attempts.checks_of(parts_of(request).store, attempt, state, limit)


@router.get("/{attempt}/citations")
async def get_citations(request: Request, attempt: SeenAttempt) -> Citations:
    """The citations of the answer, whether they hold, and the lines that they point to."""
    parts = parts_of(request)
    result = await attempts.result_of(parts.store, attempt)
    return Citations(citations=await citations.cited(parts, attempt, result.citations))


@router.get("/{attempt}/work")
async def get_work(
    request: Request,
    attempt: SeenAttempt,
    before: Annotated[int | None, Query(ge=1, le=MOST, description="The entries before this event.")] = None,
    after: Annotated[int | None, Query(ge=0, le=MOST, description="The entries after this event.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="How many entries; a few more may come.")] = 50,
) -> WorkPage:
    """The work log: steps with their calls, messages, checks, tried edits. The newest entries without a place."""
    return await attempts.work_page(parts_of(request).store, attempt, before=before, after=after, limit=limit)


@router.get("/{attempt}/timeline")
async def get_timeline(
    request: Request,
    attempt: SeenAttempt,
    after: Seq = 0,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Events that are looked at.")] = 2_000,
) -> Timeline:
    """Where the time went: spans of the model, of tools and of checks, with what each step cost."""
    return await attempts.timeline(parts_of(request).store, attempt, after, limit)


# ---------------------------------------------------------------- terminal


@router.get("/{attempt}/commands")
async def list_commands(
    request: Request,
    attempt: SeenAttempt,
    after: Seq = 0,
    limit: Limit = 200,
    search: Annotated[str, Query(max_length=200, description="Only with this in them or their output.")] = "",
) -> CommandPage:
    """Commands and checks whose output is kept, in the order in which they ended."""
    return await attempts.commands(parts_of(request).store, attempt, after, limit, search)


@router.get("/{attempt}/chunks/{chunk}")
async def get_chunk(
    request: Request, attempt: SeenAttempt, chunk: Chunk, start: Line = 1, end: LastLine = None
) -> ChunkText:
    """Lines of a command's output, as text without terminal escapes."""
    return chunk_text(chunk, await _output(request, attempt.id, chunk), start, end)


@router.get("/{attempt}/chunks/{chunk}/raw", responses=TEXT, response_class=Response)
async def download_chunk(request: Request, attempt: SeenAttempt, chunk: Chunk) -> Response:
    """A command's whole output, byte for byte."""
    return saved(await _output(request, attempt.id, chunk), f"{attempt.id}-{chunk}.txt", "text/plain; charset=utf-8")


@router.get("/{attempt}/chunks/{chunk}/cast", responses=CAST, response_class=Response)
async def get_chunk_cast(request: Request, attempt: SeenAttempt, chunk: Chunk) -> Response:
    """A recording of one command, at the times at which its output came."""
    lines = await terminal.chunk_cast(parts_of(request), attempt, chunk)
    return Response(lines, media_type="application/x-asciicast")


@router.get("/{attempt}/terminal", responses=CAST, response_class=Response)
async def get_terminal_cast(
    request: Request,
    attempt: SeenAttempt,
    after: Seq = 0,
    limit: Annotated[int, Query(ge=1, le=500, description="Commands and checks at most.")] = 200,
) -> Response:
    """A recording of an attempt's commands and checks, one after the other; a marker stands at each."""
    lines = await terminal.attempt_cast(parts_of(request), attempt, after, limit)
    return Response(lines, media_type="application/x-asciicast")


async def _output(request: Request, attempt_id: str, chunk: str) -> bytes:
    try:
        return await parts_of(request).store.chunk(attempt_id, chunk)
    except UsageError as error:
        raise ApiError(404, "not_found", str(error)) from error


# ---------------------------------------------------------------- changes


@router.get("/{attempt}/diff")
async def get_diff(
    request: Request,
    task: SeenTask,
    attempt: SeenAttempt,
    against: Against = "base",
    context: Annotated[int, Query(ge=0, le=100_000, description="Lines around each change.")] = 3,
    whitespace: Annotated[Literal["show", "ignore"], Query(description="Whether white space counts.")] = "show",
    path: Annotated[str | None, Query(min_length=1, max_length=4096, description="Only this file.")] = None,
) -> DiffView:
    """The changes, file by file and line by line, and as a patch. Of an attempt without a result: those so far."""
    so_far = attempt.verdict is None and against != diffs.REVIEWED
    read = diffs.patch_so_far if so_far else diffs.patch_of
    name, patch = await read(
        parts_of(request),
        task,
        attempt,
        against,
        context=context,
        ignore_space=whitespace == "ignore",
        path=files.clean_path(path) if path is not None else None,
    )
    return await diffs.diff_view(attempt, name, patch, so_far=so_far)


@router.get("/{attempt}/patch", responses=TEXT, response_class=Response)
async def download_patch(request: Request, task: SeenTask, attempt: SeenAttempt, against: Against = "base") -> Response:
    """The changes as a patch for `git apply`, byte for byte."""
    _, patch = await diffs.patch_of(parts_of(request), task, attempt, against)
    return saved(patch, f"{attempt.id}.patch", "text/plain; charset=utf-8")


# ---------------------------------------------------------------- files


@router.get("/{attempt}/files")
async def list_files(
    request: Request,
    attempt: SeenAttempt,
    folder: Annotated[str, Query(max_length=4096, description='A folder; "" is the root.')] = "",
    deep: Annotated[bool, Query(description="All that is beneath.")] = False,
    seq: AtStep = None,
) -> FileList:
    """The files of the workspace, as they were after an event."""
    async with files.snapshot(parts_of(request), attempt, seq) as snapshot:
        return await snapshot.listing(files.clean_path(folder), deep=deep)


@router.get("/{attempt}/files/text")
async def get_file(
    request: Request, attempt: SeenAttempt, path: FilePath, seq: AtStep = None, start: Line = 1, end: LastLine = None
) -> FileText:
    """Lines of a file of the workspace, as it was after an event."""
    at, file = await _file(request, attempt, path, seq)
    return files.text_of(path, at, file, start, end)


@router.get("/{attempt}/files/raw", responses=BYTES, response_class=Response)
async def download_file(request: Request, attempt: SeenAttempt, path: FilePath, seq: AtStep = None) -> Response:
    """A file of the workspace, byte for byte."""
    _, file = await _file(request, attempt, path, seq)
    return saved(file.data, path.rpartition("/")[2], "application/octet-stream")


async def _file(request: Request, attempt: SeenAttempt, path: str, seq: int | None) -> tuple[int, files.File]:
    async with files.snapshot(parts_of(request), attempt, seq) as snapshot:
        file = await snapshot.file(files.clean_path(path))
    if file is None:
        where = "on this machine" if snapshot.repository is None else f"after event {snapshot.seq}"
        raise ApiError(404, "not_found", f"There is no file {path[:200]!r} {where}.")
    return snapshot.seq, file


def saved(data: bytes, name: str, media_type: str) -> Response:
    """An answer that a browser saves and never shows."""
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in ".-_") else "_" for letter in name)
    headers = {"Content-Disposition": f'attachment; filename="{safe[-100:] or "file"}"'}
    return Response(data, media_type=media_type, headers=headers)
