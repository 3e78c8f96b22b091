"""The code that a small model is shown before it changes any, since it cannot find its way by itself: what the request
and the failing tests point to, in the form in which it is to write its change."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from journeyman.agent.repair.language import functions_of
from journeyman.agent.repair.locate import locate
from journeyman.agent.repair.prompts import Subject, subjects_of
from journeyman.agent.repair.validate import goal_of
from journeyman.agent.repair.workspace import Files, evidence_of
from journeyman.core.evidence import CheckRun
from journeyman.core.text import plain
from journeyman.sandbox.protocol import Sandbox

if TYPE_CHECKING:
    from journeyman.repo.index.index import Place

BUDGET = 8_000
"""Characters of code; reading is what a small model on two cores is slow at."""
FOUND = 3
"""Files that the index finds where nothing else points to any."""
FILES = 40
"""Paths that are listed; of more, only what is shown is named."""


Find = Callable[[], Awaitable["Sequence[Place]"]]
"""Gives the places that an index finds for the request, the best first."""


async def given(sandbox: Sandbox, prompt: str, failing: Sequence[CheckRun], find: Find) -> str:
    """Files and functions as blocks of code under their paths, the likeliest first, and what other files there are.

    `failing` are the checks that do not pass on what the sandbox holds. Where neither they nor the request name any
    code, `find` is asked. Empty where nothing can be said.
    """
    files = Files(sandbox)
    await files.list()
    goal = next((goal_of(run) for run in failing if run.failing), None)
    suspects = locate(await evidence_of(files, prompt, goal))
    places = {suspect.path: list(suspect.functions) for suspect in suspects} or await _found(files, await find())
    parts: list[str] = []
    size = 0
    for path, names in places.items():
        for subject in subjects_of(path, await files.get(path), names):
            part = _shown(subject)
            if parts and size + len(part) > BUDGET:
                continue
            parts.append(part)
            size += len(part)
    if len(files.paths) <= FILES and files.paths:
        parts.insert(0, "The files: " + ", ".join(plain(path) for path in files.paths))
    return "\n\n".join(parts)


async def _found(files: Files, places: "Sequence[Place]") -> dict[str, list[str]]:
    """The functions that places lie in, by their files."""
    found: dict[str, list[str]] = {}
    for place in places:
        if place.path not in found and (len(found) == FOUND or place.path not in files.paths):
            continue
        names = found.setdefault(place.path, [])
        for name, rows in functions_of(place.path, await files.get(place.path)).items():
            if name not in names and rows.start <= place.end and place.start < rows.stop:
                names.append(name)
    return found


def _shown(subject: Subject) -> str:
    code = plain(subject.code).strip("\n")
    return f"{subject.path}\n```{subject.language}\n{code}\n```"
