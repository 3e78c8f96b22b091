"""What was used and done: quotas, usage, the audit log, workers."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, Request

from journeyman.core.api.admin import (
    AuditLine,
    AuditPage,
    QuotaList,
    QuotaWrite,
    Standings,
    UsageLine,
    UsageReport,
    WorkerLine,
    WorkerList,
)
from journeyman.core.people import EVERYBODY, Quota
from journeyman.core.task import Budget
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Administrator, Reader
from journeyman.server.auth.noted import note
from journeyman.server.errors import ApiError, not_found
from journeyman.server.examples_people import QUOTA
from journeyman.server.parts import parts_of
from journeyman.server.visible import sight
from journeyman.store.store import Store
from journeyman.store.usage import UsageSum

router = APIRouter(tags=["administration"], route_class=Route)

Of = Annotated[
    str,
    Path(
        pattern=r"^(?:everybody|(?:person|group):[a-z0-9]{1,64})$",
        description="`person:ID`, `group:ID`, or `everybody` for each person who has none of their own.",
    ),
]
By = Literal["day", "person", "group", "model", "outcome"]


@router.get("/quotas")
async def list_quotas(request: Request, actor: Administrator) -> QuotaList:
    """All quotas: of people, of groups, and that of everybody who has none of their own."""
    del actor
    return QuotaList(quotas=tuple(await parts_of(request).store.quotas.all()))


@router.get("/quota")
async def own_quotas(
    request: Request,
    actor: Reader,
    group: Annotated[str | None, Query(max_length=64, description="A group, by its id.")] = None,
) -> Standings:
    """What one's own tasks fall under, with that of a group of one's own where one is given."""
    if group is not None and not (actor.administers or group in actor.groups):
        raise not_found("group", group)
    return Standings(standings=await parts_of(request).store.quotas.standings(actor.id, group))


@router.put("/quotas/{of}", responses=problems(404))
async def set_quota(
    request: Request, actor: Administrator, of: Of, wanted: Annotated[QuotaWrite, Body(openapi_examples=QUOTA)]
) -> Quota:
    """Bound what a person, a group or everybody may use. What is begun goes on; the next task is held to it."""
    store = parts_of(request).store
    await _known(store, of)
    quota = Quota(
        of=of,
        day=Budget(**wanted.day.model_dump()),
        month=Budget(**wanted.month.model_dump()),
        running=wanted.running,
        queued=wanted.queued,
    )
    await store.quotas.put(quota)
    await note(request, actor, "quota.set", of, wanted.model_dump_json(exclude_defaults=True))
    return quota


@router.delete("/quotas/{of}", status_code=204, responses=problems(404))
async def remove_quota(request: Request, actor: Administrator, of: Of) -> None:
    """Take a quota away."""
    if not await parts_of(request).store.quotas.remove(of):
        raise not_found("quota", of)
    await note(request, actor, "quota.removed", of)


@router.get("/usage")
async def get_usage(
    request: Request,
    actor: Reader,
    since: Annotated[date | None, Query(description="The first day (UTC); 30 days ago without it.")] = None,
    until: Annotated[date | None, Query(description="The day after the last; tomorrow without it.")] = None,
    by: Annotated[list[By] | None, Query(description="What the lines are sums over; `day` without it.")] = None,
) -> UsageReport:
    """Tokens, money and time of what one sees: one's own tasks and those of one's groups, to an administrator all.

    What an attempt used counts on the day on which it began.
    """
    parts = parts_of(request)
    today = datetime.fromtimestamp(parts.clock(), UTC).date()
    last = until or today + timedelta(days=1)
    first = since or last - timedelta(days=31)
    if not timedelta(0) < last - first <= timedelta(days=3700):
        raise ApiError(422, "invalid", "`until` must be after `since`, by ten years at most.", [{"field": "until"}])
    bounds = sight(actor)
    sums = await parts.store.usage.between(
        _seconds(first),
        _seconds(last),
        owner=bounds.owner if bounds is not None else None,
        groups=bounds.groups if bounds is not None else None,
    )
    wanted: list[By] = by or ["day"]
    keys = tuple(dict.fromkeys(wanted))
    lines = _lines(sums, keys)
    if "person" in keys:
        names = await parts.store.people.names({line.person for line in lines if line.person is not None})
        lines = [line.model_copy(update={"person_name": names.get(line.person or "")}) for line in lines]
    total = next(iter(_lines(sums, ())), UsageLine(attempts=0, tokens=0, cost=0.0, seconds=0.0))
    return UsageReport(since=first.isoformat(), until=last.isoformat(), lines=tuple(lines), total=total)


@router.get("/audit")
async def get_audit(
    request: Request,
    actor: Administrator,
    before: Annotated[int | None, Query(ge=1, lt=2**31, description="From the page before: its `cursor`.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Acts of a page.")] = 100,
    person: Annotated[str | None, Query(max_length=64, description="Only what this person did, by id.")] = None,
    act: Annotated[str | None, Query(max_length=64, description="What acts begin with, such as `token.`.")] = None,
) -> AuditPage:
    """Privileged acts, the newest first: who did what to what, from where."""
    del actor
    store = parts_of(request).store
    found = await store.audit.entries(before=before, limit=limit, person=person, act=act)
    names = await store.people.names({entry.person for entry in found if entry.person is not None})
    lines = tuple(AuditLine(**entry.model_dump(), person_name=names.get(entry.person or "")) for entry in found)
    return AuditPage(entries=lines, cursor=found[-1].id if len(found) == limit else None)


@router.get("/workers")
async def list_workers(request: Request, actor: Administrator) -> WorkerList:
    """The workers that are remembered: what they offer, what they do, and whether they were heard of lately."""
    del actor
    offers = parts_of(request).store.offers
    alive = {offer.worker for offer in await offers.all()}
    found = await offers.all(fresh=False)
    return WorkerList(workers=tuple(WorkerLine(**one.model_dump(), alive=one.worker in alive) for one in found))


# ---------------------------------------------------------------- parts of the above


async def _known(store: Store, of: str) -> None:
    kind, _, name = of.partition(":")
    if kind == "person" and await store.people.get(name) is None:
        raise not_found("person", name)
    if kind == "group" and name != EVERYBODY and all(group.id != name for group, _ in await store.people.groups()):
        raise not_found("group", name)


def _seconds(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _lines(sums: list[UsageSum], keys: tuple[By, ...]) -> list[UsageLine]:
    """`sums` added up over all but `keys`, in the order of these."""
    found: defaultdict[tuple[str | None, ...], list[UsageSum]] = defaultdict(list)
    for each in sums:
        day = datetime.fromtimestamp(each.day * 86400, UTC).date().isoformat()
        told = {"day": day, "person": each.person, "group": each.group, "model": each.model, "outcome": each.outcome}
        found[tuple(told[key] for key in keys)].append(each)
    return [
        UsageLine(
            **dict(zip(keys, values, strict=True)),
            attempts=sum(each.attempts for each in of),
            tokens=sum(each.tokens for each in of),
            cost=round(sum(each.cost for each in of), 6),
            seconds=round(sum(each.seconds for each in of), 3),
        )
        for values, of in sorted(found.items(), key=lambda item: [value or "" for value in item[0]])
    ]
