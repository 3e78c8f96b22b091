"""Server-sent events: a task's, and the list's."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from journeyman.core.api.work import EventPage
from journeyman.server.answers import Route, answered, plain_json, problems
from journeyman.server.attempts import MOST
from journeyman.server.auth.actor import Reader
from journeyman.server.found import SeenAttempt, SeenTask
from journeyman.server.parts import parts_of
from journeyman.server.sse import HEADERS
from journeyman.server.streams import streams_of
from journeyman.store.pages import RawEvent

router = APIRouter(tags=["live"], route_class=Route)

EVENTS: dict[int | str, dict[str, Any]] = {200: {"model": EventPage, "description": "A page of events."}}
STREAM = answered("text/event-stream", "Server-sent events, until the reader goes away.")
CURSOR = r"^[0-9]{1,11}(\.[0-9]{1,6})?$"
Place = Annotated[int | None, Query(ge=0, le=MOST, description="From behind this event on; all without it.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Events of a page.")]


@router.get("/tasks/{task_id}/events", responses=STREAM | problems(404, 409), response_class=StreamingResponse)
async def stream_task(
    request: Request,
    actor: Reader,
    task: SeenTask,
    after: Place = None,
    form: Annotated[
        Literal["events", "lines"], Query(description="Events as they are stored, or lines as `run --json` has them.")
    ] = "events",
    drafts: Annotated[bool, Query(description="Replies, too, while models write them.")] = False,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=MOST, description="Where a stream before this one ended; wins over `after`.")
    ] = None,
) -> StreamingResponse:
    """A task's events, those that there are and those that come, and the task itself whenever it changes.

    `event: task` carries a `TaskView`, `event: event` a `NumberedEvent` with its place as id, `event: lines` a
    `NumberedLines`, `event: draft` a `DraftPiece`; `event: gone` ends it. Comments come while nothing happens.
    """
    streams = streams_of(request).tasks
    start = last_event_id if last_event_id is not None else after or 0
    told = (streams.lines if form == "lines" else streams.events)(actor, task, start, drafts=drafts)
    return StreamingResponse(told, media_type="text/event-stream", headers=HEADERS)


@router.get("/events", responses=STREAM, response_class=StreamingResponse)
async def stream_list(
    request: Request,
    actor: Reader,
    after: Annotated[
        str | None,
        Query(pattern=r"^[0-9]{1,11}(\.[0-9]{1,6})?$", description="The cursor of a stream before this one."),
    ] = None,
    last_event_id: Annotated[
        str | None, Header(pattern=r"^[0-9]{1,11}(\.[0-9]{1,6})?$", description="The same; wins over `after`.")
    ] = None,
) -> StreamingResponse:
    """Every task that is new, changed or gone, of those that this person sees.

    `event: ready` comes first: what changes from then on is told. `event: task` carries a `TaskLine`, `event: gone` an
    id. After a cursor what was told may come again; nothing is left out.
    """
    cursor = last_event_id or after
    told = streams_of(request).list.changes(actor, float(cursor) if cursor is not None else None)
    return StreamingResponse(told, media_type="text/event-stream", headers=HEADERS)


@router.get(
    "/tasks/{task_id}/log",
    tags=["work"],
    responses=EVENTS | problems(404, 409),
    response_class=Response,
)
async def list_events(
    request: Request,
    task: SeenTask,
    after: Annotated[int, Query(ge=0, le=MOST, description="From behind this place on.")] = 0,
    limit: Limit = 200,
) -> Response:
    """The events of all attempts of a task, a page at a time, in the order in which they happened."""
    raw = await parts_of(request).store.pages.raw(task.id, after, limit)
    return _page(raw, limit, raw[-1].place if raw else None)


@router.get(
    "/tasks/{task_id}/attempts/{attempt}/events",
    tags=["work"],
    responses=EVENTS | problems(404, 409),
    response_class=Response,
)
async def list_attempt_events(
    request: Request,
    task: SeenTask,
    attempt: SeenAttempt,
    after: Annotated[int, Query(ge=0, le=MOST, description="From behind this place on.")] = 0,
    limit: Limit = 200,
) -> Response:
    """The events of one attempt, a page at a time. Places are those within the task, in both directions."""
    raw = await parts_of(request).store.pages.raw(task.id, after, limit, attempt_id=attempt.id)
    return _page(raw, limit, raw[-1].place if raw else None)


def _page(raw: list[RawEvent], limit: int, last: int | None) -> Response:
    """A page from events as they are stored: none of them is read."""
    events = b",".join(
        b'{"place":%d,"attempt":"%s","event":%s}' % (one.place, one.attempt_id.encode(), one.body.encode())
        for one in raw
    )
    cursor = str(last).encode() if last is not None and len(raw) == limit else b"null"
    return Response(plain_json(b'{"events":[%s],"cursor":%s}' % (events, cursor)), media_type="application/json")
