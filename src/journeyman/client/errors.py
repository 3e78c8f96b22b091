"""What a server says, or its silence, as errors for a person.

ServiceError                    the server refused; carries its `status`, `code` and `details`
├── NotSignedIn                 it does not know who asks (401)
├── NotAllowed                  it knows, and they may not (403)
├── NotFound                    there is no such thing, or it is not theirs to see (404)
├── Conflict                    it is not in a state for that (409)
├── Invalid                     the request is wrong (400, 413, 422)
├── Limited                     too many requests or over a quota (429); carries `retry_after`
└── ServerFailed                the server's own fault (5xx)
ServerUnreachable               nobody answers, or not in time
"""

from collections.abc import Mapping
from typing import Any

from journeyman.core.errors import JourneymanError, UsageError


class ServiceError(JourneymanError):
    """The server answered with an error. `code` is a word for programs, the message a sentence for people."""

    def __init__(self, message: str, *, status: int, code: str = "", details: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details


class NotSignedIn(ServiceError):
    """The server does not know who asks."""


class NotAllowed(ServiceError):
    """The person may not do that."""


class NotFound(ServiceError, UsageError):
    """There is no such thing, or none that the person may see."""


class Conflict(ServiceError):
    """The thing is not in a state for that."""


class Invalid(ServiceError, UsageError):
    """The request is wrong."""


class Limited(ServiceError):
    """Too many requests, or a quota is used up. `retry_after` is in seconds, None when the server did not say."""

    def __init__(
        self, message: str, *, status: int, code: str = "", details: object = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, status=status, code=code, details=details)
        self.retry_after = retry_after


class ServerFailed(ServiceError):
    """The server could not do what it should."""


class ServerUnreachable(JourneymanError):
    """Nobody answers at the address, or not in time."""


KINDS: Mapping[int, type[ServiceError]] = {
    400: Invalid,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    422: Invalid,
}


def error_of(status: int, body: bytes, server: str, retry_after: float | None = None) -> ServiceError:
    """The error that an answer stands for. `server` is the address, for the message."""
    code, message, details = _read(body)
    if not message:
        message = f"{server} answered with status {status} and no reason; is a Journeyman server there?"
    if status == 401:
        message += f" Sign in with `journeyman login {server}`."
    if status == 429:
        return Limited(message, status=status, code=code, details=details, retry_after=retry_after)
    kind = KINDS.get(status, ServerFailed if status >= 500 else ServiceError)
    return kind(message, status=status, code=code, details=details)


def _read(body: bytes) -> tuple[str, str, Any]:
    """Code, message and details of an answer in the server's shape; empty where it is in another."""
    import json

    from journeyman.core.text import one_line, sentence

    try:
        said = json.loads(body)["error"]
        return str(said["code"]), sentence(one_line(str(said["message"]), 500)), said.get("details")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "", "", None
