"""Errors as the API answers them: a status, a code for programs and a sentence for people."""

from collections.abc import Mapping
from typing import Any

from journeyman.core.errors import JourneymanError
from journeyman.core.sentences import recognised


class ApiError(JourneymanError):
    """Ends a request. `code` is a word that stays, `details` what a program may want to know beside the sentence."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        return error_body(self.code, str(self), self.details)


def error_body(code: str, message: str, details: Any = None) -> dict[str, Any]:
    """What is answered for a failure."""
    told = recognised(message)
    reason, values = (told.name, told.values) if told is not None else (None, {})
    return {"error": {"code": code, "message": message, "details": details, "reason": reason, "values": values}}


def not_found(what: str, name: str) -> ApiError:
    """Also for what is there and not theirs to see, so that nobody learns of it."""
    return ApiError(404, "not_found", f"There is no {what} {name!r}, or it is not yours to see.")
