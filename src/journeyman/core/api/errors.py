"""The shape of every error that the API answers with."""

from typing import Any, Literal

from pydantic import Field

from journeyman.core.value import Value

Code = Literal[
    "bad_request",
    "unauthorized",
    "forbidden",
    "not_found",
    "method_not_allowed",
    "not_acceptable",
    "conflict",
    "gone",
    "too_large",
    "unsupported_media_type",
    "invalid",
    "not_ready",
    "rate_limited",
    "over_quota",
    "internal",
    "unavailable",
]
"""not_ready: what is asked for does not exist yet, and will. over_quota: a person's or group's bound is reached."""


class ErrorInfo(Value):
    """`message` is for a person: what happened, and what to do. `details` names the fields that are wrong, if any.

    `reason` is the name of the message and stays; `values` is what is filled into it, so that a program can say it in
    another language. None where the message has no name, as what a model's server said.
    """

    code: Code
    message: str
    details: Any = None
    reason: str | None = None
    values: dict[str, str] = Field(default_factory=dict)


class ErrorBody(Value):
    error: ErrorInfo
