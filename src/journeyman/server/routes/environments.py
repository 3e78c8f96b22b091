"""Environments: written, built, tried and thrown away.

Whoever may write one decides what runs in set-up and where attempts may go, so what would let that reach further than
the sandbox is for administrators: folders of the server's machine, hosts of private networks, secrets.
"""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request

from journeyman.attempt.environment.cache import Build, Failure
from journeyman.core.api.admin import (
    BuildCheck,
    BuildLog,
    BuildRequest,
    BuildView,
    EnvironmentChecked,
    EnvironmentCreate,
    EnvironmentLine,
    EnvironmentList,
    EnvironmentName,
    EnvironmentState,
    EnvironmentView,
    EnvironmentWrite,
    FailureView,
    ResetOutcome,
    SelfTest,
)
from journeyman.core.environment import RESERVED, Environment
from journeyman.core.environment_file import dump_environment, read_environment
from journeyman.core.errors import UsageError
from journeyman.core.people import EVERYBODY
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Actor, Reader, Writer
from journeyman.server.auth.noted import note
from journeyman.server.errors import ApiError
from journeyman.server.examples_people import ENVIRONMENT
from journeyman.server.parts import parts_of
from journeyman.server.visible import (
    changes,
    require_changed,
    require_group,
    require_repository,
    require_seen,
    sees,
    sight,
)
from journeyman.server.workshop import Run, Workshop
from journeyman.store.environments import StoredEnvironment

router = APIRouter(tags=["environments"], route_class=Route)

PAGE = 1000
"""Lines of a log in one answer."""


@router.get("/environments")
async def list_environments(request: Request, actor: Reader) -> EnvironmentList:
    """Those that one sees, by name, each with what is ready of it."""
    parts = parts_of(request)
    found = [each for each in await parts.store.environments.all() if sees(actor, each)]
    lines = [_line(each, parts.workshop) for each in found]
    return EnvironmentList(environments=tuple(lines))


@router.post("/environments", status_code=201, responses=problems(409))
async def create_environment(
    request: Request, actor: Writer, wanted: Annotated[EnvironmentCreate, Body(openapi_examples=ENVIRONMENT)]
) -> EnvironmentView:
    """Store a new environment."""
    store = parts_of(request).store
    environment, text = _written(actor, wanted, wanted.name)
    repository = _repository(actor, wanted, environment, None)
    group = _group(actor, wanted.group)
    if wanted.name in RESERVED:
        raise ApiError(422, "invalid", f"{wanted.name!r} means something else already.", [{"field": "name"}])
    if sight(actor) is not None and any(secret.environment == wanted.name for secret in await store.secrets.all()):
        # Of one that was taken away: they are not the next one's to use.
        raise ApiError(409, "conflict", f"There are secrets for an environment {wanted.name!r}. Take another name.")
    if not await store.environments.put(wanted.name, repository, text, belongs=(actor.id, group), new=True):
        raise ApiError(409, "conflict", f"There is an environment {wanted.name!r} already. Take another name.")
    await note(request, actor, "environment.created", wanted.name, repository)
    return await get_environment(request, actor, wanted.name)


@router.post("/environments/check")
async def check_environment(request: Request, actor: Reader, wanted: EnvironmentWrite) -> EnvironmentChecked:
    """Whether a text is an environment, for editors; nothing is stored."""
    del request, actor
    try:
        environment, _ = _read(wanted, "environment")
    except UsageError as error:
        return EnvironmentChecked(error=str(error))
    return EnvironmentChecked(environment=environment)


@router.get("/environments/{name}", responses=problems(404))
async def get_environment(request: Request, actor: Reader, name: EnvironmentName) -> EnvironmentView:
    """An environment with its settings, what is ready of it, and how its last set-up went."""
    parts = parts_of(request)
    stored = await _seen(request, actor, name)
    environment = read_environment(stored.text, f"the stored environment {name}", name=name)
    workshop, builds, failure = parts.workshop, list[Build](), None
    if workshop is not None and stored.repository is not None:
        builds = await asyncio.to_thread(workshop.builds, name, stored.repository)
        failure = workshop.failed(name, stored.repository)
    there = {secret.name for secret in await parts.store.secrets.all() if secret.environment in (None, name)}
    return EnvironmentView(
        name=name,
        environment=environment.model_copy(update={"name": name}),
        text=stored.text,
        repository=stored.repository,
        owner=stored.owner,
        group=stored.group,
        changed=stored.changed,
        state=_state(stored, workshop),
        builds=tuple(_build(build, workshop) for build in builds) if workshop is not None else (),
        failure=_failure(failure) if failure is not None else None,
        missing_secrets=tuple(sorted(set(environment.secrets) - there)),
        acts=_acts(actor, stored, environment, workshop),
    )


@router.put("/environments/{name}", responses=problems(404))
async def update_environment(
    request: Request, actor: Writer, name: EnvironmentName, wanted: EnvironmentWrite
) -> EnvironmentView:
    """Change an environment. What is under way goes on with it as it was."""
    stored = await _changed(request, actor, name)
    environment, text = _written(actor, wanted, name)
    _may_edit(actor, read_environment(stored.text, name, name=name))
    repository = _repository(actor, wanted, environment, stored.repository)
    given = "group" in wanted.model_fields_set
    group = _group(actor, wanted.group) if given and wanted.group != stored.group else stored.group
    await parts_of(request).store.environments.put(name, repository, text, belongs=(stored.owner, group))
    await note(request, actor, "environment.changed", name, repository)
    return await get_environment(request, actor, name)


@router.delete("/environments/{name}", status_code=204, responses=problems(404))
async def delete_environment(request: Request, actor: Writer, name: EnvironmentName) -> None:
    """Take an environment away. What is ready of it goes with the next clean-up."""
    stored = await _changed(request, actor, name)
    _may_edit(actor, read_environment(stored.text, name, name=name))
    await parts_of(request).store.environments.remove(name)
    await note(request, actor, "environment.deleted", name)


@router.post("/environments/{name}/build", status_code=202, responses=problems(404, 409))
async def build_environment(
    request: Request, actor: Writer, name: EnvironmentName, wanted: BuildRequest | None = None
) -> BuildLog:
    """Set it up in the background; `log` tells how that goes."""
    stored = await _changed(request, actor, name)
    workshop = _workshop(request, stored)
    wanted = wanted or BuildRequest()
    if not workshop.start(name, wanted.ref, fresh=wanted.fresh):
        raise ApiError(409, "conflict", f"{name} is being set up at this moment.")
    await note(request, actor, "environment.built", name, wanted.ref or "")
    return _log(workshop.runs[name], 0, ())


@router.get("/environments/{name}/log", responses=problems(404))
async def get_environment_log(
    request: Request,
    actor: Reader,
    name: EnvironmentName,
    after: Annotated[int, Query(ge=0, le=2**53, description="The `next` of the answer before.")] = 0,
    wait: Annotated[float, Query(ge=0, le=25, description="Seconds to wait for more while it is built.")] = 0,
) -> BuildLog:
    """What the last set-up said, or what the running one has said by now."""
    stored = await _seen(request, actor, name)
    workshop = parts_of(request).workshop
    if workshop is None:
        return BuildLog(state="none")
    run = workshop.runs.get(name)
    if run is None:
        return await _kept_log(request, workshop, stored, after)
    more = run.more
    if wait and run.ended is None and after >= run.first + len(run.lines):
        try:
            async with asyncio.timeout(wait):
                await more.wait()
        except TimeoutError:
            pass  # there is nothing new
    start = max(after, run.first)
    return _log(run, start, tuple(run.lines[start - run.first : start - run.first + PAGE]))


@router.post("/environments/{name}/reset", responses=problems(404, 409))
async def reset_environment(request: Request, actor: Writer, name: EnvironmentName) -> ResetOutcome:
    """Throw away what is ready of it, so that it is set up anew."""
    stored = await _changed(request, actor, name)
    workshop = _workshop(request, stored)
    dropped, kept = await asyncio.to_thread(workshop.reset, name, stored.repository or "")
    if not workshop.is_building(name):
        workshop.runs.pop(name, None)
    await note(request, actor, "environment.reset", name, f"{dropped} dropped, {kept} in use")
    return ResetOutcome(dropped=dropped, kept=kept)


@router.post("/environments/{name}/self-test", responses=problems(404, 409))
async def test_environment(request: Request, actor: Writer, name: EnvironmentName) -> SelfTest:
    """Open a sandbox as an attempt would have it, and try every way around its network policy."""
    stored = await _changed(request, actor, name)
    probes = await _workshop(request, stored).self_test(name, None)
    await note(request, actor, "environment.tested", name)
    return SelfTest(held=all(probe.held for probe in probes), probes=probes)


# ---------------------------------------------------------------- parts of the above


async def _seen(request: Request, actor: Actor, name: str) -> StoredEnvironment:
    return require_seen(actor, await parts_of(request).store.environments.get(name), "environment", name)


async def _changed(request: Request, actor: Actor, name: str) -> StoredEnvironment:
    return require_changed(actor, await parts_of(request).store.environments.get(name), "environment", name)


def _workshop(request: Request, stored: StoredEnvironment) -> Workshop:
    workshop = parts_of(request).workshop
    if workshop is None:
        raise ApiError(
            409, "conflict", "This server has no worker in its process; workers elsewhere build it with the first task."
        )
    if stored.repository is None:
        raise ApiError(409, "conflict", f"The environment {stored.name!r} names no repository; give it one first.")
    return workshop


def _read(wanted: EnvironmentWrite, name: str) -> tuple[Environment, str]:
    """Raises `UsageError` for what is no environment."""
    if wanted.text is not None:
        return read_environment(wanted.text, "the environment", name=name), wanted.text
    if wanted.environment is None:
        raise UsageError("Give the environment as `environment` or as `text`.")
    text = dump_environment(wanted.environment.model_copy(update={"name": name}))
    return read_environment(text, "the environment", name=name), text


def _written(actor: Actor, wanted: EnvironmentWrite, name: str) -> tuple[Environment, str]:
    """What somebody wants to store. Raises 422 for what is no environment, 403 for what they may not give."""
    try:
        environment, text = _read(wanted, name)
    except UsageError as error:
        raise ApiError(422, "invalid", str(error), [{"field": "text" if wanted.text else "environment"}]) from error
    _may_edit(actor, environment)
    return environment, text


def _may_edit(actor: Actor, environment: Environment) -> None:
    """Raises 403 where an environment has what only administrators may give."""
    if sight(actor) is None:
        return
    phases = (environment.setup.network, environment.maintenance.network, environment.attempt.network)
    for has, what in (
        (bool(environment.secrets), "secrets"),
        (any(network.private for network in phases), "hosts of private networks"),
    ):
        if has:
            raise ApiError(403, "forbidden", f"An environment with {what} is for administrators to write.")


def _repository(actor: Actor, wanted: EnvironmentWrite, environment: Environment, before: str | None) -> str:
    repository = wanted.repository or environment.repository or before
    if repository is None:
        raise ApiError(422, "invalid", "Say which repository it is for.", [{"field": "repository"}])
    if not repository.startswith("/") and "://" not in repository and "@" not in repository:
        raise ApiError(
            422, "invalid", f"{repository!r} is neither an address nor a whole path.", [{"field": "repository"}]
        )
    return require_repository(actor, repository, listed=repository == before)


def _group(actor: Actor, group: str | None) -> str | None:
    """Raises 403 for everybody's: it would be how tasks of strangers are set up."""
    if group == EVERYBODY and sight(actor) is not None:
        raise ApiError(403, "forbidden", "An environment for everybody is for administrators to give.")
    return require_group(actor, group)


def _line(stored: StoredEnvironment, workshop: Workshop | None) -> EnvironmentLine:
    return EnvironmentLine(
        name=stored.name,
        repository=stored.repository,
        owner=stored.owner,
        group=stored.group,
        changed=stored.changed,
        state=_state(stored, workshop),
    )


def _state(stored: StoredEnvironment, workshop: Workshop | None) -> EnvironmentState:
    if workshop is None or stored.repository is None:
        return "elsewhere" if stored.repository is not None else "new"
    if workshop.is_building(stored.name):
        return "building"
    builds = workshop.builds(stored.name, stored.repository)
    failure = workshop.failed(stored.name, stored.repository)
    if failure is not None and (not builds or failure.at > builds[0].created):
        return "failed"
    if not builds:
        return "new"
    return "stale" if builds[0].stale(workshop.now) else "ready"


def _acts(
    actor: Actor, stored: StoredEnvironment, environment: Environment, workshop: Workshop | None
) -> tuple[Literal["edit", "build", "reset", "delete"], ...]:
    if not changes(actor, stored):
        return ()
    try:
        _may_edit(actor, environment)
        edit = True
    except ApiError:
        edit = False
    builds = workshop is not None and stored.repository is not None
    return (
        *(("edit",) if edit else ()),
        *(("build", "reset") if builds else ()),
        *(("delete",) if edit else ()),
    )


def _build(build: Build, workshop: Workshop) -> BuildView:
    return BuildView(
        id=build.id,
        key=build.key,
        tree=build.tree,
        created=build.created,
        used=workshop.cache.used(build),
        seconds=build.seconds,
        size=build.size,
        stale=build.stale(workshop.now),
        parents=build.parents,
        dropped=build.dropped[:100],
        checks=tuple(
            BuildCheck(
                command=run.check.command,
                exit_code=run.exit_code,
                cut=run.cut,
                failing=tuple(test.id for test in list(run.failing)[:100]),
            )
            for run in build.checks
        ),
        refusals=build.refusals,
        probes=build.probes,
    )


def _failure(failure: Failure) -> FailureView:
    return FailureView(
        at=failure.at, command=failure.command, ended=failure.ended, cause=failure.cause, tail=failure.tail
    )


def _log(run: Run, start: int, lines: tuple[str, ...]) -> BuildLog:
    state: Literal["building", "ready", "failed"] = "failed" if run.error is not None else "ready"
    return BuildLog(
        state="building" if run.ended is None else state,
        start=start,
        lines=lines,
        next=start + len(lines),
        began=run.began,
        ended=run.ended,
        error=run.error,
    )


async def _kept_log(request: Request, workshop: Workshop, stored: StoredEnvironment, after: int) -> BuildLog:
    """What a set-up said that another process ran, or this one before it was started again."""
    if stored.repository is None:
        return BuildLog(state="none")
    failure = workshop.failed(stored.name, stored.repository)
    build = next(iter(workshop.builds(stored.name, stored.repository)), None)
    blob = failure.output if failure is not None else build.output if build is not None else ""
    if not blob:
        return BuildLog(state="none")
    said = (await parts_of(request).store.blob(blob)).decode("utf-8", "backslashreplace").splitlines()
    lines = tuple(said[after : after + PAGE])
    return BuildLog(
        state="failed" if failure is not None else "ready",
        start=after,
        lines=lines,
        next=after + len(lines),
        began=build.created if build is not None else None,
        ended=failure.at if failure is not None else build.created if build is not None else None,
        error=f"{failure.command}: {failure.ended}" if failure is not None else None,
    )
