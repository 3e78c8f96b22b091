"""How the API answers: errors in one shape, and JSON that every reader takes."""

import json
import re
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from journeyman.core.api.errors import Code, ErrorBody
from journeyman.core.errors import JourneymanError, RepositoryError, StoreError, UsageError
from journeyman.core.ids import new_id
from journeyman.server.errors import ApiError, error_body

_PARAMETER = re.compile(r"\{[^}]+\}")
log = structlog.get_logger("journeyman.server")

CODES: dict[int, Code] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    410: "gone",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "rate_limited",
    503: "unavailable",
}

MEANINGS: dict[int, str] = {
    400: "The request cannot be read, or asks for what makes no sense.",
    401: "Nobody is signed in, or the token is not valid.",
    403: "The role or the token's scopes do not allow it.",
    404: "There is no such thing, or it is not this person's to see.",
    406: "It cannot be had in the form that the Accept header asks for.",
    409: "It cannot be done in the state that it is in; the message says why.",
    413: "The body is too large.",
    415: "The body is of a type that is not taken.",
    422: "A field is missing or wrong; `details` names each.",
    429: "Too many requests, or a quota is used up; `Retry-After` says when to try again.",
    503: "A part of the service does not work at the moment; nothing was lost.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The described errors of a route, beside those that every route has."""
    return {status: {"model": ErrorBody, "description": MEANINGS[status]} for status in statuses}


COMMON = problems(400, 401, 403, 409, 422, 429, 503)
"""Errors that every route may answer with."""


def answered(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    """The description of an answer that is no JSON."""
    return {200: {"content": {media_type: {"schema": {"type": "string"}}}, "description": description}}


def error(
    status: int, code: str, message: str, details: Any = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse(error_body(code, message, details), status, dict(headers) if headers else None)


class Route(APIRoute):
    """JSON knows no infinity: a number that is none is null in what we answer."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def finite(request: Request) -> Response:
            response = await answer(request)
            body = getattr(response, "body", b"")
            if response.media_type == "application/json" and (b"Infinity" in body or b"NaN" in body):
                response.body = plain_json(bytes(body))
                response.headers["content-length"] = str(len(response.body))
            return response

        return finite


def plain_json(body: bytes) -> bytes:
    """`body` with null for each number that is none."""
    if b"Infinity" not in body and b"NaN" not in body:
        return body
    return json.dumps(json.loads(body, parse_constant=lambda _: None), ensure_ascii=False).encode(
        "utf-8", "backslashreplace"
    )


def handle_errors(app: FastAPI) -> None:
    """Have every failure of `app` answered in the one shape."""
    app.add_exception_handler(ApiError, _ours)
    app.add_exception_handler(JourneymanError, _journeyman)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _internal)


async def _ours(_request: Request, failure: Exception) -> Response:
    assert isinstance(failure, ApiError)
    return error(failure.status, failure.code, str(failure), failure.details, failure.headers)


async def _journeyman(request: Request, failure: Exception) -> Response:
    match failure:
        case UsageError():
            return error(400, "bad_request", str(failure))
        case RepositoryError():
            return error(409, "conflict", str(failure))
        case StoreError():
            log.error("store", path=request.url.path, error=str(failure))
            return error(503, "unavailable", str(failure))
        case _:
            log.error("failed", path=request.url.path, error=str(failure))
            return error(503, "unavailable", str(failure))


async def _invalid(_request: Request, failure: Exception) -> Response:
    assert isinstance(failure, RequestValidationError)
    found = cast("Sequence[dict[str, Any]]", failure.errors())
    if any(each["type"] == "json_invalid" for each in found):
        return error(400, "bad_request", "The body is no valid JSON.", _fields(found))
    named = ", ".join(sorted({".".join(map(str, each["loc"][1:])) or str(each["loc"][0]) for each in found})[:5])
    return error(422, "invalid", f"The request is not right in: {named}.", _fields(found))


def _fields(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where each thing that is wrong stands, and what is wrong with it; not what was sent, which may be a secret."""
    return [
        {"in": str(each["loc"][0]), "field": ".".join(map(str, each["loc"][1:])), "message": each["msg"]}
        for each in found[:20]
    ]


async def _http(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, HTTPException)
    code = CODES.get(failure.status_code, "bad_request" if failure.status_code < 500 else "internal")
    messages = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.method} is not for {request.url.path}.",
    }
    message = messages.get(failure.status_code, str(failure.detail))
    headers = dict(failure.headers or {})
    if failure.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return error(failure.status_code, code, message, None, headers)


def _methods(request: Request) -> set[str]:
    """The methods that there are for a path, of all routes that it fits."""
    app: FastAPI = request.app
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    fits = (methods for path, methods in paths.items() if re.fullmatch(_PARAMETER.sub("[^/]+", path), request.url.path))
    return {method.upper() for methods in fits for method in methods}


async def _internal(request: Request, failure: Exception) -> Response:
    name = new_id()
    # Not `exc_info`: shown with local variables, as some logs do, it would hold the request's cookies and tokens.
    where = "".join(traceback.format_exception(failure))
    log.error("failed", id=name, method=request.method, path=request.url.path, traceback=where)
    return error(
        500, "internal", f"The server failed at this; its log tells more under {name}. Nothing that was stored is lost."
    )
