"""What servers say when they fail, as errors of ours.

The patterns are the words of OpenAI, Azure, vLLM, llama.cpp, Ollama, Groq, DeepSeek and OpenRouter.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from journeyman.core.errors import ModelError, Refused, RetryLater, TooLong, WrongKey
from journeyman.core.text import clip, one_line

_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|context (length|window|size) exceeded"
    r"|exceeds? the (available |model'?s? ?(maximum )?)?context"
    r"|exceeds? (the )?(model'?s )?context (length|window|size)"
    r"|longer than the (maximum )?(model|context) length|max_model_len|prompt is too long|input is too long"
    r"|input (length|tokens?) .*exceed|reduce the length of|too many (input |prompt )?tokens|request too large for"
    r"|larger than the context|exceeds? maximum (input|context)|maximum allowed (input|prompt) length",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient[_ ]quota|exceeded your current quota|insufficient[_ ](balance|credits?|funds)|billing_hard_limit"
    r"|credit balance is too low|usage_not_included|more credits|payment required",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"content_filter|content_policy|content management policy|responsible ?ai|bio_policy|misalignment_policy|"
    r"cyber_policy|safety (system|reasons)|moderation|flagged",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model_not_found|model .{0,120}(not found|does not exist|not exist|is not available|no such)"
    r"|no such model|unknown model|invalid model|deploymentnotfound|try pulling it",
    re.IGNORECASE | re.DOTALL,
)
_TRY_AGAIN = re.compile(r"try again in\s+(\d+(?:\.\d+)?)\s*(ms|m(?:in)?|s)?(?:(\d+(?:\.\d+)?)s)?", re.IGNORECASE)
_SECRET = re.compile(r"\b(?:sk|pk|gsk|xai|key|AIza)[-_][A-Za-z0-9_*.-]{6,}|\bAIza[A-Za-z0-9_-]{10,}|Bearer\s+\S+")

_LATER = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_LATER_CODES = frozenset(
    {"rate_limit_exceeded", "server_error", "overloaded", "overloaded_error", "server_overloaded", "slow_down",
     "vector_store_timeout", "internal_error", "internal_server_error", "timeout"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Peer:
    """Who answers, in words for a person: the model's name, the address without secrets, the key's variable."""

    model: str
    address: str
    key_name: str | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure as the server put it; `status` is 0 when it came inside a stream."""

    message: str
    code: str = ""
    status: int = 0
    retry_after: float | None = None


def failure_of_body(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Failure:
    """The failure that an answer other than 200 tells. `now` is seconds since the epoch, for HTTP dates."""
    wait = retry_after(headers, now)
    try:
        value = json.loads(body)
    except ValueError:
        text = body.decode("utf-8", "replace")
        if "<html" in text.lower() or "<!doctype" in text.lower():
            title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
            text = "a web page" + (f" titled “{one_line(title[1])}”" if title else "")
        return Failure(clip(text.strip(), 600) or "no reason given", "", status, wait)
    found = failure_of_value(value) or Failure("no reason given")
    return Failure(found.message, found.code, status, wait if wait is not None else found.retry_after)


def failure_of_value(value: Any) -> Failure | None:
    """The failure in a JSON value of any of the usual forms; None when there is none."""
    if isinstance(value, str):
        return Failure(clip(value, 600)) if value else None
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    for key in ("error", "detail", "errors"):
        inner: Any = fields.get(key)
        if isinstance(inner, list) and inner:
            inner = cast("list[Any]", inner)[0]
        if inner and (found := failure_of_value(inner)):
            code = found.code or _word(fields.get("code")) or _word(fields.get("type"))
            return Failure(found.message, code, 0, found.retry_after)
    message = fields.get("message") or fields.get("msg")
    if not isinstance(message, str):
        return None
    words = [_word(fields.get(key)) for key in ("code", "type")]
    return Failure(clip(message, 600), " ".join(word for word in words if word), 0, _try_again(message))


def error_of(failure: Failure, peer: Peer) -> ModelError:
    """`failure` as one of our errors. The order of the questions matters: the most telling first."""
    said = _clean(failure.message, peer)
    words = f"{failure.code} {failure.message}"
    status = failure.status
    codes = set(failure.code.split())
    here = f" (HTTP {status})" if status else ""  # behind a sentence that names the address
    at = f" (HTTP {status} from {peer.address})" if status else f" (from {peer.address})"
    if status in (401, 403) and not _REFUSED.search(words):
        where = f"the key in {peer.key_name}" if peer.key_name else "a request without a key"
        return WrongKey(f"{peer.address} does not accept {where} for {peer.model}: {said}{here}")
    if _QUOTA.search(words) or status == 402:
        return ModelError(f"The account behind {peer.key_name or peer.address} has no quota left: {said}{at}")
    if _TOO_LONG.search(words) or status == 413:
        return TooLong(f"The conversation no longer fits the window of {peer.model}: {said}{at}")
    if status in _LATER or codes & _LATER_CODES:
        return RetryLater(f"{peer.model} cannot answer now: {said}{at}", retry_after=failure.retry_after)
    if status in (0, 400, 404) and _NO_MODEL.search(words):
        return ModelError(f"{peer.address} has no model named {peer.model}: {said}{here}")
    if status in (404, 405):
        return ModelError(
            f"{peer.address} does not answer there: {said}{here}. "
            "Is base_url right, and does the server speak this wire?"
        )
    if _REFUSED.search(words):
        return Refused(f"{peer.model} or its provider declined the request: {said}{at}")
    if status >= 500:
        return RetryLater(f"{peer.model} cannot answer now: {said}{at}", retry_after=failure.retry_after)
    return ModelError(f"{peer.model} did not take the request: {said}{at}")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the server asks to wait: `retry-after-ms`, `retry-after` as seconds or as an HTTP date."""
    if milliseconds := headers.get("retry-after-ms"):
        try:
            return max(float(milliseconds) / 1000, 0.0)
        except ValueError:
            pass
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max((when - datetime.fromtimestamp(now, UTC)).total_seconds(), 0.0)


def _try_again(message: str) -> float | None:
    """ "Please try again in 1m2.5s", as OpenAI words it inside a stream."""
    if not (found := _TRY_AGAIN.search(message)):
        return None
    number, unit, seconds = float(found[1]), (found[2] or "s").lower(), float(found[3] or 0)
    return {"ms": number / 1000, "s": number}.get(unit, number * 60) + seconds


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _clean(message: str, peer: Peer) -> str:
    """The server's words without the key, which some servers quote, in full or in part."""
    if len(peer.key) >= 6:
        message = message.replace(peer.key, "…")
    return _SECRET.sub("…", " ".join(message.split())).rstrip(".")
