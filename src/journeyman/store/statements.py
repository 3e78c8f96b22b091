"""Statements that are run again and again, made once. Imported late, as the tables are."""

from typing import Any

from sqlalchemy import BindParameter, Double, bindparam, case, func, insert, select, update

from journeyman.store.schema import attempt, chunk, event, seen, task

ATTEMPT = select(attempt).where(attempt.c.id == bindparam("attempt"))

_tasks: BindParameter[Any] = bindparam("tasks", expanding=True)
ATTEMPTS = select(attempt).where(attempt.c.task_id.in_(_tasks)).order_by(attempt.c.turn, attempt.c.number)
"""All attempts of some tasks."""
SEEN = select(seen.c.task_id, seen.c.seq).where(seen.c.person == bindparam("by"), seen.c.task_id.in_(_tasks))

TAKE = (
    update(attempt)
    .where(attempt.c.id == bindparam("attempt"), attempt.c.epoch == bindparam("seen"))
    .values(epoch=attempt.c.epoch + 1, holder=bindparam("by"), expires=bindparam("until"))
)

RENEW = (
    update(attempt)
    .where(attempt.c.id == bindparam("attempt"), attempt.c.epoch == bindparam("ours"))
    .values(expires=bindparam("until"))
)
"""Renews the lease, and is the fence of every write: it changes one row, and holds it until the commit, or none."""

RELEASE = (
    update(attempt)
    .where(attempt.c.id == bindparam("attempt"), attempt.c.epoch == bindparam("ours"))
    .values(holder=None, expires=0.0)
)

TELL = (
    update(attempt)
    .where(attempt.c.id == bindparam("attempt"), attempt.c.epoch == bindparam("ours"))
    .values(
        expires=bindparam("until"),
        ended=bindparam("now"),
        summary=bindparam("told"),
        tokens=bindparam("used"),
        cost=bindparam("spent"),
    )
)
"""`RENEW` that goes with an append: the summary is written in the same statement."""

BEGIN = update(attempt).where(attempt.c.id == bindparam("attempt")).values(began=bindparam("now"))

_now = bindparam("now", type_=Double)
NOW = case((task.c.updated < _now, _now), else_=task.c.updated + 0.000001)
"""The time of a change of a task: each one has its own, so that who compares them sees every change."""

COUNT_EVENTS = (
    update(task).where(task.c.id == bindparam("task")).values(seq=task.c.seq + bindparam("more")).returning(task.c.seq)
)
"""Counts further events of a task. Its row is held until the commit, so that their places are seen in their order."""

COUNT_AND_DATE_EVENTS = (
    update(task)
    .where(task.c.id == bindparam("task"))
    .values(seq=task.c.seq + bindparam("more"), updated=NOW)
    .returning(task.c.seq)
)
"""The same with the time, on which indexes lie: an append does so once a second."""

DATE = update(task).where(task.c.id == bindparam("task")).values(updated=NOW)

ADD_EVENT = insert(event)
ADD_CHUNK = insert(chunk)
GROW_CHUNK = (
    update(chunk)
    .where(chunk.c.attempt_id == bindparam("attempt"), chunk.c.number == bindparam("place"))
    .values(blob=bindparam("blob"), size=bindparam("size"), timing=bindparam("timing"))
)

TASK_EVENTS = (
    select(event.c.attempt_id, event.c.place, event.c.seq, event.c.body)
    .where(event.c.task_id == bindparam("task"), event.c.place.between(bindparam("first"), bindparam("last")))
    .order_by(event.c.place)
)
"""Places have no hole; to a limit PostgreSQL may prefer to sort the whole task."""

EVENTS = (
    select(event.c.seq, event.c.body)
    .where(event.c.attempt_id == bindparam("attempt"), event.c.seq > bindparam("after"))
    .order_by(event.c.seq)
)

CHUNKS = select(func.coalesce(func.max(chunk.c.number) + 1, 0)).where(chunk.c.attempt_id == bindparam("attempt"))
"""The number of the next chunk."""
