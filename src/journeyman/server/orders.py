"""From what a person asks for to what the engine is given: resolved, allowed, within quotas."""

from collections.abc import Sequence

from journeyman.attempt.cascade import named
from journeyman.core.api.tasks import FollowUp, Fork, LineComment, Rewind, TaskCreate
from journeyman.core.environment import RESERVED
from journeyman.core.errors import StoreError
from journeyman.core.images import image_type
from journeyman.core.people import EVERYBODY
from journeyman.core.task import Budget, Turn, TurnRequest
from journeyman.server.auth.actor import Actor
from journeyman.server.errors import ApiError
from journeyman.server.parts import Parts
from journeyman.server.visible import require_group, require_model, require_repository, require_seen


async def request_of(parts: Parts, actor: Actor, body: TaskCreate) -> TurnRequest:
    """What a new task asks for. Raises what is wrong or not allowed."""
    environment = body.environment or "ready"
    repository = body.repository
    listed = False
    if environment not in RESERVED:
        stored = require_seen(actor, await parts.store.environments.get(environment), "environment", environment)
        listed = repository is None or repository == stored.repository
        repository = repository or stored.repository
    if repository is None:
        raise ApiError(
            422,
            "invalid",
            "Name a `repository`, or an `environment` that has one.",
            [{"in": "body", "field": "repository", "message": "It is missing."}],
        )
    await _check_blobs(parts, body.images, body.starting_diff)
    return TurnRequest(
        prompt=body.prompt,
        mode=body.mode,
        repository=require_repository(actor, repository, listed=listed),
        ref=body.ref,
        environment=environment,
        model=await allowed_model(parts, actor, body.model),
        strategy=body.strategy,
        cascade=await _cascade(parts, actor, body.cascade),
        cascade_order=body.cascade_order or parts.cascade_order,
        attempts=body.attempts,
        limits=body.limits.over(parts.limits),
        checks=body.checks,
        images=body.images,
        starting_diff=body.starting_diff,
        against=body.against,
        seed=body.seed,
    )


async def group_of(parts: Parts, actor: Actor, wanted: str | None, environment: str | None) -> str | None:
    """The group that a task is for: the one that was named, else that of its environment. Raises 422 for one that the
    person is not in."""
    if wanted is not None or environment is None or environment in RESERVED:
        return require_group(actor, wanted)
    stored = require_seen(actor, await parts.store.environments.get(environment), "environment", environment)
    return stored.group if stored.group != EVERYBODY else None


async def follow_up_of(parts: Parts, actor: Actor, before: Turn, body: FollowUp) -> TurnRequest:
    """What a further turn asks for: what the turn `before` did, but for what is said anew."""
    prompt = with_comments(body.prompt, body.comments)
    if not prompt.strip():
        raise ApiError(
            422, "invalid", "Say what to do, or comment on a line.", [{"in": "body", "field": "prompt", "message": ""}]
        )
    await _check_blobs(parts, body.images, None)
    old = before.request
    return old.model_copy(
        update={
            "prompt": prompt,
            "mode": body.mode or old.mode,
            "model": await allowed_model(parts, actor, body.model) if body.model else old.model,
            "strategy": body.strategy or old.strategy,
            "attempts": body.attempts or old.attempts,
            "limits": body.limits.over(old.limits),
            "images": body.images,
            "starting_diff": None,
            "step": None,
            "rewind": False,
        }
    )


async def fork_of(parts: Parts, actor: Actor, before: Turn, step: int, body: Fork) -> TurnRequest:
    """What a fork asks for: what the turn `before` did, but for what is said anew."""
    old = before.request
    return old.model_copy(
        update={
            "prompt": (body.prompt.strip() and body.prompt) or old.prompt,
            "mode": body.mode or old.mode,
            "model": await allowed_model(parts, actor, body.model) if body.model else old.model,
            "strategy": body.strategy or old.strategy,
            "attempts": body.attempts,
            "limits": body.limits.over(old.limits),
            "images": () if body.prompt.strip() else old.images,
            "starting_diff": None,
            "step": step,
            "rewind": False,
        }
    )


def rewind_of(before: Turn, body: Rewind) -> TurnRequest:
    """A turn that goes on from a step of the one `before`, or does no more than to go back there."""
    going_on = bool(body.prompt.strip())
    return before.request.model_copy(
        update={
            "prompt": body.prompt if going_on else before.request.prompt,
            "attempts": 1,
            "images": (),
            "starting_diff": None,
            "step": body.step,
            "rewind": not going_on,
        }
    )


def with_comments(prompt: str, comments: Sequence[LineComment]) -> str:
    """A prompt and remarks on lines, as one text for the model."""
    if not comments:
        return prompt
    lines = [prompt.strip(), ""] if prompt.strip() else []
    lines.append("Comments on your changes:")
    for comment in comments:
        last = comment.end if comment.end is not None and comment.end > comment.start else None
        place = f"{comment.path}:{comment.start}" + (f"-{last}" if last else "")
        before = " (before the change)" if comment.side == "old" else ""
        lines.append(f"- {place}{before}: {comment.text.strip()}")
    return "\n".join(lines)


async def allowed_model(parts: Parts, actor: Actor, model: str | None) -> str | None:
    """The model, where this person may use it."""
    known = frozenset(await parts.catalogue.all()) if parts.catalogue is not None else frozenset(parts.models)
    return require_model(actor, model, known | {parts.model})


async def _cascade(parts: Parts, actor: Actor, wanted: Sequence[str]) -> tuple[str, ...]:
    """The models of a cascade, where this person may use them; without any those of the settings."""
    for entry in wanted:
        await allowed_model(parts, actor, named(entry)[0])
    return tuple(wanted) or parts.cascade


async def admitted(parts: Parts, owner: str | None, group: str | None, wanted: Budget) -> Budget:
    """The budget of a new task: no more than what is left of each quota. Raises 429 where nothing is."""
    admission = await parts.store.quotas.admit(owner, group, wanted)
    if admission.refused is not None:
        raise ApiError(429, "over_quota", admission.refused)
    return admission.budget


async def _check_blobs(parts: Parts, images: Sequence[str], patch: str | None) -> None:
    for image in images:
        if image_type(await _blob(parts, image, "images")) is None:
            raise ApiError(422, "invalid", f"{image[:12]}… is no image.", [{"in": "body", "field": "images"}])
    if patch is not None:
        await _blob(parts, patch, "starting_diff")


async def _blob(parts: Parts, blob: str, field: str) -> bytes:
    try:
        return await parts.store.blob(blob)
    except StoreError as error:
        raise ApiError(
            422, "invalid", f"There is no upload {blob[:12]}…; upload it first.", [{"in": "body", "field": field}]
        ) from error
