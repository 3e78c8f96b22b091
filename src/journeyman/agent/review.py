"""A review as the model writes it, read leniently: the form is that of codex's review mode."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, cast

from journeyman.checks.citations import cite_file
from journeyman.core.evidence import Finding, Review
from journeyman.core.text import counted, one_line, plain

TITLE = 100
"""Characters of a title; the model is asked for 80."""
MOST = 200
NEAR = 3
"""Lines beside the change that still count as part of it."""

_PRIORITY = re.compile(r"\[?P([0-3])\]?[:\s]*")


def read_review(text: str, root: str, touched: Mapping[str, Sequence[tuple[int, int]]]) -> Review:
    """The review in `text`: JSON, perhaps with words around it; without any, the text is the explanation.

    `root` is the workspace as the model saw it, `touched` are the lines that the change under review touches.
    """
    value = _object(text)
    if value is None:
        return Review(explanation=text.strip())
    listed = value.get("findings")
    found = [_finding(one, root, touched) for one in _list(listed)[:MOST]]
    findings = sorted((one for one in found if one is not None), key=lambda one: one.priority)
    verdict = str(value.get("overall_correctness", "")).strip().lower()
    return Review(
        findings=tuple(findings),
        correct=None if "correct" not in verdict else "incorrect" not in verdict,
        explanation=str(value.get("overall_explanation") or "").strip(),
        confidence=_fraction(value.get("overall_confidence_score")),
    )


def words(review: Review) -> str:
    """A review for people to read, each finding with its place."""
    parts = [review.explanation] if review.explanation else []
    if review.correct is not None:
        parts.append("The change is correct." if review.correct else "The change is not correct.")
    if review.findings:
        parts.append(f"{counted(len(review.findings), 'finding').capitalize()}:")
    for one in review.findings:
        place = cite_file(one.path, one.start, one.end)
        aside = " (not part of the change)" if one.outside else ""
        body = "\n".join(f"  {line}" for line in one.body.splitlines())
        parts.append(f"- [P{one.priority}] {one.title} {place}{aside}" + (f"\n{body}" if body else ""))
    return "\n\n".join(parts) or "Nothing was found."


def _object(text: str) -> dict[str, Any] | None:
    start, end = text.find("{"), text.rfind("}")
    for piece in (text, text[start : end + 1] if 0 <= start < end else ""):
        try:
            value = json.loads(piece, strict=False)
        except ValueError:
            continue
        if isinstance(value, dict) and ({"findings", "overall_explanation", "overall_correctness"} & value.keys()):
            return cast("dict[str, Any]", value)
    return None


def _finding(value: Any, root: str, touched: Mapping[str, Sequence[tuple[int, int]]]) -> Finding | None:
    """None for what names no place or says nothing."""
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    location = _dict(fields.get("code_location"))
    path = _relative(str(location.get("absolute_file_path") or location.get("path") or ""), root)
    title = one_line(str(fields.get("title") or ""), TITLE)
    if not path or not title:
        return None
    lines = _dict(location.get("line_range"))
    start = max(_number(lines.get("start"), 1), 1)
    end = max(_number(lines.get("end"), start), start)
    named = _PRIORITY.match(title)
    priority = _number(fields.get("priority"), int(named[1]) if named else 2)
    return Finding(
        title=title[named.end() :] if named else title,
        body=plain(str(fields.get("body") or "")).strip(),
        priority=min(max(priority, 0), 3),
        confidence=_fraction(fields.get("confidence_score")),
        path=path,
        start=start,
        end=end,
        outside=not any(first - NEAR <= end and start <= last + NEAR for first, last in touched.get(path, ())),
    )


def _relative(path: str, root: str) -> str:
    place = PurePosixPath(plain(path).strip())
    if place.is_relative_to(root):
        place = place.relative_to(root)
    return "" if place.is_absolute() or ".." in place.parts or str(place) == "." else str(place)


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _number(value: Any, default: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 1e9:
        return default
    return int(value)


def _fraction(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)
