"""The list of tasks, a page at a time: filtered, searched, sorted, with what stands in each line."""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

from journeyman.core.errors import UsageError
from journeyman.core.ids import Clock
from journeyman.core.pull_request import PullRequestView
from journeyman.core.task import Attempt, Mode, Origin, Status, Task, Verdict
from journeyman.core.usage import Usage
from journeyman.store.codec import spelled
from journeyman.store.database import Database
from journeyman.store.rows import attempt_of, task_of
from journeyman.store.search import having

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, CursorResult, Select

Sort = Literal["updated", "created"]
"""Newest first."""

EVERYTHING = 200
"""Lines of a page at most."""


NOTHING = Usage()


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose tasks are listed: those that `person` owns and those of `groups`."""

    person: str | None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which tasks are listed. An empty tuple or None does not narrow; `text` has all its words in prompt or title.

    `viewer` None sees everything. `unread_by` names a person who has not read all events.
    """

    viewer: Viewer | None = None
    status: tuple[Status, ...] = ()
    verdict: tuple[Verdict, ...] = ()
    mode: tuple[Mode, ...] = ()
    repository: str | None = None
    environment: str | None = None
    origin: tuple[Origin, ...] = ()
    owner: str | None = None
    group: str | None = None
    parent: str | None = None
    schedule: str | None = None
    archived: bool | None = False
    unread_by: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A task in a list, with the attempts of its newest turn. `seen` counts the events that the person has read;
    `usage` is that of all attempts of all turns, `pull_request` the newest of any."""

    task: Task
    attempts: tuple[Attempt, ...]
    seen: int = 0
    usage: Usage = field(default_factory=Usage)
    pull_request: PullRequestView | None = None

    @property
    def unread(self) -> bool:
        return self.seen < self.task.seq


@dataclass(frozen=True, slots=True)
class Page:
    """`next` is the cursor of the following page, None after the last line."""

    lines: tuple[Line, ...] = field(default=())
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tasks of a kind there are, and how many of them have something that was not read."""

    status: Status
    archived: bool
    count: int
    unread: int


class Lines:
    """The lists of a store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(
        self,
        which: Filter | None = None,
        *,
        person: str | None = None,
        sort: Sort = "updated",
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """A page of tasks; `person` is whose `seen` is told. Raises `UsageError` for a cursor that is none of ours."""
        which = which or Filter()
        limit = min(limit, EVERYTHING)
        start = None if cursor is None else _read_cursor(cursor, sort)

        def job(connection: "Connection") -> Page:
            among = having(connection, _words(which))
            if among is not None and not among:
                return Page()
            lines = _lines(connection, _query(which, sort, start, limit + 1, among), person)
            last = lines[limit - 1].task if len(lines) > limit else None
            after = _cursor(sort, getattr(last, sort), last.id) if last is not None else None
            return Page(lines[:limit], after)

        return await self._database.read(job)

    async def of(
        self, task_ids: Iterable[str], which: Filter | None = None, *, person: str | None = None
    ) -> list[Line]:
        """The lines of some tasks, those of them that the filter lets through."""
        from journeyman.store.schema import task

        query = _narrowed(which or Filter(archived=None)).where(task.c.id.in_(sorted(task_ids)))
        return await self._database.read(lambda connection: list(_lines(connection, query, person)))

    async def changed(self, since: float, which: Filter | None = None, *, person: str | None = None) -> list[Line]:
        """Every task that changed since `since` (seconds since the epoch) and perhaps some that did not, oldest change
        first. The time of a task at work lags behind its events by up to a second, hence those are all told."""
        from sqlalchemy import or_

        from journeyman.store.schema import task

        query = _narrowed(which or Filter(archived=None)).where(
            or_(task.c.updated >= since, task.c.status == "running")
        )
        query = query.order_by(task.c.updated, task.c.id)
        return await self._database.read(lambda connection: list(_lines(connection, query, person)))

    async def counts(self, which: Filter | None = None) -> dict[Status, int]:
        """How many tasks of each status the filter lets through."""
        from sqlalchemy import func, select

        from journeyman.store.schema import task

        inner = _narrowed(which or Filter()).with_only_columns(task.c.status).subquery()
        query = select(inner.c.status, func.count()).group_by(inner.c.status)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row[0]: row[1] for row in rows}

    async def tally(self, viewer: Viewer | None, person: str) -> list[Tally]:
        """How many tasks of each kind somebody sees, in one go over all of them."""
        from sqlalchemy import and_, case, func, or_, select

        from journeyman.store.schema import seen, task

        unread = case((task.c.seq > func.coalesce(seen.c.seq, 0), 1), else_=0)
        query = (
            select(task.c.status, task.c.archived, func.count(), func.sum(unread))
            .join_from(task, seen, and_(seen.c.task_id == task.c.id, seen.c.person == person), isouter=True)
            .group_by(task.c.status, task.c.archived)
        )
        if ways := _ways(viewer):
            query = query.where(or_(*ways))
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [Tally(row[0], row[1], row[2], int(row[3])) for row in rows]

    async def mark_seen(self, person: str, task_id: str, seq: int) -> None:
        """Remember that a person has read a task's events up to `seq`; never less than before, but for 0, which forgets
        it."""

        def job(connection: "Connection") -> None:
            from sqlalchemy import delete, update

            from journeyman.store.schema import insert_new, seen

            mine = (seen.c.person == person, seen.c.task_id == task_id)
            if not seq:
                connection.execute(delete(seen).where(*mine))
                return
            row = {"person": person, "task_id": task_id, "seq": seq}
            if not insert_new(connection, seen, row, "person", "task_id"):
                connection.execute(update(seen).where(*mine, seen.c.seq < seq).values(seq=seq))

        await self._database.write(job, about=task_id)


def _query(
    which: Filter, sort: Sort, start: tuple[float, str] | None, limit: int, among: Sequence[str] | None
) -> "Select[Any]":
    """A page's tasks. Each way to see a task is a list of its own along an index; they are merged.

    With `among` it is one of these, which are few, and no list is gone along.
    """
    from sqlalchemy import and_, select, tuple_, union

    from journeyman.store.schema import task

    order = (task.c[sort].desc(), task.c.id.desc())
    later = [] if start is None else [tuple_(task.c[sort], task.c.id) < tuple_(*start)]
    if among is not None:
        return _narrowed(which).where(task.c.id.in_(among), *later).order_by(*order).limit(limit)
    base = [*_conditions(which), *later]
    kinds = [task.c.archived == kind for kind in ((False, True) if which.archived is None else ())]
    ways = [and_(*way) for way in product(*filter(None, (_ways(which.viewer), kinds))) if way]
    lists = [select(task).where(*base, way).order_by(*order).limit(limit) for way in ways]
    match lists:
        case [] | [_]:
            return select(task).where(*base, *ways).order_by(*order).limit(limit)
        case _:
            merged = union(*(select(each.subquery()) for each in lists)).subquery()
            return select(merged).order_by(merged.c[sort].desc(), merged.c.id.desc()).limit(limit)


def _words(which: Filter) -> list[str]:
    return str(spelled(which.text.casefold())).split()


def _ways(viewer: Viewer | None) -> "list[ColumnElement[bool]]":
    from journeyman.store.schema import task

    if viewer is None:
        return []
    mine = task.c.owner.is_(None) if viewer.person is None else task.c.owner == viewer.person
    return [mine, *(task.c.group == group for group in viewer.groups)]


def _narrowed(which: Filter) -> "Select[Any]":
    from sqlalchemy import or_, select

    from journeyman.store.schema import task

    query = select(task).where(*_conditions(which))
    ways = _ways(which.viewer)
    return query.where(or_(*ways)) if ways else query


def _conditions(which: Filter) -> "list[ColumnElement[bool]]":
    from sqlalchemy import and_, func, or_, select

    from journeyman.store.schema import attempt, seen, task

    allowed = {"status": which.status, "mode": which.mode, "origin": which.origin}
    found: list[ColumnElement[bool]] = [task.c[name].in_(values) for name, values in allowed.items() if values]
    for name in ("repository", "environment", "owner", "group", "parent", "schedule", "archived"):
        value = getattr(which, name)
        if value is not None:
            found.append(task.c[name] == spelled(value))
    if which.verdict:
        # The one that stands for the task: the chosen one of its newest turn, any of it where none was chosen.
        chosen = or_(attempt.c.id == task.c.chosen, task.c.chosen.is_(None))
        newest = and_(attempt.c.task_id == task.c.id, attempt.c.turn == task.c.turn, chosen)
        found.append(select(attempt.c.id).where(newest, attempt.c.verdict.in_(which.verdict)).exists())
    if which.unread_by is not None:
        read = select(seen.c.seq).where(seen.c.person == which.unread_by, seen.c.task_id == task.c.id)
        found.append(task.c.seq > func.coalesce(read.scalar_subquery(), 0))
    found.extend(task.c.words.contains(word, autoescape=True) for word in _words(which))
    return found


def _lines(connection: "Connection", query: "Select[Any]", person: str | None) -> tuple[Line, ...]:
    """The lines of the tasks that `query` finds."""
    from journeyman.store.statements import ATTEMPTS, SEEN

    tasks = [task_of(row) for row in _rows(connection.execute(query))]
    ids = [task.id for task in tasks]
    attempts: dict[tuple[str, int], list[Attempt]] = {}
    usage: dict[str, Usage] = {}
    pulls: dict[str, PullRequestView] = {}
    for row in _rows(connection.execute(ATTEMPTS, {"tasks": ids})):
        one = attempt_of(row)
        attempts.setdefault((one.task_id, one.turn), []).append(one)
        before = usage.get(one.task_id)
        usage[one.task_id] = one.summary.usage if before is None else before + one.summary.usage
        if (told := one.summary.pull_request) is not None:
            pulls[one.task_id] = max(told, pulls.get(one.task_id, told), key=lambda each: each.at)
    read: dict[str, int] = {}
    if person is not None:
        read = {row.task_id: row.seq for row in connection.execute(SEEN, {"by": person, "tasks": ids})}
    return tuple(
        Line(
            task,
            tuple(attempts.get((task.id, task.turn), ())),
            read.get(task.id, 0),
            usage.get(task.id, NOTHING),
            pulls.get(task.id),
        )
        for task in tasks
    )


def _rows(result: "CursorResult[Any]") -> list[dict[str, Any]]:
    """As `mappings`, which takes longer to be read."""
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


def _cursor(sort: Sort, value: float, task_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, value, task_id]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, sort: Sort) -> tuple[float, str]:
    try:
        read = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        read = None
    match read:
        case [str(of), float(value) | int(value), str(task_id)] if of == sort:
            return float(value), task_id
        case _:
            raise UsageError(f"The cursor {cursor[:80]!r} is none of this list's; take the one of the page before.")
