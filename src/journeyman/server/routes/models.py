"""Models that tasks can be given, and secrets, whose values go in and never out."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request

from journeyman.core.api.admin import (
    EmbeddedModel,
    EnvironmentName,
    ModelAdd,
    ModelLine,
    ModelList,
    ModelTest,
    SecretLine,
    SecretList,
    SecretWrite,
)
from journeyman.core.errors import UsageError
from journeyman.core.people import SHARED_MODEL
from journeyman.models.choice import check, profile_of
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Administrator, Reader
from journeyman.server.auth.noted import note
from journeyman.server.catalogue import Catalogue, choice_of
from journeyman.server.errors import ApiError, not_found
from journeyman.server.examples_people import MODEL, SECRET
from journeyman.server.fetching import Fetching
from journeyman.server.parts import parts_of

router = APIRouter(tags=["administration"], route_class=Route)

ModelName = Annotated[str, Path(min_length=1, max_length=200)]
SecretName = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
LOCAL_WIRES = frozenset(("local", "scripted"))


@router.get("/models")
async def list_models(request: Request, actor: Reader) -> ModelList:
    """Every model that a task can be given, with its price, and why one cannot be used."""
    del actor
    catalogue = _catalogue(request)
    return ModelList(models=tuple(await catalogue.lines()), default=catalogue.default)


@router.post("/models", status_code=201, responses=problems(409))
async def add_model(
    request: Request, actor: Administrator, wanted: Annotated[ModelAdd, Body(openapi_examples=MODEL)]
) -> ModelLine:
    """Set a model up for everybody, in place of an older one: tasks name it `shared:NAME`. Its key is a stored secret:
    no variable of the workers' is sent to an address that is given here."""
    catalogue, store = _catalogue(request), parts_of(request).store
    shared = f"{SHARED_MODEL}{wanted.name}"
    settings = wanted.settings
    if wanted.key is not None and settings.api_key_env is None:
        name = "MODEL_KEY_" + "".join(letter if letter.isalnum() else "_" for letter in wanted.name.upper())
        settings = settings.model_copy(update={"api_key_env": name})
    try:
        if settings.wire in LOCAL_WIRES:
            raise UsageError("Only models that are reached over the network are added here.")
        choice = check(choice_of(shared, settings))
        profile_of(choice)
        if wanted.key is not None and settings.api_key_env is not None:
            await store.secrets.set(settings.api_key_env, wanted.key)
    except UsageError as error:
        raise ApiError(422, "invalid", str(error), [{"field": "settings"}]) from error
    await store.models.put(wanted.name, settings)
    await note(request, actor, "model.added", wanted.name, f"{settings.wire} {settings.base_url or ''}")
    return next(line for line in await catalogue.lines() if line.name == shared)


@router.delete("/models/{name}", status_code=204, responses=problems(404))
async def remove_model(request: Request, actor: Administrator, name: ModelName) -> None:
    """Take a model away that was added here; its key stays a secret until that is removed."""
    if not await parts_of(request).store.models.remove(name.removeprefix(SHARED_MODEL)):
        raise not_found("added model", name)
    await note(request, actor, "model.removed", name)


@router.post("/models/{name}/test", responses=problems(404))
async def test_model(request: Request, actor: Administrator, name: ModelName) -> ModelTest:
    """Ask a model a short question, which costs a few tokens."""
    catalogue = _catalogue(request)
    if name not in await catalogue.all():
        raise not_found("model", name)
    await note(request, actor, "model.tested", name)
    return await catalogue.test(name)


@router.get("/models/embedded", responses=problems(404))
async def get_embedded_model(request: Request, actor: Reader) -> EmbeddedModel:
    """Whether the embedded model is on the service's machine, or how far its fetching is."""
    del actor
    return _fetching(request).look()


@router.post("/models/embedded/fetch", status_code=202, responses=problems(404))
async def fetch_embedded_model(request: Request, actor: Administrator) -> EmbeddedModel:
    """Fetch the embedded model in the background, unless it is there or on its way: about 1.1 GB."""
    fetching = _fetching(request)
    if fetching.look().state == "missing":
        await note(request, actor, "model.fetched", "local")
        fetching.start()
    return fetching.look()


@router.get("/secrets")
async def list_secrets(request: Request, actor: Administrator) -> SecretList:
    """The names of all secrets. No value is ever told."""
    del actor
    found = await parts_of(request).store.secrets.all()
    return SecretList(
        secrets=tuple(
            SecretLine(name=secret.name, environment=secret.environment, changed=secret.changed) for secret in found
        )
    )


@router.put("/secrets/{name}", status_code=204, responses=problems(404))
async def set_secret(
    request: Request,
    actor: Administrator,
    name: SecretName,
    wanted: Annotated[SecretWrite, Body(openapi_examples=SECRET)],
) -> None:
    """Store a secret, for one environment or for all, in place of an older one."""
    store = parts_of(request).store
    if wanted.environment is not None and await store.environments.get(wanted.environment) is None:
        raise not_found("environment", wanted.environment)
    try:
        await store.secrets.set(name, wanted.value, wanted.environment)
    except UsageError as error:
        raise ApiError(422, "invalid", str(error), [{"field": "value"}]) from error
    await note(request, actor, "secret.set", name, wanted.environment or "for all")


@router.delete("/secrets/{name}", status_code=204, responses=problems(404))
async def remove_secret(
    request: Request,
    actor: Administrator,
    name: SecretName,
    environment: Annotated[
        EnvironmentName | None, Query(description="That of this environment; without it the one for all.")
    ] = None,
) -> None:
    """Forget a secret."""
    try:
        await parts_of(request).store.secrets.remove(name, environment)
    except UsageError as error:
        raise not_found("secret", name) from error
    await note(request, actor, "secret.removed", name, environment or "for all")


def _fetching(request: Request) -> Fetching:
    fetching = parts_of(request).fetching
    if fetching is None:
        raise ApiError(
            404, "not_found", "No tasks are worked on the service's own machine: its workers get the model themselves."
        )
    return fetching


def _catalogue(request: Request) -> Catalogue:
    catalogue = parts_of(request).catalogue
    if catalogue is None:
        raise ApiError(503, "unavailable", "This server knows no models.")
    return catalogue
