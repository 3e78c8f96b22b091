"""What the API's description says beside the routes themselves: an example of every body, what names in paths are."""

import asyncio
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import FastAPI, Response

NAMED: Mapping[str, str] = {
    "person_id": "The person's id.",
    "group_id": "The group's id; `everybody` is the one that everybody is in.",
    "invitation_id": "The invitation's id, which is not the secret of its link.",
    "token_id": "The token's id, which is not its secret.",
    "schedule_id": "The schedule's id.",
}
"""What stands in paths, where the routes have nothing more to say of it."""
_OF: Mapping[str, str] = {
    "/environments/": "The environment's name.",
    "/models/": "The model's name, without `shared:`.",
    "/secrets/": "The secret's name: the variable that it is in.",
}
SAID: Mapping[str, tuple[str, str]] = {
    "400": ("bad_request", "The cursor 'x' is none of this list's; take the one of the page before."),
    "401": ("unauthorized", "Sign in first."),
    "403": ("forbidden", "This is for an administrator to do; your role is member."),
    "404": ("not_found", "There is no task '0f3k9x2m1qa8zt', or it is not yours to see."),
    "406": ("not_acceptable", "This is told as text/event-stream."),
    "409": ("conflict", "Task 0f3k9x2m1qa8zt is running; cancel it first."),
    "413": ("too_large", "The body may have 4 MB."),
    "415": ("unsupported_media_type", "It is no image that is taken: PNG, JPEG, GIF, WebP."),
    "422": ("invalid", "The request is not right in: attempts."),
    "429": ("over_quota", "You used 5,000,000 of 5,000,000 tokens today. There are more at 2026-09-22 00:00 UTC."),
    "503": ("unavailable", "The engine does not answer. Nothing was lost: try again in a moment."),
}
"""An error of each status."""
_WRONG = [{"in": "body", "field": "attempts", "message": "Input should be less than or equal to 8"}]
_JSON = "application/json"
_REF = "#/components/schemas/"


def describe(app: FastAPI) -> None:
    """Have `app` describe itself with examples."""
    plain = app.openapi

    @cache
    def whole() -> dict[str, Any]:
        schema = plain()
        for path, methods in schema["paths"].items():
            for operation in methods.values():
                _operation(path, operation)
        return schema

    app.openapi = whole


def serve_description(app: FastAPI, path: str) -> None:
    """Tell the description at `path`. Making it takes most of a second, which is not the loop's."""

    @cache
    def body() -> bytes:
        return json.dumps(app.openapi(), ensure_ascii=False).encode()

    async def description() -> Response:
        return Response(await asyncio.to_thread(body), media_type=_JSON)

    app.add_api_route(path, description, include_in_schema=False)


def _operation(path: str, operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        said = NAMED.get(parameter["name"])
        if parameter["name"] == "name" and parameter["in"] == "path":
            said = next((words for part, words in _OF.items() if part in path), None)
        if said is not None:
            parameter.setdefault("description", said)
    _example(operation.get("requestBody", {}), whole=False)
    for status, answer in operation["responses"].items():
        body = answer.get("content", {}).get(_JSON, {})
        if body.get("schema", {}).get("$ref") == f"{_REF}ErrorBody" and status in SAID:
            code, message = SAID[status]
            details = _WRONG if status == "422" else None
            body.setdefault("example", {"error": {"code": code, "message": message, "details": details}})
        else:
            _example(answer, whole=True)


def _example(described: Mapping[str, Any], *, whole: bool) -> None:
    """Put an example beside the schema of a JSON body that has none; `whole` with what is as by default."""
    body = described.get("content", {}).get(_JSON)
    if body is None or "example" in body or "examples" in body:
        return
    schema = body.get("schema", {})
    many = "items" in schema
    named = schema.get("items", schema)
    named = next((one for one in named.get("anyOf", (named,)) if "$ref" in one), named)
    value = _values(whole).get(named.get("$ref", "").removeprefix(_REF))
    if value is not None:
        body["example"] = [value] if many else value


@cache
def _values(whole: bool) -> Mapping[str, Any]:
    """Examples by the name of their schema."""
    from journeyman.server.examples import task_values
    from journeyman.server.examples_forges import forge_values
    from journeyman.server.examples_rest import rest_values
    from journeyman.server.examples_work import work_values
    from journeyman.server.routes.health import Health, Readiness

    health = (Health(status="ok"), Readiness(ready=True, parts={"store": "", "engine": ""}))
    values = (*task_values(), *work_values(), *rest_values(), *forge_values(), *health)
    return {type(value).__name__: value.model_dump(mode="json", exclude_defaults=not whole) for value in values}
